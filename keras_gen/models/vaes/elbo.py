"""Rate and distortion: variational autoencoders off the usual ELBO.

A. A. Alemi, B. Poole, I. Fischer, J. V. Dillon, R. A. Saurous and K. Murphy,
"Fixing a Broken ELBO", ICML 2018, https://arxiv.org/abs/1711.00464

The negative ELBO is the distortion and the rate of a code, for an encoder
`e(z|x)`, a decoder `d(x|z)` and a marginal `m(z)`, which may be learned:

    D = -E_x E_e(z|x)[log d(x|z)],   R = E_x KL(e(z|x) || m(z)).

Models of equal `D + R` use their code differently, from `R = 0`, where it is
ignored, to `D = 0`. Training minimizes

    D + beta R,   or   D + lambda |R - R*|   for a target rate R*.

What the ELBO of a trained model is made of (M. D. Hoffman and M. J. Johnson,
"ELBO surgery", 2016), and the curve of several: `keras_gen.metrics
.elbo_decomposition` and `rate_distortion_curve`.
"""

import keras
import numpy as np

from keras_gen.checks import check_not_negative, check_option, check_positive
from keras_gen.distributions import IsotropicNormal, Mixture, Normal
from keras_gen.layers import MixtureParameters, PseudoInputs
from keras_gen.models.vaes.vae import VAE
from keras_gen.schedules import Schedule, check_scheduled

MARGINALS = ("normal", "learned_normal", "mixture", "vampprior")


@keras.saving.register_keras_serializable(package="keras_gen")
class RateDistortionVAE(VAE):
    """Variational autoencoder of a chosen rate, with a learned marginal.

    The logged `reconstruction_loss` is the distortion, the `kl_divergence` the
    rate.

    Args:
        beta: Float or `keras_gen.Schedule`. The weight of the rate.
        target_rate: Float or `None`. The rate `R*` in nats, in place of a
            weight: `beta` is then not used.
        target_weight: Float. The weight `lambda` of the distance to it.
        marginal: String, `m(z)`: `"normal"`, N(0, I); `"learned_normal"`, one
            of learned means and variances; `"mixture"`, of learned components
            and weights; or `"vampprior"`, the mean of the posteriors of
            learned pseudo-inputs.
        num_components: Integer. The components of the last two.

    Example:

    ```python
    model = keras_gen.RateDistortionVAE((28, 28, 1), target_rate=20.0)
    model.compile()
    model.fit(images, batch_size=100, epochs=10)
    ```

    A bare `compile()` uses Adam with a rate of 1e-3. The paper has 64 latents
    and convolutional networks; their layers, the number of components and the
    optimizer are not known for sure. The rate of a mixture is estimated by
    Monte Carlo: there is no closed form.
    """

    defaults = dict(latent_dim=64, architecture="conv")
    presets = {
        "paper": {},
        "small": dict(
            latent_dim=16,
            architecture="mlp",
            kernel_initializer="glorot_uniform",
            num_components=50,
        ),
        "smoke": dict(
            latent_dim=8,
            architecture="mlp",
            hidden_units=64,
            kernel_initializer="glorot_uniform",
            num_components=5,
        ),
    }

    def __init__(
        self,
        *args,
        beta: float | Schedule = 1.0,
        target_rate: float | None = None,
        target_weight: float = 10.0,
        marginal: str = "mixture",
        num_components: int = 200,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        check_option("marginal", marginal, MARGINALS)
        check_scheduled("beta", beta, check_not_negative)
        check_not_negative(target_rate=target_rate or 0.0)
        check_positive(
            target_weight=target_weight, num_components=num_components
        )
        self.beta = beta
        self.target_rate = target_rate
        self.target_weight = target_weight
        self.marginal = marginal
        self.num_components = num_components
        if target_rate is not None:
            self.logged += ("rate_gap",)
        self.marginal_parameters = None
        if marginal != "normal":
            count = 1 if marginal == "learned_normal" else num_components
            with self.building_scope():
                if marginal == "vampprior":
                    parameters = PseudoInputs(
                        count, self.input_shape, self.value_range
                    )
                else:
                    parameters = MixtureParameters(self.latent_dim, count)
            self.marginal_parameters = parameters
            names = [*self.players["model"], "marginal_parameters"]
            self.players = {"model": names}

    def default_optimizer(self):
        return keras.optimizers.Adam(1e-3)

    @property
    def prior(self):
        """The marginal `m(z)`."""
        if self.marginal == "normal":
            return IsotropicNormal(self.latent_dim)
        parameters = self.marginal_parameters.values()
        if self.marginal == "vampprior":
            return Mixture(self.posterior(parameters))
        mean, log_variance, logits = parameters
        components = Normal.learned(mean, log_variance)
        if self.marginal == "mixture":
            return Mixture(components, logits)
        return Normal(components.mean[0], components.log_variance[0])

    @property
    def draw_size(self):
        if self.marginal in ("normal", "learned_normal"):
            return super().draw_size
        # Its distances from all components, too.
        return max(super().draw_size, self.num_components * self.latent_dim)

    def latent_grid(self, side: int = 20) -> np.ndarray:
        if self.marginal != "normal":
            raise ValueError(
                "`marginal` must be 'normal' for a grid of its quantiles. "
                f"Received: marginal={self.marginal!r}. Use `sample`."
            )
        return super().latent_grid(side)

    def terms(self, bound):
        terms = super().terms(bound)
        if self.target_rate is None:
            return terms
        return self.held_to(self.target_rate, "rate_gap", terms)

    def term_weights(self):
        beta = self.scheduled(self.beta)
        return {"kl_divergence": beta, "rate_gap": self.target_weight}
