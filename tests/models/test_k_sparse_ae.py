"""The k-sparse autoencoder: its support, its derivative, its schedule."""

import keras
import numpy as np
import pytest

from keras_gen import AE, KSparseAE
from keras_gen.engine import Batch
from tests.numerics import (
    array,
    evaluation_logs,
    loss_and_gradients,
    randomize,
    tensor,
    training_logs,
)

SIZE, UNITS = 6, 10


def tiny(k=3, **options):
    model = KSparseAE((SIZE,), UNITS, k, seed=0, **options)
    randomize(model.encoder, 1)
    randomize(model.decoder, 2)
    return model


def data(n=7):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, SIZE)).astype("float32")


def parameters(model):
    return (*model.encoder.get_weights(), *model.decoder.get_weights())


def expected_codes(model, x, k):
    w, b, _ = parameters(model)
    z = x @ w + b
    kept = np.argsort(np.argsort(-z, axis=1), axis=1) < k
    return np.where(kept, z, 0.0), kept


@pytest.mark.parametrize("k", [0, 1, 3, UNITS])
def test_loss_is_the_squared_error_of_the_sparse_code(k):
    model, x = tiny(k), data()
    codes, _ = expected_codes(model, x, k)
    w, _, offset = parameters(model)
    reconstruction = codes @ w.T + offset
    error = ((x - reconstruction) ** 2).sum(1).mean()
    expected = {
        "loss": error,
        "reconstruction_loss": error,
        "squared_error": error,
    }
    assert training_logs(model, x) == pytest.approx(expected, rel=1e-5)
    assert evaluation_logs(model, x) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(model.encode(x), codes, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        model.reconstruct(x), reconstruction, rtol=1e-4, atol=1e-5
    )
    assert np.all((model.encode(x) != 0).sum(1) == k)


def test_all_units_are_the_linear_autoencoder():
    model, x = tiny(UNITS), data()
    plain = AE(
        (SIZE,), UNITS, UNITS, likelihood="gaussian", tied=True,
        encoder=model.encoder,
    )  # fmt: skip
    plain.decoder.set_weights(model.decoder.get_weights())
    np.testing.assert_array_equal(model.encode(x), plain.encode(x))
    np.testing.assert_array_equal(model.reconstruct(x), plain.reconstruct(x))


def test_derivatives_are_those_of_the_support():
    """Of a linear autoencoder on the kept units alone."""
    model, x = tiny(3), data()
    w, _, offset = parameters(model)
    codes, kept = expected_codes(model, x, 3)
    residual = 2 * (codes @ w.T + offset - x) / len(x)
    inner = (residual @ w) * kept
    _, gradients = loss_and_gradients(
        lambda: model.plain_loss(Batch(tensor(x)), True),
        model.trainable_variables,
    )
    np.testing.assert_allclose(
        gradients[0], x.T @ inner + residual.T @ codes, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(gradients[1], inner.sum(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gradients[2], residual.sum(0), rtol=1e-4)
    # A unit that no example keeps has none.
    model.encoder.layers[-1].bias.assign([0.0] * 9 + [-100.0])
    _, gradients = loss_and_gradients(
        lambda: model.plain_loss(Batch(tensor(x)), True),
        model.trainable_variables,
    )
    assert gradients[1][-1] == 0.0
    np.testing.assert_array_equal(gradients[0][:, -1], 0.0)
    assert model.usage(x)[-1] == 0.0
    assert model.usage(x).sum() == pytest.approx(3.0)


def test_sparse_combinations_of_orthonormal_columns_are_found():
    rng = np.random.default_rng(0)
    w, _ = np.linalg.qr(rng.normal(size=(SIZE, 5)))
    codes = np.zeros((20, 5))
    for row in codes:
        row[rng.permutation(5)[:2]] = rng.uniform(0.5, 2.0, 2)
    model = KSparseAE((SIZE,), 5, 2)
    model.encoder.set_weights([w, np.zeros(5)])
    x = (codes @ w.T).astype("float32")
    np.testing.assert_allclose(model.encode(x), codes, atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(x), x, atol=1e-5)


def test_inference_keeps_alpha_times_as_many():
    model, x = tiny(2, alpha=2.5), data()
    assert np.all((model.encode(x) != 0).sum(1) == 5)
    assert tiny(4, alpha=9.0).encode(x).shape == (7, UNITS)
    codes, _ = expected_codes(model, x, 2)
    w, _, offset = parameters(model)
    error = ((x - codes @ w.T - offset) ** 2).sum(1).mean()
    # Training keeps k.
    assert training_logs(model, x)["loss"] == pytest.approx(error, rel=1e-5)


def test_schedule_falls_to_k_and_stays():
    model = tiny(2, initial_k=10, schedule_epochs=4)
    model.compile()
    kept = []
    for epochs in range(6):
        model.epochs_seen.assign(epochs)
        kept.append(int(array(model.kept(True))))
        assert model.kept(False) == 2
        x = data()
        codes, _ = expected_codes(model, x, kept[-1])
        w, _, offset = parameters(model)
        error = ((x - codes @ w.T - offset) ** 2).sum(1).mean()
        assert training_logs(model, x)["loss"] == pytest.approx(error, rel=1e-4)
    assert kept == [10, 8, 6, 4, 2, 2]


def test_the_schedule_follows_fit():
    """In one compiled function, from one epoch to the next."""
    model = tiny(1, initial_k=UNITS, schedule_epochs=1)
    model.compile(keras.optimizers.SGD(0.0))
    x = data()
    losses = model.fit(x, batch_size=7, epochs=2, verbose=0).history["loss"]
    w, _, offset = parameters(model)
    for loss, k in zip(losses, (UNITS, 1), strict=True):
        codes, _ = expected_codes(model, x, k)
        error = ((x - codes @ w.T - offset) ** 2).sum(1).mean()
        assert loss == pytest.approx(error, rel=1e-4)


def test_order_of_the_units_does_not_matter():
    model, x = tiny(), data()
    before = training_logs(model, x)
    order = np.random.default_rng(0).permutation(UNITS)
    w, b, _ = parameters(model)
    model.encoder.set_weights([w[:, order], b[order]])
    assert training_logs(model, x) == pytest.approx(before, rel=1e-5)


def test_initial_kernel():
    kernel, bias = KSparseAE(seed=0).encoder.get_weights()
    # 784,000 numbers: a standard error of a thousandth.
    assert kernel.std() == pytest.approx(0.01, rel=0.005)
    np.testing.assert_array_equal(bias, 0.0)
