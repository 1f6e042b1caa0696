"""The deep convolutional generative adversarial network.

A. Radford, L. Metz and S. Chintala, "Unsupervised Representation Learning
with Deep Convolutional Generative Adversarial Networks", ICLR 2016,
https://arxiv.org/abs/1511.06434

With `l` the discriminator's logit and `softplus(t) = log(1 + exp(t))`, the
players minimise

    L_D = E_x[softplus(-l(x))] + E_z[softplus(l(G(z)))],
    L_G = E_z[softplus(-l(G(z)))].

The discriminator sees real and generated images in separate passes, so that
batch normalization treats each by itself.
"""

import keras
import numpy as np
from keras import layers, ops

from keras_gen.layers import BatchNormalization
from keras_gen.losses import adversarial
from keras_gen.models.gans.adversarial import (
    AdversarialModel,
    check_generator,
    power_of_two_pyramid,
)
from keras_gen.precision import at_least_float32


def _options():
    return {
        "use_bias": False,
        "kernel_initializer": keras.initializers.RandomNormal(stddev=0.02),
    }


def _norm():
    return BatchNormalization(
        gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02)
    )


def _conv_options(kernel_size):
    return {
        "kernel_size": kernel_size,
        "strides": 2,
        "padding": "same",
        **_options(),
    }


def dcgan_generator(image_shape, latent_dim, base_filters, kernel_size):
    """A projection to the smallest feature maps, then up-convolutions.

    With kernels of 5 the projection is a dense layer and each of its units is
    normalised, as in the paper's code; with kernels of 4 it is an
    up-convolution normalised by channels, as in the Torch code.
    """
    side, doublings = power_of_two_pyramid(image_shape[0])
    filters = base_filters * 2 ** (doublings - 1)
    x = z = keras.Input((latent_dim,))
    x = layers.Dense(side * side * filters, **_options())(x)
    if kernel_size == 4:
        x = layers.Reshape((side, side, filters))(x)
        x = layers.ReLU()(_norm()(x))
    else:
        x = layers.ReLU()(_norm()(x))
        x = layers.Reshape((side, side, filters))(x)
    for _ in range(doublings - 1):
        filters //= 2
        x = layers.Conv2DTranspose(filters, **_conv_options(kernel_size))(x)
        x = layers.ReLU()(_norm()(x))
    x = layers.Conv2DTranspose(image_shape[-1], **_conv_options(kernel_size))(x)
    images = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(z, images, name="generator")


def dcgan_discriminator(image_shape, base_filters, kernel_size):
    """Strided convolutions and one linear unit: a logit for each image."""
    _, doublings = power_of_two_pyramid(image_shape[0])
    x = images = keras.Input(image_shape)
    for i in range(doublings):
        filters = base_filters * 2**i
        x = layers.Conv2D(filters, **_conv_options(kernel_size))(x)
        x = layers.LeakyReLU(0.2)(_norm()(x) if i else x)
    x = layers.Dense(1, **_options())(layers.Flatten()(x))
    return keras.Model(images, x, name="discriminator")


@keras.saving.register_keras_serializable(package="keras_gen")
class DCGAN(AdversarialModel):
    """Deep convolutional generative adversarial network.

    The defaults are the paper's model of faces: 64x64 images, kernels of 5,
    filters of 1024 to 128, uniform latents. `kernel_size=4, base_filters=64,
    latent_distribution="normal"` is the authors' Torch implementation, the
    one most often reproduced.

    Args:
        image_shape: Tuple `(height, width, channels)`, square, with a side
            that is at least 8 and even: it is halved down to a side of 4 to
            7 or to an odd one. Values in [-1, 1].
        latent_dim: Integer. The number of latent variables.
        base_filters: Integer. Filters of the discriminator's first and of
            the generator's last hidden convolution; they double as the
            feature maps are halved.
        kernel_size: 5 or 4. With 5, TensorFlow's "same" padding is one pixel
            to one side of the symmetric padding of the paper's code.
        latent_distribution: `"uniform"` for U(-1, 1), or `"normal"`.
        ema_decay: Float in [0, 1) or `None`. If given, samples come from an
            exponential moving average of the generator's weights.
        generator: `keras.Model` from latents to images.
        discriminator: `keras.Model` from images to logits of shape
            `(batch, 1)`.
        seed: Integer or `None`.

    Example:

    ```python
    model = keras_gen.DCGAN(image_shape=(28, 28, 1), base_filters=64)
    model.compile()
    model.fit(images, batch_size=64, epochs=10)
    samples = model.sample(64, seed=0)
    ```

    Arithmetic on latents works on averages of several samples:

    ```python
    z = smiling_woman.mean(0) - neutral_woman.mean(0) + neutral_man.mean(0)
    image = model.generate(z[None])
    ```

    Reference:

    - [Radford et al., 2016](https://arxiv.org/abs/1511.06434)
    """

    players = {
        "discriminator": ["discriminator"],
        "generator": ["generator"],
    }
    value_range = (-1.0, 1.0)

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (64, 64, 3),
        latent_dim: int = 100,
        base_filters: int = 128,
        kernel_size: int = 5,
        latent_distribution: str = "uniform",
        ema_decay: float | None = None,
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(
            latent_dim, latent_distribution, ema_decay, seed, **kwargs
        )
        self.image_shape = tuple(image_shape)
        if kernel_size not in (4, 5):
            raise ValueError(
                "`kernel_size` must be 5 (the paper) or 4 (its Torch code). "
                f"Received: kernel_size={kernel_size}."
            )
        height, width, _ = self.image_shape
        given = generator is not None and discriminator is not None
        if not given and (
            height != width or power_of_two_pyramid(height)[1] == 0
        ):
            raise ValueError(
                "`image_shape` must be square with an even side of at least "
                f"8. Received: image_shape={self.image_shape}. Pad or resize "
                "the images, or pass your own `generator` and "
                "`discriminator`."
            )
        with self.building_scope():
            self.generator = generator or dcgan_generator(
                self.image_shape, latent_dim, base_filters, kernel_size
            )
            self.discriminator = discriminator or dcgan_discriminator(
                self.image_shape, base_filters, kernel_size
            )
        if generator is not None:
            # Only the user knows what their own network makes.
            self.value_range = None
        check_generator(self.generator, self.image_shape)
        self.average_generator()

    def default_optimizers(self):
        return {
            player: keras.optimizers.Adam(2e-4, beta_1=0.5, epsilon=1e-8)
            for player in self.players
        }

    def scores(self, images, training):
        """The discriminator's logits, of shape `(batch,)`."""
        logits = self.discriminator(images, training=training)
        return at_least_float32(ops.squeeze(logits, axis=-1))

    def discriminator_loss(self, real, z, training):
        fake = ops.stop_gradient(self.generator(z, training=training))
        return adversarial.logistic_discriminator(
            self.scores(real, training), self.scores(fake, training)
        )

    def generator_loss(self, z, training):
        fake = self.generator(z, training=training)
        return adversarial.non_saturating_generator(self.scores(fake, training))

    def training_step(self, batch):
        size = ops.shape(batch.x)[0]
        z = self.draw_latents(size)
        self.minimize(
            "discriminator", lambda: self.discriminator_loss(batch.x, z, True)
        )
        z = self.draw_latents(size)
        self.minimize("generator", lambda: self.generator_loss(z, True))
        self.update_generator_average()

    def evaluation_step(self, batch):
        z = self.draw_latents(ops.shape(batch.x)[0])
        self.log(
            discriminator_loss=self.discriminator_loss(batch.x, z, False),
            generator_loss=self.generator_loss(z, False),
        )

    def features(self, images, batch_size: int = 256) -> np.ndarray:
        """The discriminator's features, for a linear classifier.

        Each convolution's activations are max-pooled to a grid of 4x4,
        flattened and joined. Where 4 does not divide a side, the windows
        overlap by a pixel.

        Args:
            images: Array of shape `(n, *image_shape)`.
            batch_size: Integer.

        Returns:
            Array of shape `(n, features)`.
        """
        activations = [
            layer.output
            for layer in self.discriminator.layers
            if isinstance(layer, layers.LeakyReLU)
        ]
        if not activations:
            raise ValueError(
                "Features are the activations of the discriminator's "
                "`keras.layers.LeakyReLU` layers. Received a discriminator "
                "without any. Build one with such layers, or read your own "
                "network's layers."
            )
        trunk = keras.Model(self.discriminator.inputs, activations)

        def pooled(images):
            maps = trunk(images, training=False)
            maps = maps if isinstance(maps, list | tuple) else [maps]
            return ops.concatenate([_pool_to_grid(x) for x in maps], axis=-1)

        images = np.asarray(images, "float32")
        return self.run_batched(pooled, images, batch_size=batch_size)


def _pool_to_grid(x, side=4):
    x = at_least_float32(x)
    for axis in (1, 2):
        size = x.shape[axis]
        count = min(side, size)
        lines = ops.moveaxis(x, axis, 0)
        windows = [
            lines[i * size // count : -(-(i + 1) * size // count)]
            for i in range(count)
        ]
        x = ops.stack([ops.max(w, axis=0) for w in windows], axis=axis)
    return ops.reshape(x, (ops.shape(x)[0], -1))
