"""Improved techniques for generative adversarial networks.

T. Salimans, I. Goodfellow, W. Zaremba, V. Cheung, A. Radford and X. Chen,
"Improved Techniques for Training GANs", NIPS 2016,
https://arxiv.org/abs/1606.03498

The discriminator classifies into `K` classes and, with the logit 0, generated
images. With its other logits `l_k` and `s = logsumexp_k l_k`, an image is real
with the probability `D = exp(s) / (exp(s) + 1)`. It minimizes

    L_D = L_supervised + w L_unsupervised,
    L_supervised = E_(x,y)[s(x) - l_y(x)],
    L_unsupervised = (E_x[softplus(-s(x))] + E_z[softplus(s(G(z)))]) / 2;

with one-sided label smoothing, `a softplus(-s) + (1 - a) softplus(s)` of real
images. The generator matches the means of the discriminator's features `f`,

    L_G = ||E_x[f(x)] - E_z[f(G(z))]||^2 / size of f,

or absolute differences; or plays the game, `L_G = -E_z[softplus(s(G(z)))]`,
where minibatch discrimination tells the discriminator how similar the images
of a batch are. Historical averaging adds `||theta - mean of past theta||^2` to
the loss of each player.
"""

from functools import partial

import keras
from keras import ops

from keras_gen.checks import (
    as_units,
    check_not_negative,
    check_option,
    check_positive,
)
from keras_gen.engine import Labels
from keras_gen.losses.adversarial import (
    OBJECTIVES,
    feature_matching,
    smoothed_real,
)
from keras_gen.losses.classification import source_logits, unlabeled_weights
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.models.classification import AveragedClassifier
from keras_gen.models.gans.improved_gan.historical_averaging import (
    HistoricalAveraging,
)
from keras_gen.models.gans.improved_gan.networks import (
    ARCHITECTURES,
    DISCRIMINATORS,
    GENERATORS,
    initialize_layers,
)

GENERATOR_OBJECTIVES = (
    "feature_matching",
    "absolute_feature_matching",
    "minimax",
    "non_saturating",
)


@keras.saving.register_keras_serializable(package="keras_gen")
class ImprovedGAN(HistoricalAveraging, AveragedClassifier, AdversarialModel):
    """GAN with a semi-supervised classifier and the paper's other techniques.

    Train it with `fit(images, labels)`, where images without a label have -1.
    The supervised loss is a mean over the labeled images of a batch. In the
    unsupervised loss and in feature matching, the real images are the others,
    or all if each has a label. The official code draws three batches in place
    of one: labeled images, and unlabeled ones for each player.

    The defaults are the official code's model of MNIST; `"cifar10"` and
    `"svhn"` are its models of these, whose learning rate falls linearly to 0
    in the last third, and `"minibatch_discrimination"` the one of CIFAR-10 with
    that. It helps images, not classification, which then depends on the other
    images of a batch.

    Args:
        image_shape: Tuple `(height, width, channels)`. Values in [0, 1], or
            for `"conv"` in [-1, 1], with sides that 2 to the power of the
            number of `generator_units` divides.
        num_classes: Integer. The number of classes `K`.
        architecture: String. `"mlp"`, the networks of MNIST, or `"conv"`.
        generator_units: Tuple or `None`. The units of the generator's hidden
            layers; of `"conv"`, the feature maps after its dense layer and
            after each transposed convolution but the last.
        discriminator_units: Tuple or `None`. The units of the discriminator's
            hidden layers; of `"conv"`, the filters of its stages. The last is
            the number of features.
        generator_objective: String. `"feature_matching"`, the mean of squares;
            `"absolute_feature_matching"`, of absolute differences; `"minimax"`
            for the generator's loss of the game, or `"non_saturating"`.
        generator_steps: Integer. Updates of the generator for each of the
            discriminator's; 3 in the code for minibatch discrimination.
        minibatch_kernels: Integer. The outputs of minibatch discrimination,
            100 in that code; 0 for none.
        unsupervised_weight: Float, `w`; 2 for the loss as the paper writes it.
        real_target: Float in (0, 1], the `a` of one-sided label smoothing: 0.9
            in the paper, where it is used.
        historical_averaging_weight: Float. The weight of historical averaging;
            0 for none. The paper does not give its own.
        reference_size: Integer. The size of the reference batch of virtual
            batch normalization in the generator; 0 for batch normalization.
        classifier_ema_decay: Float in [0, 1) or `None`. If given, `classify`
            uses an exponential moving average of the discriminator's weights.
            The official code has 0.9999, from weights of 0.
        discriminator: `keras.Model` from images to a list: the class logits,
            and features of shape `(batch, discriminator_units[-1])`.

    Example:

    ```python
    model = keras_gen.ImprovedGAN((28, 28, 1))
    model.initialize_from(images[:500])
    model.compile()
    train = keras_gen.data.partly_labeled(images, labels, 100, batch_size=200)
    model.fit(train.dataset, steps_per_epoch=600, epochs=10)
    classes = model.classify(test_images)
    ```

    A bare `compile()` uses the official code's Adam. With its rate for both
    players, samples of `"mlp"` collapse at first and may stay so for thousands
    of steps; a tenth of it for the generator prevents that.
    """

    classifying = "discriminator"
    logged = ("accuracy", "supervised_loss", "unsupervised_loss")
    defaults = {"prior": "uniform_unit_interval"}
    presets = {
        "cifar10": {
            "image_shape": (32, 32, 3),
            "architecture": "conv",
            "generator_objective": "absolute_feature_matching",
        },
        "svhn": {
            "image_shape": (32, 32, 3),
            "architecture": "conv",
            "discriminator_units": (64, 128, 128),
            "generator_objective": "absolute_feature_matching",
        },
        "minibatch_discrimination": {
            "image_shape": (32, 32, 3),
            "architecture": "conv",
            "generator_objective": "minimax",
            "generator_steps": 3,
            "minibatch_kernels": 100,
        },
        "small": {
            "generator_units": (256, 256),
            "discriminator_units": (500, 250, 250),
            "classifier_ema_decay": 0.99,
            "ema_decay": 0.99,
        },
        "smoke": {"generator_units": (32,), "discriminator_units": (64, 32)},
    }

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        num_classes: int = 10,
        architecture: str = "mlp",
        generator_units: tuple[int, ...] | None = None,
        discriminator_units: tuple[int, ...] | None = None,
        generator_objective: str = "feature_matching",
        generator_steps: int = 1,
        minibatch_kernels: int = 0,
        unsupervised_weight: float = 1.0,
        real_target: float = 1.0,
        historical_averaging_weight: float = 0.0,
        reference_size: int = 0,
        classifier_ema_decay: float | None = None,
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("architecture", architecture, ARCHITECTURES)
        check_option(
            "generator_objective", generator_objective, GENERATOR_OBJECTIVES
        )
        check_positive(num_classes=num_classes, generator_steps=generator_steps)
        check_not_negative(
            minibatch_kernels=minibatch_kernels,
            unsupervised_weight=unsupervised_weight,
            historical_averaging_weight=historical_averaging_weight,
            reference_size=reference_size,
        )
        if not 0.0 < real_target <= 1.0:
            raise ValueError(
                "`real_target` must be above 0 and at most 1. Received: "
                f"real_target={real_target}."
            )
        sizes = ARCHITECTURES[architecture]
        self.image_shape = shape = tuple(image_shape)
        self.num_classes = num_classes
        self.labels_spec = Labels(num_classes, missing="allowed")
        self.architecture = architecture
        self.generator_objective = generator_objective
        self.generator_steps = generator_steps
        self.unsupervised_weight = unsupervised_weight
        self.real_target = real_target
        self.historical_averaging_weight = historical_averaging_weight
        self.value_range = sizes.value_range
        reference = None
        if reference_size:
            self.reference_seed = self.seed_generator("reference")
            reference = self.draw_latents(reference_size, self.reference_seed)
        self.generator = self.network_of(
            "generator",
            generator,
            partial(
                GENERATORS[architecture],
                shape,
                self.latent_dim,
                as_units("generator_units", generator_units or sizes.generator),
                reference,
            ),
            outputs=[shape],
        )
        units = as_units(
            "discriminator_units", discriminator_units or sizes.discriminator
        )
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            partial(
                DISCRIMINATORS[architecture],
                shape,
                num_classes,
                units,
                minibatch_kernels,
            ),
            [shape],
            [(num_classes,), (units[-1],)],
            logits=1,
        )
        self.average_classifier(classifier_ema_decay)
        self.add_historical_averages()

    def default_optimizer(self):
        rate = ARCHITECTURES[self.architecture].learning_rate
        # That of the code is 1e-8, under the root.
        return keras.optimizers.Adam(rate, beta_1=0.5, epsilon=1e-4)

    def initialize_from(self, x) -> None:
        """Data-dependent initialization, once before training.

        Each output of the layers with weight normalization gets a scale and a
        bias with which its mean is 0 and its standard deviation that of the
        official code; in the generator of `"conv"` those of its last layer.

        Args:
            x: Array of some images, 500 in the official code.
        """
        self.check_data(x)
        x = ops.convert_to_tensor(self.as_examples(x))
        initialize_layers(self.discriminator, x)
        if self.architecture == "conv":
            initialize_layers(self.generator, self.draw_latents(len(x)))
        if self.ema_decay is not None:
            self.ema_generator.set_weights(self.generator.get_weights())
        if self.classifier_ema_decay is not None:
            weights = self.discriminator.get_weights()
            self.ema_classifier.set_weights(weights)
        self.start_historical_averages()

    # ---- Training -----------------------------------------------------------

    def discriminate_step(self, x, condition=None, training=False):
        logits, _ = self.discriminator(x, training=training)
        return source_logits(logits)

    def discriminator_loss(self, batch, training):
        fake, _ = self.generate_batch(ops.shape(batch.x)[0], training)
        logits, _ = self.discriminator(batch.x, training=training)
        supervised = self.classification_loss(batch.y, logits, batch.x)
        weights = unlabeled_weights(batch.y)
        real = smoothed_real(source_logits(logits), self.real_target, weights)
        fake = self.discriminate_step(
            ops.stop_gradient(fake), training=training
        )
        unsupervised = 0.5 * (real + ops.mean(ops.softplus(fake)))
        self.log(supervised_loss=supervised, unsupervised_loss=unsupervised)
        loss = supervised + self.unsupervised_weight * unsupervised
        return loss + self.historical_averaging("discriminator")

    def generator_loss(self, batch, training):
        fake, _ = self.generate_batch(ops.shape(batch.x)[0], training)
        if self.generator_objective in OBJECTIVES:
            fake = self.discriminate_step(fake, training=training)
            loss = OBJECTIVES[self.generator_objective].generator(fake)
        else:
            _, real = self.discriminator(batch.x, training=training)
            _, fake = self.discriminator(fake, training=training)
            loss = feature_matching(
                ops.stop_gradient(real),
                fake,
                unlabeled_weights(batch.y),
                self.generator_objective.startswith("absolute"),
            )
        return loss + self.historical_averaging("generator")

    def training_step(self, batch):
        self.minimize("discriminator", batch)
        for _ in range(self.generator_steps):
            self.minimize("generator", batch)

    # ---- Inference ----------------------------------------------------------

    def logits_step(self, x):
        return self.averaged_classifier(x, training=False)[0]
