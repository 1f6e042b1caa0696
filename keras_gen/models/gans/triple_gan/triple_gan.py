"""The triple generative adversarial network.

C. Li, K. Xu, J. Zhu and B. Zhang, "Triple Generative Adversarial Nets", NIPS
2017, https://arxiv.org/abs/1703.02291

A classifier `C` and a conditional generator `G` both make pairs of an image and
a label; the discriminator, with the logit `l`, tells real pairs from them. With
`sp(t) = log(1 + exp(t))` and `y^(x)` the most probable class, the players
minimize

    L_D = E_(x,y)[sp(-l(x, y))]
          + a E_x[sp(l(x, y^(x)))] + (1 - a) E_(z,y)[sp(l(G(z, y), y))],
    L_G = (1 - a) E_(z,y)[sp(-l(G(z, y), y))],
    L_C = E_(x,y)[-log p(y|x)] + b E_(z,y)[-log p(y|G(z, y))]
          + a E_x[p(y^|x) sp(-l(x, y^))] + c E_x[H(p(y|x))] + d B,

where the expectations over `(x, y)` are those of labeled examples, those over
`x` of all, `H` is the entropy, and `B` the cross-entropy from equal classes to
the mean prediction. Of generated images and of the discriminator, constants.
"""

from functools import partial

import keras
from keras import ops

from keras_gen.backend import replica, replica_mean
from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import (
    as_units,
    check_fraction,
    check_not_negative,
    check_option,
    check_positive,
)
from keras_gen.engine import Labels
from keras_gen.losses.classification import cross_entropy, labeled_mean
from keras_gen.losses.entropy import conditional_entropy
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.models.classification import AveragedClassifier
from keras_gen.models.gans.triple_gan.networks import (
    conv_classifier,
    noisy_discriminator,
    softplus_generator,
)
from keras_gen.schedules import Schedule, check_scheduled

PSEUDO_LABELS = Schedule(0.0, 0.1, over=1, after=300)


@keras.saving.register_keras_serializable(package="keras_gen")
class TripleGAN(AveragedClassifier, AdversarialModel):
    """Triple generative adversarial network.

    Train it with `fit(images, labels)`, where images without a label have -1.
    The defaults are the official code's networks and weights for MNIST. Classes
    of generated images are balanced in each batch. The temporal consistency
    that the paper adds for CIFAR-10 is left out.

    Args:
        image_shape: Tuple `(height, width, channels)`, with sides of at least
            12. Values in [0, 1].
        num_classes: Integer. The number of classes.
        filters: Integer. The filters of the classifier's first convolution;
            the others have twice and four times as many.
        hidden_units: Integer or tuple. The units of the generator's hidden
            layers.
        discriminator_units: Integer or tuple. Those of the discriminator's.
        alpha: Float in [0, 1], `a`. The part of the classifier's pairs among
            those that are not real.
        adversarial_weight: Float. A further factor of the classifier's
            adversarial loss; 0.01 in the paper's runs on natural images.
        pseudo_label_weight: Float or `keras_gen.Schedule`, `b`. The weight of
            the cross-entropy of generated images, which mislead at first.
        entropy_weight: Float, `c`. The weight of the entropy.
        balance_weight: Float, `d`. That of the balance of classes.
        label_mode: String. `"argmax"`, or `"integrate"` for the mean over all
            classes, in the classifier's adversarial loss.
        pseudo_real: Boolean. Whether the discriminator takes images without a
            label for real pairs, too, with the classifier's labels, as the
            official code: it helps with few labels, and is biased.
        classifier_ema_decay: Float in [0, 1) or `None`. The decay of the
            average of the classifier's weights, which classifies.
        classifier: `keras.Model` from images to class logits, which can be
            serialized if it is averaged.

    Example:

    ```python
    model = keras_gen.TripleGAN((28, 28, 1), pseudo_real=True)
    model.compile()
    train = keras_gen.data.partly_labeled(images, labels, 100, batch_size=200)
    model.fit(train.dataset, steps_per_epoch=300, epochs=30)
    classes = model.classify(test_images)
    sevens = model.sample(16, labels=7)
    ```

    A bare `compile()` uses the official code's Adam. There, rates fall by half
    a percent in each epoch from the 300th on, and with 100 labels or fewer the
    classifier is trained alone for 30 epochs first.
    """

    players = {
        "discriminator": ["discriminator"],
        "generator": ["generator"],
        "classifier": ["classifier"],
    }
    logged = ("accuracy", "class_loss", "pseudo_label_loss", "entropy")
    value_range = (0.0, 1.0)
    defaults = {"prior": "uniform_unit_interval"}
    presets = {
        "small": {
            "filters": 16,
            "hidden_units": (250, 250),
            "discriminator_units": (500, 250, 125),
            "pseudo_label_weight": Schedule(0.0, 0.1, over=1, after=5),
        },
        "smoke": {
            "filters": 4,
            "hidden_units": (32, 32),
            "discriminator_units": (32, 16),
        },
    }

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        num_classes: int = 10,
        filters: int = 32,
        hidden_units: int | tuple[int, ...] = (500, 500),
        discriminator_units: int | tuple[int, ...] = (1000, 500, 250, 250, 250),
        alpha: float = 0.5,
        adversarial_weight: float = 1.0,
        pseudo_label_weight: float | Schedule = PSEUDO_LABELS,
        entropy_weight: float = 0.3,
        balance_weight: float = 1e-3,
        label_mode: str = "argmax",
        pseudo_real: bool = False,
        classifier_ema_decay: float | None = 0.99,
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        classifier: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("label_mode", label_mode, ("argmax", "integrate"))
        check_positive(num_classes=num_classes, filters=filters)
        check_not_negative(
            adversarial_weight=adversarial_weight,
            entropy_weight=entropy_weight,
            balance_weight=balance_weight,
        )
        check_scheduled(
            "pseudo_label_weight", pseudo_label_weight, check_not_negative
        )
        check_fraction(alpha=alpha)
        self.image_shape = shape = tuple(image_shape)
        self.num_classes = num_classes
        self.condition = Labels(num_classes)
        self.labels_spec = Labels(num_classes, missing="allowed")
        self.alpha = alpha
        self.adversarial_weight = adversarial_weight
        self.pseudo_label_weight = pseudo_label_weight
        self.entropy_weight = entropy_weight
        self.balance_weight = balance_weight
        self.label_mode = label_mode
        self.pseudo_real = pseudo_real
        units = as_units("hidden_units", hidden_units)
        build = partial(
            softplus_generator, shape, self.latent_dim, num_classes, units
        )
        self.generator = self.network_of(
            "generator", generator, build, outputs=[shape]
        )
        units = as_units("discriminator_units", discriminator_units)
        build = partial(noisy_discriminator, shape, num_classes, units)
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            build,
            [shape, ()],
            [(1,)],
            logits=1,
        )
        build = partial(conv_classifier, shape, num_classes, filters)
        self.classifier = self.network_of(
            "classifier",
            classifier,
            build,
            [shape],
            [(num_classes,)],
            logits=1,
        )
        self.average_classifier(classifier_ema_decay)

    def default_optimizer(self):
        return keras.optimizers.Adam(1e-3, beta_1=0.5, epsilon=1e-8)

    # ---- The networks -------------------------------------------------------

    def draw_condition(self, n):
        """Each class as often, in the batch that all workers share."""
        rows = ops.arange(n, dtype="int32")
        return ops.mod(replica()[0] * n + rows, self.num_classes)

    def class_logits(self, inputs, training=False):
        """The logits of `p(y|x)`."""
        return at_least_float32(self.classifier(inputs, training=training))

    def logits_step(self, x):
        return at_least_float32(self.averaged_classifier(x, training=False))

    # ---- The players --------------------------------------------------------

    def discriminator_loss(self, batch, training):
        size = ops.shape(batch.x)[0]
        fake, labels = self.generate_batch(size, training)
        with self.fixed_statistics(self.classifier):
            logits = self.class_logits(batch.x, training)
        predicted = ops.cast(ops.argmax(logits, axis=-1), batch.y.dtype)
        given = ops.where(batch.y >= 0, batch.y, predicted)
        real = self.discriminate_step(batch.x, given, training)
        pairs = self.discriminate_step(batch.x, predicted, training)
        fake = self.discriminate_step(ops.stop_gradient(fake), labels, training)
        counted = given if self.pseudo_real else batch.y
        real_loss = labeled_mean(ops.softplus(-real), counted)
        pairs_loss = ops.mean(ops.softplus(pairs))
        fake_loss = ops.mean(ops.softplus(fake))
        return (
            real_loss + self.alpha * pairs_loss + (1.0 - self.alpha) * fake_loss
        )

    def generator_loss(self, batch, training):
        size = ops.shape(batch.x)[0]
        fake, labels = self.generate_batch(size, training)
        fake = self.discriminate_step(fake, labels, training)
        return (1.0 - self.alpha) * self.objective.generator(fake)

    def classifier_loss(self, batch, training):
        logits = self.class_logits(batch.x, training)
        class_loss = self.classification_loss(batch.y, logits, batch.x)
        entropy = conditional_entropy(logits)
        size = ops.shape(batch.x)[0]
        fake, labels = self.generate_batch(size, training)
        with self.fixed_statistics(self.classifier):
            fake = self.class_logits(ops.stop_gradient(fake), training)
        pseudo_label_loss = cross_entropy(labels, fake)
        self.log(
            class_loss=class_loss,
            pseudo_label_loss=pseudo_label_loss,
            entropy=entropy,
        )
        pseudo_weight = self.scheduled(self.pseudo_label_weight)
        adversarial = self.classifier_adversarial_loss(
            batch.x, logits, training
        )
        return (
            class_loss
            + ops.multiply(pseudo_weight, pseudo_label_loss)
            + self.alpha * self.adversarial_weight * adversarial
            + self.entropy_weight * entropy
            + self.balance_weight * self.balance_loss(logits)
        )

    def classifier_adversarial_loss(self, x, logits, training=False):
        """`E_x[p(y|x) sp(-l(x, y))]`, of the most probable class or of all.

        The gradient passes through the probabilities alone.
        """
        p, n = ops.softmax(logits, axis=-1), ops.shape(x)[0]
        if self.label_mode == "argmax":
            classes = ops.cast(ops.argmax(logits, axis=-1), "int32")[:, None]
        else:
            classes = ops.arange(self.num_classes, dtype="int32")[None]
            classes = ops.broadcast_to(classes, (n, self.num_classes))
        count = classes.shape[1]
        every = ops.repeat(x, count, axis=0)
        labels = ops.reshape(classes, (-1,))
        scores = self.discriminate_step(every, labels, training)
        costs = ops.reshape(ops.softplus(-scores), (n, count))
        chosen = ops.take_along_axis(p, classes, axis=-1)
        return ops.mean(ops.sum(chosen * ops.stop_gradient(costs), axis=-1))

    def balance_loss(self, logits):
        """`-sum_k log(E_x[p(k|x)]) / K`, over the batch of all workers."""
        mean = replica_mean(ops.mean(ops.softmax(logits, axis=-1), axis=0))
        return -ops.mean(ops.log(ops.maximum(mean, 1e-30)))
