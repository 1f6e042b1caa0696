"""Base class of the models that learn a translation from pairs."""

from keras_gen.engine import Batch, Examples
from keras_gen.models.translation import AdversarialTranslationModel


class PairedTranslationModel(AdversarialTranslationModel):
    """A generator from examples `a` to the examples `b` that belong to them.

    Both players are updated from the same generated examples: the generator
    against the discriminator before its update.

    A subclass sets:
        shape_a, shape_b: The shapes of the examples.
        shape_arguments: The arguments of the model that set them.
    """

    players = {"generator": ["generator"], "discriminator": ["discriminator"]}
    directions = {"ab": "generator"}
    shape_arguments = ("image_shape", "output_channels")
    value_range = (-1.0, 1.0)

    def data_spec(self):
        shapes = (self.shape_a, self.shape_b)
        given = zip(shapes, self.shape_arguments, strict=True)
        return Batch(*(Examples(*each, self.value_range) for each in given))

    def training_step(self, batch):
        _, fake = self.minimize(
            "generator", lambda: self.loss_of_generator(batch, training=True)
        )
        self.minimize(
            "discriminator",
            lambda: self.loss_of_discriminator(batch, fake, training=True),
        )
