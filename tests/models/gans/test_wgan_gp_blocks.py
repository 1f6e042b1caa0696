import keras
import numpy as np
import pytest
from keras import layers

from keras_gen.models.gans.wgan_gp.networks import (
    residual_block_1d,
    scaled_uniform,
)
from tests.numerics import array


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_scaled_uniform_has_the_stated_variance(gain):
    values = array(scaled_uniform(30, 10, gain)((200, 200)))
    # 40,000 draws: the variance of uniform numbers is known to 0.5 %.
    np.testing.assert_allclose(values.var(), gain * 2 / 40, rtol=0.03)
    np.testing.assert_allclose(values.mean(), 0.0, atol=0.01)
    limit = (3 * gain * 2 / 40) ** 0.5
    assert 0.99 * limit < np.abs(values).max() <= limit * (1 + 1e-6)
    if gain == 1.0:
        assert scaled_uniform(30, 10).maxval == pytest.approx(limit)


def test_block_of_text():
    """`x + 0.3 conv(relu(conv(relu(x))))`."""
    inputs = keras.Input((6, 3))
    model = keras.Model(inputs, residual_block_1d(inputs))
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    first, second = (x for x in model.layers if isinstance(x, layers.Conv1D))
    x = rng.normal(size=(2, 6, 3)).astype("float32")
    hidden = array(first(np.maximum(x, 0.0)))
    expected = x + 0.3 * array(second(np.maximum(hidden, 0.0)))
    np.testing.assert_allclose(array(model(x)), expected, rtol=1e-5, atol=1e-5)
