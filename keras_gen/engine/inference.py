"""What a model's public methods compute: steps on arrays and on data sets."""

import keras
import numpy as np

from keras_gen.backend import pipelines
from keras_gen.checks import check_positive
from keras_gen.engine.arrays import as_numpy
from keras_gen.engine.batched import batches_of, run_batched, run_batches
from keras_gen.engine.data_spec import Batch, map_spec
from keras_gen.engine.specs import Spec


class Inference:
    """Batched inference on checked data. Mixed into `GenerativeModel`."""

    def as_examples(self, x):
        """Arrays in the type and the shape of `data_spec().x`, checked.

        Of a data set of batches, those of all its examples.
        """
        if pipelines.is_pipeline(x):
            parts = [part for part, *_ in self.example_batches(x)]
            return keras.tree.map_structure(
                lambda *arrays: np.concatenate(arrays), *parts
            )
        return map_spec(self.as_array, self.data_spec().x, x, "x")

    def example_batches(
        self, x, *others, batch_size: int = 256, spec=None, labeled=False
    ):
        """Batches of examples, in the type and the shape of the data.

        Nothing but a batch is in memory, of a file that is mapped too.

        Args:
            x: Array, or a data set of batches, which stay as they are.
            *others: Arrays that go with the examples.
            spec: Spec that the values are checked against, or `None`.
            labeled: Boolean. Whether the labels that a data set brings go
                with its examples.

        Yields:
            Tuples of arrays.
        """
        if pipelines.is_pipeline(x):
            parts = self._batches_of_pipeline(x, labeled)
        else:
            map_spec(self._check_shape, self.data_spec().x, x, "x")
            parts = batches_of(as_numpy(x), *others, batch_size=batch_size)
        for part, *rest in parts:
            if spec is not None:
                self._check(Batch(part), Batch(spec))
            yield self.as_examples(part), *rest

    def _batches_of_pipeline(self, source, labeled):
        for x, y in self.data_batches(source):
            given = ()
            if labeled and y is not None:
                given = self.conditions_of(as_numpy(y), len(x))
            yield x, *given

    def data_batches(self, source):
        """The pairs `x` and `y` that a data set of batches brings to `fit`."""
        if pipelines.is_endless(source):
            raise ValueError(
                "`x` must have an end. Received: data without one. Pass "
                "`x.take(batches)`."
            )
        for data in pipelines.batches(source):
            x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
            yield x, y

    def as_array(self, name: str, spec: Spec, value) -> np.ndarray:
        """An argument in the type and the shape of a spec, checked."""
        return spec.array(type(self).__name__, name, value)

    def _check_shape(self, name, spec, leaf):
        spec.check_shape(type(self).__name__, name, leaf.shape)

    run_batched = staticmethod(run_batched)

    def run(
        self,
        step,
        x,
        *others,
        batch_size: int = 256,
        spec: Spec | None = None,
        labeled: bool = False,
    ):
        """Applies a step to examples, checked and in batches.

        Args:
            step: Function of a batch, and of batches of `others`.
            *others: Arrays that go with the examples.
            spec: Spec that the values are checked against, or `None`.
            labeled: Boolean. Whether the labels that a data set brings go
                with its examples.

        Returns:
            The structure of NumPy arrays.
        """
        check_positive(batch_size=batch_size)
        total = None
        if not pipelines.is_pipeline(x):
            if spec is not None:
                self._check(Batch(x), Batch(spec))
            spec, total = None, len(x)
        batches = self.example_batches(
            x, *others, batch_size=batch_size, spec=spec, labeled=labeled
        )
        return run_batches(step, batches, total, type(self).__name__)
