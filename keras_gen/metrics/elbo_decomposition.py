"""What the evidence lower bound of a variational autoencoder is made of.

The negative bound is the distortion plus the rate, and with the aggregate
posterior `q(z) = (1/N) sum_n q(z|x_n)` the rate is itself a sum:

    E KL(q(z|x) || p(z)) = E log q(z|x) / q(z)                index-code MI
                         + E log q(z) / prod_j q(z_j)         total correlation
                         + sum_j E log q(z_j) / p(z_j)        dimension-wise KL

for a standard normal prior. The mixture q(z) is taken over the whole set, not
over a minibatch, which would bias it by up to `log(N / batch)`.

Sources: M. Hoffman, M. Johnson, "ELBO surgery", 2016; R. T. Q. Chen et al.,
"Isolating Sources of Disentanglement in Variational Autoencoders", 2018,
https://arxiv.org/abs/1802.04942; Y. Burda et al., "Importance Weighted
Autoencoders", 2015, https://arxiv.org/abs/1509.00519 (active units).
"""

import math
from typing import Any, NamedTuple

import numpy as np

from keras_gen.metrics.checks import finite_array
from keras_gen.metrics.factor_checks import check_log_variance

LOG_2PI = math.log(2.0 * math.pi)
# Blocks of 128 x 1024 float64 stay in the cache of one core.
_SAMPLE_BLOCK = 128
_REFERENCE_BLOCK = 1024


class ELBODecomposition(NamedTuple):
    """What `elbo_decomposition` returns, in nats.

    Attributes:
        distortion: Mean negative log-likelihood of the reconstructions; None
            if it was not given.
        rate: Mean KL divergence from the prior, in closed form, over all
            examples.
        mc_rate: The rate estimated from the draws: the sum of the next three.
        mc_rate_standard_error: Its standard error. It counts the spread
            between examples, although each gives one draw.
        mutual_information: Index-code mutual information, between 0 and
            `log_num_reference` but for the noise of the draws.
        total_correlation: How far the latents are from independent.
        dimension_wise_kl: Sum of `dimension_wise_kls`.
        dimension_wise_kls: Divergence of each latent's aggregate posterior
            from the prior, float64 `(dim,)`.
        log_num_reference: `log N`, the most that the mutual information can
            be.
        num_samples: Number of draws.
        num_reference: N, the number of examples that q(z) is made of.
        seed: Seed of the draws.
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
    """What `active_units` returns.

    Attributes:
        count: Number of latents that are active.
        active: Which they are, booleans `(dim,)`.
        variances: Variance over the examples of each latent's mean.
        threshold: The variance above which a latent counts as active.
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
    """Splits the negative evidence lower bound into its parts.

    The prior is standard normal. Time grows as samples times examples times
    latents (10,000 x 10,000 x 10 takes some 5 seconds on one core); memory
    does not.

    Args:
        mean: Means of `q(z|x)` of the whole reference set, `(examples, dim)`.
        log_variance: Natural logarithms of the variances, of the same shape.
        reconstruction_nll: Negative log-likelihood of each example's
            reconstruction in nats, `(examples,)`; or None.
        num_samples: Number of latents drawn, each from another example, all
            of them if there are fewer.
        seed: Seed of the draws.

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
    """
    mean, log_variance = _posterior(mean, log_variance)
    num_reference = len(mean)
    if num_samples < 2:
        raise ValueError(f"`num_samples` must be at least 2: {num_samples}.")
    distortion = None
    if reconstruction_nll is not None:
        nll = finite_array(
            "`reconstruction_nll`", reconstruction_nll, ("examples",)
        )
        if len(nll) != num_reference:
            raise ValueError(
                f"Expected one `reconstruction_nll` for each of the "
                f"{num_reference} examples, received {len(nll)}."
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


def draw_noise(
    shape: tuple[int, int], num_samples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws examples, each at most once, and standard normal noise for them.

    Args:
        shape: `(examples, dim)`.
        num_samples: Number of examples drawn; all, in order, if there are
            not more.
        seed: Seed of both.

    Returns:
        Indices of the examples `(samples,)` and noise `(samples, dim)`.

    Example:

    ```python
    chosen, noise = draw_noise((100, 2), 10, seed=0)
    chosen.shape, noise.shape  # ((10,), (10, 2))
    ```
    """
    # A stream of its own: data made with `default_rng(seed)` would otherwise
    # be the very numbers of the noise.
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    chosen = np.arange(shape[0])
    if num_samples < shape[0]:
        chosen = rng.choice(shape[0], num_samples, replace=False)
    return chosen, rng.standard_normal((len(chosen), shape[1]))


def aggregate_log_densities(
    samples: Any, mean: Any, log_variance: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Log-densities under an even mixture of diagonal normal distributions.

    Args:
        samples: Points `(samples, dim)`.
        mean: Means of the components, `(components, dim)`.
        log_variance: Natural logarithms of their variances.

    Returns:
        `log q(z)`, float64 `(samples,)`, and `log q(z_j)` of every dimension,
        float64 `(samples, dim)`.

    Raises:
        ValueError: If shapes do not fit or a value is not finite.

    Example:

    ```python
    aggregate_log_densities([[0.0]], [[0.0]], [[0.0]])  # -0.919 both times
    ```
    """
    samples = finite_array("`samples`", samples, ("samples", "dim"))
    mean = finite_array("`mean`", mean, ("components", "dim"))
    log_variance = check_log_variance(log_variance, mean)
    if samples.shape[1] != mean.shape[1]:
        raise ValueError(
            f"Received samples of {samples.shape[1]} dimensions and means of "
            f"{mean.shape[1]}."
        )
    num, dim = samples.shape
    precision = np.exp(-log_variance)
    joint = np.full(num, -np.inf)
    marginals = np.full((num, dim), -np.inf)
    # Columns next to each other in memory: the blocks read one at a time.
    z, m, p, v = (
        np.ascontiguousarray(array.T)
        for array in (samples, mean, precision, LOG_2PI + log_variance)
    )
    for start in range(0, num, _SAMPLE_BLOCK):
        rows = slice(start, start + _SAMPLE_BLOCK)
        for first in range(0, len(mean), _REFERENCE_BLOCK):
            columns = slice(first, first + _REFERENCE_BLOCK)
            total = 0.0
            for j in range(dim):
                block = z[j, rows, None] - m[j, columns]
                np.square(block, out=block)
                block *= p[j, columns]
                block += v[j, columns]
                block *= -0.5
                total = total + block
                marginals[rows, j] = np.logaddexp(
                    marginals[rows, j], _log_sum_exp(block)
                )
            joint[rows] = np.logaddexp(joint[rows], _log_sum_exp(total))
    log_num = math.log(len(mean))
    return joint - log_num, marginals - log_num


def active_units(mean: Any, threshold: float = 0.01) -> ActiveUnits:
    """Finds the latents whose means follow the data.

    A latent is active when the variance over the examples of `E[z_j|x]` is
    above the threshold (Burda et al., 2015). One that stays at the prior for
    every example has a variance near 0.

    Args:
        mean: Means of `q(z|x)`, `(examples, dim)`, of at least 2 examples.
        threshold: The variance above which a latent counts as active.

    Returns:
        An `ActiveUnits`.

    Raises:
        ValueError: If there are too few means or they are not finite.

    Example:

    ```python
    active_units([[0.0, 1.0], [1.0, 1.0]]).active  # [True, False]
    ```
    """
    mean = finite_array("`mean`", mean, ("examples", "dim"), min_rows=2)
    variances = mean.var(axis=0)
    active = variances > threshold
    return ActiveUnits(int(active.sum()), active, variances, float(threshold))


def _posterior(mean, log_variance):
    mean = finite_array("`mean`", mean, ("examples", "dim"), min_rows=2)
    return mean, check_log_variance(log_variance, mean)


def _log_sum_exp(block):
    """Over the last axis; overwrites the block."""
    peak = block.max(axis=1)
    block -= peak[:, None]
    np.exp(block, out=block)
    return peak + np.log(block.sum(axis=1))
