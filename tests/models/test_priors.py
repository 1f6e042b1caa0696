import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
from keras import ops

from keras_gen.engine import noise
from keras_gen.models.autoencoders.priors import (
    Categorical,
    GaussianMixtureRing,
    Normal,
    SwissRoll,
    UniformCube,
    make_prior,
)
from tests.numerics import array, tensor

N = 20000
# Five standard deviations of a mean of N draws of variance one.
SLACK = 5.0 / np.sqrt(N)

PRIORS = {
    "normal": Normal(3, std=2.0),
    "uniform": UniformCube(3, -1.0, 2.0),
    "categorical": Categorical(4),
    "ring": GaussianMixtureRing(4, 2.0, 0.3, 0.1),
    "roll": SwissRoll(4, 2.0, 1.5),
}
every_prior = pytest.mark.parametrize("name", PRIORS)


def drawn(prior, labels=None, n=N, seed=0):
    labels = None if labels is None else ops.convert_to_tensor(labels)
    return array(prior.sample(n, labels=labels, seed=seed))


def check_normal(x, mean, std):
    """Two moments and the shape: five errors wide, for N draws at least."""
    slack = 5.0 / np.sqrt(len(x))
    assert np.mean(x) == pytest.approx(mean, abs=slack * std)
    assert np.std(x) == pytest.approx(std, rel=slack)
    assert scipy.stats.kstest((x - mean) / std, "norm").pvalue > 1e-4


# ---- What all have in common ------------------------------------------------


@every_prior
def test_an_integer_seed_gives_the_same_draws(name):
    prior = PRIORS[name]
    first, again, other = (drawn(prior, n=50, seed=s) for s in (4, 4, 5))
    assert first.shape == (50, prior.latent_dim)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-3)


@pytest.mark.parametrize("name", ["ring", "roll"])
def test_draws_from_an_integer_seed_are_separate(monkeypatch, name):
    """The component and the place in it have numbers of their own."""
    seeds = []
    draws = {k: getattr(noise, k) for k in ("labels", "normal", "uniform")}
    for kind in draws:

        def recording(*arguments, kind=kind):
            seeds.append(arguments[-1])
            return draws[kind](*arguments)

        monkeypatch.setattr(noise, kind, recording)
    drawn(PRIORS[name], n=3, seed=4)
    assert len(seeds) == 2 and seeds[0] is seeds[1]
    assert isinstance(seeds[0], keras.random.SeedGenerator)


@every_prior
def test_a_generator_goes_on(name):
    generator = keras.random.SeedGenerator(3)
    first, second = (
        drawn(PRIORS[name], n=50, seed=generator) for _ in range(2)
    )
    assert not np.allclose(first, second, atol=1e-3)


@every_prior
def test_configuration_makes_the_same_prior(name):
    prior = PRIORS[name]
    config = keras.saving.serialize_keras_object(prior)
    clone = keras.saving.deserialize_keras_object(config)
    assert type(clone) is type(prior)
    assert clone == prior and hash(clone) == hash(prior)
    assert clone.get_config() == prior.get_config()
    assert clone != Normal(3, std=2.5) and clone != Categorical(3)
    np.testing.assert_array_equal(drawn(clone, n=9), drawn(prior, n=9))


@pytest.mark.parametrize("name", ["normal", "uniform"])
def test_labels_need_components(name):
    with pytest.raises(ValueError, match="no components"):
        drawn(PRIORS[name], labels=[0, 1], n=2)


# ---- Each by itself ---------------------------------------------------------


def test_normal():
    prior = Normal(3, std=2.0)
    z = drawn(prior)
    for column in z.T:
        check_normal(column, 0.0, 2.0)
    correlations = np.corrcoef(z.T) - np.eye(3)
    assert np.abs(correlations).max() < SLACK
    expected = scipy.stats.norm(0, 2.0).logpdf(z[:9]).sum(axis=1)
    np.testing.assert_allclose(
        array(prior.log_prob(tensor(z[:9]))), expected, rtol=1e-5
    )


def test_uniform_cube():
    prior = UniformCube(2, -1.0, 2.0)
    z = drawn(prior)
    assert z.min() >= -1.0 and z.max() <= 2.0
    for column in z.T:
        shifted = (column + 1.0) / 3.0
        assert scipy.stats.kstest(shifted, "uniform").pvalue > 1e-4
    points = np.array([[0.0, 1.9], [-0.99, 0.0], [0.0, 2.1], [-1.1, 0.0]])
    expected = scipy.stats.uniform(-1.0, 3.0).logpdf(points).sum(axis=1)
    assert np.isinf(expected).sum() == 2
    np.testing.assert_allclose(
        array(prior.log_prob(tensor(points))), expected, rtol=1e-6
    )


def test_categorical():
    prior = Categorical(4)
    z = drawn(prior)
    assert set(np.unique(z)) == {0.0, 1.0}
    np.testing.assert_array_equal(z.sum(axis=1), 1.0)
    # The variance of an entry is 3 / 16.
    assert np.abs(z.mean(axis=0) - 0.25).max() < SLACK * np.sqrt(3) / 4
    labels = np.array([3, 0, 1, 1])
    np.testing.assert_array_equal(drawn(prior, labels, 4), np.eye(4)[labels])
    np.testing.assert_allclose(
        array(prior.log_prob(tensor(np.eye(4)))), np.log(0.25), rtol=1e-6
    )


def petals(z, labels, prior):
    """Away from the origin and across, for points of given petals."""
    angle = 2 * np.pi * labels / prior.num_classes
    x, y = z.T
    return (
        x * np.cos(angle) + y * np.sin(angle),
        -x * np.sin(angle) + y * np.cos(angle),
    )


def test_ring_by_petal():
    prior = GaussianMixtureRing(10)
    labels = np.arange(N) % 10
    radial, tangential = petals(drawn(prior, labels), labels, prior)
    check_normal(radial, 1.4, 0.5)
    check_normal(tangential, 0.0, 0.05)
    assert abs(np.corrcoef(radial, tangential)[0, 1]) < SLACK
    # The third petal of four lies to the left, the second above.
    z = drawn(PRIORS["ring"], [2] * 100 + [1] * 100, 200)
    np.testing.assert_allclose(z[:100].mean(0), [-2.0, 0.0], atol=0.2)
    np.testing.assert_allclose(z[100:].mean(0), [0.0, 2.0], atol=0.2)


def test_ring_as_a_whole():
    """Any petal is as likely, whatever the draw around its mean."""
    prior = GaussianMixtureRing(4, 2.0, 0.1, 0.05)
    for labels in (None, np.full(N, -1)):
        z = drawn(prior, labels)
        angles = np.arctan2(z[:, 1], z[:, 0])
        petal = np.round(angles / (np.pi / 2)).astype(int) % 4
        shares = np.bincount(petal, minlength=4) / N
        assert np.abs(shares - 0.25).max() < SLACK * np.sqrt(3) / 4
        radial, tangential = petals(z, petal, prior)
        check_normal(radial, 2.0, 0.1)
        check_normal(tangential, 0.0, 0.05)


def test_ring_density():
    prior = GaussianMixtureRing(5, 1.0, 0.5, 0.2)
    z = np.random.default_rng(0).normal(size=(7, 2))
    components = []
    for k in range(5):
        angle = 2 * np.pi * k / 5
        axes = np.array(
            [
                [np.cos(angle), -np.sin(angle)],
                [np.sin(angle), np.cos(angle)],
            ]
        )
        normal = scipy.stats.multivariate_normal(
            axes[:, 0], axes @ np.diag([0.25, 0.04]) @ axes.T
        )
        components.append(normal.logpdf(z))
    components = np.stack(components, axis=1)
    mixture = scipy.special.logsumexp(components, axis=1) - np.log(5)
    np.testing.assert_allclose(
        array(prior.log_prob(tensor(z))), mixture, rtol=1e-4
    )
    labels = np.array([0, 1, 4, -1, 2, 3, -1])
    expected = np.where(labels < 0, mixture, components[range(7), labels])
    given = ops.convert_to_tensor(labels)
    np.testing.assert_allclose(
        array(prior.log_prob(tensor(z), given)), expected, rtol=1e-4
    )


def check_roll(z, labels, pieces, radius, turns):
    t = np.linalg.norm(z, axis=1) / radius
    angle = 2 * np.pi * turns * t
    spiral = radius * t[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    np.testing.assert_allclose(z, spiral, atol=1e-4)
    u = t**2 * pieces - labels
    assert u.min() > -1e-4 and u.max() < pieces - labels.min() + 1e-4
    return u


def test_swiss_roll():
    labels = np.arange(N) % 10
    z = drawn(SwissRoll(), labels)
    u = check_roll(z, labels, 10, 3.0, 2.0)
    assert scipy.stats.kstest(u, "uniform").pvalue > 1e-4
    # Where the spiral ends, and its first turn.
    np.testing.assert_allclose(z[np.argmax((z**2).sum(1))], [3, 0], atol=0.05)
    for anywhere in (None, np.full(N, -1)):
        z = drawn(PRIORS["roll"], anywhere)
        u = check_roll(z, np.zeros(N), 4, 2.0, 1.5)
        assert scipy.stats.kstest(u / 4, "uniform").pvalue > 1e-4


def test_a_curve_has_no_density():
    with pytest.raises(TypeError, match="SwissRoll has no density"):
        SwissRoll().log_prob(tensor(np.zeros((1, 2))))


# ---- What a constructor is told ---------------------------------------------


def test_names():
    assert make_prior("normal", 4, 5.0).get_config() == {
        "latent_dim": 4,
        "std": 5.0,
    }
    assert make_prior("uniform", 3).get_config() == {
        "latent_dim": 3,
        "low": -1.0,
        "high": 1.0,
    }
    assert make_prior("mixture", 2, num_classes=7).get_config() == {
        "num_classes": 7,
        "shift": 1.4,
        "radial_std": 0.5,
        "tangential_std": 0.05,
    }
    assert make_prior("swiss_roll", 2).get_config() == {
        "num_classes": 10,
        "radius": 3.0,
        "turns": 2.0,
    }
    own = Normal(4)
    assert make_prior(own, 4) is own


def test_a_function_of_ones_own():
    seen = []

    def prior(n, labels=None, seed=None):
        seen.append((n, labels, seed))
        return np.full((n, 3), 2)

    made = make_prior(prior, 3, num_classes=5)
    z = made.sample(4, labels=[0, -1, 2, 3], seed=keras.random.SeedGenerator(1))
    np.testing.assert_array_equal(array(z), np.full((4, 3), 2.0))
    assert keras.backend.standardize_dtype(z.dtype) == "float32"
    n, labels, seed = seen[0]
    assert n == 4 and labels == [0, -1, 2, 3]
    assert isinstance(seed, keras.random.SeedGenerator)
    with pytest.raises(ValueError, match=r"\(n, 2\).*\(4, 3\)"):
        make_prior(prior, 2).sample(4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: make_prior("cauchy", 3), ("'cauchy'", "'swiss_roll'")),
        (lambda: make_prior(3.0, 3), ("prior=3.0", "a function")),
        (lambda: make_prior("mixture", 8), ("size 2", "latent_dim=2")),
        (
            lambda: make_prior("normal", 2, num_classes=3),
            ("3 classes", "no components", "'mixture'"),
        ),
        (
            lambda: make_prior(SwissRoll(4), 2, num_classes=3),
            ("3 classes", "4 components"),
        ),
        (lambda: Normal(3, std=0.0), ("std=0.0", "above 0")),
        (lambda: UniformCube(3, 1.0, 1.0), ("high - low", "above 0")),
        (lambda: GaussianMixtureRing(radial_std=-1), ("radial_std=-1",)),
        (lambda: SwissRoll(radius=0), ("radius=0",)),
    ],
)
def test_wrong_priors(make, words):
    with pytest.raises(ValueError) as error:
        make()
    for word in words:
        assert word in str(error.value)
