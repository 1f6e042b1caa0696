"""Base class of the models that learn a translation from pairs."""

import keras
from keras import ops

from keras_gen.engine import Batch, Examples
from keras_gen.models.translation import TranslationModel


class PairedTranslationModel(TranslationModel):
    """A generator from examples `a` to the examples `b` that belong to them.

    Both players are updated from the same generated examples: the generator
    against the discriminator before its update.

    A subclass sets:
        shape_a, shape_b: The shapes of the examples.
        shape_arguments: The arguments of the model that set them.

    A subclass defines:
        generated: `(batch, training)`, what the discriminator is shown.
        loss_of_generator: `(batch, training)`, its loss, and what it
            generated.
        loss_of_discriminator: `(batch, fake, training)`, its loss of what was
            generated.
    """

    players = {"generator": ["generator"], "discriminator": ["discriminator"]}
    directions = {"ab": "generator"}
    shape_arguments = ("image_shape", "output_channels")
    value_range = (-1.0, 1.0)
    must_define = (
        "generated",
        "loss_of_generator",
        "loss_of_discriminator",
    )

    def data_spec(self):
        shapes = (self.shape_a, self.shape_b)
        given = zip(shapes, self.shape_arguments, strict=True)
        return Batch(*(Examples(*each, self.value_range) for each in given))

    def default_optimizer(self):
        return keras.optimizers.Adam(2e-4, beta_1=0.5, epsilon=1e-8)

    def generated(self, batch, training):
        """A structure of generated examples."""
        raise NotImplementedError(f"{type(self).__name__} needs `generated`.")

    def loss_of_generator(self, batch, training):
        """Its loss, and the structure of generated examples."""
        raise NotImplementedError(
            f"{type(self).__name__} needs `loss_of_generator`."
        )

    def loss_of_discriminator(self, batch, fake, training):
        """Its loss of a structure of generated examples."""
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

    def training_step(self, batch):
        _, fake = self.minimize(
            "generator", lambda: self.loss_of_generator(batch, training=True)
        )
        self.minimize(
            "discriminator",
            lambda: self.loss_of_discriminator(batch, fake, training=True),
        )
