import math

import numpy as np
import pytest

from keras_gen.losses import adversarial
from tests.numerics import array, double_precision, gradient, tensor

LOGITS = np.linspace(-4.9, 4.9, 15)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


@pytest.fixture
def double():
    with double_precision():
        yield


def value(loss, *logits):
    return float(array(loss(*map(tensor, logits))))


def test_logit_forms_equal_probability_forms(double):
    real, fake = LOGITS, LOGITS[::-1] * 0.5 + 1.0
    cases = {
        adversarial.logistic_discriminator: (
            (real, fake),
            -np.mean(np.log(sigmoid(real)))
            - np.mean(np.log(1.0 - sigmoid(fake))),
        ),
        adversarial.non_saturating_generator: (
            (fake,),
            -np.mean(np.log(sigmoid(fake))),
        ),
        adversarial.minimax_generator: (
            (fake,),
            np.mean(np.log(1.0 - sigmoid(fake))),
        ),
    }
    for loss, (logits, expected) in cases.items():
        np.testing.assert_allclose(value(loss, *logits), expected, atol=1e-6)


@pytest.mark.parametrize("extreme", [1e4, -1e4])
def test_logistic_losses_are_finite_at_extreme_logits(extreme):
    x = np.array([extreme])
    assert value(adversarial.logistic_discriminator, x, x) == pytest.approx(1e4)
    cost = max(-extreme, 0.0)
    assert value(adversarial.non_saturating_generator, x) == pytest.approx(cost)
    cost = -max(extreme, 0.0)
    assert value(adversarial.minimax_generator, x) == pytest.approx(cost)


def test_logistic_losses_where_the_discriminator_knows_nothing():
    zeros = np.zeros(7)
    assert value(
        adversarial.logistic_discriminator, zeros, zeros
    ) == pytest.approx(2 * math.log(2), abs=1e-6)
    assert value(adversarial.non_saturating_generator, zeros) == pytest.approx(
        math.log(2), abs=1e-6
    )


def test_gradients_by_the_fake_logits(double):
    s = sigmoid(LOGITS)
    n = len(LOGITS)
    np.testing.assert_allclose(
        gradient(adversarial.non_saturating_generator, LOGITS),
        -(1.0 - s) / n,
        atol=1e-9,
    )
    np.testing.assert_allclose(
        gradient(adversarial.minimax_generator, LOGITS), -s / n, atol=1e-9
    )
    # Where the discriminator is sure, only one of them still teaches.
    sure = np.array([-30.0])
    strong = gradient(adversarial.non_saturating_generator, sure)
    weak = gradient(adversarial.minimax_generator, sure)
    assert strong[0] == pytest.approx(-1.0, abs=1e-9)
    assert abs(weak[0]) < 1e-9


def test_minimax_is_a_zero_sum_game(double):
    fake = LOGITS + 0.3
    no_real = np.full(3, 1e4)
    fake_part = value(adversarial.logistic_discriminator, no_real, fake)
    generator = value(adversarial.minimax_generator, fake)
    assert generator + fake_part == pytest.approx(0.0, abs=1e-12)


def test_the_best_discriminator_of_two_tables(double):
    counts_p, counts_q = np.array([4, 3, 1]), np.array([1, 2, 5])
    p, q = counts_p / 8, counts_q / 8
    mixture = (p + q) / 2
    divergence = 0.5 * np.sum(p * np.log(p / mixture) + q * np.log(q / mixture))

    def loss(logits):
        return value(
            adversarial.logistic_discriminator,
            np.repeat(logits, counts_p),
            np.repeat(logits, counts_q),
        )

    # D* = p / (p + q) has the logit log(p / q).
    best = np.log(p / q)
    assert loss(best) == pytest.approx(math.log(4) - 2 * divergence)
    for shift in np.concatenate([np.eye(3), -np.eye(3)]) * 0.1:
        assert loss(best + shift) > loss(best)


def test_wasserstein_losses():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(1.0, 1.0, 9), rng.normal(size=4)
    critic = adversarial.wasserstein_critic
    assert value(critic, real, fake) == pytest.approx(
        fake.mean() - real.mean(), abs=1e-6
    )
    assert value(critic, real, fake) == pytest.approx(
        -value(critic, fake, real), abs=1e-6
    )
    assert value(critic, real + 5.0, fake + 5.0) == pytest.approx(
        value(critic, real, fake), abs=1e-5
    )
    assert value(critic, real, real) == 0.0
    assert value(adversarial.wasserstein_generator, fake) == pytest.approx(
        -fake.mean(), abs=1e-6
    )


@pytest.mark.parametrize("code", [-1.0, 0.0, 0.9])
def test_least_squares(code, double):
    n = len(LOGITS)

    def loss(scores):
        return adversarial.least_squares(scores, code)

    expected = np.mean((LOGITS - code) ** 2) / 2
    assert value(loss, LOGITS) == pytest.approx(expected)
    assert value(loss, np.full(5, code)) == 0.0
    np.testing.assert_allclose(
        gradient(loss, LOGITS), (LOGITS - code) / n, atol=1e-9
    )


def test_the_best_least_squares_discriminator_of_two_tables(double):
    """With the codes 0 and 1 it is `p / (p + q)`."""
    counts_p, counts_q = np.array([4, 3, 1]), np.array([1, 2, 5])

    def loss(scores):
        real, fake = np.repeat(scores, counts_p), np.repeat(scores, counts_q)
        return value(lambda x: adversarial.least_squares(x, 1.0), real) + value(
            lambda x: adversarial.least_squares(x, 0.0), fake
        )

    best = counts_p / (counts_p + counts_q)
    for shift in np.concatenate([np.eye(3), -np.eye(3)]) * 0.1:
        assert loss(best + shift) > loss(best)


def test_losses_of_half_precision_scores_are_float32():
    # Their sum, 1e6, is beyond the largest float16.
    scores = np.full(1000, 1000.0, "float16")
    for loss in (
        adversarial.wasserstein_generator,
        adversarial.minimax_generator,
    ):
        result = array(loss(scores))
        assert result.dtype == np.float32
        assert result == pytest.approx(-1000.0)


def test_hinge_losses(double):
    hinge = adversarial.hinge_discriminator
    assert value(hinge, np.zeros(3), np.zeros(5)) == pytest.approx(2.0)
    assert value(hinge, np.array([1.0, 7.0]), np.array([-1.0, -3.0])) == 0.0
    real, fake = np.array([0.5, 2.0, -1.0]), np.array([-2.0, 0.5])
    expected = (0.5 + 0.0 + 2.0) / 3 + (0.0 + 1.5) / 2
    assert value(hinge, real, fake) == pytest.approx(expected)
    # Beyond the margin nothing is learned.
    np.testing.assert_allclose(
        gradient(lambda x: hinge(x, tensor(fake)), real), [-1 / 3, 0, -1 / 3]
    )
    np.testing.assert_allclose(
        gradient(lambda x: hinge(tensor(real), x), fake), [0, 0.5]
    )


def test_objectives():
    real, fake = np.array([0.5, -1.0]), np.array([0.3, 1.2, -0.4])
    pairs = {
        "non_saturating": (
            "logistic_discriminator",
            "non_saturating_generator",
        ),
        "minimax": ("logistic_discriminator", "minimax_generator"),
        "hinge": ("hinge_discriminator", "wasserstein_generator"),
        "wasserstein": ("wasserstein_critic", "wasserstein_generator"),
    }
    assert set(adversarial.OBJECTIVES) == set(pairs)
    for name, functions in pairs.items():
        game = adversarial.OBJECTIVES[name]
        first, second = (getattr(adversarial, f) for f in functions)
        assert value(game.discriminator, real, fake) == value(first, real, fake)
        assert value(game.generator, fake) == value(second, fake)
    game = adversarial.least_squares_objective(-1.0, 2.0, 0.5)
    expected = 0.5 * ((real - 2.0) ** 2).mean() + 0.5 * ((fake + 1) ** 2).mean()
    assert value(game.discriminator, real, fake) == pytest.approx(expected)
    expected = 0.5 * ((fake - 0.5) ** 2).mean()
    assert value(game.generator, fake) == pytest.approx(expected)
    # The codes of the paper: 0 and 1.
    game = adversarial.least_squares_objective()
    expected = 0.5 * ((real - 1.0) ** 2).mean() + 0.5 * (fake**2).mean()
    assert value(game.discriminator, real, fake) == pytest.approx(expected)
    expected = 0.5 * ((fake - 1.0) ** 2).mean()
    assert value(game.generator, fake) == pytest.approx(expected)


# ---- One-sided label smoothing, feature matching ----------------------------


def test_smoothed_real_against_probabilities(double):
    for target in (1.0, 0.9, 0.75):
        found = value(
            lambda real, a=target: adversarial.smoothed_real(real, a), LOGITS
        )
        p = sigmoid(LOGITS)
        terms = target * np.log(p) + (1.0 - target) * np.log(1.0 - p)
        np.testing.assert_allclose(found, -terms.mean(), rtol=1e-6)


def test_smoothing_with_1_is_the_loss_of_the_game(double):
    real, zeros = LOGITS[4:], np.full(3, -1e4)
    found = value(adversarial.smoothed_real, real)
    expected = value(adversarial.logistic_discriminator, real, zeros)
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("target", [1.0, 0.9, 0.5])
def test_the_best_constant_discriminator_has_half_of_the_target(double, target):
    """Where both densities are equal: `D = a / 2`, as the target is one-sided.

    Smoothing both would leave it at 1/2.
    """

    def slope(probability):
        logit = math.log(probability / (1.0 - probability))
        return gradient(
            lambda x: (
                adversarial.smoothed_real(x, target)
                + adversarial.logistic_discriminator(0.0 * x + 1e4, x)
            ),
            np.array([logit]),
        )[0]

    best = target / 2
    assert slope(best) == pytest.approx(0.0, abs=1e-7)
    assert slope(best + 0.05) > 1e-2 and slope(best - 0.05) < -1e-2


def test_weights_of_real_examples():
    weights = np.array([0.0, 3.0, 0.0])
    real = np.array([5.0, -1.0, 2.0])
    found = array(adversarial.smoothed_real(tensor(real), 0.9, tensor(weights)))
    alone = array(adversarial.smoothed_real(tensor(real[1:2]), 0.9))
    assert float(found) == pytest.approx(float(alone), rel=1e-6)


FEATURES = np.random.default_rng(0).normal(size=(6, 5))
OTHERS = np.random.default_rng(1).normal(1.0, 2.0, size=(4, 5))


def test_feature_matching_compares_means(double):
    gap = FEATURES.mean(axis=0) - OTHERS.mean(axis=0)
    found = value(adversarial.feature_matching, FEATURES, OTHERS)
    assert found == pytest.approx((gap**2).mean(), rel=1e-6)
    found = adversarial.feature_matching(
        tensor(FEATURES), tensor(OTHERS), absolute=True
    )
    assert float(array(found)) == pytest.approx(np.abs(gap).mean(), rel=1e-6)


@pytest.mark.parametrize("absolute", [False, True])
def test_feature_matching_of_the_same_examples_is_0(double, absolute):
    """In any order: no example is matched to another."""
    shuffled = FEATURES[np.random.default_rng(2).permutation(6)]
    assert np.abs(shuffled - FEATURES).max() > 0.5
    found = adversarial.feature_matching(
        tensor(FEATURES), tensor(shuffled), absolute=absolute
    )
    assert float(array(found)) == pytest.approx(0.0, abs=1e-12)


def test_feature_matching_of_some_of_the_real_examples(double):
    weights = np.array([2.0, 0.0, 2.0, 0.0, 2.0, 0.0])
    found = adversarial.feature_matching(
        tensor(FEATURES), tensor(OTHERS), tensor(weights)
    )
    expected = value(adversarial.feature_matching, FEATURES[::2], OTHERS)
    assert float(array(found)) == pytest.approx(expected, rel=1e-6)
