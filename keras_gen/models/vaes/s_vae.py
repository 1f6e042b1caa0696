"""The hyperspherical variational autoencoder.

T. R. Davidson, L. Falorsi, N. De Cao, T. Kipf and J. M. Tomczak,
"Hyperspherical Variational Auto-Encoders", UAI 2018,
https://arxiv.org/abs/1804.00891

Codes are points on the unit sphere in `m` dimensions, with a von Mises-Fisher
posterior and a uniform prior:

    L(x) = -E_q(z|x)[log p(x|z)] + w KL(vMF(mu(x), k(x)) || U),

where `w` rises from 0 to 1 (KL annealing). The KL divergence depends on the
concentration `k` alone, `k A(k) + log C_m(k) + log |S|`: it cannot pull the
codes to one place, as that of the normal prior pulls them to the origin.
"""

import keras
import numpy as np
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_at_least, check_not_negative
from keras_gen.distributions import HypersphericalUniform, VonMisesFisher
from keras_gen.models.vaes.vae import VAE
from keras_gen.schedules import Schedule


@keras.saving.register_keras_serializable(package="keras_gen")
class SVAE(VAE):
    """Hyperspherical variational autoencoder.

    Args:
        latent_dim: Integer, at least 2. The dimension `m` of the space around
            the sphere, the size of a code. The paper counts the dimensions of
            the sphere, `m - 1`.
        warmup_epochs: Integer. Epochs over which the weight of the KL
            divergence rises from 0 to 1, or 0 for none.
        encoder: `keras.Model` from `x` to the mean direction, of any length
            above 0, and to a number whose softplus is the concentration less 1.

    Example:

    ```python
    model = keras_gen.SVAE(latent_dim=3, warmup_epochs=0)
    model.compile()
    model.fit(x_train, batch_size=64, epochs=5)
    codes = model.encode(x_test)  # Mean directions, of length 1.
    ```

    A bare `compile()` uses Adam with the official code's rate of 1e-3, as are
    the networks. By rejection, draws carry but a part of the gradient to the
    concentration: the paper's correction, which its official code leaves out,
    is added (`VonMisesFisher.corrected`).
    """

    defaults = dict(
        latent_dim=11,
        hidden_units=(256, 128),
        activation="relu",
        kernel_initializer="glorot_uniform",
    )
    presets = {
        "paper": {},
        "small": dict(latent_dim=3, warmup_epochs=0),
        "smoke": dict(latent_dim=3, hidden_units=(64, 32), warmup_epochs=0),
    }
    posterior_parameters = ("mean_direction", "concentration")
    traversed = (-1.0, 1.0)

    def __init__(self, *args, warmup_epochs: int = 100, **kwargs):
        super().__init__(*args, **kwargs)
        check_at_least(2, latent_dim=self.latent_dim)
        check_not_negative(warmup_epochs=warmup_epochs)
        self.kl_weight = 1.0
        if warmup_epochs:
            self.kl_weight = Schedule(0.0, 1.0, over=warmup_epochs)

    def posterior_heads(self):
        return {"mean_direction": self.latent_dim, "concentration": 1}

    def default_optimizer(self):
        return keras.optimizers.Adam(1e-3)

    @property
    def prior(self):
        return HypersphericalUniform(self.latent_dim)

    def posterior(self, x, training=False):
        """The distribution `q(z|x)`, von Mises-Fisher."""
        outputs = self.encoder(x, training=training)
        mean, concentration = map(at_least_float32, outputs)
        squares = ops.sum(ops.square(mean), axis=-1, keepdims=True)
        direction = mean * ops.rsqrt(ops.maximum(squares, 1e-12))
        return VonMisesFisher(direction, ops.softplus(concentration) + 1.0)

    def term_weights(self):
        return {"kl_divergence": self.scheduled(self.kl_weight)}

    def encode_step(self, x):
        return self.posterior(x).mean_direction

    def codes_between(self, start, stop, steps):
        """On the great circles: spherical linear interpolation."""
        start, stop = (np.asarray(x, "float64") for x in (start, stop))
        # Where to go: towards the other code, or anywhere from its opposite.
        axis = np.eye(self.latent_dim)[np.abs(start).argmin(axis=-1)]
        anywhere, toward = (across(x, start) for x in (axis, stop))
        length = np.linalg.norm(toward, axis=-1, keepdims=True)
        toward = np.where(length > 1e-6, toward, anywhere)[:, None]
        cosine = np.sum(start * stop, axis=-1, keepdims=True)
        angle = np.arctan2(length, cosine)[:, None]
        angle = angle * np.linspace(0.0, 1.0, steps)[:, None]
        codes = np.cos(angle) * start[:, None]
        return on_sphere(codes + np.sin(angle) * on_sphere(toward))

    def with_latent(self, codes, dim, values):
        """On the sphere: the other latents make up for it, in proportion."""
        codes, values = np.array(codes), np.asarray(values)
        if np.abs(values).max() > 1.0:
            raise ValueError(
                "`values` must be from -1 to 1, on a sphere. Received: values "
                f"from {values.min():g} to {values.max():g}."
            )
        codes[:, dim] = 0.0
        codes[:, dim - 1] += 1e-6  # Some direction, if there is no other.
        radius = np.sqrt(np.maximum(1.0 - np.square(values), 0.0))
        codes = radius[:, None] * on_sphere(codes)
        codes[:, dim] = values
        return codes

    def latent_grid(self, side: int = 20) -> np.ndarray:
        """Decodes codes that are evenly spread over a sphere.

        Args:
            side: Integer. Rows are heights, from the top to the bottom;
                columns are directions around the axis.

        Returns:
            Array of shape `(side, side, *input_shape)`.
        """
        if self.latent_dim != 3:
            raise ValueError(
                "`latent_dim` must be 3 for a grid of codes. Received: "
                f"latent_dim={self.latent_dim}. Use `traverse`."
            )
        fraction = (np.arange(side) + 0.5) / side
        height, angle = np.meshgrid(
            1.0 - 2.0 * fraction, 2.0 * np.pi * fraction, indexing="ij"
        )
        radius = np.sqrt(1.0 - height**2)
        around = [radius * np.cos(angle), radius * np.sin(angle)]
        codes = np.stack([height, *around], axis=-1)
        return self.decode_rows(codes.astype("float32"))


def across(x: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The part of vectors that is perpendicular to a direction of each."""
    return x - np.sum(x * direction, axis=-1, keepdims=True) * direction


def on_sphere(x: np.ndarray) -> np.ndarray:
    """Vectors in the same directions, of length 1."""
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return (x / np.maximum(length, 1e-12)).astype("float32")
