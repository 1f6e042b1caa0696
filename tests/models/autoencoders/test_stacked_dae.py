"""The stack of denoising autoencoders: levels, noise, fine-tuning."""

import keras
import numpy as np
import pytest
import scipy.special

from keras_gen import DAE, StackedDAE
from keras_gen.layers import (
    AdditiveNoise,
    DropoutNoise,
    MaskingNoise,
    SaltAndPepperNoise,
)
from tests.models.autoencoders.helpers import SHAPE, images
from tests.numerics import (
    array,
    evaluation_logs,
    randomize,
    tensor,
    training_logs,
)


def stack(**options):
    return StackedDAE(
        SHAPE,
        hidden_units=(6, 5),
        num_classes=3,
        noise_levels=(0.1, 0.3),
        seed=0,
        **options,
    )


def test_each_layer_learns_from_clean_codes_and_leaves_those_below(
    monkeypatch,
):
    model, x = stack(), images(20)
    seen, below = [], []
    fit = DAE.fit

    def recorded(self, x, **options):
        seen.append(x)
        index = len(seen) - 1
        before = [v for e in model.encoders[:index] for v in e.get_weights()]
        result = fit(self, x, **options)
        after = [v for e in model.encoders[:index] for v in e.get_weights()]
        for left, right in zip(before, after, strict=True):
            np.testing.assert_array_equal(left, right)
        below.append(len(before))
        return result

    monkeypatch.setattr(DAE, "fit", recorded)
    start = [e.get_weights() for e in model.encoders]
    trained = model.pretrain(x, epochs=1, batch_size=10, verbose=0)
    assert below == [0, 2]
    assert [a.corruption.level for a in trained] == [0.1, 0.3]
    np.testing.assert_array_equal(seen[0], x)
    w, c = model.encoders[0].get_weights()
    expected = scipy.special.expit(x.reshape(20, -1) @ w + c)
    np.testing.assert_allclose(seen[1], expected, rtol=1e-4)
    for autoencoder, encoder, before in zip(
        trained, model.encoders, start, strict=True
    ):
        assert autoencoder.encoder is encoder
        assert np.any(before[0] != encoder.get_weights()[0])
        assert len(autoencoder.history.history["loss"]) == 1


def test_optimizers_of_the_layers(monkeypatch):
    """Those of the autoencoders, or of the user's own for each."""
    monkeypatch.setattr(DAE, "fit", lambda *args, **options: None)
    for optimizer, expected in (
        (None, [0.1, 0.1]),
        (lambda a: keras.optimizers.SGD(1 / a.latent_dim), [1 / 6, 1 / 5]),
    ):
        trained = stack().pretrain(images(), optimizer=optimizer, verbose=0)
        rates = [float(a.optimizer["model"].learning_rate) for a in trained]
        np.testing.assert_allclose(rates, expected)


def test_each_layer_has_the_noise_of_the_stack():
    for exact in (True, False):
        model = stack(noise="masking", exact=exact)
        for index, level in enumerate((0.1, 0.3)):
            corruption = model.layer_autoencoder(index).corruption
            assert type(corruption) is MaskingNoise
            assert (corruption.level, corruption.exact) == (level, exact)
    for noise, kind in {
        "salt_and_pepper": SaltAndPepperNoise,
        "gaussian": AdditiveNoise,
        "dropout": DropoutNoise,
    }.items():
        assert type(stack(noise=noise).layer_autoencoder(1).corruption) is kind


def test_only_the_lowest_layer_has_the_likelihood_of_the_data():
    model = stack(likelihood="gaussian")
    autoencoders = [model.layer_autoencoder(index) for index in range(2)]
    assert [a.likelihood for a in autoencoders] == ["gaussian", "bernoulli"]
    assert [a.seed for a in autoencoders] == [0, 1]
    assert all(a.tied for a in autoencoders)


def test_fine_tuning_classifies():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 120)
    x = np.zeros((120, *SHAPE), "float32")
    x[np.arange(120), y] = 1.0
    x = np.clip(x + 0.1 * rng.uniform(size=x.shape), 0, 1).astype("float32")
    model = stack()
    model.compile(keras.optimizers.Adam(0.02))
    # Many epochs in one.
    steps = (np.tile(x, (15, 1, 1, 1)), np.tile(y, 15))
    model.fit(*steps, batch_size=20, verbose=0)
    assert np.mean(model.classify(x) == y) > 0.95


def test_classification_loss_is_the_cross_entropy():
    model, x = stack(), images()
    for network in (*model.encoders, model.classifier):
        randomize(network, 1)
    y = np.array([0, 1, 2, 2, 1, 0])
    h = x.reshape(6, -1).astype("float64")
    for encoder in model.encoders:
        w, c = encoder.get_weights()
        h = scipy.special.expit(h @ w + c)
    np.testing.assert_allclose(model.encode(x), h, rtol=1e-4)
    w, c = model.classifier.get_weights()
    p = scipy.special.softmax(h @ w + c, axis=1)
    np.testing.assert_allclose(array(model(tensor(x))), p, rtol=1e-4)
    np.testing.assert_allclose(model.class_probabilities(x), p, rtol=1e-4)
    np.testing.assert_array_equal(model.classify(x), p.argmax(1))
    hits = np.mean(p.argmax(1) == y)
    assert 0.0 < hits < 1.0
    expected = {
        "loss": -np.log(p[np.arange(6), y]).mean(),
        "accuracy": hits,
    }
    for logs in (training_logs, evaluation_logs):
        assert logs(model, x, y) == pytest.approx(expected, rel=1e-4)


def test_a_stack_runs_in_any_precision():
    outputs = stack(dtype="mixed_bfloat16")(images())
    assert outputs.shape == (6, 3)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
