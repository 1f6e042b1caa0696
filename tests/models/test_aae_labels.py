import keras
import numpy as np
import pytest
from keras import ops

from keras_gen.models.autoencoders import aae
from keras_gen.models.autoencoders.aae_labels import (
    LabelPriorAAE,
    SupervisedAAE,
)
from keras_gen.models.autoencoders.priors import GaussianMixtureRing
from tests.models.aae_helpers import (
    batch_of,
    changes_by_phase,
    dense_model,
    forward,
    gradients_of,
    losses_of,
    points,
    softplus,
)
from tests.numerics import array, linear, randomize, tensor

NETWORKS = ("encoder", "decoder", "discriminator")
LABELS = np.array([2, -1, 0, 1, -1, 2])
CLASSES = np.array([2, 1, 0, 1, 0, 2])


def initialised(model):
    for index, name in enumerate(NETWORKS):
        randomize(getattr(model, name), index, 0.5)
    return model


def label_prior(**options):
    """Three classes, points of three numbers, codes in the plane."""
    return initialised(
        LabelPriorAAE(
            (3,),
            num_classes=3,
            seed=0,
            **{
                "encoder": dense_model(3, 2),
                "decoder": dense_model(2, 3),
                "discriminator": dense_model(6, 1),
                **options,
            },
        )
    )


def supervised(**options):
    """Three classes, points of three numbers, styles of two."""
    return initialised(
        SupervisedAAE(
            (3,),
            num_classes=3,
            seed=0,
            encoder=dense_model(3, 2),
            decoder=dense_model(5, 3),
            discriminator=dense_model(2, 1),
            **options,
        )
    )


# ---- The prior is told the class --------------------------------------------


def test_both_batches_have_the_class_of_the_example(monkeypatch):
    """A discriminator that tells nothing but the class shows it."""
    model = label_prior()
    linear(model.discriminator, [[0], [0], [1], [10], [100], [1000]], [0.0])
    seen = []

    def record(real, fake):
        seen.extend([array(real), array(fake)])
        return ops.mean(real) + ops.mean(fake)

    monkeypatch.setattr(aae.adversarial, "logistic_discriminator", record)
    model.discriminator_loss(batch_of(points(), LABELS), True)
    expected = [100.0, 1000.0, 1.0, 10.0, 1000.0, 100.0]
    for scores in seen:
        np.testing.assert_allclose(scores, expected, rtol=1e-6)
    assert len(seen) == 2


def test_the_code_comes_before_the_class():
    model = label_prior()
    kernel, bias = model.discriminator.get_weights()
    z = np.random.default_rng(1).normal(size=(6, 2))
    scores = model.scores(tensor(z), batch_of(points(), LABELS), False)
    index = np.where(LABELS < 0, 3, LABELS)
    expected = z @ kernel[:2] + kernel[2:][index] + bias
    np.testing.assert_allclose(array(scores), expected[:, 0], rtol=1e-4)


def test_codes_of_the_prior_lie_in_the_component_of_the_label():
    model = label_prior(prior=GaussianMixtureRing(3, 2.0, 0.2, 0.2))
    labels = np.arange(6000) % 4 - 1
    z = array(model.prior_code(batch_of(np.zeros((6000, 3)), labels)))
    angles = np.arctan2(z[:, 1], z[:, 0])
    component = np.round(angles / (2 * np.pi / 3)).astype(int) % 3
    known = labels >= 0
    np.testing.assert_array_equal(component[known], labels[known])
    # A standard deviation of 0.012 for a third of 1500.
    shares = np.bincount(component[~known], minlength=3) / 1500
    assert np.abs(shares - 1 / 3).max() < 0.06


def test_encoder_and_decoder_see_no_labels():
    model, x = label_prior(), points()
    some = losses_of(model, batch_of(x, LABELS))
    other = losses_of(model, batch_of(x, np.roll(LABELS, 1)))
    assert some["autoencoder"] == other["autoencoder"]
    assert some["encoder"] != pytest.approx(other["encoder"], rel=1e-3)
    codes = forward(model.encoder, x)
    np.testing.assert_allclose(
        model.reconstruct(x), forward(model.decoder, codes), rtol=1e-4
    )
    index = np.where(LABELS < 0, 3, LABELS)
    logits = forward(model.discriminator, np.c_[codes, np.eye(4)[index]])
    assert some["encoder"] == pytest.approx(
        np.mean(softplus(-logits)), rel=1e-5
    )


def test_phases_of_the_labelled_prior():
    model, batch = label_prior(), batch_of(points(), LABELS)
    assert gradients_of(model, "discriminator", batch, "encoder") == 0.0
    assert changes_by_phase(model, batch, NETWORKS) == [
        ("autoencoder", {"encoder", "decoder"}),
        ("discriminator", {"discriminator"}),
        ("encoder", {"encoder"}),
    ]


def test_samples_of_a_class():
    model = label_prior(prior=GaussianMixtureRing(3, 2.0, 0.2, 0.2))
    linear(model.decoder, [[1, 0, 0], [0, 1, 0]], np.zeros(3))

    def components(labels):
        z = model.sample(300, seed=0, labels=labels)[:, :2]
        angles = np.arctan2(z[:, 1], z[:, 0])
        return np.round(angles / (2 * np.pi / 3)).astype(int) % 3

    np.testing.assert_array_equal(components(1), 1)
    each = np.arange(300) % 3
    np.testing.assert_array_equal(components(each), each)
    assert set(components(None)) == {0, 1, 2}
    with pytest.raises(ValueError, match="from 3 to 3"):
        model.sample(4, labels=3)


def test_a_prior_without_the_classes():
    for prior in ("normal", GaussianMixtureRing(4)):
        with pytest.raises(ValueError, match="each of the 3 classes"):
            label_prior(prior=prior)
    with pytest.raises(ValueError, match="latent_dim=2"):
        LabelPriorAAE((3,), (4,), latent_dim=3)


@pytest.mark.parametrize("make", [label_prior, supervised])
def test_labels_are_needed_and_checked(make):
    model, x = make(), points()
    model.compile("sgd")
    with pytest.raises(ValueError, match="without labels"):
        model.fit(x, batch_size=6, verbose=0)
    for wrong in (3, -2):
        y = np.array([0, 1, 2, wrong, 1, 0])
        with pytest.raises(ValueError, match="from 0 to 2") as error:
            model.fit(x, y, batch_size=6, verbose=0)
        assert f"from {y.min()} to {y.max()}" in str(error.value)
    # Labels of the shape (batch, 1) are the same labels.
    columns = model.prepare_batch(batch_of(x, CLASSES[:, None]))
    np.testing.assert_array_equal(array(columns.y), CLASSES)


def test_unlabelled_examples_are_for_those_that_take_them():
    with pytest.raises(ValueError, match="from 0 to 2.*from -1 to 2"):
        supervised().check_arrays(points(), LABELS)
    label_prior().check_arrays(points(), LABELS)


# ---- The decoder is told the class ------------------------------------------


def test_the_decoder_sees_class_and_style():
    model, x = supervised(), points()
    styles = forward(model.encoder, x)
    made = forward(model.decoder, np.c_[np.eye(3)[CLASSES], styles])
    loss = losses_of(model, batch_of(x, CLASSES))["autoencoder"]
    assert loss == pytest.approx(0.5 * np.sum((x - made) ** 2) / 6, rel=1e-5)
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(model.encode(x), styles, **close)
    np.testing.assert_allclose(model.decode(styles, CLASSES), made, **close)
    np.testing.assert_allclose(model.reconstruct(x, CLASSES), made, **close)
    np.testing.assert_allclose(
        array(model([x, ops.convert_to_tensor(CLASSES)])), made, **close
    )
    np.testing.assert_allclose(
        model.reconstruction_error(x, CLASSES),
        np.sum((x - made) ** 2, axis=1),
        rtol=1e-3,
    )
    np.testing.assert_allclose(
        model.sample(6, labels=CLASSES, styles=styles), made, **close
    )


def test_the_discriminator_sees_the_style_alone():
    model, x = supervised(), points()
    some, other = (
        losses_of(model, batch_of(x, y)) for y in (CLASSES, 2 - CLASSES)
    )
    assert some["encoder"] == other["encoder"]
    assert some["autoencoder"] != pytest.approx(other["autoencoder"], rel=1e-3)
    logits = forward(model.discriminator, forward(model.encoder, x))
    assert some["encoder"] == pytest.approx(
        np.mean(softplus(-logits)), rel=1e-5
    )


def test_phases_of_the_supervised():
    model, batch = supervised(), batch_of(points(), CLASSES)
    assert gradients_of(model, "autoencoder", batch, "discriminator") == 0.0
    assert changes_by_phase(model, batch, NETWORKS) == [
        ("autoencoder", {"encoder", "decoder"}),
        ("discriminator", {"discriminator"}),
        ("encoder", {"encoder"}),
    ]


def test_samples_take_each_class_in_turn():
    model = supervised()
    styles = np.random.default_rng(1).normal(size=(7, 2)).astype("float32")
    np.testing.assert_array_equal(
        model.sample(7, styles=styles), model.decode(styles, np.arange(7) % 3)
    )
    np.testing.assert_array_equal(
        model.sample(7, styles=styles, labels=2), model.decode(styles, 2)
    )
    # Without a decoder's kernel for styles, what is left is the class.
    kernel, bias = model.decoder.get_weights()
    kernel[3:] = 0.0
    model.decoder.set_weights([kernel, bias])
    np.testing.assert_allclose(
        model.sample(4, seed=0), (kernel[:3] + bias)[[0, 1, 2, 0]], rtol=1e-5
    )


def test_lines_and_traversals():
    model, x = supervised(), points()
    lines = model.interpolate(x[:2], x[2:4], steps=3, labels=[1, 2])
    assert lines.shape == (2, 3, 3)
    close = {"rtol": 1e-4, "atol": 1e-5}
    for at, ends in ((0, x[:2]), (2, x[2:4])):
        expected = model.reconstruct(ends, [1, 2])
        np.testing.assert_allclose(lines[:, at], expected, **close)
    # The networks are linear.
    middle = (lines[:, 0] + lines[:, 2]) / 2
    np.testing.assert_allclose(lines[:, 1], middle, **close)
    images = model.traverse(x[0], dims=[1], values=[-1.0, 4.0], labels=2)
    style = np.repeat(model.encode(x[:1]), 2, axis=0)
    style[:, 1] = [-1.0, 4.0]
    np.testing.assert_allclose(images[0], model.decode(style, 2), **close)


def test_wrong_labels_and_styles():
    model, x = supervised(), points()
    with pytest.raises(ValueError, match="labels=.*classes to decode"):
        model.interpolate(x, x)
    for labels in (3, -1, [0, 1]):
        with pytest.raises(ValueError, match="must be 6 integers from 0 to 2"):
            model.reconstruct(x, labels)
    with pytest.raises(ValueError, match=r"\(6, 2\).*\(6, 3\)"):
        model.decode(x, CLASSES)
    with pytest.raises(ValueError, match=r"\(None, 5\).*\(None, 2\)"):
        SupervisedAAE(
            (3,),
            (4,),
            latent_dim=2,
            num_classes=3,
            decoder=dense_model(2, 3),
        )


def test_saving_keeps_a_prior_of_ones_own(tmp_path):
    model = label_prior(prior=GaussianMixtureRing(3, 2.0, 0.2, 0.1))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.prior.get_config() == model.prior.get_config()
    np.testing.assert_array_equal(
        loaded.sample(5, seed=0, labels=1), model.sample(5, seed=0, labels=1)
    )
