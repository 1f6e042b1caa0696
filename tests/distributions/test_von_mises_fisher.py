import keras
import numpy as np
import pytest
import scipy.integrate
import scipy.special
from keras import ops

from keras_gen.distributions import (
    HypersphericalUniform,
    IsotropicNormal,
    VonMisesFisher,
)
from keras_gen.distributions.von_mises_fisher import (
    bessel,
    centered,
    log_area,
)
from tests.numerics import (
    array,
    difference_quotients,
    double_precision,
    gradient,
    one_program,
    tensor,
)

DIMENSIONS = (2, 3, 10, 41, 100)
CONCENTRATIONS = (1e-3, 1e-2, 0.1, 1.0, 5.0, 20.0, 100.0, 500.0, 2e3, 1e4)


def exact(k, m):
    """`A`, `A'`, `log C + k` and the KL divergence, by SciPy's functions."""
    v = 0.5 * m - 1.0
    scaled = scipy.special.ive(v, k)
    ratio = scipy.special.ive(v + 1.0, k) / scaled
    log_c = v * np.log(k) - 0.5 * m * np.log(2.0 * np.pi) - np.log(scaled)
    slope = 1.0 - ratio**2 - (m - 1.0) / k * ratio
    return ratio, slope, log_c, k * (ratio - 1.0) + log_c + log_area(m)


def of(k, m):
    """Distributions of several concentrations, all about the first axis."""
    k = np.reshape(k, (-1, 1))
    return VonMisesFisher(tensor(np.eye(m)[:1].repeat(len(k), 0)), tensor(k))


def unit(shape, seed=0):
    x = np.random.default_rng(seed).normal(size=shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


# ---- Bessel functions -------------------------------------------------------


def small_and_large(k, m):
    """Which concentrations SciPy is precise for: it underflows at small ones
    of many dimensions."""
    return scipy.special.ive(0.5 * m, k) > 1e-250


@pytest.mark.parametrize("m", DIMENSIONS)
def test_normalizer_divergence_and_slopes(m):
    k = np.array(CONCENTRATIONS, "float32").astype("float64")
    k = k[small_and_large(k, m)]
    assert len(k) >= 9
    values = one_program(lambda k: bessel(k, m))(tensor(k))
    ratio, complement, slope, log_c = map(array, values)
    expected = exact(k, m)
    np.testing.assert_allclose(ratio, expected[0], rtol=3e-7)
    np.testing.assert_allclose(complement, 1.0 - expected[0], rtol=1e-5)
    np.testing.assert_allclose(slope, expected[1], rtol=1e-5)
    np.testing.assert_allclose(log_c, expected[2], rtol=1e-6, atol=6e-5)

    def divergence(k):
        return of_tensor(k, m).kl_divergence(HypersphericalUniform(m))

    found = array(one_program(divergence)(tensor(k)))
    np.testing.assert_allclose(found, expected[3], rtol=1e-5, atol=6e-5)
    found = gradient(divergence, k)
    np.testing.assert_allclose(found, k * expected[1], rtol=1e-5)


def of_tensor(k, m):
    direction = ops.zeros((k.shape[0], m)) + np.eye(m, dtype="float32")[0]
    direction = ops.cast(direction, k.dtype)
    return VonMisesFisher(direction, ops.reshape(k, (-1, 1)))


@pytest.mark.parametrize("m", [2, 41, 100])
def test_in_64_bits_they_are_right_to_9_digits(m):
    with double_precision():
        k = np.array(CONCENTRATIONS)
        k = k[small_and_large(k, m)]
        values = one_program(lambda k: bessel(k, m))(tensor(k))
        ratio, complement, slope, log_c = map(array, values)
        expected = exact(k, m)
        np.testing.assert_allclose(ratio, expected[0], rtol=1e-11)
        np.testing.assert_allclose(1.0 - ratio, complement, rtol=1e-9)
        # Of differences, SciPy's own slope has but so many digits.
        np.testing.assert_allclose(slope, expected[1], rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(log_c, expected[2], rtol=1e-10, atol=1e-9)


def test_the_limit_of_no_concentration_is_uniform():
    for m in (2, 3, 10):
        q, z = of([1e-6], m), tensor(unit((5, 1, m)))
        uniform = HypersphericalUniform(m)
        assert array(q.kl_divergence(uniform))[0] == pytest.approx(0, abs=1e-5)
        np.testing.assert_allclose(
            array(q.log_prob(z))[:, 0],
            array(uniform.log_prob(z))[:, 0],
            atol=1e-5,
        )


def test_in_three_dimensions_they_are_elementary():
    k = np.array([0.1, 1.0, 7.0])
    found = array(of(k, 3).kl_divergence(HypersphericalUniform(3)))
    expected = k / np.tanh(k) - 1.0 + np.log(k / np.sinh(k))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_there_is_no_other_divergence():
    assert of([1.0], 3).kl_divergence(IsotropicNormal(3)) is None


# ---- Densities --------------------------------------------------------------


@pytest.mark.parametrize("k", [0.5, 5.0, 50.0])
def test_the_density_on_a_circle_integrates_to_1(k):
    angle = np.linspace(0.0, 2.0 * np.pi, 2001)
    z = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    found = array(of([k], 2).log_prob(tensor(z[:, None])))[:, 0]
    total = scipy.integrate.simpson(np.exp(found), x=angle)
    assert total == pytest.approx(1.0, rel=1e-5)
    log_c = -np.log(2 * np.pi * scipy.special.i0(k))
    np.testing.assert_allclose(found, k * np.cos(angle) + log_c, atol=1e-4)


@pytest.mark.parametrize("m", [3, 8])
def test_the_density_falls_with_the_angle(m):
    mu, z = unit((2, m), 1), unit((4, 2, m), 2)
    k = np.array([[0.7], [12.0]])
    q = VonMisesFisher(tensor(mu), tensor(k))
    cosine = np.sum(z * mu, axis=-1)
    expected = k[:, 0] * (cosine - 1.0) + exact(k[:, 0], m)[2]
    np.testing.assert_allclose(array(q.log_prob(tensor(z))), expected, 1e-4)


def test_the_area_of_a_sphere():
    areas = [np.exp(log_area(m)) for m in (2, 3, 4)]
    expected = [2 * np.pi, 4 * np.pi, 2 * np.pi**2]
    np.testing.assert_allclose(areas, expected, rtol=1e-12)


# ---- Draws ------------------------------------------------------------------


@pytest.mark.parametrize("m", [2, 3, 20])
def test_moments_of_draws(m):
    """About the mean direction, and none other; 3 standard errors."""
    k, n = np.array([0.3, 3.0, 40.0, 2000.0]), 20_000
    mu = unit((len(k), m), seed=m)
    q = VonMisesFisher(tensor(mu), tensor(k[:, None]))
    z = array(one_program(lambda: q.sample(n, seed=1))())
    np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 1.0, rtol=1e-5)
    cosine = 1.0 - 0.5 * np.sum((z - mu) ** 2, axis=-1)
    ratio = exact(k, m)[0]
    for values, mean in (
        (cosine, ratio),
        (cosine**2, 1.0 - (m - 1.0) * ratio / k),
    ):
        error = np.abs(values.mean(axis=0) - mean)
        assert np.all(error < 3.0 * values.std(axis=0) / n**0.5)
    # What is left of the mean is noise, in all other directions.
    across = z.mean(axis=0) - cosine.mean(axis=0)[:, None] * mu
    slack = np.sqrt((1.0 - ratio**2) / n)
    assert np.all(np.abs(across) < 5.0 * slack[:, None])
    mean = array(q.mean)
    np.testing.assert_allclose(mean, ratio[:, None] * mu, rtol=1e-5, atol=1e-6)


def test_the_extremes_of_the_proposals_are_on_the_sphere():
    q = of([1e-3, 1e4], 5)
    e = tensor(np.array([[[0.0, 0.5, 1.0]] * 2]))
    found = array(q.one_minus_w(e))
    np.testing.assert_allclose(found[..., 0], 0.0)
    np.testing.assert_allclose(found[..., 2], 2.0, rtol=1e-6)
    q = of([1e-3, 0.5, 2.0, 1e4], 3)
    found = array(
        q.invert(tensor(np.array([0.0, 0.5, 0.999999])[:, None, None]))
    )
    assert np.all(found >= 0.0) and np.all(found <= 2.0 + 1e-6)
    # The inverse of the cumulative distribution function at one half.
    k = np.array([1e-3, 0.5, 2.0, 1e4])
    expected = -np.log(0.5 + 0.5 * np.exp(-2.0 * k)) / k
    np.testing.assert_allclose(found[1, :, 0], expected, rtol=1e-4)


@pytest.mark.parametrize("m", [2, 4, 30])
def test_one_of_sixteen_proposals_is_accepted(m):
    """And the first that is: the rate is at least 0.65."""
    k = np.array([1e-3, 0.5, 10.0, 1e3])
    q, rng = of(k, m), np.random.default_rng(0)
    e = rng.beta(0.5 * (m - 1), 0.5 * (m - 1), (500, 4, 16))
    e = np.clip(e, 1e-6, 1.0 - 1e-6)
    u = rng.uniform(1e-6, 1.0, e.shape)
    b = (m - 1) / (2 * k + np.sqrt(4 * k**2 + (m - 1) ** 2))[:, None]
    w = (1 - (1 + b) * e) / (1 - (1 - b) * e)
    x0 = (1 - b) / (1 + b)
    c = k[:, None] * x0 + (m - 1) * np.log(1 - x0**2)
    # Wood's test, in its own form.
    odds = k[:, None] * w + (m - 1) * np.log(1 - x0 * w) - c
    accepted = odds >= np.log(u)
    assert accepted.mean() > 0.65
    first = accepted.argmax(axis=-1)
    expected = np.take_along_axis(e, first[..., None], -1)[..., 0]
    found = array(q.accept(tensor(e), tensor(u)))[..., 0]
    assert np.mean(np.abs(found - expected) > 1e-5) < 2e-3  # Ties by rounding.


def test_the_reflection():
    mu, z = unit((3, 4), 1), unit((5, 3, 4), 2)
    q = VonMisesFisher(tensor(mu), tensor(np.ones((3, 1))))
    axis = tensor(np.broadcast_to(np.eye(4)[0], (1, 3, 4)))
    np.testing.assert_allclose(array(q.reflect(axis))[0], mu, atol=1e-6)
    twice = array(q.reflect(q.reflect(tensor(z))))
    np.testing.assert_allclose(twice, z, atol=1e-6)
    same = array(of([1.0] * 3, 4).reflect(tensor(z)))
    np.testing.assert_allclose(same, z, atol=1e-7)


# ---- Gradients --------------------------------------------------------------


@pytest.mark.parametrize("m, k", [(2, 1.0), (3, 2.0), (10, 10.0)])
def test_the_corrected_gradient_is_unbiased(m, k):
    """That of `E[mu.z] = A(k)` by `k`, within 4 standard errors."""
    n = 50_000
    ones = np.ones((n, 1))

    def cosine(concentration):
        mu = ops.cast(np.eye(m)[:1].repeat(n, 0), concentration.dtype)
        q = VonMisesFisher(mu, concentration)
        z = q.sample(1, seed=keras.random.SeedGenerator(3))
        return q.corrected(z, z[..., 0])

    slopes = gradient(cosine, k * ones)[:, 0]
    error = float(4.0 * slopes.std() / n**0.5)
    assert slopes.mean() == pytest.approx(exact(k, m)[1], abs=error)
    assert error < 0.1 * exact(k, m)[1]


def test_the_correction_is_the_slope_of_the_log_odds():
    """`d/dk log(q(h(e, k)) |dh/de|)`, by differences."""
    m, k = 6, 3.0
    with double_precision():
        z = array(of([k], m).sample(7, seed=0))
        one_minus_w = 1.0 - z[:, 0, 0]
        b = (m - 1) / (2 * k + np.sqrt(4 * k**2 + (m - 1) ** 2))
        e = one_minus_w / (2 * b + (1 - b) * one_minus_w)

        def log_odds(k):
            b = (m - 1) / (2 * k + np.sqrt(4 * k**2 + (m - 1) ** 2))
            h = (1 - (1 + b) * e) / (1 - (1 - b) * e)
            log_q = k * h + 0.5 * (m - 3) * np.log(1 - h**2)
            log_c = exact(k, m)[2] - k
            step = np.log(2 * b) - 2 * np.log(1 - (1 - b) * e)
            return log_q + log_c + step

        expected = (log_odds(k + 1e-5) - log_odds(k - 1e-5)) / 2e-5
        value = np.arange(1.0, 8.0)[:, None]

        def corrected(concentration):
            mu = tensor(np.eye(m)[:1].repeat(7, 0))
            q = VonMisesFisher(mu, concentration)
            zs = tensor(z.reshape(1, 7, m))
            return q.corrected(zs, tensor(value.reshape(1, 7)))

        found = gradient(corrected, np.full((7, 1), k))
        # Less the mean of the other six.
        others = (value.sum() - value[:, 0]) / 6.0
        expected = (value[:, 0] - others) * expected
        np.testing.assert_allclose(found[:, 0], expected, 1e-6)


def test_one_example_has_no_others_to_be_held_against():
    def corrected(k):
        q = VonMisesFisher(tensor(np.eye(5)[:1]), k)
        z = q.sample(3, seed=keras.random.SeedGenerator(0))
        value = tensor(np.array([[1.0], [2.0], [-3.0]]))
        return q.corrected(ops.stop_gradient(z), value)

    slopes = gradient(corrected, np.array([[2.0]]))
    assert np.all(np.isfinite(slopes)) and np.any(slopes != 0.0)
    one, two = (
        array(centered(tensor(np.array([x])))) for x in ([4.0], [4.0, 1.0])
    )
    assert one.tolist() == [[4.0]] and two.tolist() == [[3.0, -3.0]]


def test_a_worker_centers_by_the_values_of_all(monkeypatch):
    values = np.array([[3.0, -1.0, 4.0, 2.0]])
    whole = array(centered(tensor(values)))
    np.testing.assert_allclose(whole, values - (8.0 - values) / 3.0)
    module = "keras_gen.distributions.von_mises_fisher"
    monkeypatch.setattr(f"{module}.replica", lambda: (1, 2))
    monkeypatch.setattr(f"{module}.replica_mean", lambda x: x - x + 2.0)
    found = array(centered(tensor(values[:, 2:])))
    np.testing.assert_allclose(found, whole[:, 2:], rtol=1e-6)


def test_bessel_functions_have_no_gradient_but_their_slopes():
    found = gradient(lambda k: ops.sum(sum(bessel(k, 4))), np.ones((2, 1)))
    np.testing.assert_array_equal(found, 0.0)


def test_the_correction_changes_no_value():
    q = of([2.0, 5.0], 4)
    z, value = q.sample(3, seed=0), tensor(np.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal(array(q.corrected(z, value)), array(value))


@pytest.mark.parametrize("u", [0.1, 0.5, 0.9])
def test_the_inverse_in_three_dimensions(u):
    """Of the distribution function `(exp(k w) - exp(-k)) / (2 sinh k)`."""
    k = np.array([0.01, 0.5, 1.5, 2.0, 30.0])
    w = 1.0 - array(of(k, 3).invert(tensor(np.full((1, 5, 1), u))))[0, :, 0]
    found = (np.exp(k * w) - np.exp(-k)) / (2.0 * np.sinh(k))
    np.testing.assert_allclose(found, u, rtol=2e-3)


def test_a_tangent_of_length_0_is_no_nan(monkeypatch):
    """On the circle it is a single number."""
    q = of([1.0], 2)
    monkeypatch.setattr(
        "keras_gen.distributions.von_mises_fisher.noise.normal",
        lambda shape, seed: ops.ones(shape) * (len(shape) > 3),
    )
    assert np.all(np.isfinite(array(q.sample(2, seed=0))))


def test_draws_move_with_the_mean_direction():
    """By the reflection alone, finite also at the first axis itself."""
    mu = np.concatenate([unit((1, 4), 5), np.eye(4)[:1]])

    def first(mu):
        q = VonMisesFisher(mu, tensor(np.full((2, 1), 3.0)))
        return q.sample(1, seed=keras.random.SeedGenerator(0))[..., 1]

    found = gradient(first, mu)
    assert np.all(np.isfinite(found))
    with double_precision():

        def total(mu):
            return array(ops.sum(first(tensor(mu))[:, :1]))

        expected = difference_quotients(total, mu[:1].repeat(2, 0), 1e-6)
        found = gradient(first, mu[:1].repeat(2, 0))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-7)


def test_uniform_draws():
    n, m = 20_000, 4
    uniform = HypersphericalUniform(m)
    z = array(uniform.sample(n, seed=0))
    np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 1.0, rtol=1e-5)
    assert np.all(np.abs(z.mean(axis=0)) < 4.0 / np.sqrt(m * n))
    np.testing.assert_allclose(z.T @ z / n, np.eye(m) / m, atol=0.01)
    density = array(uniform.log_prob(tensor(z[:3])))
    np.testing.assert_allclose(density, -np.log(2 * np.pi**2), rtol=1e-6)
    assert array(uniform.mean).tolist() == [0.0] * m
    assert HypersphericalUniform(m) == uniform
    with pytest.raises(ValueError, match="latent_dim=1"):
        HypersphericalUniform(1)
