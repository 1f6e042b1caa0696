"""The categorical generative adversarial network.

J. T. Springenberg, "Unsupervised and Semi-Supervised Learning with Categorical
Generative Adversarial Networks", ICLR 2016, https://arxiv.org/abs/1511.06390

The discriminator is a classifier `p(y|x)` of `K` categories: certain of data,
and as often of each category; uncertain of what is generated. With the entropy
`H`, the players minimize

    L_D = -H(E_x[p(y|x)]) + E_x[H(p(y|x))] - E_z[H(p(y|G(z)))],
    L_G = -H(E_z[p(y|G(z))]) + E_z[H(p(y|G(z)))].

If some examples have labels, `w E[-log p(y|x)]` over them is added to `L_D`.
"""

from functools import partial

import keras
from keras import layers, ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import (
    as_units,
    check_not_negative,
    check_option,
    check_positive,
)
from keras_gen.engine import Batch, Labels
from keras_gen.layers import AdditiveNoise, BatchNormalization
from keras_gen.losses.entropy import conditional_entropy, marginal_entropy
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.models.classification import ClusterClassifier
from keras_gen.models.gans.gan import RANGES
from keras_gen.networks.mlp import normalized_generator

# The standard deviation of the noise before the first layer, and the others.
INPUT_NOISE, HIDDEN_NOISE = 0.3, 0.5


@keras.saving.register_keras_serializable(package="keras_gen")
class CatGAN(ClusterClassifier, AdversarialModel):
    """Categorical generative adversarial network.

    Without labels, train it with `fit(x)`; it finds `num_classes` clusters, of
    which there may be more than classes. With `supervised`, train it with
    `fit(x, labels)`, where examples without a label have -1. Batches must be
    much larger than the number of categories, whose frequencies in a batch
    count.

    The networks follow the paper's model of permutation invariant MNIST, a
    classifier of five hidden layers with Gaussian noise and batch
    normalization. The deviations of its noise, the generator, the latents, the
    optimizer and the weight of the labels are not known for sure.

    Args:
        input_shape: Tuple. The shape of an example.
        num_classes: Integer, `K`. The number of categories.
        supervised: Boolean. Whether some examples have labels.
        class_weight: Float, `w`. The weight of the cross-entropy.
        generator_units: Integer or tuple. The units of the generator's hidden
            layers.
        hidden_units: Integer or tuple. Those of the classifier's.
        output_activation: String or `None`. That of the generator:
            `"sigmoid"` for examples in [0, 1], `"tanh"` for [-1, 1], or `None`
            for any.
        discriminator: `keras.Model` from examples to logits of shape `(batch,
            num_classes)`.

    Example:

    ```python
    model = keras_gen.CatGAN((28, 28, 1), num_classes=10)
    model.compile()
    model.fit(images, batch_size=100, epochs=20)
    clusters = model.assign(test_images)
    model.label_clusters(held_out_images, held_out_labels)
    classes = model.classify(test_images)
    ```
    """

    logged = (
        "marginal_entropy_real",
        "conditional_entropy_real",
        "conditional_entropy_fake",
        "marginal_entropy_fake",
    )
    shape_argument = "input_shape"
    defaults = {"prior": "uniform_unit_interval"}
    presets = {
        "small": {
            "generator_units": (256, 256),
            "hidden_units": (500, 250, 250),
            "ema_decay": 0.999,
        },
        "smoke": {"generator_units": 32, "hidden_units": (32, 16)},
    }

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        num_classes: int = 10,
        supervised: bool = False,
        class_weight: float = 1.0,
        generator_units: int | tuple[int, ...] = (500, 500),
        hidden_units: int | tuple[int, ...] = (1000, 500, 250, 250, 250),
        output_activation: str | None = "sigmoid",
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("output_activation", output_activation, RANGES)
        check_positive(num_classes=num_classes)
        check_not_negative(class_weight=class_weight)
        self.input_shape = shape = tuple(input_shape)
        self.num_classes = num_classes
        self.supervised = supervised
        self.class_weight = class_weight
        self.value_range = RANGES[output_activation]
        self.generator = self.network_of(
            "generator",
            generator,
            partial(
                normalized_generator,
                shape,
                self.latent_dim,
                as_units("generator_units", generator_units),
                output_activation,
            ),
            outputs=[shape],
        )
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            partial(
                noisy_classifier,
                shape,
                num_classes,
                as_units("hidden_units", hidden_units),
            ),
            [shape],
            [(num_classes,)],
            logits=1,
        )
        if supervised:
            self.labels_spec = Labels(num_classes, missing="allowed")
            self.logged = (*self.logged, "classification_loss", "accuracy")
        else:
            self.add_cluster_labels()

    def default_optimizer(self):
        return keras.optimizers.Adam(2e-4, beta_1=0.5, epsilon=1e-8)

    def class_logits(self, inputs, training=False):
        """The logits of `p(y|x)`."""
        return at_least_float32(self.discriminator(inputs, training=training))

    def logits_step(self, x):
        return self.class_logits(x)

    def discriminate_step(self, x, condition=None, training=False):
        """How certain the categories are: minus the entropy."""
        log_p = ops.log_softmax(self.class_logits(x, training), axis=-1)
        return ops.sum(ops.exp(log_p) * log_p, axis=-1)

    def discriminator_loss(self, batch, training):
        fake = ops.stop_gradient(self.generate_for(Batch(batch.x), training))
        real = self.class_logits(batch.x, training)
        fake = self.fake_logits(fake, training)
        marginal, certain = marginal_entropy(real), conditional_entropy(real)
        uncertain = conditional_entropy(fake)
        self.log(
            marginal_entropy_real=marginal,
            conditional_entropy_real=certain,
            conditional_entropy_fake=uncertain,
        )
        loss = certain - marginal - uncertain
        if not self.supervised:
            return loss
        class_loss = self.classification_loss(batch.y, real)
        self.log(classification_loss=class_loss)
        return loss + self.class_weight * class_loss

    def generator_loss(self, batch, training):
        fake = self.generate_for(Batch(batch.x), training)
        fake = self.fake_logits(fake, training)
        marginal = marginal_entropy(fake)
        self.log(marginal_entropy_fake=marginal)
        return conditional_entropy(fake) - marginal

    def fake_logits(self, fake, training):
        """The logits of generated examples, which are not to be classified."""
        with self.fixed_statistics(self.discriminator):
            return self.class_logits(fake, training)

    def served_networks(self):
        return [*super().served_networks(), self.discriminator]


def noisy_classifier(shape, num_classes, hidden_units):
    """Noise before each layer, then batch normalization and ReLU units."""
    images = keras.Input(shape)
    x = AdditiveNoise(INPUT_NOISE)(layers.Flatten()(images))
    for units in hidden_units:
        x = layers.ReLU()(BatchNormalization()(layers.Dense(units)(x)))
        x = AdditiveNoise(HIDDEN_NOISE)(x)
    logits = layers.Dense(num_classes)(x)
    return keras.Model(images, logits, name="discriminator")
