"""The auxiliary classifier generative adversarial network.

A. Odena, C. Olah and J. Shlens, "Conditional Image Synthesis with Auxiliary
Classifier GANs", ICML 2017, https://arxiv.org/abs/1610.09585

The generator is given a class, the discriminator is not: it tells with a logit
`l` real from generated images and with `p(c|x)` their classes. With

    L_S = E_x[softplus(-l(x))] + E_(z,c)[softplus(l(G(z, c)))],
    L_C(x) = -log p(c|x), the cross-entropy,

and classes `c` of generated images drawn uniformly, the players minimize

    L_D = L_S + w (E[L_C(x)] + E[L_C(G(z, c))]),
    L_G = E[softplus(-l(G(z, c)))] + w E[L_C(G(z, c))].
"""

import math
from functools import partial

import keras
from keras import layers, ops

from keras_gen.checks import (
    as_units,
    check_not_negative,
    check_option,
    check_positive,
)
from keras_gen.engine import Labels
from keras_gen.layers import AdditiveNoise, BatchNormalization, DropoutNoise
from keras_gen.losses.adversarial import OBJECTIVES
from keras_gen.losses.classification import cross_entropy
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.models.classification import Classifier
from keras_gen.networks.conditioning import condition_input
from keras_gen.networks.conv import divided, transposed_conv


@keras.saving.register_keras_serializable(package="keras_gen")
class ACGAN(Classifier, AdversarialModel):
    """Auxiliary classifier generative adversarial network.

    Train it with `fit(images, labels)`, where images without a label have -1.
    The defaults are the paper's model of ten classes of ImageNet at 128x128;
    `"cifar10"` is that of 32x32. The sides of its first feature maps, here
    8x8, are not in the paper.

    Args:
        image_shape: Tuple `(height, width, channels)`, with sides that 2 to
            the power of the number of `filters` divides. Values in [-1, 1].
        num_classes: Integer. The number of classes.
        filters: Integer or tuple. The generator's feature maps after its dense
            layer and after each transposed convolution but the last.
        discriminator_filters: Integer. The filters of the discriminator's first
            convolution, which double in each of the other five.
        activation_noise: Float. The standard deviation of Gaussian noise on the
            discriminator's activations; one of 0, 0.1 and 0.2 in the paper.
        class_weight: Float, `w`. The weight of the cross-entropies.
        objective: String. `"non_saturating"` or `"minimax"`, which the paper
            writes.

    Example:

    ```python
    model = keras_gen.ACGAN.from_preset("small", image_shape=(28, 28, 1))
    model.compile()
    model.fit(images, labels, batch_size=100, epochs=10)
    sevens = model.sample(16, labels=7)
    classes = model.classify(test_images)
    ```

    A bare `compile()` uses the paper's Adam.
    """

    logged = ("accuracy", "class_loss_real", "class_loss_fake")
    value_range = (-1.0, 1.0)
    presets = {
        "cifar10": {"image_shape": (32, 32, 3), "filters": (384, 192, 96)},
        "small": {
            "filters": (128, 64),
            "discriminator_filters": 8,
            "ema_decay": 0.999,
        },
        "smoke": {"filters": (16, 8), "discriminator_filters": 2},
    }

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (128, 128, 3),
        num_classes: int = 10,
        filters: int | tuple[int, ...] = (768, 384, 256, 192),
        discriminator_filters: int = 16,
        activation_noise: float = 0.0,
        class_weight: float = 1.0,
        objective: str = "non_saturating",
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("objective", objective, ("non_saturating", "minimax"))
        check_positive(
            num_classes=num_classes, discriminator_filters=discriminator_filters
        )
        check_not_negative(
            class_weight=class_weight, activation_noise=activation_noise
        )
        self.image_shape = shape = tuple(image_shape)
        self.num_classes = num_classes
        self.condition = Labels(num_classes)
        self.labels_spec = Labels(num_classes, missing="allowed")
        self.class_weight = class_weight
        self.objective = OBJECTIVES[objective]
        self.generator = self.network_of(
            "generator",
            generator,
            partial(
                acgan_generator,
                shape,
                self.latent_dim,
                num_classes,
                as_units("filters", filters),
            ),
            outputs=[shape],
        )
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            partial(
                acgan_discriminator,
                shape,
                num_classes,
                discriminator_filters,
                activation_noise,
            ),
            [shape],
            [(1,), (num_classes,)],
            logits=2,
        )

    def default_optimizer(self):
        return keras.optimizers.Adam(2e-4, beta_1=0.5, epsilon=1e-8)

    def source_and_class(self, x, training=False):
        """The discriminator's two logits: of the source and of the class."""
        source, classes = self.discriminator(x, training=training)
        return self.scalar_outputs(source), classes

    def discriminate_step(self, x, condition=None, training=False):
        return self.source_and_class(x, training)[0]

    def logits_step(self, x):
        return self.source_and_class(x)[1]

    def discriminator_loss(self, batch, training):
        fake, labels = self.generate_batch(ops.shape(batch.x)[0], training)
        real, classes = self.source_and_class(batch.x, training)
        class_loss_real = self.classification_loss(batch.y, classes)
        fake = ops.stop_gradient(fake)
        fake, classes = self.source_and_class(fake, training)
        class_loss_fake = cross_entropy(labels, classes)
        self.log(class_loss_real=class_loss_real)
        loss = self.objective.discriminator(real, fake)
        return loss + self.class_weight * (class_loss_real + class_loss_fake)

    def generator_loss(self, batch, training):
        fake, labels = self.generate_batch(ops.shape(batch.x)[0], training)
        fake, classes = self.source_and_class(fake, training)
        class_loss_fake = cross_entropy(labels, classes)
        self.log(class_loss_fake=class_loss_fake)
        loss = self.objective.generator(fake)
        return loss + self.class_weight * class_loss_fake

    def served_networks(self):
        return [*super().served_networks(), self.discriminator]


def _kernel():
    return {"kernel_initializer": keras.initializers.RandomNormal(0.0, 0.02)}


def acgan_generator(shape, latent_dim, num_classes, filters):
    """A dense layer of latents and class, and transposed convolutions."""
    first, *hidden = filters
    smallest = (*divided(shape, 2 ** len(filters)), first)
    z = keras.Input((latent_dim,))
    labels, one_hot = condition_input(num_classes)
    x = layers.Concatenate()([z, one_hot])
    x = layers.Dense(math.prod(smallest), "relu", **_kernel())(x)
    x = layers.Reshape(smallest)(x)
    for size in hidden:
        x = transposed_conv(size, 5, **_kernel())(x)
        x = layers.ReLU()(BatchNormalization()(x))
    x = transposed_conv(shape[-1], 5, **_kernel())(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model([z, labels], images, name="generator")


def acgan_discriminator(shape, num_classes, filters, stddev):
    """Six convolutions of strides 2 and 1 with dropout, and two heads."""
    x = images = keras.Input(shape)
    for i in range(6):
        conv = layers.Conv2D(
            filters * 2**i, 3, 2 - i % 2, padding="same", **_kernel()
        )
        x = conv(x)
        x = layers.LeakyReLU(0.2)(BatchNormalization()(x) if i else x)
        x = DropoutNoise(0.5)(AdditiveNoise(stddev)(x) if stddev else x)
    x = layers.Flatten()(x)
    heads = [
        layers.Dense(size, dtype="float32", **_kernel())(x)
        for size in (1, num_classes)
    ]
    return keras.Model(images, heads, name="discriminator")
