"""How autoencoders of logistic units start, and what trains them."""

import keras
import numpy as np
import pytest

from keras_gen import CAE, DAE
from keras_gen.models.networks import dense_layers
from tests.numerics import array


@pytest.mark.parametrize(("model_class", "rate"), [(CAE, 0.01), (DAE, 0.1)])
def test_defaults(model_class, rate):
    """Sigmoid kernels from `U(-a, a)`, `a = 4 sqrt(6 / fans)`; descent."""
    model = model_class((28, 28, 1), 200, seed=0)
    limit = 4 * np.sqrt(6 / 984)
    kernel = np.abs(array(dense_layers(model.encoder)[0].kernel))
    # 156,800 numbers reach their limit to within a thousandth.
    assert limit * 0.999 < kernel.max() <= limit * 1.0001
    assert kernel.mean() == pytest.approx(limit / 2, rel=0.01)
    model.compile()
    optimizer = model.optimizer["model"]
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert float(optimizer.learning_rate) == pytest.approx(rate)
