"""How autoencoders of logistic units start, and what trains them."""

import keras
import numpy as np
import pytest

from keras_gen import CAE, DAE, StackedCAE, StackedDAE
from keras_gen.networks.mlp import dense_layers
from tests.numerics import array


def assert_wide(encoder):
    """A kernel of 784x200 from `U(-a, a)`, `a = 4 sqrt(6 / fans)`."""
    limit = 4 * np.sqrt(6 / 984)
    kernel = np.abs(array(dense_layers(encoder)[0].kernel))
    # 156,800 draws reach their limit to within a thousandth.
    assert limit * 0.999 < kernel.max() <= limit * 1.0001
    assert kernel.mean() == pytest.approx(limit / 2, rel=0.01)


def assert_descent(model, rate):
    optimizer = model.default_optimizers()["model"]
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert float(optimizer.learning_rate) == pytest.approx(rate)


@pytest.mark.parametrize(("model_class", "rate"), [(CAE, 0.01), (DAE, 0.1)])
def test_defaults(model_class, rate):
    model = model_class((28, 28, 1), latent_dim=200, seed=0)
    assert_wide(model.encoder)
    assert_descent(model, rate)


@pytest.mark.parametrize(
    ("model_class", "options"),
    [(StackedCAE, {}), (StackedDAE, {"noise_levels": 0.2})],
)
def test_defaults_of_stacks(model_class, options):
    """The logistic regression at the top starts from zero."""
    model = model_class((28, 28, 1), hidden_units=200, seed=0, **options)
    assert_wide(model.encoders[0])
    assert_descent(model, 0.1)
    assert not any(np.any(weight) for weight in model.classifier.get_weights())
