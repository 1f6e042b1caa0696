"""The adversarial autoencoder with labels: for discriminator or decoder."""

import keras
import numpy as np
import pytest

from keras_gen.distributions import GaussianMixtureRing
from tests.models.autoencoders.aae_helpers import (
    CLASSES,
    CLOSE,
    LABELS,
    aae,
    batch_of,
    forward,
    labels_for,
    points,
)
from tests.numerics import array, linear, tensor

RING = GaussianMixtureRing(3, 2.0, 0.2, 0.2)


def test_columns_of_labels_are_labels():
    for labels in ("discriminator", "decoder"):
        model, y = aae(labels=labels), labels_for(labels)
        batch = model.prepared((points(), y[:, None].astype("float32")))
        np.testing.assert_array_equal(array(batch.y), y)


def test_unlabeled_examples_are_for_the_discriminator():
    aae(labels="discriminator").check_data(points(), LABELS)
    with pytest.raises(ValueError, match="from 0 to 2.*from -1 to 2"):
        aae(labels="decoder").check_data(points(), LABELS)


# ---- The discriminator is given the class -----------------------------------


def components(z):
    """The components of a ring of three that points lie in."""
    angles = np.arctan2(z[:, 1], z[:, 0])
    return np.round(angles / (2 * np.pi / 3)).astype(int) % 3


def test_each_class_has_a_component_of_the_prior(monkeypatch):
    model = aae(labels="discriminator", prior=RING)
    seen = []
    monkeypatch.setattr(
        model,
        "discriminate_step",
        lambda z, batch, training: seen.append(array(z)) or z,
    )
    labels = np.arange(6000) % 4 - 1
    model.discriminator_loss(batch_of(np.zeros((6000, 3)), labels), True)
    found, known = components(seen[0]), labels >= 0
    np.testing.assert_array_equal(found[known], labels[known])
    # A standard error of 0.012 for a third of 1500.
    fractions = np.bincount(found[~known], minlength=3) / 1500
    assert np.abs(fractions - 1 / 3).max() < 0.06


def test_samples_of_a_class():
    model = aae(labels="discriminator", prior=RING)
    linear(model.decoder, [[1, 0, 0], [0, 1, 0]], np.zeros(3), layer=1)

    def sampled(labels):
        z = model.sample(6000, seed=0, labels=labels, batch_size=6000)
        return components(z)

    np.testing.assert_array_equal(sampled(1), 1)
    each = np.arange(6000) % 3
    np.testing.assert_array_equal(sampled(each), each)
    assert set(sampled(None)) == {0, 1, 2}


def test_a_function_as_prior_gets_the_labels():
    seen = []

    def prior(n, labels=None, seed=None):
        seen.append(labels)
        return tensor(np.zeros((n, 2)))

    model = aae(labels="discriminator", prior=prior)
    model.discriminator_loss(batch_of(points(), LABELS), True)
    model.sample(3, labels=[2, 0, 1])
    for labels, expected in zip(seen, (LABELS, [2, 0, 1]), strict=True):
        np.testing.assert_array_equal(array(labels), expected)


def test_codes_and_reconstructions_need_no_labels():
    model, x = aae(labels="discriminator"), points()
    codes = forward(model.encoder, x)
    np.testing.assert_allclose(model.encode(x), codes, **CLOSE)
    made = forward(model.decoder, codes)
    np.testing.assert_allclose(model.reconstruct(x), made, **CLOSE)
    np.testing.assert_allclose(model.decode(codes), made, **CLOSE)


def test_a_prior_needs_a_component_for_each_class():
    with pytest.raises(ValueError, match="3 components.* with 4 components"):
        aae(labels="discriminator", prior=GaussianMixtureRing(4))
    with pytest.raises(ValueError, match="3 components.* with no components"):
        aae(labels="discriminator", prior="normal")
    assert aae(labels="decoder", prior="normal").num_classes == 3


def test_a_mixture_as_prior_is_saved(tmp_path):
    prior = GaussianMixtureRing(3, 2.0, 0.2, 0.1)
    model = aae(labels="discriminator", prior=prior)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.prior.get_config() == prior.get_config()
    np.testing.assert_array_equal(
        loaded.sample(5, seed=0, labels=1), model.sample(5, seed=0, labels=1)
    )


# ---- The decoder is given the class -----------------------------------------


def test_the_decoder_is_given_class_and_style():
    model, x = aae(labels="decoder"), points()
    styles = forward(model.encoder, x)
    made = forward(model.decoder, np.c_[np.eye(3)[CLASSES], styles])
    np.testing.assert_allclose(model.encode(x), styles, **CLOSE)
    for result in (
        model.decode(styles, labels=CLASSES),
        model.reconstruct(x, labels=CLASSES),
        array(model([x, keras.ops.convert_to_tensor(CLASSES)])),
    ):
        np.testing.assert_allclose(result, made, **CLOSE)
    np.testing.assert_allclose(
        model.reconstruction_error(x, labels=CLASSES),
        np.sum((x - made) ** 2, axis=1),
        rtol=1e-3,
    )
    with pytest.raises(ValueError, match="labels=None.*classes"):
        model.reconstruct(x)
    for labels in (3, -1, [0, 1]):
        with pytest.raises(ValueError, match="must be 6 integers from 0 to 2"):
            model.reconstruct(x, labels=labels)
    with pytest.raises(ValueError, match=r"\(None, 2\).*\(6, 3\)"):
        model.decode(x, labels=CLASSES)


def test_samples_take_each_class_in_turn():
    model = aae(labels="decoder")
    styles = np.random.default_rng(1).normal(size=(7, 2)).astype("float32")
    np.testing.assert_array_equal(
        model.decode(styles), model.decode(styles, labels=np.arange(7) % 3)
    )
    np.testing.assert_array_equal(
        model.decode(styles, labels=2), model.decode(styles, labels=[2] * 7)
    )
    # Without the decoder's kernel of styles, what is left is the class.
    kernel, bias = model.decoder.get_weights()
    kernel[3:] = 0.0
    model.decoder.set_weights([kernel, bias])
    np.testing.assert_allclose(
        model.sample(4, seed=0), (kernel[:3] + bias)[[0, 1, 2, 0]], rtol=1e-5
    )


def test_lines_and_traversals_in_a_class():
    model, x = aae(labels="decoder"), points()
    lines = model.interpolate(x[:2], x[2:4], steps=3, labels=[1, 2])
    assert lines.shape == (2, 3, 3)
    for at, ends in ((0, x[:2]), (2, x[2:4])):
        expected = model.reconstruct(ends, labels=[1, 2])
        np.testing.assert_allclose(lines[:, at], expected, **CLOSE)
    # The networks are linear.
    middle = (lines[:, 0] + lines[:, 2]) / 2
    np.testing.assert_allclose(lines[:, 1], middle, **CLOSE)
    images = model.traverse(x[0], dims=[1], values=[-1.0, 4.0], labels=2)
    style = np.repeat(model.encode(x[:1]), 2, axis=0)
    style[:, 1] = [-1.0, 4.0]
    np.testing.assert_allclose(
        images[0], model.decode(style, labels=2), **CLOSE
    )
