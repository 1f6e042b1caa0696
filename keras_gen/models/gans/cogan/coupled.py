"""Adversarial models whose examples are pairs of images of two domains."""

import keras
import numpy as np
from keras import ops

from keras_gen.backend import pipelines
from keras_gen.checks import check_option, check_positive
from keras_gen.engine import Examples
from keras_gen.engine.batched import batches_of, run_batches
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.models.gans.cogan.inversion import invert

# The first of the pair is the source.
DIRECTIONS = {"ab": (0, 1), "ba": (1, 0)}


class CoupledModel(AdversarialModel):
    """One latent generates corresponding images of two domains.

    A subclass has `image_shape`, `image_shape_b`, which may be `None`, and
    `discriminator_outputs`.
    """

    sample_names = ("samples_a", "samples_b")

    @property
    def example_shape(self):
        """The shapes of a pair of images."""
        return self.image_shape, self.image_shape_b or self.image_shape

    def image_specs(self):
        """The specs of the images of both domains."""
        names = ("image_shape", "image_shape_b")
        return [
            Examples(shape, name, self.value_range)
            for shape, name in zip(self.example_shape, names, strict=True)
        ]

    def generate_step(self, z, condition=None, training=False):
        return tuple(super().generate_step(z, condition, training))

    def call(self, inputs, training=False):
        """Generates a pair of images from each of the latents."""
        return tuple(super().call(inputs))

    def discriminate_step(self, x, condition=None, training=False):
        return self.discriminator_outputs(x, training)[0]

    # ---- Inference ----------------------------------------------------------

    def as_pair(self, x):
        """Images of both domains as arrays, checked."""
        if not isinstance(x, list | tuple) or len(x) != 2:
            raise ValueError(
                "`x` must be a pair of arrays, images of the domains a and b. "
                f"Received: {type(x).__name__}. Pass `(x, y)`."
            )
        pair = [
            self.as_array("x", spec, part)
            for spec, part in zip(self.image_specs(), x, strict=True)
        ]
        if len(pair[0]) != len(pair[1]):
            raise ValueError(
                "`x` must be as many images of each domain. Received: "
                f"{len(pair[0])} and {len(pair[1])} images."
            )
        return pair

    def discriminate(
        self, x, *, labels=None, batch_size: int = 256
    ) -> tuple[np.ndarray, np.ndarray]:
        """The discriminators' logits of images to be real.

        Args:
            x: Pair of arrays of `n` images, of the domains `a` and `b`, or a
                data set of batches as for `fit`.
            labels: `None`.

        Returns:
            Pair of arrays of shape `(n,)`.
        """
        self.conditions_of(labels, 0)
        check_positive(batch_size=batch_size)
        total, data = None, self.data_batches(x)
        if not pipelines.is_pipeline(x):
            pair = self.as_pair(x)
            total, data = len(pair[0]), batches_of(*pair, batch_size=batch_size)

        def step(*x):
            return self.discriminate_step(x)

        # Labels may be beside the images of a.
        pairs = ((keras.tree.flatten(a)[0], b) for a, b in data)
        batches = map(self.as_pair, pairs)
        return run_batches(step, batches, total, type(self).__name__)

    def translate(
        self,
        x,
        *,
        direction: str | None = None,
        labels=None,
        seed: int | None = None,
        batch_size: int = 256,
    ) -> np.ndarray:
        """Carries images to the other domain, by the latents of each.

        From zero, 200 steps of Adam look for the latents whose image in the
        same domain has the smallest squared error. They may end in a local
        minimum.

        Args:
            x: Array of `n` images.
            direction: String. `"ab"`, the default, or `"ba"`.
            labels: `None`.
            seed: Integer or `None`. Without effect, as nothing is drawn.

        Returns:
            Array of `n` images.
        """
        direction = direction or "ab"
        check_option("direction", direction, DIRECTIONS)
        source, target = DIRECTIONS[direction]
        x = self.as_array("x", self.image_specs()[source], x)
        self.conditions_of(labels, len(x))

        def error(z, x):
            squares = ops.square(self.call(z)[source] - x)
            return ops.sum(squares, axis=(1, 2, 3))

        z = invert(self, error, x, batch_size)
        return self.generate(z, batch_size=batch_size)[target]
