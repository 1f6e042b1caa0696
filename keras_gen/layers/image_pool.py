"""A pool of generated images, from which a discriminator is shown old ones."""

import keras
from keras import ops

from keras_gen.backend import gather
from keras_gen.backend.noise import own_rows
from keras_gen.checks import check_positive


@keras.saving.register_keras_serializable(package="keras_gen")
class ImagePool(keras.layers.Layer):
    """Returns, for half of the images, one that was generated earlier.

    The pool is filled by the first images, which are returned as they are.
    After that each image is returned with probability 1/2; otherwise a random
    image of the pool is, and the new one takes its place. The pool is a
    weight of the layer, saved and resumed with the model.

    With `half`, the second half of a batch is exchanged for random images of
    the pool, and the new ones take random places, whichever was returned.

    Images of one batch are exchanged with different places of the pool, so
    that `size` must be at least the batch size. Workers that share a global
    batch keep the same pool of the images of all.

    Args:
        size: Integer. The number of images that are kept; 0 for no pool.
        image_shape: Tuple. The shape of one image.
        half: Boolean. Whether exactly half of the images are exchanged, as
            the history of refined images of Shrivastava et al. has it.
        seed: `keras.random.SeedGenerator`, integer or `None`.

    Call arguments:
        inputs: Tensor of shape `(batch, *image_shape)`.
        training: Boolean. Outside of training the images are returned as
            they are, and the pool stays.

    Example:

    ```python
    pool = keras_gen.layers.ImagePool(50, (256, 256, 3))
    shown = pool(fake, training=True)
    ```

    Reference:

    - [Shrivastava et al., 2017](https://arxiv.org/abs/1612.07828)
    - [Zhu et al., 2017](https://arxiv.org/abs/1703.10593)
    """

    def __init__(
        self, size: int, image_shape, half: bool = False, seed=None, **kwargs
    ):
        super().__init__(**kwargs)
        if size:
            check_positive(size=size)
        self.size = size
        self.image_shape = tuple(image_shape)
        self.half = half
        self.seed = seed
        self.seed_generator = (
            seed
            if isinstance(seed, keras.random.SeedGenerator)
            else keras.random.SeedGenerator(seed)
        )
        if size:
            self.images = self.add_weight(
                shape=(size, *self.image_shape),
                initializer="zeros",
                trainable=False,
                dtype=self.variable_dtype,
                name="images",
            )
            self.filled = self.add_weight(
                shape=(),
                initializer="zeros",
                trainable=False,
                dtype="int32",
                name="filled",
            )
        self.built = True

    def call(self, inputs, training=False):
        if not training or not self.size:
            return inputs
        new = gather(ops.stop_gradient(inputs))
        batch = ops.shape(new)[0]
        if isinstance(batch, int) and batch > self.size:
            raise ValueError(
                "`size` of an ImagePool must be at least the batch size. "
                f"Received: size={self.size} and a batch of {batch}. Enlarge "
                "the pool."
            )
        pool = ops.convert_to_tensor(self.images.value)
        filled = ops.convert_to_tensor(self.filled.value)
        seed = self.seed_generator
        if self.half:
            coin = ops.arange(batch) >= (batch + 1) // 2
        else:
            coin = keras.random.uniform((batch,), seed=seed) < 0.5
        # Random places, all different; while the pool is filled, the next.
        chosen = self._draw_places(batch)
        following = filled + ops.arange(batch, dtype="int32")
        exchanged = ops.logical_and(filled >= self.size, coin)
        stored = ops.logical_or(following < self.size, exchanged)
        places = ops.where(filled >= self.size, chosen, following % self.size)

        replaced = ops.take(pool, places, axis=0)
        old = replaced
        if self.half:
            old = ops.take(pool, self._draw_places(batch), axis=0)
        outputs = ops.where(
            self._by_image(own_rows(exchanged)),
            ops.cast(own_rows(old), inputs.dtype),
            inputs,
        )
        kept = ops.where(
            self._by_image(stored), ops.cast(new, pool.dtype), replaced
        )
        self.images.assign(ops.scatter_update(pool, places[:, None], kept))
        self.filled.assign(ops.minimum(filled + batch, self.size))
        return outputs

    def _draw_places(self, batch):
        draws = keras.random.uniform((self.size,), seed=self.seed_generator)
        return ops.cast(ops.argsort(draws)[:batch], "int32")

    def _by_image(self, flags):
        return ops.reshape(flags, (-1, *[1] * len(self.image_shape)))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        seed = self.seed if isinstance(self.seed, int) else None
        return {
            **super().get_config(),
            "size": self.size,
            "image_shape": self.image_shape,
            "half": self.half,
            "seed": seed,
        }
