"""The coupled generative adversarial networks.

M.-Y. Liu and O. Tuzel, "Coupled Generative Adversarial Networks", NIPS 2016,
https://arxiv.org/abs/1606.07536

Two domains have a generator and a discriminator each. The generators share
their first layers and are given the same `z`, the discriminators share their
last layers. So pairs of corresponding images are learned from images that are
not paired. With the logit `l` of an image to be real, `x` of a domain `a` and
`y` of a domain `b`, the players minimize the means over both domains

    L_D = 1/2 (E_x[softplus(-l_a(x))] + E_y[softplus(-l_b(y))])
        + 1/2 E_z[softplus(l_a(g_a(z))) + softplus(l_b(g_b(z)))],
    L_G = 1/2 E_z[softplus(-l_a(g_a(z))) + softplus(-l_b(g_b(z)))].

To classify images of `b` from labels `c` of `a`, the discriminator also learns
from the cross-entropy of the class and from its last features `h`:

    L_D + w_c E_(x,c)[-log p_a(c|x)] + w_f E_z[|h_a(g_a(z)) - h_b(g_b(z))|^2].
"""

from functools import partial

import keras
import numpy as np
from keras import ops

from keras_gen.backend import pipelines
from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import (
    as_units,
    check_not_negative,
    check_option,
    check_positive,
)
from keras_gen.engine import Batch, Labels
from keras_gen.engine.batched import run_batches
from keras_gen.losses.adversarial import OBJECTIVES
from keras_gen.models.classification import Classifier
from keras_gen.models.gans.cogan.coupled import CoupledModel
from keras_gen.models.gans.cogan.networks import (
    cogan_discriminator,
    cogan_generator,
)


@keras.saving.register_keras_serializable(package="keras_gen")
class CoGAN(Classifier, CoupledModel):
    """Coupled generative adversarial networks of two domains.

    Train it with `fit(x, y)`, images of the domains `a` and `b`, as many of
    each, in any order; `keras_gen.data.zipped` makes such batches of two data
    sets. With `num_classes`, it is `fit((x, labels), y)`, and `classify` is of
    images of `b`. An example is a pair: `sample`, `generate` and `model(z)`
    return two arrays, of corresponding images, and `discriminate` takes two.

    The defaults are the networks and the losses of the official PyTorch code,
    whose losses are means over the images of both domains; those of the paper
    are their sums, twice as large.

    Args:
        image_shape: Tuple `(height, width, channels)`, of the domain `a`.
            Values in [0, 1]. The sides are 4 and a multiple of 2 to the power
            of the number of `generator_filters` less one: for the defaults 20,
            28, 36 and so on.
        image_shape_b: Tuple or `None`. That of `b`, of the same sides, if it
            is another.
        generator_filters: Integer or tuple. The feature maps of the
            generators' transposed convolutions but the last.
        discriminator_filters: Integer or tuple. Those of the discriminators'
            convolutions. The last one has the features.
        shared_layers: Integer. How many of the generators' first layers are
            shared, all but the last at most; with 0, they have `z` alone in
            common.
        shared_discriminator_layers: Integer. How many of the discriminators'
            last layers are shared, all but the first at most; the last one has
            the logits.
        num_classes: Integer or `None`. If given, images of `b` are classified.
            Images of `a` without a label have -1.
        class_weight: Float, `w_c`. The weight of the cross-entropy.
        feature_weight: Float, `w_f`. That of the squared distance of the
            features of pairs, by which the discriminator alone learns.
        weight_decay: Float. So many times each weight is added to its gradient.
        objective: String. `"non_saturating"`, or `"minimax"`, which the paper
            writes.
        generator: `keras.Model` from latents to a list of the images of both
            domains.
        discriminator: `keras.Model` from a list of images of both domains to
            a list, for each domain: two logits, generated and real; then, with
            `num_classes`, for each domain its features, a vector; and for each
            domain its class logits.

    Example:

    ```python
    model = keras_gen.CoGAN.from_preset("small", image_shape=(28, 28, 1))
    model.compile()
    model.fit(images[:700], 1.0 - images[700:1400], batch_size=64, epochs=100)
    digits, negatives = model.sample(64, seed=0)

    model = keras_gen.CoGAN((28, 28, 1), num_classes=10)
    model.compile()
    model.fit((images[:700], labels[:700]), 1.0 - images[700:1400])
    classes = model.classify(1.0 - images[1400:])
    ```

    A bare `compile()` uses the Adam of the official code.
    """

    value_range = (0.0, 1.0)
    presets = {
        "small": {
            "generator_filters": (128, 64, 32, 16),
            "discriminator_filters": (10, 20, 100),
        },
        "smoke": {
            "generator_filters": (16, 8, 8, 4),
            "discriminator_filters": (4, 8, 16),
            "latent_dim": 16,
        },
    }

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        image_shape_b: tuple[int, int, int] | None = None,
        generator_filters: int | tuple[int, ...] = (1024, 512, 256, 128),
        discriminator_filters: int | tuple[int, ...] = (20, 50, 500),
        shared_layers: int = 4,
        shared_discriminator_layers: int = 3,
        num_classes: int | None = None,
        class_weight: float = 10.0,
        feature_weight: float = 0.01,
        weight_decay: float = 5e-4,
        objective: str = "non_saturating",
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("objective", objective, ("non_saturating", "minimax"))
        check_not_negative(
            class_weight=class_weight,
            feature_weight=feature_weight,
            weight_decay=weight_decay,
        )
        of_generator = as_units("generator_filters", generator_filters)
        of_discriminator = as_units(
            "discriminator_filters", discriminator_filters
        )
        check_option(
            "shared_layers", shared_layers, range(len(of_generator) + 1)
        )
        check_option(
            "shared_discriminator_layers",
            shared_discriminator_layers,
            range(len(of_discriminator) + 1),
        )
        self.image_shape = tuple(image_shape)
        self.image_shape_b = image_shape_b and tuple(image_shape_b)
        self.num_classes = num_classes
        self.class_weight = class_weight
        self.feature_weight = feature_weight
        self.weight_decay = weight_decay
        self.objective = OBJECTIVES[objective]
        outputs = [(2,), (2,)]
        if num_classes is not None:
            check_positive(num_classes=num_classes)
            self.logged = ("accuracy", "class_loss", "feature_distance")
            outputs += [(None,), (None,), (num_classes,), (num_classes,)]
        shapes = list(self.example_shape)
        self.generator = self.network_of(
            "generator",
            generator,
            partial(
                cogan_generator,
                shapes,
                self.latent_dim,
                of_generator,
                shared_layers,
            ),
            outputs=shapes,
        )
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            partial(
                cogan_discriminator,
                shapes,
                of_discriminator,
                shared_discriminator_layers,
                num_classes,
            ),
            shapes,
            outputs,
            logits=2,
        )

    def data_spec(self):
        x, y = self.image_specs()
        if self.num_classes is not None:
            x = (x, Labels(self.num_classes, missing="allowed"))
        return Batch(x, y)

    def default_optimizer(self):
        return keras.optimizers.Adam(2e-4, beta_1=0.5, epsilon=1e-8)

    # ---- Training -----------------------------------------------------------

    def transform_gradients(self, player, gradients):
        return self.decayed(player, gradients, self.weight_decay)

    def discriminator_outputs(self, x, training=False):
        """Of a pair of batches: two logits to be real, and what follows the
        logits in the discriminator's outputs."""
        of_a, of_b, *rest = self.discriminator(list(x), training=training)
        logits = [at_least_float32(two) for two in (of_a, of_b)]
        return tuple(two[:, 1] - two[:, 0] for two in logits), rest

    def discriminator_loss(self, batch, training):
        x, labels = batch.x, None
        if self.num_classes is not None:
            x, labels = batch.x
        fake, _ = self.generate_batch(ops.shape(x)[0], training)
        fake = tuple(map(ops.stop_gradient, fake))
        real, rest = self.discriminator_outputs((x, batch.y), training)
        fake, features = self.discriminator_outputs(fake, training)
        loss = self.objective.discriminator(
            ops.concatenate(real), ops.concatenate(fake)
        )
        if labels is None:
            return loss
        class_loss = self.classification_loss(labels, rest[2])
        h_a, h_b = map(at_least_float32, features[:2])
        distance = ops.mean(ops.sum(ops.square(h_a - h_b), axis=-1))
        self.log(class_loss=class_loss, feature_distance=distance)
        loss = loss + self.class_weight * class_loss
        return loss + self.feature_weight * distance

    def generator_loss(self, batch, training):
        fake, _ = self.generate_batch(ops.shape(batch.y)[0], training)
        fake = self.discriminate_step(fake, training=training)
        return self.objective.generator(ops.concatenate(fake))

    # ---- Inference ----------------------------------------------------------

    def logits_step(self, x):
        """The class logits of images of the domain `b`."""
        other = ops.zeros((ops.shape(x)[0], *self.image_shape), x.dtype)
        return self.discriminator_outputs((other, x))[1][3]

    def class_probabilities(self, x, *, batch_size: int = 256) -> np.ndarray:
        """The probability of each class, of images of the domain `b`.

        Args:
            x: Array of `n` images, or a data set of batches of them.

        Returns:
            Array of shape `(n, num_classes)`.
        """
        if self.num_classes is None:
            raise ValueError(
                "`num_classes` must be given to classify. Received: "
                "num_classes=None. Build the model with it."
            )
        spec, step = self.data_spec().y, self.probabilities_step
        if not pipelines.is_pipeline(x):
            x = self.as_array("x", spec, x)
            return self.run_batched(step, x, batch_size=batch_size)
        parts = (part for part, _ in self.data_batches(x))
        batches = ((self.as_array("x", spec, part),) for part in parts)
        return run_batches(step, batches, None, type(self).__name__)

    def classify_signature(self):
        signature = super().classify_signature()
        return signature._replace(inputs={"x": self.data_spec().y})

    def signatures(self):
        named = super().signatures()
        if self.num_classes is None:
            del named["classify"]
        return named

    def served_networks(self):
        return [*super().served_networks(), self.discriminator]
