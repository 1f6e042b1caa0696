"""The disentangled inferred prior VAE, I and II.

A. Kumar, P. Sattigeri and A. Balakrishnan, "Variational Inference of
Disentangled Latent Concepts from Unlabeled Observations", ICLR 2018,
https://arxiv.org/abs/1711.00848

The moments of the aggregated posterior `q(z) = E_x[q(z|x)]`, the paper's
inferred prior, are matched to those of the prior N(0, I). With `q(z|x) =
N(mu, Sigma)`, training minimizes

    -E[log p(x|z)] + KL(q(z|x) || p(z))
        + lambda_od sum_(i != j) C_ij^2 + lambda_d sum_i (C_ii - 1)^2,

    DIP-VAE-I:   C = Cov_x[mu(x)],
    DIP-VAE-II:  C = Cov_q(z)[z] = E_x[Sigma(x)] + Cov_x[mu(x)],

with covariances of the batch, divided by its size.
"""

import keras
from keras import ops

from keras_gen.backend import replica_mean
from keras_gen.checks import check_not_negative, check_option
from keras_gen.models.vaes.disentangled import DisentangledVAE


@keras.saving.register_keras_serializable(package="keras_gen")
class DIPVAE(DisentangledVAE):
    """Disentangled inferred prior variational autoencoder.

    Args:
        variant: String. `"i"`, which penalizes the covariance of the means,
            or `"ii"`, that of the latents.
        lambda_od: Float. The weight of the squares off the diagonal. It is
            chosen by validation, usually from 1 to 50.
        lambda_d: Float. That of the squares of the distances of the diagonal
            from 1. Defaults to `10 * lambda_od` for `"i"`, and to `lambda_od`
            for `"ii"`.

    Example:

    ```python
    model = keras_gen.DIPVAE((64, 64, 1), latent_dim=10, variant="ii")
    model.compile()
    model.fit(images, batch_size=64, epochs=30)
    rows = model.traverse(images[0], dims=model.dimensions_by_kl(images))
    ```

    A bare `compile()` uses Adam with the paper's rate of 1e-4. The covariances
    of small batches are noise: take 64 examples at least.
    """

    defaults = dict(architecture="conv")

    def __init__(
        self,
        *args,
        variant: str = "i",
        lambda_od: float = 10.0,
        lambda_d: float | None = None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        check_option("variant", variant, ("i", "ii"))
        if lambda_d is None:
            lambda_d = lambda_od * (10.0 if variant == "i" else 1.0)
        check_not_negative(lambda_od=lambda_od, lambda_d=lambda_d)
        self.variant = variant
        self.lambda_od = lambda_od
        self.lambda_d = lambda_d
        self.logged += ("off_diagonal_loss", "diagonal_loss")

    def covariance(self, posterior):
        """The matrix `C`, over the batch that all workers share."""
        mean = posterior.mean
        center = replica_mean(ops.mean(mean, axis=0))
        deviations = mean - center
        products = deviations[:, :, None] * deviations[:, None, :]
        total = ops.mean(products, axis=0)
        if self.variant == "ii":
            total = total + ops.diag(ops.mean(posterior.variance, axis=0))
        return replica_mean(total)

    def terms(self, bound):
        covariance = self.covariance(bound.posterior)
        variances = ops.diagonal(covariance)
        off = ops.multiply(covariance, 1.0 - ops.eye(self.latent_dim))
        return {
            **super().terms(bound),
            "off_diagonal_loss": ops.sum(ops.square(off)),
            "diagonal_loss": ops.sum(ops.square(variances - 1.0)),
        }

    def term_weights(self):
        return {
            "off_diagonal_loss": self.lambda_od,
            "diagonal_loss": self.lambda_d,
        }

    def default_optimizer(self):
        return keras.optimizers.Adam(1e-4)
