import itertools

import numpy as np
import pytest
import scipy.stats
from scipy.special import logsumexp

from keras_gen.distributions import Normal
from keras_gen.losses import aggregated_posterior as aggregated
from tests.numerics import array, tensor

UNBIASED = pytest.mark.parametrize("estimator", ["mss", "mss_uniform"])


def posteriors(n, dim=2, seed=0):
    rng = np.random.default_rng(seed)
    mean, log_variance = rng.normal(size=(2, n, dim))
    return mean.astype("float32"), log_variance.astype("float32")


def densities(z, mean, log_variance):
    """`log q(z_ik|x_jk)` by SciPy."""
    deviation = np.exp(0.5 * log_variance)
    return scipy.stats.norm.logpdf(z[:, None], mean[None], deviation[None])


def weights(rows, columns, n, estimator, first=0):
    found = aggregated.log_minibatch_weights(rows, columns, n, estimator, first)
    return np.exp(array(found))


def test_weights_by_hand():
    np.testing.assert_allclose(
        weights(3, 3, 10, "mws"), np.full((3, 3), 1 / 30), rtol=1e-6
    )
    own, other, rest = 1 / 10, 8 / 20, 1 / 2
    np.testing.assert_allclose(
        weights(3, 3, 10, "mss"),
        [[own, other, rest], [rest, own, other], [other, rest, own]],
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        weights(3, 3, 10, "mss_uniform"),
        np.where(np.eye(3), 0.1, 0.45),
        rtol=1e-6,
    )


def test_rows_of_a_worker():
    """Of a batch of six on three workers, those of the second."""
    for estimator in aggregated.ESTIMATORS:
        np.testing.assert_allclose(
            weights(2, 6, 20, estimator, first=2),
            weights(6, 6, 20, estimator)[2:4],
            rtol=1e-6,
        )


@UNBIASED
def test_stratified_weights_are_those_of_a_distribution(estimator):
    for size, n in ((2, 2), (3, 10), (5, 5), (8, 1000)):
        found = weights(size, size, n, estimator)
        np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-5)
        assert np.all(found >= 0.0)
    # Of a whole data set, the uniform one is the exact mixture.
    np.testing.assert_allclose(
        weights(5, 5, 5, "mss_uniform"), np.full((5, 5), 0.2), rtol=1e-6
    )


@UNBIASED
def test_stratified_estimates_are_unbiased(estimator):
    """By all minibatches, in all orders, that hold one example."""
    n, size, example = 5, 3, 1
    mean, log_variance = posteriors(n)
    z = mean[[example]] + 0.3
    each = np.exp(densities(z, mean, log_variance).sum(axis=-1))[0]
    others = [i for i in range(n) if i != example]
    row = weights(size, size, n, estimator)[0]
    estimates = [
        row @ each[[example, *rest]]
        for rest in itertools.permutations(others, size - 1)
    ]
    np.testing.assert_allclose(np.mean(estimates), each.mean(), rtol=1e-5)


@pytest.mark.parametrize("estimator", aggregated.ESTIMATORS)
def test_aggregates_are_numpys(estimator):
    mean, log_variance = posteriors(4)
    z = np.random.default_rng(1).normal(size=(2, 4, 2)).astype("float32")
    q = Normal(tensor(mean), tensor(log_variance))
    found = aggregated.log_aggregated_posterior(tensor(z), q, 50, estimator)
    for draw, joint, product in zip(z, *map(array, found), strict=True):
        matrix = densities(draw, mean, log_variance)
        w = np.log(weights(4, 4, 50, estimator))
        np.testing.assert_allclose(
            joint, logsumexp(w + matrix.sum(-1), axis=1), rtol=1e-4
        )
        marginals = logsumexp(w[..., None] + matrix, axis=1)
        np.testing.assert_allclose(product, marginals.sum(-1), rtol=1e-4)


def test_one_example_alone_is_finite():
    q = Normal(*map(tensor, posteriors(1)))
    for estimator in aggregated.ESTIMATORS:
        found = aggregated.log_aggregated_posterior(
            tensor([[[0.1, 0.2]]]), q, 9, estimator
        )
        assert np.all(np.isfinite(array(found[0]) + array(found[1])))


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_each_latent_is_permuted_by_itself(size):
    z = np.arange(3.0 * size).reshape(size, 3).astype("float32")
    found = array(aggregated.permute_dims(tensor(z), seed=0))
    np.testing.assert_array_equal(np.sort(found, axis=0), z)
    if size == 64:
        orders = np.argsort(found, axis=0)
        assert len(np.unique(orders, axis=1).T) == 3
