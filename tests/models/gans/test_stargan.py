"""StarGAN: its labels, its penalty, its reconstruction, its rhythm."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import StarGAN
from keras_gen.backend import noise
from keras_gen.engine import Batch
from keras_gen.layers import InstanceNormalization
from keras_gen.networks.translation import resnet_generator
from tests import translators
from tests.contract.case import Case
from tests.numerics import array, loss_and_gradients, randomize, tensor
from tests.translators import loss_and_logs

SMALL = {
    "image_shape": (8, 8, 2),
    "num_attributes": 3,
    "base_filters": 2,
    "num_blocks": 1,
    "discriminator_filters": 2,
    "discriminator_layers": 2,
    "discriminator_steps": 2,
}
ROUND = {"updates": {"discriminator": 2}, "parts": 2}
# Of large reconstruction losses, the sign of a pixel that rounding changes is
# seen, and normalized maps of 2x2 are ill-conditioned.
GENTLE = {"image_shape": (16, 16, 2), "reconstruction_weight": 0.01}
CONTRACT = {
    "stargan": Case(
        **{**SMALL, **GENTLE},
        **ROUND,
        wrong=(
            ({"num_attributes": 0}, ("num_attributes=0",)),
            ({"discriminator_steps": 0}, ("discriminator_steps=0",)),
            ({"image_shape": (18, 16, 3)}, ("(18, 16, 3)", "4 divides")),
            ({"penalty_weight": -1.0}, ("penalty_weight=-1.0",)),
        ),
    ),
    "stargan-classes": Case(
        **{**SMALL, **GENTLE, "num_attributes": None}, **ROUND, num_classes=4
    ),
    "stargan-two_sets": Case(**{**SMALL, **GENTLE}, **ROUND, num_classes=4),
}
SHAPE = SMALL["image_shape"]


batch_of = partial(translators.batch_of, n=6)


def small(**options):
    return StarGAN(**{**SMALL, "seed": 0, **options})


def copying(label_dim):
    """The generator that returns the image."""
    images, vector = keras.Input(SHAPE), keras.Input((label_dim,))
    layer = layers.Conv2D(SHAPE[-1], 1, use_bias=False)
    outputs = layer(images) + 0.0 * ops.sum(vector)
    layer.kernel.assign(np.eye(SHAPE[-1])[None, None])
    return keras.Model([images, vector], outputs)


def linear_discriminator(num_logits, scale=0.1, logit=0.4):
    """Scores that are linear in patches, and logits that are constant."""
    images = keras.Input(SHAPE)
    patches = layers.Conv2D(1, 4, 4, use_bias=False)
    zeros = layers.Dense(
        num_logits,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(logit),
    )
    outputs = [patches(images), zeros(layers.Flatten()(images))]
    network = keras.Model(images, outputs)
    patches.kernel.assign(np.full((4, 4, SHAPE[-1], 1), scale))
    return network


def test_a_generator_that_copies_reconstructs():
    model = small(generator=copying(3), discriminator=linear_discriminator(3))
    batch = batch_of(model)
    _, logged = loss_and_logs(model, lambda: model.generator_loss(batch, True))
    np.testing.assert_allclose(logged["reconstruction_loss"], 0.0, atol=1e-7)


def test_losses_of_a_copying_generator():
    """Real and generated images are the same: the penalty and L_cls are left.

    The gradient of the sum of scores is `scale` in each of 128 components.
    """
    model = small(generator=copying(3), discriminator=linear_discriminator(3))
    batch = batch_of(model)
    loss, logged = loss_and_logs(
        model, lambda: model.discriminator_loss(batch, True)
    )
    norm = 0.1 * np.sqrt(8 * 8 * 2)
    penalty = (norm - 1.0) ** 2
    np.testing.assert_allclose(logged["gradient_penalty"], penalty, rtol=1e-5)
    np.testing.assert_allclose(logged["wasserstein_estimate"], 0.0, atol=1e-6)
    # softplus(l) - y l, a sum over attributes and a mean over images.
    y = array(batch.y)
    cross_entropy = (np.logaddexp(0.0, 0.4) - 0.4 * y).sum(axis=1).mean()
    np.testing.assert_allclose(
        logged["class_loss_real"], cross_entropy, rtol=1e-5
    )
    expected = 10.0 * penalty + cross_entropy
    np.testing.assert_allclose(loss, expected, rtol=1e-5)

    loss, logged = loss_and_logs(
        model, lambda: model.generator_loss(batch, True)
    )
    # A permutation of the labels changes no mean.
    np.testing.assert_allclose(
        logged["class_loss_fake"], cross_entropy, rtol=1e-5
    )
    score = 0.1 * array(batch.x).reshape(6, -1).sum(axis=1).mean() / 4.0
    np.testing.assert_allclose(loss, cross_entropy - score, rtol=1e-4)


def test_scores_of_real_images_are_to_be_larger():
    """Of generated images that are 0 everywhere, `E[D(0)] - E[D(x)]`."""
    generator = copying(3)
    (kernel,) = generator.trainable_variables
    kernel.assign(np.zeros(kernel.shape))
    model = small(
        generator=generator,
        discriminator=linear_discriminator(3),
        penalty_weight=0.0,
        class_weight=0.0,
    )
    batch = batch_of(model)
    loss = array(model.discriminator_loss(batch, training=True))
    real = 0.1 * array(batch.x).reshape(6, -1).sum(axis=1).mean() / 4.0
    np.testing.assert_allclose(loss, -real, rtol=1e-5)


def test_targets_are_the_labels_of_the_batch():
    """In another order: no combination that does not occur."""
    model = small(num_classes=4)
    y = batch_of(model, n=40).y
    target = noise.permuted(y, model.label_seed)
    pairs = [
        np.column_stack([array(part["attributes"]), array(part["labels"])])
        for part in (y, target)
    ]
    assert not np.array_equal(*pairs)
    ordered = [part[np.lexsort(part.T)] for part in pairs]
    np.testing.assert_array_equal(*ordered)


def test_targets_are_of_the_data_set_of_an_image():
    model = small(num_classes=4)
    known = np.arange(40) % 3 == 0
    y = {
        "attributes": np.where(
            known[:, None], np.eye(3)[np.arange(40) % 3], -1
        ),
        "labels": np.where(known, -1, np.arange(40) % 4),
    }
    y = {"attributes": tensor(y["attributes"]), "labels": tensor(y["labels"])}
    seen = []
    for _ in range(3):
        groups = model.label_sets.groups(y)
        target = noise.permuted(y, model.label_seed, groups)
        labels = array(target["labels"])
        np.testing.assert_array_equal(labels < 0, known)
        np.testing.assert_array_equal(
            np.sort(labels), np.sort(array(y["labels"]))
        )
        seen.append(tuple(labels))
    assert len(set(seen)) == 3


def adding():
    """The generator that adds a number for each attribute."""
    images, vector = keras.Input(SHAPE), keras.Input((3,))
    layer = layers.Dense(1, use_bias=False)
    added = ops.reshape(layer(vector), (-1, 1, 1, 1))
    network = keras.Model([images, vector], images + added)
    layer.kernel.assign([[0.4], [-0.3], [0.2]])
    return network


def linear_classifier():
    """Scores and logits that are linear in an image's mean."""
    images = keras.Input(SHAPE)
    means = layers.GlobalAveragePooling2D()(images)
    score = layers.Dense(1, use_bias=False)
    logits = layers.Dense(3, use_bias=False)
    outputs = [ops.reshape(score(means), (-1, 1, 1, 1)), logits(means)]
    network = keras.Model(images, outputs)
    score.kernel.assign([[1.5], [0.5]])
    logits.kernel.assign([[1.0, -2.0, 0.5], [0.2, 0.4, -1.0]])
    return network


def test_which_label_is_meant_where():
    """Against NumPy, with the targets that a model of the same seed draws."""
    options = {"generator": adding(), "discriminator": linear_classifier()}
    weights = {"class_weight": 0.7, "reconstruction_weight": 2.0}
    model = small(**options, **weights, penalty_weight=0.0)
    x = np.random.default_rng(0).uniform(-1, 1, (12, *SHAPE))
    y = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1]], "float32")
    y = np.tile(y, (3, 1))
    batch = Batch(tensor(x), tensor(y))
    twin = keras.random.SeedGenerator(0)
    twin.state.assign(model.label_seed.state)
    target = array(noise.permuted(batch.y, twin))
    assert not np.array_equal(target, y)
    added = np.array([0.4, -0.3, 0.2])

    def generated(images, labels):
        return images + (labels @ added)[:, None, None, None]

    def judged(images):
        means = images.mean(axis=(1, 2))
        scores = means @ np.array([1.5, 0.5])
        logits = means @ np.array([[1.0, -2.0, 0.5], [0.2, 0.4, -1.0]])
        return scores, logits

    def cross_entropy(labels, logits):
        terms = np.logaddexp(0.0, logits) - labels * logits
        return terms.sum(axis=1).mean()

    fake = generated(x, target)
    scores, logits = judged(fake)
    again = generated(fake, y)
    expected = (
        -scores.mean()
        + 0.7 * cross_entropy(target, logits)
        + 2.0 * np.abs(x - again).mean()
    )
    loss = array(model.generator_loss(batch, training=True))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)

    twin.state.assign(model.label_seed.state)
    target = array(noise.permuted(batch.y, twin))
    real, real_logits = judged(x)
    fake_scores, _ = judged(generated(x, target))
    expected = (
        fake_scores.mean() - real.mean() + 0.7 * cross_entropy(y, real_logits)
    )
    loss = array(model.discriminator_loss(batch, training=True))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_the_penalty_is_at_points_between_pairs():
    """Of a quadratic critic, the gradient at `x + alpha (G - x)` is `2 y`."""
    images = keras.Input(SHAPE)
    flat = layers.Flatten()(images)
    scores = ops.sum(ops.square(flat), axis=-1, keepdims=True)
    logits = layers.Dense(3, kernel_initializer="zeros")(flat)
    critic = keras.Model(images, [ops.reshape(scores, (-1, 1, 1, 1)), logits])
    model = small(generator=adding(), discriminator=critic)
    x = np.random.default_rng(0).uniform(-0.1, 0.1, (6, *SHAPE))
    y = np.eye(3, dtype="float32")[[0, 1, 2, 0, 1, 2]]
    batch = Batch(tensor(x), tensor(y))
    twins = []
    for name in ("label_seed", "interpolation_seed"):
        twins.append(keras.random.SeedGenerator(0))
        twins[-1].state.assign(getattr(model, name).state)
    target = array(noise.permuted(batch.y, twins[0]))
    alpha = array(noise.uniform((6,), twins[1]))
    assert np.ptp(alpha) > 0.2
    added = (target @ np.array([0.4, -0.3, 0.2]))[:, None, None, None]
    points = x + alpha[:, None, None, None] * added
    norms = 2.0 * np.sqrt(np.square(points).sum(axis=(1, 2, 3)))
    _, logged = loss_and_logs(
        model, lambda: model.discriminator_loss(batch, True)
    )
    np.testing.assert_allclose(
        logged["gradient_penalty"], np.mean((norms - 1.0) ** 2), rtol=1e-4
    )


def test_the_generator_learns_from_the_last_part():
    model, start = small(seed=3), small(seed=3)
    rates = {"discriminator": 0.0, "generator": 1e-2}
    model.compile({k: keras.optimizers.SGD(v) for k, v in rates.items()})
    x, y = map(array, batch_of(model, n=8))
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    # The discriminator's two updates draw targets before.
    for part in (slice(0, 4), slice(4, 8)):
        noise.permuted(tensor(y[part]), start.label_seed)
    part = Batch(tensor(x[4:]), tensor(y[4:]))
    variables = start.player_variables("generator")
    _, gradients = loss_and_gradients(
        lambda: start.generator_loss(part, training=True), variables
    )
    for trained, variable, gradient in zip(
        model.player_variables("generator"), variables, gradients, strict=True
    ):
        np.testing.assert_allclose(
            array(trained), array(variable) - 1e-2 * array(gradient), atol=1e-5
        )


@pytest.mark.parametrize("padding", ["reflect", "zero"])
def test_why_the_generator_pads_by_zeros(padding):
    """Reflected constant maps are constant: normalization removes them."""
    network = resnet_generator(
        SHAPE,
        2,
        2,
        1,
        norm=lambda: InstanceNormalization(affine=True),
        condition_dim=3,
        kernel_size=4,
        padding=padding,
        use_bias=False,
    )
    randomize(network)
    x = np.random.default_rng(0).uniform(-1, 1, (1, *SHAPE)).astype("float32")
    # Norms divide by deviations of about 1: the maps change what they add.
    labels = np.eye(3, dtype="float32")[:, None]
    outputs = [array(network([x, label])) for label in labels]
    same = np.allclose(outputs[0], outputs[1], atol=1e-3)
    assert same == (padding == "reflect")


def test_labels_of_two_data_sets():
    """Unknown parts are zeros, and the mask says which are known."""
    model = small(num_classes=2)
    y = {
        "attributes": tensor(np.array([[1, 0, 1], [-1, -1, -1]])),
        "labels": tensor(np.array([-1, 1])),
    }
    y["attributes"] = ops.cast(y["attributes"], "float32")
    expected = [[1, 0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 1, 0, 1]]
    np.testing.assert_array_equal(array(model.label_sets.vector(y)), expected)
    np.testing.assert_array_equal(
        model.label_vector(attributes=[[1, 0, 1]]), expected[:1]
    )
    np.testing.assert_array_equal(model.label_vector(labels=[1]), expected[1:])
    for wrong, words in (
        ({}, "`attributes` or `labels`"),
        ({"labels": [7]}, "`labels` of label_vector .* from 7 to 7"),
        ({"attributes": [[5, 0, 1]]}, "`attributes` of label_vector"),
        ({"attributes": [[1, 0]]}, "shape=.1, 2."),
    ):
        with pytest.raises(ValueError, match=words):
            model.label_vector(**wrong)
    with pytest.raises(ValueError, match="`translate` themselves"):
        small().label_vector(attributes=[[1, 0, 1]])
    translated = model.translate(
        np.zeros((2, *SHAPE)), labels=model.label_vector(labels=[1, 0])
    )
    assert translated.shape == (2, *SHAPE)


@pytest.mark.parametrize("known", ["attributes", "labels"])
def test_the_logits_of_the_other_data_set_learn_nothing(known):
    model = small(num_classes=4)
    batch = batch_of(model)
    y = {
        "attributes": -ops.ones((6, 3)),
        "labels": -ops.ones((6,), "int32"),
        known: ops.zeros_like(batch.y[known]),
    }
    images = array(batch.x)

    def loss():
        _, logits = model.discriminate_step(tensor(images), True)
        return model.label_sets.loss(y, logits)

    (head,) = (v for v in model.discriminator.variables if v.shape[-1] == 7)
    _, (gradient,) = loss_and_gradients(loss, [head])
    sizes = np.abs(array(gradient)).max(axis=0)
    own = sizes[:3] if known == "attributes" else sizes[3:]
    other = sizes[3:] if known == "attributes" else sizes[:3]
    assert own.min() > 1e-6 and other.max() == 0.0


def test_what_is_partly_known_counts_as_it_is_known():
    """The losses of two data sets are means over all images."""
    model = small(num_classes=2, discriminator=linear_discriminator(5))
    y = {
        "attributes": ops.cast(
            tensor(np.array([[1, 0, 0], [-1, -1, -1], [-1, -1, -1]])),
            "float32",
        ),
        "labels": tensor(np.array([-1, 1, 0])),
    }
    logits = ops.zeros((3, 5)) + 0.4
    expected = (3 * np.logaddexp(0.0, 0.4) - 0.4 + 2 * np.log(2.0)) / 3
    np.testing.assert_allclose(
        array(model.label_sets.loss(y, logits)), expected, rtol=1e-5
    )


def test_the_discriminator_is_updated_more_often():
    model = small(discriminator_steps=5)
    model.compile("sgd")
    x, y = map(array, batch_of(model, n=20))
    model.fit(x, y, batch_size=10, epochs=2, verbose=0)
    counts = {
        player: int(array(model.optimizer[player].iterations))
        for player in model.players
    }
    assert counts == {"discriminator": 20, "generator": 4}


def test_each_player_has_its_own_gradients():
    model = small()
    batch = batch_of(model)
    for player, other in (
        ("discriminator", model.generator),
        ("generator", model.discriminator),
    ):
        _, gradients = loss_and_gradients(
            lambda player=player: model.player_loss(player, batch, True),
            other.trainable_variables,
        )
        sizes = [np.abs(array(g)).max() for g in gradients]
        # The generator's loss depends on the discriminator, whose weights
        # its optimizer does not have.
        assert (max(sizes) == 0.0) == (player == "discriminator")


def test_labels_change_the_translation_and_are_checked():
    model = small()
    randomize(model.generator)
    x = array(batch_of(model).x)
    some = model.translate(x, labels=[1, 0, 0])
    assert np.abs(some - model.translate(x, labels=[0, 0, 1])).max() > 1e-3
    each = np.tile([1, 0, 0], (6, 1))
    np.testing.assert_array_equal(some, model.translate(x, labels=each))
    with pytest.raises(ValueError, match="values from 0.0 to 2.0"):
        model.translate(x, labels=[0, 2, 0])
    with pytest.raises(ValueError, match="`labels` of StarGAN must be zeros"):
        model.translate(x)


def test_probabilities():
    """Of each attribute by itself, and of the classes together."""
    model = small(num_classes=4)
    randomize(model.discriminator)
    found = model.class_probabilities(array(batch_of(model).x))
    assert found.shape == (6, 7)
    np.testing.assert_allclose(found[:, 3:].sum(axis=1), 1.0, rtol=1e-5)
    _, logits = model.discriminate_step(batch_of(model).x)
    np.testing.assert_allclose(
        found[:, :3], 1.0 / (1.0 + np.exp(-array(logits)[:, :3])), rtol=1e-4
    )
