"""How a model builds its networks, and whence all its randomness comes."""

import contextlib
import random
import threading
import typing
from collections.abc import Callable

import keras

from keras_gen.backend.seeds import derived_seed
from keras_gen.checks import check_option
from keras_gen.engine.ema import averaged_copy
from keras_gen.engine.own_networks import check_network, output_shapes

# The dtype policy and `random` are those of the whole process.
_ONE_AT_A_TIME = threading.RLock()


class Building:
    """Networks, seeds and presets of a model. Mixed into `GenerativeModel`."""

    presets: typing.ClassVar[dict[str, dict]] = {"paper": {}}

    @classmethod
    def from_preset(cls, preset: str, **arguments):
        """Builds a model of a named configuration.

        Args:
            preset: String. A key of `presets`; `"paper"` is that of the
                constructor's defaults.
            **arguments: Arguments of the constructor, in place of the
                preset's.

        Returns:
            The model.

        Example:

        ```python
        model = keras_gen.DCGAN.from_preset("small", image_shape=(28, 28, 1))
        ```
        """
        check_option("preset", preset, cls.presets)
        return cls(**{**cls.presets[preset], **arguments})

    def seed_generator(self, purpose: str) -> keras.random.SeedGenerator:
        """A seed generator for one purpose, independent of the others.

        Args:
            purpose: String. The use of the draws, such as `"latents"`.

        Returns:
            `keras.random.SeedGenerator`. Assign it to an attribute.
        """
        if self.seed is None:
            return keras.random.SeedGenerator()
        return keras.random.SeedGenerator(derived_seed(self.seed, purpose))

    def network_of(
        self,
        name: str,
        given: keras.layers.Layer | None,
        build: Callable[[], keras.layers.Layer],
        inputs: list[tuple] | None = None,
        outputs: list[tuple] | None = None,
        logits: int = 0,
        used: bool = True,
    ) -> keras.layers.Layer | None:
        """The user's network, or the model's own, built and checked.

        Args:
            name: String. The argument of the constructor.
            given: `keras.Model` of the user, or `None`.
            build: Function that builds the model's own: in the model's dtype
                policy, and from its seed.
            inputs: List of the shapes of the inputs, without the batch, or
                `None` for any; the last may be `...`, for any that follow.
            outputs: The same for the outputs.
            logits: Integer. How many of the outputs, the first ones, are
                logits or scores, which have no activation.
            used: Boolean. Whether the model's other arguments leave a use for
                it.

        Returns:
            The network, or `None` if it is not used. Assign it to an attribute.

        Raises:
            ValueError: If the user's network does not fit, or is not used.
        """
        if not used:
            if given is not None:
                raise ValueError(
                    f"`{name}` of {type(self).__name__} must be None where it "
                    f"is not used. Received: a {type(given).__name__}. Leave "
                    "it out, or change the arguments that it goes with."
                )
            return None
        if given is None:
            with self.building_scope():
                network = build()
        else:
            network = given
        owner = type(self).__name__
        expected = (inputs, outputs, logits)
        check_network(owner, name, network, *expected, given is not None)
        self._seed_layers(name, network)
        return network

    def output_sizes(
        self, name: str, network: keras.Model, inputs: list[tuple]
    ) -> list[int]:
        """The sizes of the last axis of a network's outputs.

        The arguments are those of `output_shapes`.
        """
        shapes = self.output_shapes(name, network, inputs)
        return [shape[-1] for shape in shapes]

    def output_shapes(
        self, name: str, network: keras.Model, inputs: list[tuple]
    ) -> list[tuple]:
        """The shapes of a network's outputs, without the batch.

        Args:
            name: String. The argument of the constructor.
            network: `keras.Model`, which is built if it was not.
            inputs: List of the shapes of the inputs, without the batch.
        """
        owner = type(self).__name__
        shapes = output_shapes(owner, name, network, inputs)
        return [tuple(shape[1:]) for shape in shapes]

    @contextlib.contextmanager
    def building_scope(self):
        """Builds layers in this model's dtype policy, from its seed."""
        with _ONE_AT_A_TIME:
            policy, state = keras.config.dtype_policy(), random.getstate()
            keras.config.set_dtype_policy(self.dtype_policy)
            if self.seed is not None:
                # What has no seed of its own, Keras seeds by Python's `random`.
                random.seed(f"{self.seed}/networks {self._scopes_opened}")
                self._scopes_opened += 1
            try:
                yield
            finally:
                keras.config.set_dtype_policy(policy)
                if self.seed is not None:
                    random.setstate(state)

    def average_of(self, name: str, network: keras.Model) -> keras.Model:
        """A frozen copy of a network, which holds the average of its weights.

        Args:
            name: String. The attribute of the network.
            network: `keras.Model`, which can be serialized.

        Returns:
            The copy. Assign it to an attribute, and call `update_average`
            after each update.
        """
        with self.building_scope():
            copy = averaged_copy(network)
        self._seed_layers(f"average of {name}", copy)
        return copy

    def _seed_layers(self, name, network):
        """Seeds the layers, such as dropout, that have no seed of their own.

        On PyTorch, Keras would draw for them from PyTorch's global generator,
        which neither follows the model's seed nor is saved.
        """
        generators = [
            generator
            for layer in network._flatten_layers()
            for generator in layer._seed_generators
        ]
        for index, generator in enumerate(generators):
            if generator._initial_seed is not None:
                continue
            seed = int(generator.state.value[0])
            if self.seed is not None:
                seed = derived_seed(self.seed, f"{name} {index}")
                generator.state.assign([seed, 0])
            generator._initial_seed = seed

    def build(self, input_shape=None):
        """Does nothing: the constructor has built all networks."""
