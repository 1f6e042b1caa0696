"""Base class of the models that carry images from one domain to another."""

import math
import typing

import keras
import numpy as np
from keras import ops

from keras_gen.backend import noise
from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_option
from keras_gen.engine import GenerativeModel, Signature, Spec
from keras_gen.engine.batched import batches_of, run_batches
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

    A subclass whose translations are random sets and defines:
        normal_noise: Boolean. Whether what is drawn for a translation is from
            N(0, 1), or from U(0, 1).
        noise_shapes: `(direction)`, the shapes, without the batch, of what is
            drawn.
        translate_step: With the argument `noise`, a sequence of such tensors,
            or `None` for a translation without noise, which is what is served.
    """

    directions: typing.ClassVar[dict[str, str]] = {}
    normal_noise: typing.ClassVar[bool] = False
    must_set = ("directions",)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.noise_seed = self.seed_generator("noise")

    def source_spec(self, direction: str) -> Spec:
        """What a direction reads."""
        spec = self.data_spec()
        return spec.y if direction.startswith("b") else spec.x

    def noise_shapes(self, direction: str) -> list[tuple]:
        """The shapes of the noise of a translation, without the batch."""
        return []

    def draw_noise(self, x, direction: str) -> list:
        """Noise for each example of a batch."""
        n = ops.shape(x)[0]
        draw = noise.normal if self.normal_noise else noise.uniform
        return [
            draw((n, *shape), self.noise_seed)
            for shape in self.noise_shapes(direction)
        ]

    def translate_step(
        self, x, direction, condition=None, training=False, noise=None
    ):
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
        seed: int | None = None,
        batch_size: int = 256,
    ) -> np.ndarray:
        """Carries examples to another domain.

        Args:
            x: Array of `n` examples.
            direction: String. A key of `directions`; the first by default.
            labels: Array of what each translation is conditioned on, or one
                for all, for a conditional model.
            seed: Integer or `None`. With the same seed the noise of a random
                translation is the same, whatever the batch size.
            batch_size: Integer.

        Returns:
            Array of `n` examples.
        """
        if direction is None:
            direction = next(iter(self.directions))
        check_option("direction", direction, self.directions)
        spec = self.source_spec(direction)
        x = spec.array(type(self).__name__, "x", x)
        given = self.conditions_of(labels, len(x))

        def step(x, *condition, noise):
            return self.translate_step(x, direction, *condition, noise=noise)

        return self.run_noisy(
            step,
            x,
            *given,
            direction=direction,
            seed=seed,
            batch_size=batch_size,
        )

    def run_noisy(
        self, step, *arrays, direction="ab", seed=None, batch_size=256
    ):
        """Applies a step to batches, with the noise of a translation.

        Args:
            step: Function of a batch of each array, and of `noise`, which is
                `None` if the direction has none.
            *arrays: Arrays of as many examples.
            direction: String. A key of `directions`.
            seed: Integer or `None`. With the same seed the noise is the same,
                whatever the batch size.
            batch_size: Integer.

        Returns:
            The structure of NumPy arrays.
        """
        shapes = self.noise_shapes(direction)

        def run(*tensors):
            part, noise = tensors[: len(arrays)], tensors[len(arrays) :]
            return step(*part, noise=noise or None)

        def batches():
            rng = np.random.default_rng(self._noise_key(seed, shapes))
            for part in batches_of(*arrays, batch_size=batch_size):
                drawn = self._drawn(rng, len(part[0]), shapes)
                yield *part, *drawn

        name = type(self).__name__
        return run_batches(run, batches(), len(arrays[0]), name)

    def _noise_key(self, seed, shapes):
        if seed is not None or not shapes:
            return seed
        key = keras.random.randint((), 0, 2**31 - 1, seed=self.noise_seed)
        return int(ops.convert_to_numpy(key))

    def _drawn(self, rng, n, shapes):
        """Noise of `n` examples, which follow each other in what is drawn."""
        if not shapes:
            return []
        sizes = [math.prod(shape) for shape in shapes]
        draw = rng.standard_normal if self.normal_noise else rng.random
        flat = draw((n, sum(sizes)), dtype="float32")
        parts = np.split(flat, np.cumsum(sizes)[:-1], axis=1)
        return [
            part.reshape(n, *shape)
            for part, shape in zip(parts, shapes, strict=True)
        ]

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


class AdversarialTranslationModel(TranslationModel):
    """Generators whose translations discriminators judge.

    A subclass defines:
        generated: `(batch, training)`, a structure of the examples that the
            discriminators are shown.
        loss_of_generator: `(batch, training)`, the generators' loss, and what
            they generated.
        loss_of_discriminator: `(batch, fake, training)`, the discriminators'
            loss of what was generated.
    """

    must_define = (
        "generated",
        "loss_of_generator",
        "loss_of_discriminator",
    )

    def default_optimizer(self):
        return keras.optimizers.Adam(2e-4, beta_1=0.5, epsilon=1e-8)

    def generated(self, batch, training):
        """A structure of generated examples."""
        raise NotImplementedError(f"{type(self).__name__} needs `generated`.")

    def loss_of_generator(self, batch, training):
        """The generators' loss, and the structure of generated examples."""
        raise NotImplementedError(
            f"{type(self).__name__} needs `loss_of_generator`."
        )

    def loss_of_discriminator(self, batch, fake, training):
        """The discriminators' loss of generated examples."""
        raise NotImplementedError(
            f"{type(self).__name__} needs `loss_of_discriminator`."
        )

    def generator_loss(self, batch, training):
        return self.loss_of_generator(batch, training)[0]

    def discriminator_loss(self, batch, training):
        fake = keras.tree.map_structure(
            ops.stop_gradient, self.generated(batch, training)
        )
        return self.loss_of_discriminator(batch, fake, training)
