import keras
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from keras_gen.distributions import IsotropicNormal, Normal, normal
from tests.distributions.draws import SLACK, check_normal, many
from tests.numerics import (
    array,
    double_precision,
    fix_noise,
    gradient,
    tensor,
)

# Mean and log-variance of two distributions.
P = np.array([[0.7, -1.2, 0.1], [-0.9, 0.4, 0.0]])
Q = np.array([[-0.3, 0.5, 2.0], [0.6, -0.7, 1.1]])
STANDARD = IsotropicNormal(3)


def of(parameters, event_rank=1):
    return Normal(*map(tensor, parameters), event_rank)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# ---- Bounds of what is learned ----------------------------------------------


def test_log_variances_are_bounded_and_kept_inside():
    inside = np.linspace(-15.0, 10.0, 26).astype("float32")
    found = array(normal.soft_clip(tensor(inside), -20.0, 15.0))
    np.testing.assert_allclose(found, inside, rtol=0, atol=4e-6)  # Of 33.
    outside = tensor([-1e30, -1e3, -20.0, 15.0, 1e3, 1e30])
    found = array(normal.soft_clip(outside, -20.0, 15.0))
    shift = np.exp(-1.0)
    expected = [-20.0, -20.0, -20.0 + shift, 15.0 - shift, 15.0, 15.0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_what_has_left_the_bounds_comes_back():
    """The slope is not zero there, and 1 inside."""
    x = tensor([-21.0, -19.0, 0.0, 14.0, 16.0])
    slopes = array(gradient(lambda x: normal.soft_clip(x, -20.0, 15.0), x))
    out = np.exp(-2.0)
    np.testing.assert_allclose(slopes, [out, 1.0, 1.0, 1.0, out], rtol=1e-4)


def test_learned_distributions_have_the_bounds_of_their_use():
    outputs = tensor(P[:1]), tensor(np.array([[-100.0, 0.5, 100.0]]))
    found = array(Normal.learned(*outputs).log_variance)
    np.testing.assert_allclose(found, [[-20.0, 0.5, 15.0]], rtol=1e-5)
    assert Normal.learned(*outputs).event_shape == (3,)
    bounds = normal.LIKELIHOOD_BOUNDS
    found = array(Normal.learned(*outputs, bounds=bounds).log_variance)
    # A uniform error of rounding to steps of 1 / 255.
    rounding = np.log(1.0 / 12.0 / 255.0**2)
    np.testing.assert_allclose(found, [[rounding, 0.5, 15.0]], rtol=1e-5)


# ---- Densities --------------------------------------------------------------


@pytest.mark.parametrize("event_rank", [0, 1, 2])
def test_log_densities_are_scipys(rng, event_rank):
    x, mean, log_variance = rng.normal(size=(3, 4, 2, 3))
    distribution = of((mean, log_variance), event_rank)
    assert distribution.event_shape == (4, 2, 3)[3 - event_rank :]
    axes = tuple(range(-event_rank, 0))
    terms = scipy.stats.norm.logpdf(x, mean, np.exp(0.5 * log_variance))
    np.testing.assert_allclose(
        array(distribution.log_prob(tensor(x))),
        terms.sum(axes) if axes else terms,
        rtol=1e-5,
        atol=1e-5,
    )


def test_one_log_variance_for_all_components(rng):
    x, mean = rng.normal(size=(2, 4, 2, 3))
    found = Normal(tensor(mean), 2.0 * np.log(0.3), 2).log_prob(tensor(x))
    expected = scipy.stats.norm.logpdf(x, mean, 0.3).sum((1, 2))
    np.testing.assert_allclose(array(found), expected, rtol=1e-5)


def test_densities_broadcast():
    assert tuple(of(P).log_prob(tensor(np.zeros((4, 1, 3)))).shape) == (4, 1)


def test_moments_are_those_of_the_arguments():
    np.testing.assert_array_equal(array(of(P).mean), P[0].astype("float32"))
    np.testing.assert_allclose(array(of(P).variance), np.exp(P[1]), rtol=1e-6)


# ---- Divergences ------------------------------------------------------------


def quadrature(mean, log_variance, prior_mean, prior_log_variance):
    """The divergence of one component, by integration."""
    q = scipy.stats.norm(mean, np.exp(0.5 * log_variance))
    p = scipy.stats.norm(prior_mean, np.exp(0.5 * prior_log_variance))
    return scipy.integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), -30, 30, points=[0]
    )[0]


def test_divergences_equal_their_integrals():
    for prior, parameters in (
        (STANDARD, np.zeros((2, 3))),
        (IsotropicNormal(3, 1.7), [np.zeros(3), np.full(3, 2 * np.log(1.7))]),
        (of(Q), Q),
    ):
        terms = [quadrature(*row) for row in np.concatenate([P, parameters]).T]
        np.testing.assert_allclose(
            array(of(P).kl_divergence(prior)), np.sum(terms), rtol=1e-5
        )
        between = of(P, 0).kl_divergence(of(parameters, 0))
        np.testing.assert_allclose(array(between), terms, rtol=1e-5)
        # And the other way round.
        terms = [quadrature(*row) for row in np.concatenate([parameters, P]).T]
        np.testing.assert_allclose(
            array(prior.kl_divergence(of(P))), np.sum(terms), rtol=1e-5
        )


def test_divergence_of_two_priors():
    """`d (log (w / v) + v / w - 1) / 2`, once, not for each component."""
    found = IsotropicNormal(3, 0.5).kl_divergence(IsotropicNormal(3, 2.0))
    expected = 3 * (np.log(4.0) + 1 / 32 - 0.5)
    assert float(array(found)) == pytest.approx(expected, rel=1e-5)


def test_divergences_are_what_samples_say(rng):
    z = of(P).reparameterize(tensor(rng.normal(size=(100_000, 3))))
    log_q = array(of(P).log_prob(z))
    # Standard errors of 0.4 and 0.3 % of the values.
    for prior in (STANDARD, of(Q)):
        log_ratio = log_q - array(prior.log_prob(z))
        np.testing.assert_allclose(
            log_ratio.mean(), array(of(P).kl_divergence(prior)), rtol=0.01
        )


def test_divergence_vanishes_with_its_gradient_at_the_prior():
    zeros = np.zeros((2, 3))
    assert float(array(of(zeros).kl_divergence(STANDARD))) == 0.0
    by_both = gradient(lambda x: Normal(*x).kl_divergence(STANDARD), zeros)
    np.testing.assert_array_equal(by_both, zeros)
    assert float(array(of(P).kl_divergence(of(P)))) == pytest.approx(0.0)


def test_there_is_no_closed_form_but_for_normal_ones():
    from keras_gen.distributions import Uniform

    assert of(P).kl_divergence(Uniform(3)) is None
    assert Uniform(3).kl_divergence(of(P)) is None


# ---- Draws ------------------------------------------------------------------


def test_derivatives_of_a_reparameterized_draw():
    eps = np.array([0.3, -1.4, 2.0])
    by_mean, by_log_variance = gradient(
        lambda x: Normal(*x).reparameterize(tensor(eps)), P
    )
    np.testing.assert_array_equal(by_mean, np.ones(3))
    np.testing.assert_allclose(
        by_log_variance, 0.5 * np.exp(0.5 * P[1]) * eps, rtol=1e-6
    )


def test_draws_have_the_stated_moments(rng):
    z = array(of(P).reparameterize(tensor(rng.normal(size=(100_000, 3)))))
    np.testing.assert_allclose(z.mean(0), P[0], atol=0.02)
    np.testing.assert_allclose(z.var(0), np.exp(P[1]), rtol=0.02)


def test_samples_are_draws_of_each_distribution_of_the_batch(monkeypatch, rng):
    mean, log_variance = rng.normal(size=(2, 4, 3))
    batch = of((mean, log_variance))
    first, again, other = (array(batch.sample(5, seed=s)) for s in (1, 1, 2))
    assert first.shape == (5, 4, 3)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).min() > 0.0
    eps = rng.normal(size=(5, 4, 3))
    fix_noise(monkeypatch, normal, eps)
    np.testing.assert_allclose(
        array(batch.sample(5)), mean + np.exp(log_variance / 2) * eps, rtol=1e-5
    )


def test_the_prior_is_normal_around_zero():
    z = many("normal")
    for column in z.T:
        check_normal(column, 0.0, 2.0)
    correlations = np.corrcoef(z.T) - np.eye(3)
    assert np.abs(correlations).max() < SLACK
    prior = IsotropicNormal(3, std=2.0)
    expected = scipy.stats.norm(0, 2.0).logpdf(z[:9]).sum(axis=1)
    np.testing.assert_allclose(
        array(prior.log_prob(tensor(z[:9]))), expected, rtol=1e-5
    )
    np.testing.assert_array_equal(array(prior.mean), np.zeros(3))
    assert float(array(prior.variance)) == pytest.approx(4.0)


def test_parameters_that_are_tensors_are_not_saved():
    with pytest.raises(NotImplementedError, match="Normal cannot be saved"):
        keras.saving.serialize_keras_object(of(P))


# ---- The product ------------------------------------------------------------


def test_product_is_that_of_the_densities(rng):
    means, log_variances = rng.normal(size=(2, 2, 5))
    with double_precision():
        first, second = map(of, zip(means, log_variances, strict=True))
        product = first.product(second)
        m, v = array(product.mean), array(product.variance)
    variances = np.exp(log_variances)
    np.testing.assert_allclose(1 / v, (1 / variances).sum(0))
    assert np.all(v < variances.min(0))
    assert np.all((m > means.min(0)) & (m < means.max(0)))
    # The logarithms differ by a constant.
    z = np.linspace(-3, 3, 7)[:, None]
    norm = scipy.stats.norm
    difference = (
        norm.logpdf(z, means[0], variances[0] ** 0.5)
        + norm.logpdf(z, means[1], variances[1] ** 0.5)
        - norm.logpdf(z, m, v**0.5)
    )
    np.testing.assert_allclose(np.ptp(difference, axis=0), 0.0, atol=1e-9)


def test_product_with_a_flat_density_changes_nothing():
    with double_precision():
        narrow = of([[0.5, -2.0], np.log([0.3, 4.0])])
        flat = of([np.ones(2), np.full(2, np.log(1e15))])
        for product in (narrow.product(flat), flat.product(narrow)):
            for name in ("mean", "log_variance"):
                np.testing.assert_allclose(
                    array(getattr(product, name)),
                    array(getattr(narrow, name)),
                    rtol=1e-12,
                )


def products(mean, variance, members):
    q = Normal(tensor(mean), tensor(np.log(variance)))
    product = q.product_over(tensor(np.array(members, "int32")) == 1)
    return array(product.mean), np.exp(array(product.log_variance))


def test_the_product_of_several_densities():
    rng = np.random.default_rng(0)
    mean, variance = rng.normal(size=(4, 2)), rng.uniform(0.1, 3.0, (4, 2))
    members = [[1, 1, 1, 1], [0, 1, 0, 1], [0, 0, 1, 0]]
    found = products(mean, variance, members)
    for row, m, v in zip(members, *found, strict=True):
        chosen = np.flatnonzero(row)
        x = rng.normal(size=(5, 2))
        log_p = sum(
            scipy.stats.norm.logpdf(x, mean[i], variance[i] ** 0.5)
            for i in chosen
        )
        difference = log_p - scipy.stats.norm.logpdf(x, m, v**0.5)
        np.testing.assert_allclose(difference.std(axis=0), 0.0, atol=1e-4)
    # Of one, it is that one; of two, that of both in any order.
    np.testing.assert_allclose(found[0][2], mean[2], rtol=1e-6)
    a, b = (
        Normal(tensor(mean[i : i + 1]), tensor(np.log(variance[i : i + 1])))
        for i in (1, 3)
    )
    for pair in (a.product(b), b.product(a)):
        np.testing.assert_allclose(array(pair.mean)[0], found[0][1], rtol=1e-5)
        np.testing.assert_allclose(
            np.exp(array(pair.log_variance))[0], found[1][1], rtol=1e-5
        )


def test_certain_members_dominate_and_vague_ones_do_not_count():
    mean = np.array([[1.0], [-2.0], [5.0]])
    variance = np.array([[1e-8], [1.0], [1e6]])
    m, v = products(mean, variance, [[1, 1, 1], [0, 1, 1]])
    np.testing.assert_allclose(m[:, 0], [1.0, -2.0], atol=1e-4)
    np.testing.assert_allclose(v[:, 0], [1e-8, 1.0], rtol=1e-4)
    n = 5
    same = products(mean[:1].repeat(n, 0), variance[:1].repeat(n, 0), [[1] * n])
    assert same[0][0, 0] == pytest.approx(1.0)
    assert same[1][0, 0] == pytest.approx(1e-8 / n, rel=1e-5)
