import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import backend
from keras_gen.layers import BatchNormalization
from keras_gen.losses import penalties
from tests.numerics import (
    array,
    double_precision,
    gradient,
    loss_and_gradients,
    one_program,
    tensor,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def critic_penalty(critic, points, **options):
    gradients = backend.gradient(critic, tensor(points))
    norms = penalties.gradient_norm(gradients)
    return penalties.gradient_penalty(norms, **options)


def test_norms_are_over_all_axes_but_the_first(rng):
    x = rng.normal(size=(5, 2, 3, 4))
    norms = array(penalties.gradient_norm(tensor(x)))
    expected = np.linalg.norm(x.reshape(5, -1), axis=1)
    np.testing.assert_allclose(norms, expected, rtol=1e-6)


def test_a_zero_gradient_has_the_norm_of_the_epsilon():
    with double_precision():
        norms = penalties.gradient_norm(tensor(np.zeros((2, 3))))
        np.testing.assert_allclose(array(norms), [1e-6, 1e-6])


def test_a_zero_gradient_has_a_finite_derivative():
    def penalty(x):
        return penalties.gradient_penalty(penalties.gradient_norm(x))

    zeros = np.zeros((2, 3))
    assert float(array(penalty(tensor(zeros)))) == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_array_equal(gradient(penalty, zeros), zeros)


@pytest.mark.parametrize("target", [1.0, 2.0])
@pytest.mark.parametrize("one_sided", [False, True])
def test_penalty_of_norms(target, one_sided):
    norms = np.array([0.25, 1.0, 1.5, 4.0])
    excess = norms / target - 1.0
    if one_sided:
        excess = np.maximum(excess, 0.0)
    value = penalties.gradient_penalty(tensor(norms), target, one_sided)
    assert float(array(value)) == pytest.approx(np.mean(excess**2))


def test_interpolates_have_one_position_for_each_example(rng):
    real, fake = rng.normal(size=(2, 4, 3, 3, 2))
    position = rng.uniform(size=4)
    points = array(
        penalties.interpolates(tensor(real), tensor(fake), tensor(position))
    )
    for x, y, a, point in zip(real, fake, position, points, strict=True):
        np.testing.assert_allclose(point, (1 - a) * x + a * y, atol=1e-6)
    for a, end in ((0.0, real), (1.0, fake)):
        ends = penalties.interpolates(
            tensor(real), tensor(fake), tensor(np.full(4, a))
        )
        np.testing.assert_allclose(array(ends), end, atol=1e-6)


def test_linear_critic(rng):
    with double_precision():
        w = rng.normal(size=(6, 1))
        inputs = keras.Input((6,))
        critic = keras.Model(inputs, layers.Dense(1)(inputs))
        critic.layers[-1].kernel.assign(w)
        norm = np.linalg.norm(w)
        for points in rng.normal(size=(2, 5, 6)):
            loss, (by_w, by_b) = loss_and_gradients(
                lambda points=points: critic_penalty(critic, points),
                critic.trainable_variables,
            )
            assert loss == pytest.approx((norm - 1) ** 2)
            np.testing.assert_allclose(
                by_w, 2 * (norm - 1) * w / norm, rtol=1e-9
            )
            np.testing.assert_array_equal(by_b, [0.0])


@pytest.mark.parametrize("position", [0.0, 0.3, 1.0])
def test_quadratic_critic(rng, position):
    real, fake = rng.normal(size=(2, 5, 2, 3))
    points = penalties.interpolates(
        tensor(real), tensor(fake), tensor(np.full(5, position))
    )

    def critic(x):
        return 0.5 * ops.sum(ops.square(x), axis=(1, 2))

    value = critic_penalty(critic, points)
    expected = real + position * (fake - real)
    norms = np.linalg.norm(expected.reshape(5, -1), axis=1)
    found = penalties.norms_between(
        backend.gradient,
        critic,
        tensor(real),
        tensor(fake),
        tensor(np.full(5, position)),
    )
    np.testing.assert_allclose(array(found), norms, rtol=1e-5)
    assert float(array(value)) == pytest.approx(
        np.mean((norms - 1) ** 2), rel=1e-5
    )


def critics():
    """The same critic without and with batch normalization."""

    def build(normalize):
        x = inputs = keras.Input((4,))
        x = layers.Dense(8, activation="tanh")(x)
        if normalize:
            x = BatchNormalization()(x)
        return keras.Model(inputs, layers.Dense(1)(layers.ReLU()(x)))

    plain, normalized = build(False), build(True)
    for index in (1, -1):
        normalized.layers[index].set_weights(plain.layers[index].get_weights())
    return plain, normalized


def test_gradients_of_a_sum_are_those_of_each_example(rng):
    points = rng.normal(size=(5, 4))
    plain, normalized = critics()

    def joint_and_single(critic):
        def score(x):
            return critic(x, training=True)

        joint = gradient(score, points)
        single = [gradient(score, point[None]) for point in points]
        return joint, np.concatenate(single)

    joint, single = joint_and_single(plain)
    np.testing.assert_allclose(joint, single, atol=1e-6)
    # Batch normalization makes each score depend on the whole batch.
    joint, single = joint_and_single(normalized)
    assert np.abs(joint - single).max() > 0.01


# ---- Historical averaging ---------------------------------------------------


def test_distance_to_averages(rng):
    values = [rng.normal(size=(3, 2)), rng.normal(size=4)]
    averages = [rng.normal(size=(3, 2)), rng.normal(size=4)]
    pairs = list(zip(values, averages, strict=True))
    found = penalties.distance_to_averages(
        list(map(tensor, values)), list(map(tensor, averages))
    )
    expected = sum(((a - b) ** 2).sum() for a, b in pairs)
    assert float(array(found)) == pytest.approx(expected, rel=1e-5)
    for value, average in pairs:
        slope = gradient(
            lambda x, a=average: penalties.distance_to_averages(
                [x], [tensor(a)]
            ),
            value,
        )
        np.testing.assert_allclose(slope, 2 * (value - average), rtol=1e-4)
        # The averages are constants, even where they depend on the values.
        slope = gradient(
            lambda x: penalties.distance_to_averages([x], [0.5 * x]), value
        )
        np.testing.assert_allclose(slope, value, rtol=1e-4)


def test_each_value_has_an_average():
    with pytest.raises(ValueError, match="zip"):
        penalties.distance_to_averages([tensor(1.0)], [])


def test_a_value_that_is_its_average_costs_nothing(rng):
    """As the first one is: neither a penalty nor a gradient."""
    x = rng.normal(size=5)
    found = penalties.distance_to_averages([tensor(x)], [tensor(x)])
    assert float(array(found)) == 0.0
    slope = gradient(
        lambda y: penalties.distance_to_averages([y], [tensor(x)]), x
    )
    np.testing.assert_allclose(slope, 0.0, atol=1e-6)


def test_running_averages_are_means(rng):
    values = rng.normal(size=(20, 3)).astype("float32")
    average = tensor(values[0])
    for count, value in enumerate(values[1:], start=2):
        average = penalties.running_average(average, tensor(value), count)
        np.testing.assert_allclose(
            array(average), values[:count].mean(axis=0), rtol=1e-4, atol=1e-6
        )


def play(weight, steps=100, rate=0.2):
    """`min_x max_y xy` from (1, 1), by simultaneous gradient descent.

    Returns the distance from the equilibrium.
    """

    def losses(point, other, average):
        """`xy` and `-xy`, of each player's own coordinate."""
        other = ops.stop_gradient(other)
        game = point[0] * other[1] - other[0] * point[1]
        penalty = penalties.distance_to_averages([point], [average])
        return game + weight * penalty

    def step(point, average, count):
        slope = backend.gradient(lambda p: losses(p, point, average), point)
        point = point - rate * slope
        average = penalties.running_average(average, point, count)
        return ops.stop_gradient(point), ops.stop_gradient(average)

    step = one_program(step)
    point = average = tensor(np.ones(2))
    for count in range(2, steps + 2):
        point, average = step(point, average, tensor(float(count)))
    return float(np.linalg.norm(array(point)))


def test_historical_averaging_ends_the_circling_of_a_game():
    """Without it, the players move away; a large weight drags."""
    # Each step has the factor sqrt(1 + rate^2).
    assert play(0.0) == pytest.approx(2**0.5 * 1.04**50, rel=1e-3)
    assert play(0.2) < 0.07
    assert 0.8 < play(1.0) < 0.9
