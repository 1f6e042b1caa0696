"""The stack of denoising autoencoders: levels, noise, fine-tuning."""

import keras
import numpy as np
import pytest
import scipy.special
from keras import ops

from keras_gen import DAE, StackedDAE
from keras_gen.layers.corruption import (
    AdditiveNoise,
    DropoutNoise,
    MaskingNoise,
    SaltAndPepperNoise,
)
from tests.numerics import (
    array,
    double_precision,
    randomize,
    tensor,
)

SHAPE = (4, 3, 1)


def data(n=6):
    return np.random.default_rng(0).uniform(size=(n, *SHAPE)).astype("float32")


def stack(**options):
    return StackedDAE(
        SHAPE, (6, 5), 3, noise_levels=(0.1, 0.3), seed=0, **options
    )


def test_each_layer_learns_from_clean_codes_and_leaves_those_below(
    monkeypatch,
):
    model, x = stack(), data(20)
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


@pytest.mark.parametrize("exact", [True, False])
def test_each_layer_has_the_noise_of_the_stack(exact):
    first, second = (
        stack(noise="masking", exact=exact).layer_autoencoder(index)
        for index in range(2)
    )
    for autoencoder, level in ((first, 0.1), (second, 0.3)):
        assert type(autoencoder.corruption) is MaskingNoise
        assert autoencoder.corruption.level == level
        assert autoencoder.corruption.exact is exact
    for noise, kind in {
        "salt_and_pepper": SaltAndPepperNoise,
        "gaussian": AdditiveNoise,
        "dropout": DropoutNoise,
    }.items():
        assert type(stack(noise=noise).layer_autoencoder(1).corruption) is kind


def test_fine_tuning_moves_all_layers_and_classifies():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 120)
    x = np.zeros((120, *SHAPE), "float32")
    x[np.arange(120), y] = 1.0
    x = np.clip(x + 0.1 * rng.uniform(size=x.shape), 0, 1).astype("float32")
    model = stack()
    model.pretrain(x, epochs=2, batch_size=10, verbose=0)
    before = [e.get_weights()[0] for e in model.encoders]
    model.compile(keras.optimizers.Adam(0.02))
    model.fit(x, y, batch_size=20, epochs=15, verbose=0)
    for encoder, kernel in zip(model.encoders, before, strict=True):
        assert np.any(encoder.get_weights()[0] != kernel)
    assert np.mean(model.classify(x) == y) > 0.95
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert logs["accuracy"] == pytest.approx(np.mean(model.classify(x) == y))


def test_classification_loss_is_the_cross_entropy():
    model, x = stack(), data()
    for network in (*model.encoders, model.classifier):
        randomize(network, 1)
    y = np.array([0, 1, 2, 2, 1, 0])
    with double_precision():
        h = x.reshape(6, -1).astype("float64")
        for encoder in model.encoders:
            w, c = encoder.get_weights()
            h = scipy.special.expit(h @ w + c)
    np.testing.assert_allclose(model.encode(x), h, rtol=1e-4)
    w, c = model.classifier.get_weights()
    p = scipy.special.softmax(h @ w + c, axis=1)
    np.testing.assert_allclose(array(model(tensor(x))), p, rtol=1e-4)
    model.compile()
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    expected = -np.log(p[np.arange(6), y]).mean()
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)


def test_labels_out_of_range():
    model = stack()
    model.compile()
    with pytest.raises(ValueError, match=r"0 to 2.*from 0 to 3"):
        model.fit(data(2), np.array([0, 3]), verbose=0)


def test_labels_are_integers_not_rows():
    model = stack()
    model.compile()
    y = np.array([0, 2, 1, 1])
    with pytest.raises(ValueError, match=r"shape \(batch,\).*3\).*argmax"):
        model.fit(data(4), np.eye(3)[y], verbose=0)
    model.fit(data(4), y[:, None], verbose=0)


def test_a_stack_runs_in_any_precision():
    model = stack(dtype="mixed_bfloat16")
    assert ops.shape(model(tensor(data()))) == (6, 3)
    assert keras.backend.standardize_dtype(model(data()).dtype) == "float32"
