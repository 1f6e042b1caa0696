import numpy as np
import pytest
import scipy.special
import scipy.stats
from keras import ops

from keras_gen.distributions import GaussianMixtureRing, SwissRoll
from tests.distributions.draws import (
    ROLL,
    SLACK,
    N,
    check_normal,
    check_uniform,
    drawn,
    many,
)
from tests.numerics import array, tensor

# ---- The ring ---------------------------------------------------------------


def petals(z, labels, prior):
    """Away from the origin and across, for points of given components."""
    angle = 2 * np.pi * labels / prior.num_components
    x, y = z.T
    return (
        x * np.cos(angle) + y * np.sin(angle),
        -x * np.sin(angle) + y * np.cos(angle),
    )


def test_ring_by_component():
    prior = GaussianMixtureRing(10)
    labels = np.arange(N) % 10
    radial, tangential = petals(drawn(prior, labels), labels, prior)
    check_normal(radial, 1.4, 0.5)
    check_normal(tangential, 0.0, 0.05)
    assert abs(np.corrcoef(radial, tangential)[0, 1]) < SLACK
    # The third component of four lies to the left, the second above.
    labels = np.repeat([2, 1], N // 2)
    z = drawn(GaussianMixtureRing(4, 2.0, 0.3, 0.1), labels)
    np.testing.assert_allclose(z[: N // 2].mean(0), [-2.0, 0.0], atol=0.02)
    np.testing.assert_allclose(z[N // 2 :].mean(0), [0.0, 2.0], atol=0.02)


def test_ring_as_a_whole():
    """All components are as likely, whatever the draw around its mean."""
    prior = GaussianMixtureRing(4, 2.0, 0.1, 0.05)
    for labels in (None, np.full(N, -1)):
        z = drawn(prior, labels)
        angles = np.arctan2(z[:, 1], z[:, 0])
        petal = np.round(angles / (np.pi / 2)).astype(int) % 4
        fractions = np.bincount(petal, minlength=4) / N
        assert np.abs(fractions - 0.25).max() < SLACK * np.sqrt(3) / 4
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
    # Of several draws for each example as well.
    draws = np.stack([z, z[::-1]])
    np.testing.assert_allclose(
        array(prior.log_prob(tensor(draws))),
        [mixture, mixture[::-1]],
        rtol=1e-4,
    )
    draws = tensor(np.stack([z, z]))
    np.testing.assert_allclose(
        array(prior.log_prob(draws, given)), [expected, expected], rtol=1e-4
    )


def test_ring_of_the_paper():
    assert GaussianMixtureRing().get_config() == {
        "num_components": 10,
        "shift": 1.4,
        "radial_std": 0.5,
        "tangential_std": 0.05,
    }


# ---- The roll ---------------------------------------------------------------


def check_roll(z, labels, pieces, radius, turns):
    """All points lie on the spiral; where in their piece they do."""
    t = np.linalg.norm(z, axis=1) / radius
    angle = 2 * np.pi * turns * t
    spiral = radius * t[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    np.testing.assert_allclose(z, spiral, atol=1e-4)
    return t**2 * pieces - labels


def test_swiss_roll_by_piece():
    labels = np.arange(N) % 10
    z = drawn(SwissRoll(), labels)
    u = check_roll(z, labels, 10, 3.0, 2.0)
    check_uniform(u, -1e-4, 1.0 + 1e-4)
    # Where the spiral ends.
    np.testing.assert_allclose(z[np.argmax((z**2).sum(1))], [3, 0], atol=0.05)


def test_swiss_roll_as_a_whole():
    for z in (many("roll"), drawn(ROLL, np.full(N, -1))):
        u = check_roll(z, 0, 4, 2.0, 1.5)
        check_uniform(u / 4, 0.0, 1.0 + 1e-4)


def test_a_curve_has_no_density():
    with pytest.raises(NotImplementedError, match="SwissRoll has no density"):
        SwissRoll().log_prob(tensor(np.zeros((1, 2))))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GaussianMixtureRing(radial_std=-1), "radial_std=-1"),
        (lambda: GaussianMixtureRing(0), "num_components=0"),
        (lambda: SwissRoll(radius=0), "radius=0"),
    ],
)
def test_sizes_are_positive(make, words):
    with pytest.raises(ValueError, match=f"above 0.*{words}"):
        make()
