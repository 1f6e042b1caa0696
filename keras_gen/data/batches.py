"""What happens to one batch on its way to the model."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from keras_gen.data import images, seeds
from keras_gen.data.augmentation import Augmentation


class BatchMaker:
    """Makes the batch that stands at one step of one epoch.

    Random numbers are drawn for the whole batch, from seeds folded from its
    epoch and step, and each shard takes the rows that are its own.

    Args:
        spec: Dict from the name of a feature to the `tf.TensorSpec` of one
            example's.
        value_range: Pair of floats, what black and white become.
        binarize: `None`, `"threshold"` or `"dynamic"`.
        dequantize: Boolean.
        augment: `Augmentation` objects and callables `fn(images, seed)`.
        seed: Integer.
        batch_size: Integer, or `None` where it varies.
        shard: Pair `(index, count)`, or `None`.
    """

    def __init__(
        self,
        spec: dict[str, tf.TensorSpec],
        *,
        value_range: tuple[float, float],
        binarize: str | None,
        dequantize: bool,
        augment: Sequence[Augmentation | Callable],
        seed: int,
        batch_size: int | None,
        shard: tuple[int, int] | None,
    ):
        self.spec = spec
        self.low, self.high = _check_range(value_range)
        self.binarize = binarize
        self.dequantize = dequantize
        self.augment = tuple(augment)
        self.seed = seed
        self.batch_size = batch_size
        index, count = shard or (0, 1)
        self.rows_size = batch_size and batch_size // count
        self.rows = slice(None)
        if shard is not None:
            start = index * self.rows_size
            self.rows = slice(start, start + self.rows_size)
        # A callable sees the whole batch, so its rows are taken afterwards.
        self.needs_whole_batch = not all(
            isinstance(item, Augmentation) for item in self.augment
        )
        self._check_images()

    def __call__(
        self,
        epoch: tf.Tensor,
        step: tf.Tensor,
        batch: dict[str, tf.Tensor] | tf.Tensor,
        gather: Callable | None = None,
    ):
        """Makes the batch.

        Args:
            epoch: Integer scalar.
            step: Integer scalar, counted from the start of the epoch.
            batch: The examples of the batch as a dict of features, or their
                numbers if there is a `gather`.
            gather: Callable from numbers to a dict of features, or `None`.

        Returns:
            `x`, `(x, y)` or a dict, for one, two or more features.
        """
        if not self.needs_whole_batch:
            batch = self._take_rows(batch)
        example = batch if gather is None else gather(batch)
        made = {
            name: self._feature(index, name, example[name], epoch, step)
            for index, name in enumerate(self.spec)
        }
        values = tuple(made.values())
        if len(values) == 1:
            return values[0]
        return values if len(values) == 2 else made

    def _feature(self, index, name, feature, epoch, step):
        spec = self.spec[name]
        size = self.batch_size or tf.shape(feature)[0]
        if not images.is_image(spec):
            if self.needs_whole_batch:
                feature = self._take_rows(feature)
            feature.set_shape((self.rows_size, *spec.shape))
            return feature
        x = tf.cast(feature, "float32") / spec.dtype.max
        seed = seeds.fold(self.seed, seeds.AUGMENT, epoch, step)
        for place, change in enumerate(self.augment):
            x = self._change(change, x, size, seeds.fold_in(seed, place))
        if self.needs_whole_batch:
            x = self._take_rows(x)
        if self.dequantize:
            seed = seeds.fold(self.seed, seeds.DEQUANTIZE, epoch, step, index)
            noise = self._take_rows(seeds.uniform(seed, (size, *spec.shape)))
            x = (spec.dtype.max * x + noise) / (spec.dtype.max + 1.0)
        if self.binarize == "threshold":
            x = tf.cast(x > 0.5, "float32")
        elif self.binarize == "dynamic":
            seed = seeds.fold(self.seed, seeds.BINARIZE, epoch, step, index)
            noise = seeds.coarse_uniform(seed, (size, *spec.shape))
            x = tf.cast(self._take_rows(noise) < x, "float32")
        x.set_shape((self.rows_size, *spec.shape))
        if (self.low, self.high) == (0.0, 1.0):
            return x
        return x * (self.high - self.low) + self.low

    def _change(self, change, x, size, seed):
        if not isinstance(change, Augmentation):
            changed = change(x, seed)
            if not isinstance(changed, tf.Tensor):
                raise ValueError(
                    "A callable of `augment` should return a tensor of "
                    f"images. Received from {change}: {changed!r}"
                )
            return changed
        parameters = change.draw(size, seed)
        if not self.needs_whole_batch:
            parameters = tf.nest.map_structure(self._take_rows, parameters)
        if x.shape.rank == 4:
            return change.apply(x, parameters)
        # The frames of a video are changed alike.
        frames, shape = x.shape[1], x.shape
        parameters = tf.nest.map_structure(
            lambda drawn: tf.repeat(drawn, frames, axis=0), parameters
        )
        flat = tf.reshape(x, (-1, *shape[2:]))
        return tf.reshape(change.apply(flat, parameters), (-1, *shape[1:]))

    def _take_rows(self, batch):
        if self.rows == slice(None):
            return batch
        return tf.nest.map_structure(lambda rows: rows[self.rows], batch)

    def _check_images(self):
        if self.binarize not in (None, "threshold", "dynamic"):
            raise ValueError(
                "`binarize` should be None, 'threshold' or 'dynamic'. "
                f"Received: binarize={self.binarize!r}"
            )
        if self.dequantize and self.binarize is not None:
            raise ValueError(
                "An image is binarised or dequantised. Received: binarize="
                f"{self.binarize!r}, dequantize=True. Choose one."
            )
        for change in self.augment:
            if not callable(change) and not isinstance(change, Augmentation):
                raise ValueError(
                    "`augment` should hold names, objects of "
                    "`augmentation()` or callables `fn(images, seed)`. "
                    f"Received: {change!r}"
                )
        for name, spec in self.spec.items():
            if spec.dtype.is_floating and spec.shape.rank in (3, 4):
                raise ValueError(
                    f"The feature {name!r} looks like images of floats, whose "
                    "range is not known. Images must be integers (uint8 or "
                    "uint16) to be scaled and resized. Received: "
                    f"{spec}. Map it to uint8 first."
                )
        wants_images = self.binarize or self.dequantize or self.augment
        if wants_images and not any(map(images.is_image, self.spec.values())):
            raise ValueError(
                "`binarize`, `dequantize` and `augment` are for integer images "
                "(uint8 or uint16), and none of the features is one. Received: "
                f"{self.spec}"
            )


def _check_range(value_range):
    valid = isinstance(value_range, (tuple, list)) and len(value_range) == 2
    if not valid or not value_range[0] < value_range[1]:
        raise ValueError(
            "`value_range` should be a pair (low, high) with low < high, such "
            f"as (0, 1) or (-1, 1). Received: value_range={value_range!r}"
        )
    return float(value_range[0]), float(value_range[1])
