"""Base class of the models that carry images from one domain to another."""

import typing

import numpy as np

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_option
from keras_gen.engine import GenerativeModel, Signature, Spec
from keras_gen.models.conditioning import Conditional


class TranslationModel(Conditional, GenerativeModel):
    """Networks from one domain to another.

    `fit(x, y)` takes examples of the domain `a` as `x` and of the domain `b`,
    if there are two, as `y`. Where they are not paired, zip two pipelines by
    `keras_gen.data.zipped`.

    A subclass sets:
        directions: Dictionary from the name of each direction to the name of
            the attribute that holds its network, the principal one first.
            Names that begin with `b`, such as `"ba"`, are of networks that
            read `y`; the others read `x`.
        condition: What a translation is conditioned on: `None`, `Labels`,
            `Attributes` or `Vector`.

    A subclass defines:
        data_spec, and the losses of its players.
    """

    directions: typing.ClassVar[dict[str, str]] = {}
    must_set = ("directions",)

    def source_spec(self, direction: str) -> Spec:
        """What a direction reads."""
        spec = self.data_spec()
        return spec.y if direction.startswith("b") else spec.x

    def translate_step(self, x, direction, condition=None, training=False):
        """The batch of the other domain."""
        network = getattr(self, self.directions[direction])
        inputs = x if condition is None else [x, condition]
        return at_least_float32(network(inputs, training=training))

    def call(self, inputs, training=False):
        """Translates in the first direction."""
        x, condition = inputs if self.condition else (inputs, None)
        direction = next(iter(self.directions))
        return self.translate_step(x, direction, condition)

    def translate(
        self,
        x,
        *,
        direction: str | None = None,
        labels=None,
        batch_size: int = 256,
    ) -> np.ndarray:
        """Carries examples to another domain.

        Args:
            x: Array of `n` examples.
            direction: String. A key of `directions`; the first by default.
            labels: Array of what each translation is conditioned on, or one
                for all, for a conditional model.
            batch_size: Integer.

        Returns:
            Array of `n` examples.
        """
        if direction is None:
            direction = next(iter(self.directions))
        check_option("direction", direction, self.directions)
        spec = self.source_spec(direction)
        x = spec.array(type(self).__name__, "x", x)

        def step(x, *condition):
            return self.translate_step(x, direction, *condition)

        conditions = self.conditions_of(labels, len(x))
        return self.run_batched(step, x, *conditions, batch_size=batch_size)

    def signatures(self):
        def signature(direction):
            def translate(x, *condition):
                return self.translate_step(x, direction, *condition)

            inputs = {
                "x": self.source_spec(direction),
                **self.condition_inputs(),
            }
            return Signature(translate, inputs, ("translated",))

        named = {f"translate_{d}": signature(d) for d in self.directions}
        first = next(iter(named.values()))
        return {"serving_default": first, **named}

    def served_networks(self):
        return [getattr(self, name) for name in self.directions.values()]
