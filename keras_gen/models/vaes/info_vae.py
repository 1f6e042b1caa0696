"""The InfoVAE and the MMD-VAE.

S. Zhao, J. Song and S. Ermon, "InfoVAE: Balancing Learning and Inference in
Variational Autoencoders", AAAI 2019, https://arxiv.org/abs/1706.02262

The mutual information of `x` and `z` is encouraged, and the aggregated
posterior `q(z) = E_x[q(z|x)]` is held to the prior by a weight of its own. For
`-lambda KL(q(z) || p(z)) - E_q(z)[KL(q(x|z) || p(x|z))] + alpha I_q(x; z)`,
training minimizes

    L = -E[log p(x|z)] + (1 - alpha) E_x[KL(q(z|x) || p(z))]
            + (alpha + lambda - 1) D(q(z) || p(z)),

with any divergence `D`. It is the ELBO for `alpha = 0, lambda = 1`, the
beta-VAE for `alpha + lambda = 1`, and without the KL divergence of each
example, for `alpha = 1`, the MMD-VAE or the adversarial autoencoder.
"""

import math
from functools import partial

import keras
from keras import ops

from keras_gen.checks import as_units, check_option, check_positive
from keras_gen.losses import adversarial
from keras_gen.losses.maximum_mean_discrepancy import (
    gaussian_kernel,
    inverse_multiquadric_kernel,
    maximum_mean_discrepancy,
)
from keras_gen.models.vaes.vae import VAE
from keras_gen.networks.mlp import mlp_encoder

KERNELS = ("gaussian", "inverse_multiquadric")
# Where the discrepancy is at most 2, a discriminator's loss is not.
WEIGHTS = {"mmd": 1000.0, "adversarial": 1.0}


@keras.saving.register_keras_serializable(package="keras_gen")
def leaky_relu(x):
    """The official code's leaky ReLU, of slope 0.1."""
    return keras.activations.leaky_relu(x, negative_slope=0.1)


@keras.saving.register_keras_serializable(package="keras_gen")
class InfoVAE(VAE):
    """InfoVAE, by default the MMD-VAE.

    Args:
        alpha: Float, at most 1. The weight of the mutual information.
        lambda_: Float, at least `1 - alpha`. The weight of the divergence of
            the aggregated posterior from the prior. It is held against a
            log-likelihood that is summed over an example. Defaults to 1000
            for `"mmd"`, to 1 for `"adversarial"`.
        divergence: String. `"mmd"`, the squared maximum mean discrepancy, or
            `"adversarial"`, by a discriminator of codes and draws from the
            prior, which the encoder deceives (the Jensen-Shannon divergence).
        kernel: String. The kernel of `"mmd"`: `"gaussian"` or
            `"inverse_multiquadric"`, the mean over seven scales.
        bandwidth: Float. That of `"gaussian"`. Defaults to the official
            code's `latent_dim / sqrt(2)`; two draws from the prior are
            `sqrt(2 latent_dim)` apart.
        unbiased: Boolean. Whether the estimate of `"mmd"` is the U-statistic,
            or that of the official code, the V-statistic.
        discriminator_units: Tuple of integers. The units of the
            discriminator's leaky ReLU layers.
        discriminator: `keras.Model` from `z` to one logit.

    Example:

    ```python
    model = keras_gen.InfoVAE((28, 28, 1), alpha=1.0, lambda_=1000.0)
    model.compile()
    model.fit(images, batch_size=200, epochs=30)
    ```

    A bare `compile()` uses Adam with the official code's rate of 1e-3, as are
    the convolutional networks; batches of less than 100 make the discrepancy
    noisy. Where the official code has a deterministic encoder and a squared
    error, averaged over the pixels, the posterior is normal here, as in the
    paper, and the likelihood Bernoulli. The weight in the paper is not known
    for sure: 1000 is what is reported for such a sum.
    """

    defaults = dict(
        latent_dim=20, architecture="conv", hidden_units=1024, filters=(64, 128)
    )
    presets = {
        "paper": {},
        "small": dict(latent_dim=10, hidden_units=256, filters=(32, 64)),
        "smoke": dict(latent_dim=10, hidden_units=32, filters=(4, 8)),
    }
    conv_activation = staticmethod(leaky_relu)

    def __init__(
        self,
        *args,
        alpha: float = 1.0,
        lambda_: float | None = None,
        divergence: str = "mmd",
        kernel: str = "gaussian",
        bandwidth: float | None = None,
        unbiased: bool = False,
        discriminator_units: int | tuple[int, ...] = (256, 256),
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        check_option("divergence", divergence, ("mmd", "adversarial"))
        check_option("kernel", kernel, KERNELS)
        if lambda_ is None:
            lambda_ = WEIGHTS[divergence]
        if alpha > 1.0 or alpha + lambda_ < 1.0:
            raise ValueError(
                "`alpha` must be at most 1, and `lambda_` at least 1 - alpha: "
                "no divergence has a weight below 0. Received: "
                f"alpha={alpha}, lambda_={lambda_}."
            )
        if bandwidth is None:
            bandwidth = self.latent_dim / math.sqrt(2.0)
        check_positive(bandwidth=bandwidth)
        self.alpha = alpha
        self.lambda_ = lambda_
        self.divergence = divergence
        self.unbiased = unbiased
        self.kernel = partial(gaussian_kernel, bandwidth=bandwidth)
        if kernel == "inverse_multiquadric":
            self.kernel = partial(
                inverse_multiquadric_kernel, dim=self.latent_dim
            )
        self.logged += (divergence,)
        units = as_units("discriminator_units", discriminator_units)
        options = {"activation": "leaky_relu", "name": "discriminator"}
        code, is_game = (self.latent_dim,), divergence == "adversarial"
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            partial(mlp_encoder, code, units, {"logit": 1}, **options),
            [code],
            [(1,)],
            logits=1,
            used=is_game,
        )
        if is_game:
            self.players = {**self.players, "discriminator": ["discriminator"]}

    def default_optimizer(self):
        return keras.optimizers.Adam(1e-3)

    def terms(self, bound):
        z = ops.reshape(bound.z, (-1, self.latent_dim))
        if self.divergence == "adversarial":
            distance = adversarial.non_saturating_generator(
                self.discriminator(z, training=bound.training)
            )
        else:
            prior = self.prior.sample(ops.shape(z)[0], seed=self.prior_seed)
            distance = maximum_mean_discrepancy(
                z, prior, self.kernel, self.unbiased
            )
        return {**super().terms(bound), self.divergence: distance}

    def term_weights(self):
        return {
            "kl_divergence": 1.0 - self.alpha,
            self.divergence: self.alpha + self.lambda_ - 1.0,
        }

    def discriminator_loss(self, batch, training):
        q = self.posterior(batch.x, training)
        fake = ops.stop_gradient(q.sample(1, seed=self.posterior_seed)[0])
        real = self.prior.sample(ops.shape(fake)[0], seed=self.prior_seed)
        return adversarial.logistic_discriminator(
            self.discriminator(real, training=training),
            self.discriminator(fake, training=training),
        )
