"""The beta-TCVAE.

R. T. Q. Chen, X. Li, R. Grosse and D. Duvenaud, "Isolating Sources of
Disentanglement in Variational Autoencoders", NeurIPS 2018,
https://arxiv.org/abs/1802.04942

With the aggregated posterior `q(z)` of the data set, the KL divergence is, on
average, a sum of three terms, which training weights separately:

    -E[log p(x|z)] + alpha E[log q(z|x) - log q(z)]            index-code MI
                   + beta  E[log q(z) - sum_k log q(z_k)]      total correlation
                   + gamma E[sum_k log q(z_k) - log p(z)]      dimension-wise KL

`q(z)` and `q(z_k)` are estimated from the batch, by minibatch weighted or
stratified sampling. As the three add up to `KL`, the loss is `-ELBO + (alpha -
1) MI + (beta - 1) TC + (gamma - 1) DW`; with `estimator="analytic"`, the KL
divergence in it is that in closed form.
"""

import keras
from keras import ops

from keras_gen.backend import require_at_least
from keras_gen.checks import check_not_negative, check_option, check_positive
from keras_gen.losses.aggregated_posterior import (
    ESTIMATORS,
    log_aggregated_posterior,
)
from keras_gen.models.vaes.disentangled import DisentangledVAE
from keras_gen.schedules import Schedule, check_scheduled


@keras.saving.register_keras_serializable(package="keras_gen")
class BetaTCVAE(DisentangledVAE):
    """beta-TCVAE.

    Args:
        beta: Float or `keras_gen.Schedule`. The weight of the total
            correlation.
        alpha: Float. That of the index-code mutual information.
        gamma: Float or `keras_gen.Schedule`. That of the dimension-wise KL
            divergence.
        num_examples: Integer. The size `N` of the training set, at least that
            of a batch. Defaults to that of the paper's sprites.
        sampling: String. `"mws"`, minibatch weighted sampling; `"mss"`,
            minibatch stratified sampling; or `"mss_uniform"`, the same with
            equal weights for the other examples, which varies less.

    Example:

    ```python
    model = keras_gen.BetaTCVAE((64, 64, 1), num_examples=len(images))
    model.compile()
    model.fit(images, batch_size=2048, epochs=50)
    rows = model.traverse(images[0], dims=model.dimensions_by_kl(images))
    ```

    A bare `compile()` uses Adam with the rate of the official code, 1e-3. It
    trains on batches of 2048: in small ones the estimates are biased.
    """

    defaults = {"estimator": "monte_carlo"}

    def __init__(
        self,
        *args,
        beta: float | Schedule = 6.0,
        alpha: float = 1.0,
        gamma: float | Schedule = 1.0,
        num_examples: int = 737_280,
        sampling: str = "mws",
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        check_option("sampling", sampling, ESTIMATORS)
        check_not_negative(alpha=alpha)
        check_positive(num_examples=num_examples)
        check_scheduled("beta", beta, check_not_negative)
        check_scheduled("gamma", gamma, check_not_negative)
        self.beta = beta
        self.alpha = alpha
        self.gamma = gamma
        self.num_examples = num_examples
        self.sampling = sampling
        self.logged += (
            "mutual_information",
            "total_correlation",
            "dimension_wise_kl",
        )

    def terms(self, bound):
        # What is drawn without replacement from the training set.
        require_at_least(
            self.num_examples - ops.shape(bound.z)[1],
            0,
            "`num_examples` must be at least the size of a batch. Received: "
            f"num_examples={self.num_examples}. Pass smaller batches.",
        )
        log_q, log_product = log_aggregated_posterior(
            bound.z, bound.posterior, self.num_examples, self.sampling
        )
        parts = {
            "mutual_information": (bound.log_posterior, log_q),
            "total_correlation": (log_q, log_product),
            "dimension_wise_kl": (log_product, bound.log_prior),
        }
        means = {k: ops.mean(ops.subtract(*pair)) for k, pair in parts.items()}
        return {**super().terms(bound), **means}

    def term_weights(self):
        beta, gamma = self.scheduled(self.beta), self.scheduled(self.gamma)
        return {
            "mutual_information": self.alpha - 1.0,
            "total_correlation": ops.subtract(beta, 1.0),
            "dimension_wise_kl": ops.subtract(gamma, 1.0),
        }

    def default_optimizer(self):
        return keras.optimizers.Adam(1e-3)
