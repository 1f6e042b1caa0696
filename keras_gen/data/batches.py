"""What happens to one batch on its way to the model."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from keras_gen.data import checks, images, seeds
from keras_gen.data.augmentation import Augmentation


class BatchMaker:
    """Makes the batch of one step of one epoch.

    Noise is drawn for the whole batch, from seeds folded from its epoch and
    step, and each shard takes its rows.

    Args:
        spec: Dict from the name of a feature to the `tf.TensorSpec` of one
            example's.
        pictures: Sequence of strings. The features that are images, of uint8,
            uint16 or float32 in [0, 1].
        value_range: Pair of floats. What black and white become; `None` for
            (0, 1) if there are images.
        binarize: String. `"threshold"` or `"dynamic"`, or `None`.
        dequantize: Boolean.
        augment: Sequence of `Augmentation` objects and callables
            `fn(images, seed)`.
        seed: Integer.
        batch_size: Integer, or `None` where it varies.
        shard: Pair `(index, count)`, or `None`.
    """

    def __init__(
        self,
        spec: dict[str, tf.TensorSpec],
        pictures: Sequence[str],
        *,
        value_range: tuple[float, float] | None,
        binarize: str | None,
        dequantize: bool,
        augment: Sequence[Augmentation | Callable],
        seed: int,
        batch_size: int | None,
        shard: tuple[int, int] | None,
    ):
        self.spec = spec
        self.pictures = tuple(pictures)
        self.value_range = value_range
        self.low, self.high = checks.check_range(
            (0.0, 1.0) if value_range is None else value_range
        )
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
        self._check_options()

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
                indices if there is a `gather`.
            gather: Callable from indices to a dict of features, or `None`.

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
        if name not in self.pictures:
            if self.needs_whole_batch:
                feature = self._take_rows(feature)
            feature.set_shape((self.rows_size, *spec.shape))
            return feature
        white = images.natural_maximum(spec.dtype)
        x = tf.cast(feature, "float32") / white
        seed = seeds.fold(self.seed, seeds.AUGMENT, epoch, step)
        for place, change in enumerate(self.augment):
            x = self._change(change, x, size, seeds.fold_in(seed, place))
        if self.needs_whole_batch:
            x = self._take_rows(x)
        if self.dequantize:
            seed = seeds.fold(self.seed, seeds.DEQUANTIZE, epoch, step, index)
            noise = self._take_rows(seeds.uniform(seed, (size, *spec.shape)))
            x = (white * x + noise) / (white + 1.0)
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
                    "A callable of `augment` must return a tensor of images. "
                    f"Received: {changed!r} from {change}."
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

    def _check_options(self):
        if self.binarize not in (None, "threshold", "dynamic"):
            raise ValueError(
                "`binarize` must be None, 'threshold' or 'dynamic'. "
                f"Received: binarize={self.binarize!r}."
            )
        if self.dequantize and self.binarize is not None:
            raise ValueError(
                "`dequantize` must be False for binarized images. Received: "
                f"binarize={self.binarize!r}, dequantize=True. Choose one."
            )
        for change in self.augment:
            if not callable(change) and not isinstance(change, Augmentation):
                raise ValueError(
                    "`augment` must hold names, objects of `augmentation()` "
                    f"or callables `fn(images, seed)`. Received: {change!r}."
                )
        for name in self.pictures:
            if self.dequantize and self.spec[name].dtype.is_floating:
                raise ValueError(
                    "`dequantize` must be False for images of floats. "
                    f"Received: dequantize=True, the feature {name!r} of "
                    f"{self.spec[name].dtype.name}. Pass the images as uint8."
                )
