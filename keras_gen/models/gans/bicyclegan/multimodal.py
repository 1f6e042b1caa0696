"""Translation from one image to many, of which latents choose one."""

import numpy as np

from keras_gen.backend.precision import at_least_float32
from keras_gen.distributions import Normal
from keras_gen.engine import Signature, Vector
from keras_gen.models.paired import PairedTranslationModel


class MultimodalTranslationModel(PairedTranslationModel):
    """Translates by latents, and encodes the latents of images `b`.

    A subclass has `latent_dim`, a `generator` of images and latents, and an
    `encoder` of images `b`.
    """

    normal_noise = True

    def noise_shapes(self, direction):
        return [(self.latent_dim,)]

    def translate_step(
        self, x, direction, condition=None, training=False, noise=None
    ):
        """The translation by latents."""
        (z,) = noise
        return at_least_float32(self.generator([x, z], training=training))

    def call(self, inputs, training=False):
        """Translates images by latents."""
        x, z = inputs
        return self.translate_step(x, "ab", noise=[z])

    def posterior_step(self, b, training=False):
        """`q(z | b)`."""
        return Normal.learned(*self.encoder(b, training=training))

    # ---- Inference ----------------------------------------------------------

    def encode_target(self, y, *, batch_size: int = 256) -> np.ndarray:
        """The latents `m(b)` of images `b`.

        Args:
            y: Array of `n` images `b`.

        Returns:
            Array of shape `(n, latent_dim)`.
        """
        y = self.as_array("y", self.data_spec().y, y)
        return self.run_batched(self.encode_step, y, batch_size=batch_size)

    def encode_step(self, b):
        """The latents `m(b)` of a batch."""
        return self.posterior_step(b).mean

    def translate_latents(self, x, z, *, batch_size: int = 256) -> np.ndarray:
        """Translates each image by the latents that go with it.

        Args:
            x: Array of `n` images `a`.
            z: Array of shape `(n, latent_dim)`, or one vector for all.

        Returns:
            Array of `n` images.
        """
        x = self.as_array("x", self.data_spec().x, x)
        z = np.asarray(z, "float32")
        if z.ndim == 1:
            z = np.broadcast_to(z, (len(x), *z.shape))
        z = self.as_array("z", self.latents_spec, z)
        return self.run_batched(self._call, x, z, batch_size=batch_size)

    def _call(self, x, z):
        return self.call([x, z])

    @property
    def latents_spec(self):
        return Vector(self.latent_dim, "latent_dim")

    def signatures(self):
        x, y = self.data_spec()
        inputs = {"x": x, "z": self.latents_spec}
        translate = Signature(self._call, inputs, ("translated",))
        return {
            "serving_default": translate,
            "translate": translate,
            "encode": Signature(self.encode_step, {"x": y}, ("latents",)),
        }

    def served_networks(self):
        return [self.generator, self.encoder]
