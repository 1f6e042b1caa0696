"""The deep convolutional generative adversarial network.

A. Radford, L. Metz and S. Chintala, "Unsupervised Representation Learning
with Deep Convolutional Generative Adversarial Networks", ICLR 2016,
https://arxiv.org/abs/1511.06434

With `l` the discriminator's logit and `softplus(t) = log(1 + exp(t))`, the
players minimize

    L_D = E_x[softplus(-l(x))] + E_z[softplus(l(G(z)))],
    L_G = E_z[softplus(-l(G(z)))].

The discriminator sees real and generated images in separate passes, so that
batch normalization treats each separately.
"""

from functools import partial

import keras
import numpy as np
from keras import layers, ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_option, check_positive
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.networks.dcgan import dcgan_discriminator, dcgan_generator


@keras.saving.register_keras_serializable(package="keras_gen")
class DCGAN(AdversarialModel):
    """Deep convolutional generative adversarial network.

    The defaults are the paper's model of faces: 64x64 images, kernels of 5,
    filters of 1024 to 128, uniform latents. The preset `"torch"` is the
    authors' Torch implementation, the one most often reproduced.

    Args:
        image_shape: Tuple `(height, width, channels)`, with sides that are at
            least 8 and even: both are halved as long as they are. Values in
            [-1, 1].
        base_filters: Integer. Filters of the discriminator's first and of
            the generator's last hidden convolution; they double as the
            feature maps are halved.
        kernel_size: Integer. 5, as in the paper, or 4, as in its Torch code.
            With 5, TensorFlow's "same" padding is one pixel to one side of
            the symmetric padding of the paper's code.
        dense_units: Integer or `None`. Units of a dense layer between the
            latents and the projection, and of one before the logit, where the
            authors' conditional networks of MNIST have one of 1024. The
            paper's have none.

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
    """

    value_range = (-1.0, 1.0)
    defaults = {"prior": "uniform"}
    presets = {
        "torch": {"kernel_size": 4, "base_filters": 64, "prior": "normal"},
        "small": {"base_filters": 32, "dense_units": 512, "ema_decay": 0.999},
        "smoke": {"base_filters": 8, "dense_units": 32},
    }

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (64, 64, 3),
        base_filters: int = 128,
        kernel_size: int = 5,
        dense_units: int | None = None,
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("kernel_size", kernel_size, (4, 5))
        self.image_shape = shape = tuple(image_shape)
        if dense_units is not None:
            check_positive(dense_units=dense_units)
        sizes = {
            "base_filters": base_filters,
            "kernel_size": kernel_size,
            "dense_units": dense_units,
        }
        build = partial(dcgan_generator, shape, self.latent_dim, **sizes)
        self.generator = self.network_of(
            "generator", generator, build, outputs=[shape]
        )
        build = partial(dcgan_discriminator, shape, **sizes)
        self.discriminator = self.network_of(
            "discriminator", discriminator, build, [shape], [(1,)], logits=1
        )

    def default_optimizer(self):
        return keras.optimizers.Adam(2e-4, beta_1=0.5, epsilon=1e-8)

    def features(self, x, *, batch_size: int = 256) -> np.ndarray:
        """The discriminator's features `(n, size)`, for a linear classifier.

        Each convolution's activations are max-pooled to a grid of 4x4,
        flattened and concatenated. Where 4 does not divide a side, the
        windows overlap by a pixel.
        """
        found, kind = self.discriminator.layers, layers.LeakyReLU
        activations = [
            x.output
            for x in found
            if isinstance(x, kind) and len(x.output.shape) == 4
        ]
        if not activations:
            raise ValueError(
                "`discriminator` must have `keras.layers.LeakyReLU` layers "
                "after convolutions, whose activations the features are. "
                "Received: one without. "
                "Build one with such layers, or read your own network's."
            )
        trunk = keras.Model(self.discriminator.inputs, activations)

        def pooled(images):
            maps = keras.tree.flatten(trunk(images, training=False))
            return ops.concatenate([adaptive_max_pool(x) for x in maps], -1)

        return self.run(pooled, x, batch_size=batch_size)


def adaptive_max_pool(x, side=4):
    """Max pooling of feature maps to `side` x `side`, flattened."""
    x = at_least_float32(x)
    for axis in (1, 2):
        size = x.shape[axis]
        count = min(side, size)
        first = ops.moveaxis(x, axis, 0)
        windows = [
            first[i * size // count : -(-(i + 1) * size // count)]
            for i in range(count)
        ]
        x = ops.stack([ops.max(w, axis=0) for w in windows], axis=axis)
    return ops.reshape(x, (ops.shape(x)[0], -1))
