"""Decomposition of the evidence lower bound, and active units.

The negative bound is the distortion plus the rate, and with the aggregate
posterior `q(z) = (1/N) sum_n q(z|x_n)` the rate is itself a sum:

    E KL(q(z|x) || p(z)) = E log q(z|x) / q(z)                index-code MI
                         + E log q(z) / prod_j q(z_j)         total correlation
                         + sum_j E log q(z_j) / p(z_j)        dimension-wise KL

for a standard normal prior. The mixture q(z) is taken over the whole set, not
over a minibatch, which would bias it by up to `log(N / batch)`.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from keras_gen.metrics.checks import check_log_variance, finite_array
from keras_gen.metrics.likelihood.aggregate import (
    LOG_2PI,
    aggregate_log_densities,
    draw_noise,
)


class ELBODecomposition(NamedTuple):
    """Result of `elbo_decomposition`, in nats.

    Attributes:
        distortion: Float. The mean negative log-likelihood of the
            reconstructions; None if it was not given.
        rate: Float. The mean KL divergence from the prior, in closed form,
            over all examples.
        mc_rate: Float. The Monte Carlo estimate of the rate: the sum of
            `mutual_information`, `total_correlation` and
            `dimension_wise_kl`.
        mc_rate_standard_error: Float. Its standard error. It includes the
            variance between examples, of which each gives one draw.
        mutual_information: Float. The index-code mutual information, between
            0 and `log_num_reference` but for the noise of the draws.
        total_correlation: Float. The total correlation of the latents.
        dimension_wise_kl: Float. The sum of `dimension_wise_kls`.
        dimension_wise_kls: float64 array of shape `(dim,)`. The divergence of
            each latent's aggregate posterior from the prior.
        log_num_reference: Float. `log N`, the upper bound of the mutual
            information.
        num_samples: Integer. The number of draws.
        num_reference: Integer. N, the number of components of q(z).
        seed: Integer. Seed of the draws.
    """

    distortion: float | None
    rate: float
    mc_rate: float
    mc_rate_standard_error: float
    mutual_information: float
    total_correlation: float
    dimension_wise_kl: float
    dimension_wise_kls: np.ndarray
    log_num_reference: float
    num_samples: int
    num_reference: int
    seed: int


class ActiveUnits(NamedTuple):
    """Result of `active_units`.

    Attributes:
        count: Integer. The number of active latents.
        active: Boolean array of shape `(dim,)`.
        variances: float64 array of shape `(dim,)`. The variance of each
            latent's mean over the examples.
        threshold: Float. The variance above which a latent counts as active.
    """

    count: int
    active: np.ndarray
    variances: np.ndarray
    threshold: float


def elbo_decomposition(
    mean: Any,
    log_variance: Any,
    reconstruction_nll: Any = None,
    num_samples: int = 10000,
    seed: int = 0,
) -> ELBODecomposition:
    """Decomposes the negative evidence lower bound.

    The prior is standard normal. Time grows as samples times examples times
    latents (10,000 x 10,000 x 10 takes some 5 seconds on one core); memory
    does not.

    Args:
        mean: Array of shape `(examples, dim)`. The means of `q(z|x)` of the
            whole reference set.
        log_variance: Array of shape `(examples, dim)`. The natural logarithms
            of the variances.
        reconstruction_nll: Array of shape `(examples,)`. The negative
            log-likelihood of each example's reconstruction in nats, or None.
        num_samples: Integer. The number of latents drawn, each from another
            example; all examples if there are fewer.
        seed: Integer. Seed of the draws.

    Returns:
        An `ELBODecomposition`.

    Raises:
        ValueError: If there are fewer than 2 examples or draws, shapes do not
            fit, or a value is not finite.

    Example:

    ```python
    mean = np.random.default_rng(0).normal(size=(500, 2))
    parts = elbo_decomposition(mean, np.full((500, 2), -4.0))
    parts.mutual_information, parts.total_correlation
    ```

    Reference:

    - Hoffman and Johnson, "ELBO surgery", 2016
    - [Chen et al., 2018](https://arxiv.org/abs/1802.04942)
    """
    mean = finite_array("mean", mean, ("examples", "dim"), min_rows=2)
    log_variance = check_log_variance(log_variance, mean)
    num_reference = len(mean)
    if num_samples < 2:
        raise ValueError(
            f"`num_samples` must be at least 2. Received: {num_samples=}."
        )
    distortion = None
    if reconstruction_nll is not None:
        nll = finite_array(
            "reconstruction_nll", reconstruction_nll, ("examples",)
        )
        if len(nll) != num_reference:
            raise ValueError(
                "`reconstruction_nll` must hold one value per example. "
                f"Received: len(reconstruction_nll)={len(nll)} for "
                f"{num_reference} examples."
            )
        distortion = float(nll.mean())
    chosen, noise = draw_noise(mean.shape, num_samples, seed)
    samples = mean[chosen] + noise * np.exp(0.5 * log_variance[chosen])
    # log q(z|x), log q(z), log q(z_j) and log p(z_j) of the draws.
    conditional = -0.5 * (LOG_2PI + log_variance[chosen] + noise**2).sum(axis=1)
    joint, marginals = aggregate_log_densities(samples, mean, log_variance)
    prior = -0.5 * (LOG_2PI + samples**2)
    rates = conditional - prior.sum(axis=1)
    dimension_wise_kls = (marginals - prior).mean(axis=0)
    closed_form = 0.5 * (mean**2 + np.expm1(log_variance) - log_variance)
    return ELBODecomposition(
        distortion,
        float(closed_form.sum(axis=1).mean()),
        float(rates.mean()),
        float(rates.std(ddof=1) / math.sqrt(len(rates))),
        float((conditional - joint).mean()),
        float((joint - marginals.sum(axis=1)).mean()),
        float(dimension_wise_kls.sum()),
        dimension_wise_kls,
        math.log(num_reference),
        len(samples),
        num_reference,
        seed,
    )


def active_units(mean: Any, threshold: float = 0.01) -> ActiveUnits:
    """Finds the latents whose posterior mean varies with the data.

    A latent is active if the variance over the examples of `E[z_j|x]` is
    above the threshold. One that stays at the prior for every example has a
    variance near 0.

    Args:
        mean: Array of shape `(examples, dim)`. The means of `q(z|x)` of at
            least 2 examples.
        threshold: Float. The variance above which a latent counts as active.

    Returns:
        An `ActiveUnits`.

    Raises:
        ValueError: If there are too few means or they are not finite.

    Example:

    ```python
    active_units([[0.0, 1.0], [1.0, 1.0]]).active  # [True, False]
    ```

    Reference:

    - [Burda et al., 2015](https://arxiv.org/abs/1509.00519)
    """
    mean = finite_array("mean", mean, ("examples", "dim"), min_rows=2)
    variances = mean.var(axis=0)
    active = variances > threshold
    return ActiveUnits(int(active.sum()), active, variances, float(threshold))
