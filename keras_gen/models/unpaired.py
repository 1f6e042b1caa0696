"""Base class of the models of two domains whose examples are not paired."""

from functools import partial

import keras

from keras_gen.backend.precision import at_least_float32
from keras_gen.engine import Batch, Examples
from keras_gen.models.translation import AdversarialTranslationModel


class UnpairedTranslationModel(AdversarialTranslationModel):
    """Generators from each of two domains to the other, and discriminators.

    `discriminator_b` is shown what `generator_ab` generates.

    A subclass calls `add_networks` in its constructor.
    """

    players = {
        "generator": ["generator_ab", "generator_ba"],
        "discriminator": ["discriminator_a", "discriminator_b"],
    }
    directions = {"ab": "generator_ab", "ba": "generator_ba"}
    shape_argument = "image_shape"

    def add_networks(
        self, shapes, given, generator, discriminator, outputs
    ) -> None:
        """Adds the networks of `players`, the user's or the model's own.

        Args:
            shapes: Dictionary from each domain to the shape of its examples.
            given: Dictionary from each network's name to that of the user, or
                `None`.
            generator: Function of the shapes of the source and of the target,
                and of `name`.
            discriminator: Function of a shape, and of `name`.
            outputs: List of the shapes of the discriminators' outputs, as
                `network_of` takes it, of which the first are scores.
        """
        self.shapes = shapes
        used = keras.tree.flatten(list(self.players.values()))
        for direction in ("ab", "ba"):
            source, target = (shapes[domain] for domain in direction)
            name = f"generator_{direction}"
            new = partial(generator, source, target, name=name)
            network = self.network_of(
                name, given[name], new, [source], [target], used=name in used
            )
            setattr(self, name, network)
        for domain, shape in shapes.items():
            name = f"discriminator_{domain}"
            new = partial(discriminator, shape, name=name)
            network = self.network_of(
                name, given[name], new, [shape], outputs, 1, name in used
            )
            setattr(self, name, network)

    def data_spec(self):
        name = self.shape_argument
        return Batch(
            x=Examples(self.shapes["a"], name, self.value_range),
            y=Examples(self.shapes["b"], f"{name}_b", self.value_range),
        )

    def discriminate_step(self, domain, x, training=False):
        """What the discriminator of a domain returns of examples."""
        outputs = getattr(self, f"discriminator_{domain}")(x, training=training)
        return keras.tree.map_structure(at_least_float32, outputs)

    def generated(self, batch, training):
        """The generated examples by their domains."""
        sources = dict(zip("ab", batch, strict=True))
        return {
            direction[1]: self.translate_step(
                sources[direction[0]], direction, training=training
            )
            for direction in self.directions
        }
