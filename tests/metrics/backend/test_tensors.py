"""Metrics of NumPy arrays accept tensors of the backend."""

from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops

from keras_gen.data import FactorData
from keras_gen.metrics import (
    PixelExtractor,
    classifier_agreement,
    elbo_decomposition,
    encode_factors,
    evaluate_generator,
    importance_weighted_bound,
    log_mean_exp,
    segmental_snr,
)
from keras_gen.metrics.disentanglement.pictures import traversals


def tensor(array):
    return ops.convert_to_tensor(np.asarray(array, "float32"))


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def test_importance_weighted_bound():
    values = normal(8, 3)
    bound = importance_weighted_bound([tensor(values)])
    assert bound.log_likelihood.dtype == np.float64
    np.testing.assert_allclose(
        bound.log_likelihood, log_mean_exp(values), rtol=1e-14
    )


def test_elbo_decomposition():
    mean, log_variance = normal(50, 2), normal(50, 2, seed=1) - 1.0
    found = elbo_decomposition(tensor(mean), tensor(log_variance))
    expected = elbo_decomposition(mean, log_variance)
    assert found.mc_rate == pytest.approx(expected.mc_rate, rel=1e-12)


def test_classifier_agreement():
    logits = np.array([[5.0, -1.0, 0.0], [0.0, 0.1, 0.2], [-3.0, -2.0, -9.0]])
    assert classifier_agreement(tensor(logits), np.array([0, 1, 1])) == 2 / 3


def test_segmental_snr():
    clean = normal(16000)
    processed = clean + 0.3 * normal(16000, seed=1)
    found = segmental_snr(tensor(clean), tensor(processed))
    assert found == segmental_snr(clean, processed)


def test_encoders():
    data, factors = FactorData((3, 6)), np.array([[2, 5], [0, 1], [1, 1]])

    class Model:
        def posterior(self, x):
            return SimpleNamespace(
                mean=2.0 * tensor(x), log_variance=-tensor(x)
            )

    for encoder in (Model(), lambda x: (2.0 * tensor(x), -tensor(x))):
        codes, log_variance = encode_factors(data, encoder, factors, 2)
        assert codes.dtype == np.float64
        np.testing.assert_array_equal(codes, 2 * factors)
        np.testing.assert_array_equal(log_variance, -factors)


def test_decoders():
    codes = normal(200, 3)
    seen = []

    def decode(z):
        seen.append(z)
        return tensor(z[:, :, None])

    images = traversals(decode, codes, steps=5)
    moved = seen[0].reshape(3, 5, 3)
    np.testing.assert_array_equal(images[..., 0, 0], moved.astype("float32"))


def test_generators_and_real_images():
    images = np.random.default_rng(0).uniform(size=(2, 20, 4, 4, 1))
    images = images.astype("float32")

    def report(convert):
        return evaluate_generator(
            lambda num, seed: convert(images[0, :num]),
            convert(images[1]),
            PixelExtractor(),
            num_samples=20,
        )

    assert report(tensor) == report(np.asarray)
