"""The k-sparse autoencoder: its support, its gradient, its schedule."""

import keras
import numpy as np
import pytest

from keras_gen import AE, KSparseAE, Schedule
from tests.models.autoencoders.helpers import (
    gradients_of,
    randomized,
    weights_of,
)
from tests.numerics import array, evaluation_logs, linear, training_logs

SIZE, UNITS = 6, 10


def tiny(k=3, **options):
    return randomized(KSparseAE, (SIZE,), latent_dim=UNITS, k=k, **options)


def examples(n=7):
    return np.random.default_rng(0).normal(size=(n, SIZE)).astype("float32")


def expected_codes(model, x, k):
    w, b, _ = weights_of(model)
    z = x @ w + b
    kept = np.argsort(np.argsort(-z, axis=1), axis=1) < k
    return np.where(kept, z, 0.0), kept


def expected_reconstruction(model, x, k):
    """The reconstruction from the largest `k` units, and its squared error."""
    w, _, b = weights_of(model)
    r = expected_codes(model, x, k)[0] @ w.T + b
    return r, ((x - r) ** 2).sum(1).mean()


@pytest.mark.parametrize("k", [0, 1, 3, UNITS])
def test_loss_is_the_squared_error_of_the_sparse_code(k):
    model, x = tiny(k), examples()
    codes, _ = expected_codes(model, x, k)
    reconstruction, error = expected_reconstruction(model, x, k)
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
    model, x = tiny(UNITS), examples()
    plain = AE((SIZE,), likelihood="gaussian", tied=True, encoder=model.encoder)
    plain.decoder.set_weights(model.decoder.get_weights())
    np.testing.assert_array_equal(model.encode(x), plain.encode(x))
    np.testing.assert_array_equal(model.reconstruct(x), plain.reconstruct(x))


def test_gradients_are_those_of_the_support():
    """Of a linear autoencoder on the kept units alone."""
    model, x = tiny(3), examples()
    w, _, _ = weights_of(model)
    codes, kept = expected_codes(model, x, 3)
    residual = 2 * (expected_reconstruction(model, x, 3)[0] - x) / len(x)
    inner = (residual @ w) * kept
    _, gradients = gradients_of(model, x)
    np.testing.assert_allclose(
        gradients[0], x.T @ inner + residual.T @ codes, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(gradients[1], inner.sum(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gradients[2], residual.sum(0), rtol=1e-4)
    # A unit that no example keeps has none.
    model.encoder.layers[-1].bias.assign([0.0] * 9 + [-100.0])
    _, gradients = gradients_of(model, x)
    assert gradients[1][-1] == 0.0
    np.testing.assert_array_equal(gradients[0][:, -1], 0.0)
    assert model.usage(x)[-1] == 0.0


def test_usage_is_how_often_a_unit_is_kept():
    model, x = tiny(8), examples()
    codes, kept = expected_codes(model, x, 8)
    assert codes.min() < 0.0
    np.testing.assert_allclose(model.usage(x), kept.mean(0))


def test_sparse_combinations_of_orthonormal_columns_are_found():
    rng = np.random.default_rng(0)
    w, _ = np.linalg.qr(rng.normal(size=(SIZE, 5)))
    codes = np.zeros((20, 5))
    for row in codes:
        row[rng.permutation(5)[:2]] = rng.uniform(0.5, 2.0, 2)
    model = randomized(KSparseAE, (SIZE,), latent_dim=5, k=2)
    linear(model.encoder, w, np.zeros(5))
    model.decoder.set_weights([np.zeros(SIZE)])
    x = (codes @ w.T).astype("float32")
    np.testing.assert_allclose(model.encode(x), codes, atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(x), x, atol=1e-5)


def test_inference_keeps_alpha_times_as_many():
    model, x = tiny(2, alpha=2.5), examples()
    assert np.all((model.encode(x) != 0).sum(1) == 5)
    assert tiny(4, alpha=9.0).encode(x).shape == (7, UNITS)
    for logs, k in ((training_logs, 2), (evaluation_logs, 5)):
        _, error = expected_reconstruction(model, x, k)
        assert logs(model, x)["loss"] == pytest.approx(error, rel=1e-5)


def test_schedule_falls_to_k_and_stays():
    model, x = tiny(Schedule(10, 2, over=4)), examples()
    kept = []
    for epochs in range(6):
        model.epochs_seen.assign(epochs)
        kept.append(int(array(model.kept(True))))
        assert model.kept(False) == 2
        _, error = expected_reconstruction(model, x, kept[-1])
        assert training_logs(model, x)["loss"] == pytest.approx(error, rel=1e-4)
    assert kept == [10, 8, 6, 4, 2, 2]


def test_the_schedule_follows_fit():
    """In one compiled function, from one epoch to the next."""
    model, x = tiny(Schedule(UNITS, 1, over=1)), examples()
    model.compile(keras.optimizers.SGD(0.0))
    losses = model.fit(x, batch_size=7, epochs=2, verbose=0).history["loss"]
    for loss, k in zip(losses, (UNITS, 1), strict=True):
        _, error = expected_reconstruction(model, x, k)
        assert loss == pytest.approx(error, rel=1e-4)


def test_order_of_the_units_does_not_matter():
    model, x = tiny(), examples()
    before = training_logs(model, x)
    order = np.random.default_rng(0).permutation(UNITS)
    w, b, _ = weights_of(model)
    model.encoder.set_weights([w[:, order], b[order]])
    assert training_logs(model, x) == pytest.approx(before, rel=1e-5)


def test_initial_kernel():
    kernel, bias = KSparseAE(seed=0).encoder.get_weights()
    # 784,000 draws: a standard error of a thousandth.
    assert kernel.std() == pytest.approx(0.01, rel=0.005)
    np.testing.assert_array_equal(bias, 0.0)
