import itertools

import numpy as np
import pytest
import scipy.stats
from keras import ops
from scipy.special import logsumexp

from keras_gen.backend import noise
from keras_gen.distributions import Normal
from keras_gen.losses import aggregated_posterior as aggregated
from tests.numerics import array, gradient, tensor

UNBIASED = pytest.mark.parametrize("estimator", ["mss", "mss_uniform"])


def posteriors(n, dim=2, seed=0):
    rng = np.random.default_rng(seed)
    mean, log_variance = rng.normal(size=(2, n, dim))
    return mean.astype("float32"), log_variance.astype("float32")


def densities(z, mean, log_variance):
    """`log q(z_ik|x_jk)` by SciPy."""
    deviation = np.exp(0.5 * log_variance)
    return scipy.stats.norm.logpdf(z[:, None], mean[None], deviation[None])


def weights(rows, columns, n, estimator, *first):
    found = aggregated.log_minibatch_weights(
        rows, columns, n, estimator, *first
    )
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
            weights(2, 6, 20, estimator, 2),
            weights(6, 6, 20, estimator)[2:4],
            rtol=1e-6,
        )


@pytest.fixture
def second_worker(monkeypatch):
    """Of two, which sees the rows of the first before its own."""
    firsts = []

    def gather(x):
        return ops.concatenate([firsts.pop(0), x])

    monkeypatch.setattr(aggregated, "gather", gather)
    monkeypatch.setattr(aggregated, "replica", lambda: (1, 2))
    return firsts


@pytest.mark.parametrize("estimator", aggregated.ESTIMATORS)
def test_a_worker_aggregates_the_batch_of_all(second_worker, estimator):
    mean, log_variance = map(tensor, posteriors(6, dim=2))
    z = tensor(np.random.default_rng(1).normal(size=(1, 6, 2)))
    second_worker += [mean[:3], log_variance[:3]]
    own = aggregated.log_aggregated_posterior(
        z[:, 3:], Normal(mean[3:], log_variance[3:]), 50, estimator
    )
    second_worker += [mean[:0], log_variance[:0]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aggregated, "replica", lambda: (0, 1))
        whole = aggregated.log_aggregated_posterior(
            z, Normal(mean, log_variance), 50, estimator
        )
    for a, b in zip(own, whole, strict=True):
        np.testing.assert_allclose(array(a), array(b)[:, 3:], rtol=1e-5)


def test_workers_permute_the_batch_of_all(second_worker):
    """Of ten codes on two workers, the second half of one permutation."""
    z = np.arange(30.0).reshape(10, 3).astype("float32")
    first = np.random.default_rng(0).uniform(size=(5, 3))
    second_worker += [tensor(first), tensor(z[:5])]
    found = array(aggregated.permute_dims(tensor(z[5:]), seed=0))
    keys = np.concatenate([first, array(noise.uniform((5, 3), 0))])
    order = np.argsort(keys, axis=0)[5:]
    np.testing.assert_array_equal(found, np.take_along_axis(z, order, axis=0))


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


def test_permuted_codes_have_no_gradient():
    def loss(z):
        return ops.sum(ops.square(z) + aggregated.permute_dims(z, seed=0))

    z = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_allclose(gradient(loss, z), 2.0 * z, rtol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_each_latent_is_permuted_by_itself(size):
    z = np.arange(3.0 * size).reshape(size, 3).astype("float32")
    found = array(aggregated.permute_dims(tensor(z), seed=0))
    np.testing.assert_array_equal(np.sort(found, axis=0), z)
    if size == 64:
        orders = np.argsort(found, axis=0)
        assert len(np.unique(orders, axis=1).T) == 3
