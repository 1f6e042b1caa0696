"""Models of examples of one shape, and what they can be conditioned on."""

import typing

import numpy as np

from keras_gen.backend import pipelines
from keras_gen.engine import Batch, Examples, GenerativeModel, Labels, Spec


class Conditional:
    """Mixed into a model that generates under a condition.

    Attributes:
        condition: `None`; `Labels` for a class, or `Vector`, such as a text
            embedding, for each sample.
    """

    condition: Spec | None = None

    def conditions_of(self, labels, n: int) -> tuple:
        """The condition of `n` samples, as a tuple of one array or of none.

        `labels` are `n` classes, or one for all, by default each in turn; or
        `n` vectors, or one for all.
        """
        owner = type(self).__name__
        if self.condition is not None:
            return (self.condition.conditions(owner, labels, n),)
        if labels is not None:
            raise ValueError(
                f"`labels` of {owner} must be None: it is not conditional. "
                f"Received: labels={labels!r}. Build it with `num_classes`, "
                "if it has that argument."
            )
        return ()

    def condition_inputs(self) -> dict[str, Spec]:
        """The served inputs that hold the condition."""
        if self.condition is None:
            return {}
        labels = isinstance(self.condition, Labels)
        return {"labels" if labels else "condition": self.condition}


class ExampleModel(Conditional, GenerativeModel):
    """A model of examples of one shape, perhaps under a condition.

    A subclass sets:
        input_shape (or what `shape_argument` names): The shape of an example.
        value_range: The range of the examples, or `None`.
        condition: `None`, `Labels` or `Vector`.
        labels_spec: The spec of what `fit` takes with the examples, if it is
            not the condition, such as `Labels` that may be missing.
    """

    shape_argument: typing.ClassVar[str] = "input_shape"
    value_range: tuple[float, float] | None = None
    labels_spec: Spec | None = None

    @property
    def example_shape(self) -> tuple[int, ...]:
        """The shape of an example."""
        return getattr(self, self.shape_argument)

    def examples_spec(self, **options) -> Examples:
        """The spec of arrays of examples."""
        options = {"value_range": self.value_range, **options}
        return Examples(self.example_shape, self.shape_argument, **options)

    def run_conditioned(self, step, x, labels, conditions_of, **options):
        """Runs a step of examples and of what they are conditioned on.

        Args:
            step: Function of a batch and, if there are any, its conditions.
            labels: Array of what each example is conditioned on, or `None`.
                A data set brings it itself.
            conditions_of: Function of `labels` and the number of examples, to
                a tuple of one array or of none.
            **options: Those of `run`.

        Returns:
            The structure of NumPy arrays.
        """
        if not pipelines.is_pipeline(x):
            given = conditions_of(labels, len(x))
            return self.run(step, x, *given, **{**options, "labeled": False})
        if labels is not None:
            raise ValueError(
                f"`labels` of {type(self).__name__} must be None with a data "
                "set, which brings them as `y`. Received: both."
            )
        return self.run(step, x, **options)

    def data_spec(self):
        given = self.labels_spec
        y = self.condition if given is None else given
        return Batch(x=self.examples_spec(), y=y)


def lines_between(start: np.ndarray, stop: np.ndarray, steps: int):
    """Points on the straight lines between pairs of vectors.

    From `(n, size)` to `(n, steps, size)`, both ends included.
    """
    if len(start) != len(stop):
        raise ValueError(
            "The two ends of lines must be as many. Received: "
            f"{len(start)} and {len(stop)} examples. Pass pairs."
        )
    fraction = np.linspace(0.0, 1.0, steps, dtype="float32")[:, None]
    return start[:, None] + fraction * (stop - start)[:, None]
