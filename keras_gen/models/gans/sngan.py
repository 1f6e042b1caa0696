"""The spectrally normalized generative adversarial network.

T. Miyato, T. Kataoka, M. Koyama and Y. Yoshida, "Spectral Normalization for
Generative Adversarial Networks", ICLR 2018, https://arxiv.org/abs/1802.05957;
T. Miyato and M. Koyama, "cGANs with Projection Discriminator", ICLR 2018,
https://arxiv.org/abs/1802.05637

Each kernel `W` of the discriminator is divided by its largest singular value,
so that the discriminator is Lipschitz. The players minimize the hinge losses

    L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))],
    L_G = -E_z[D(G(z))],

or the logistic ones. With labels, the generator has conditional batch
normalization, and the discriminator projects its features `h` on the embedding
of the class:

    D(x, y) = psi(h(x)) + <e_y, h(x)>.
"""

import math
import typing
from functools import partial

import keras
from keras import layers, ops

from keras_gen.checks import check_option, check_positive
from keras_gen.engine import Labels
from keras_gen.layers import (
    BatchNormalization,
    ConditionalBatchNormalization,
    Conv2D,
    SpectralConv2D,
    SpectralDense,
    SpectralEmbedding,
)
from keras_gen.losses.adversarial import OBJECTIVES
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.networks.conv import divided, transposed_conv
from keras_gen.networks.resnet import (
    convolve,
    optimized_residual_block,
    residual_block,
)


class Sizes(typing.NamedTuple):
    """The networks of one of the papers' experiments.

    Attributes:
        generator: Tuple. The feature maps after the dense layer and after each
            layer or block that doubles the sides.
        discriminator: Tuple. The feature maps of its blocks or, of `"cnn"`,
            pairs of layers.
        pooled: Integer. How many of the blocks halve the sides.
        last_bias: Boolean. Whether the last layer has a bias.
    """

    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    pooled: int
    last_bias: bool = True


ARCHITECTURES = {
    "resnet32": Sizes((256,) * 4, (128,) * 4, 2, False),
    "resnet48": Sizes((512, 256, 128, 64), (64, 128, 256, 512, 1024), 4, False),
    "resnet64": Sizes((1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024), 4),
    "resnet128": Sizes(
        (1024, 1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024, 1024), 5
    ),
    "cnn": Sizes((512, 256, 128, 64), (64, 128, 256, 512), 3),
}


@keras.saving.register_keras_serializable(package="keras_gen")
class SNGAN(AdversarialModel):
    """Generative adversarial network with spectral normalization.

    Each training step is `discriminator_steps` updates of the discriminator,
    each on its own part of the batch, and one of the generator; in the official
    code the generator's comes after the first of them.

    Args:
        image_shape: Tuple `(height, width, channels)`, with sides that each
            block of the generator can double. Values in [-1, 1].
        architecture: String. `"resnet32"`, the networks of CIFAR-10,
            `"resnet48"` of STL-10, `"resnet64"` and `"resnet128"` of ImageNet,
            or `"cnn"`, of CIFAR-10 and STL-10.
        generator_filters: Tuple or `None`. The generator's feature maps after
            its dense layer and after each doubling, in place of the paper's.
        discriminator_filters: Tuple or `None`. Those of the discriminator's
            blocks; of `"cnn"`, of its pairs of layers and its last one.
        num_classes: Integer or `None`. If given, the model is trained by
            `fit(images, labels)`. Not for `"cnn"`.
        objective: String. `"hinge"`, or `"non_saturating"` for the logistic
            losses.
        discriminator_steps: Integer. Discriminator updates for each of the
            generator's; 1 for some of the settings of `"cnn"`.
        generator_batch_factor: Integer. The generator's update draws so many
            times the examples of a discriminator's update.

    Example:

    ```python
    model = keras_gen.SNGAN((32, 32, 3), num_classes=10)
    model.compile()
    model.fit(images, labels, batch_size=5 * 64, epochs=10)
    samples = model.sample(10, labels=range(10))
    ```

    A bare `compile()` uses the Adam of the paper's ResNets. There, its rates
    fall linearly to 0: over all 50,000 of the generator's updates of CIFAR-10,
    and over the last 50,000 of 450,000 of ImageNet.
    """

    value_range = (-1.0, 1.0)
    defaults = {"latent_dim": 128}
    presets = {
        "cnn": {"architecture": "cnn", "objective": "non_saturating"},
        "small": {
            "generator_filters": (32, 32, 32),
            "discriminator_filters": (32, 32, 32, 32),
            "discriminator_steps": 2,
            "ema_decay": 0.999,
        },
        "smoke": {
            "generator_filters": (8, 8, 8),
            "discriminator_filters": (8, 8, 8),
            "discriminator_steps": 2,
        },
    }

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (32, 32, 3),
        architecture: str = "resnet32",
        generator_filters: tuple[int, ...] | None = None,
        discriminator_filters: tuple[int, ...] | None = None,
        num_classes: int | None = None,
        objective: str = "hinge",
        discriminator_steps: int = 5,
        generator_batch_factor: int = 2,
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("architecture", architecture, ARCHITECTURES)
        check_option("objective", objective, ("hinge", "non_saturating"))
        check_positive(
            discriminator_steps=discriminator_steps,
            generator_batch_factor=generator_batch_factor,
        )
        convolutional = architecture == "cnn"
        if num_classes and convolutional:
            raise ValueError(
                "`architecture` must be a ResNet with `num_classes`. Received: "
                f"num_classes={num_classes}, architecture='cnn'. Choose "
                "'resnet32', or leave out `num_classes`."
            )
        if num_classes is not None:
            check_positive(num_classes=num_classes)
        self.image_shape = shape = tuple(image_shape)
        self.objective = OBJECTIVES[objective]
        self.batch_parts = discriminator_steps
        self.generator_batch_factor = generator_batch_factor
        self.condition = Labels(num_classes) if num_classes else None
        sizes = ARCHITECTURES[architecture]
        if generator_filters:
            sizes = sizes._replace(generator=tuple(generator_filters))
        if discriminator_filters:
            sizes = sizes._replace(discriminator=tuple(discriminator_filters))
        if convolutional:
            new_generator = partial(cnn_generator, shape, self.latent_dim)
            new_discriminator = partial(cnn_discriminator, shape)
        else:
            new_generator = partial(
                resnet_generator, shape, self.latent_dim, num_classes
            )
            new_discriminator = partial(
                resnet_discriminator, shape, num_classes
            )
        self.generator = self.network_of(
            "generator",
            generator,
            partial(new_generator, sizes=sizes),
            outputs=[shape],
        )
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            partial(new_discriminator, sizes=sizes),
            [shape, ()] if num_classes else [shape],
            [(1,)],
            logits=1,
        )

    def default_optimizer(self):
        return keras.optimizers.Adam(2e-4, beta_1=0.0, beta_2=0.9, epsilon=1e-8)

    def discriminator_loss(self, batch, training):
        fake, labels = self.generate_batch(ops.shape(batch.x)[0], training)
        real = self.discriminate_step(batch.x, batch.y, training)
        fake = self.discriminate_step(ops.stop_gradient(fake), labels, training)
        return self.objective.discriminator(real, fake)

    def generator_loss(self, batch, training):
        # Of the batch, the size alone counts: no real image takes part.
        size = self.generator_batch_factor * ops.shape(batch.x)[0]
        fake, labels = self.generate_batch(size, training)
        fake = self.discriminate_step(fake, labels, training)
        return self.objective.generator(fake)


# ---- Networks ---------------------------------------------------------------

# Chainer's batch normalization.
batch_norm = partial(BatchNormalization, epsilon=2e-5)
spectral_convolve = partial(convolve, layer=SpectralConv2D)


def dense_maps(z, shape, filters):
    """The first feature maps, of latents."""
    sides = divided(shape, 2 ** (len(filters) - 1))
    x = layers.Dense(math.prod(sides) * filters[0])(z)
    return layers.Reshape((*sides, filters[0]))(x)


def resnet_generator(shape, latent_dim, num_classes, sizes):
    """Blocks that double the sides."""
    z = keras.Input((latent_dim,))
    labels = keras.Input((), dtype="int32")

    def by_class():
        layer = ConditionalBatchNormalization(num_classes, epsilon=2e-5)
        return lambda x: layer(x, labels)

    x = dense_maps(z, shape, sizes.generator)
    norm = by_class if num_classes else batch_norm
    for filters in sizes.generator[1:]:
        x = residual_block(x, filters, norm=norm, resample="up")
    x = layers.ReLU()(batch_norm()(x))
    x = convolve(x, shape[-1], 3, gain=1.0)
    images = layers.Activation("tanh", dtype="float32")(x)
    inputs = [z, labels] if num_classes else z
    return keras.Model(inputs, images, name="generator")


def resnet_discriminator(shape, num_classes, sizes):
    """Blocks that halve the sides and others, a sum over positions, and the
    projection on the class."""
    images = keras.Input(shape)
    first, *rest = sizes.discriminator
    x = optimized_residual_block(images, first, spectral_convolve)
    for i, filters in enumerate(rest, start=1):
        x = residual_block(
            x,
            filters,
            spectral_convolve,
            resample="down" if i < sizes.pooled else None,
            hidden=x.shape[-1],
        )
    x = ops.cast(layers.ReLU()(x), "float32")
    x = ops.sum(x, axis=(1, 2))
    score = SpectralDense(1, use_bias=sizes.last_bias, dtype="float32")(x)
    if not num_classes:
        return keras.Model(images, score, name="discriminator")
    labels = keras.Input((), dtype="int32")
    embedding = SpectralEmbedding(
        num_classes,
        x.shape[-1],
        embeddings_initializer="glorot_uniform",
        dtype="float32",
    )
    projection = embedding(labels) * x
    score = score + ops.sum(projection, axis=-1, keepdims=True)
    return keras.Model([images, labels], score, name="discriminator")


def cnn_generator(shape, latent_dim, sizes):
    """Transposed convolutions that double the sides."""
    z = keras.Input((latent_dim,))
    x = dense_maps(z, shape, sizes.generator)
    for filters in sizes.generator[1:]:
        x = layers.ReLU()(batch_norm()(transposed_conv(filters, 4)(x)))
    x = Conv2D(shape[-1], 3, padding="same")(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(z, images, name="generator")


def cnn_discriminator(shape, sizes):
    """Pairs of convolutions of strides 1 and 2, and one more."""
    x = images = keras.Input(shape)
    *pairs, last = sizes.discriminator

    def leaky_relu(x, filters, kernel_size, strides=1):
        x = SpectralConv2D(filters, kernel_size, strides, padding="same")(x)
        return layers.LeakyReLU(0.1)(x)

    for filters in pairs:
        x = leaky_relu(leaky_relu(x, filters, 3), filters, 4, 2)
    x = layers.Flatten()(leaky_relu(x, last, 3))
    score = SpectralDense(1, dtype="float32")(x)
    return keras.Model(images, score, name="discriminator")
