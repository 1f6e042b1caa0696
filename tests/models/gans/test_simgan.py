"""SimGAN: its local losses, its history, its pretraining, its rhythm."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import SimGAN
from keras_gen.models.gans.simgan.networks import (
    ARCHITECTURES,
    refiner_network,
)
from keras_gen.networks.translation import receptive_field
from tests import translators
from tests.contract.case import Case
from tests.numerics import (
    array,
    convolved,
    loss_and_gradients,
    randomize,
    tensor,
)
from tests.translators import loss_and_logs, scaling

SMALL = {
    "image_shape": (8, 12, 2),
    "num_blocks": 1,
    "base_filters": 2,
    "discriminator_filters": 3,
    "history_size": 8,
    "refiner_pretraining": 0,
    "discriminator_pretraining": 0,
}
# Two devices have half of a batch of 8 each.
ROUND = {"updates": {"refiner": 3}, "parts": 4, "refiner_steps": 3}
CONTRACT = {
    "simgan": Case(
        **SMALL,
        **ROUND,
        wrong=(
            ({"architecture": "face"}, ("architecture='face'", "gaze")),
            ({"refiner_steps": 0}, ("refiner_steps=0",)),
            ({"history_size": -1}, ("history_size=-1",)),
            ({"regularization_weight": -1.0}, ("regularization_weight=-1.0",)),
        ),
    ),
    "simgan-hand": Case(
        **{**SMALL, "image_shape": (16, 20, 1), "history_size": 0},
        **ROUND,
        architecture="hand",
    ),
}
SHAPE = SMALL["image_shape"]


batch_of = partial(translators.batch_of, n=6)


def small(**options):
    return SimGAN(**{**SMALL, "seed": 0, **options})


def constant(logit):
    """A discriminator whose 4x6 logits are the same."""
    images = keras.Input(SHAPE)
    layer = layers.Conv2D(
        1,
        2,
        2,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(logit),
    )
    return keras.Model(images, layer(images))


def softplus(x):
    return np.logaddexp(0.0, x)


def test_losses_of_the_identity():
    """No regularization, and sums over the places of the map.

    As the cross-entropies of a softmax over "real" and "refined" of logits
    whose difference is that of the map.
    """
    logit = 0.7
    model = small(refiner=scaling(1.0, SHAPE), discriminator=constant(logit))
    batch = batch_of(model)
    loss, logged = loss_and_logs(model, lambda: model.refiner_loss(batch, True))
    two = np.array([-0.2, -0.2 + logit])
    log_real, log_refined = two - np.log(np.exp(two).sum())
    np.testing.assert_allclose(loss, -24 * log_real, rtol=1e-5)
    np.testing.assert_allclose(loss, 24 * softplus(logit), rtol=1e-5)
    np.testing.assert_allclose(logged["regularization_loss"], 0.0, atol=1e-6)
    loss = array(model.discriminator_loss(batch, training=False))
    expected = -24 * (log_refined + log_real)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_the_regularization_is_a_sum_over_pixels():
    model = small(refiner=scaling(0.5, SHAPE), discriminator=constant(0.0))
    batch = batch_of(model)
    loss, logged = loss_and_logs(model, lambda: model.refiner_loss(batch, True))
    distance = 0.5 * np.abs(array(batch.x)).reshape(6, -1).sum(axis=1).mean()
    np.testing.assert_allclose(
        logged["regularization_loss"], distance, rtol=1e-5
    )
    np.testing.assert_allclose(
        loss, 24 * np.log(2.0) + 0.5 * distance, rtol=1e-5
    )


def test_the_gradient_of_the_regularization():
    """`w sign(R - x)`, a mean over the images; none of the discriminator."""
    model = small(
        refiner=scaling(0.5, SHAPE),
        discriminator=constant(0.0),
        regularization_weight=3.0,
    )
    batch = batch_of(model)
    x = array(batch.x)
    variables = [*model.refiner.variables, *model.discriminator.variables]
    _, (gradient, *others) = loss_and_gradients(
        lambda: (
            3.0 * model.regularization_loss(batch.x, model.refine_step(batch.x))
        ),
        variables,
    )
    expected = -3.0 * np.einsum("nhwi,nhwo->io", x, np.sign(x)) / 6
    np.testing.assert_allclose(array(gradient)[0, 0], expected, rtol=1e-4)
    assert all(np.abs(array(g)).max() == 0.0 for g in others)


def test_features_stand_in_for_the_image():
    images = keras.Input(SHAPE)
    mean = keras.Model(images, ops.mean(images, axis=-1))
    model = small(refiner=scaling(0.5, SHAPE), features=mean)
    x = batch_of(model).x
    loss = array(model.regularization_loss(x, model.refine_step(x)))
    means = array(x).mean(axis=-1).reshape(6, -1)
    np.testing.assert_allclose(
        loss, 0.5 * np.abs(means).sum(axis=1).mean(), rtol=1e-5
    )


def test_the_discriminator_teaches_the_refiner_and_not_the_other_way():
    model = small()
    batch = batch_of(model)
    _, gradients = loss_and_gradients(
        lambda: model.discriminator_loss(batch, training=True),
        model.refiner.trainable_variables,
    )
    assert max(np.abs(array(g)).max() for g in gradients) == 0.0
    blind = small(regularization_weight=0.0)
    _, gradients = loss_and_gradients(
        lambda: blind.refiner_loss(batch, training=True),
        blind.refiner.trainable_variables,
    )
    assert max(np.abs(array(g)).max() for g in gradients) > 1e-4


def updates(model):
    return [int(array(o.iterations)) for o in model.optimizer.optimizers]


def test_updates_of_a_step():
    model = small(refiner_steps=3, discriminator_steps=2)
    model.compile("sgd")
    x, y = map(array, batch_of(model, n=20))
    model.fit(x, y, batch_size=10, epochs=2, verbose=0)
    assert updates(model) == [12, 8]


def test_pretraining():
    """The refiner, towards the identity; the discriminator; then both."""
    model = small(
        # Updates, of which a step has two of the refiner.
        refiner_pretraining=3,
        discriminator_pretraining=3,
        discriminator_filters=24,
        refiner=scaling(1.0, SHAPE),
        # At the identity, rounding decides its sign.
        regularization_weight=0.0,
    )
    model.compile(keras.optimizers.SGD(0.1))
    x, y = map(array, batch_of(model))
    kernel = model.refiner.trainable_variables[0]
    counts, kernels = [], []
    for _ in range(7):
        model.fit(x, y, batch_size=6, verbose=0)
        counts.append(updates(model))
        kernels.append(array(kernel).copy())
    assert counts == [
        [2, 0],
        [4, 0],
        [4, 1],
        [4, 2],
        [4, 3],
        [6, 4],
        [8, 5],
    ]
    for earlier in kernels[:5]:
        np.testing.assert_allclose(earlier[0, 0], np.eye(2), atol=1e-6)
    assert np.abs(kernels[-1][0, 0] - np.eye(2)).max() > 1e-3


def test_pretraining_by_the_regularization_alone():
    """From half of the image, towards the whole."""
    model = small(refiner_pretraining=200, refiner=scaling(0.5, SHAPE))
    model.compile(keras.optimizers.SGD(1e-3))
    x, y = map(array, batch_of(model))
    before = np.abs(model.translate(x) - x).mean()
    model.fit(x, y, batch_size=6, epochs=30, verbose=0)
    assert np.abs(model.translate(x) - x).mean() < 0.5 * before
    # Evaluation does not depend on it.
    loss = model.evaluate(x, y, batch_size=6, verbose=0, return_dict=True)
    total = loss["adversarial_loss"] + 0.5 * loss["regularization_loss"]
    np.testing.assert_allclose(loss["refiner_loss"], total, rtol=1e-5)


def test_the_discriminator_is_shown_the_history():
    """Once it is full, half of what is shown is what was refined before."""
    model = small(history_size=4, refiner=scaling(1.0, SHAPE))
    model.compile(keras.optimizers.SGD(0.0))
    ones = np.ones((6, *SHAPE), "float32")
    for value in (0.1, 0.2, 0.3):
        x = value * ones
        model.fit(x, x, batch_size=6, verbose=0)
    history = array(model.pool.images)[:, 0, 0, 0]
    assert int(array(model.pool.filled)) == 4
    # Two images in each step: the third replaced one of the four.
    found = sorted(np.rint(10 * history).astype(int).tolist())
    assert found in ([1, 1, 2, 3], [1, 2, 2, 3])


def test_what_is_shown_comes_from_the_history():
    """Of a history of zeros alone, whatever is refined, it learns the same."""

    def trained(images):
        model = small(
            refiner=scaling(1.0, SHAPE), discriminator_filters=24, seed=4
        )
        shown = ops.zeros((2, *SHAPE))
        object.__setattr__(model, "pool", lambda x, training: shown)
        sgd = {"refiner": 0.0, "discriminator": 0.1}
        model.compile({k: keras.optimizers.SGD(v) for k, v in sgd.items()})
        model.fit(images, real, batch_size=6, shuffle=False, verbose=0)
        return [array(v) for v in model.discriminator.trainable_variables]

    x, real = map(array, batch_of(small()))
    for a, b in zip(trained(x), trained(-x), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_discriminator_learns_after_the_refiner():
    """From images that the updated refiner made."""
    model, still = (
        small(refiner=scaling(0.5, SHAPE), discriminator_filters=24)
        for _ in range(2)
    )
    x, y = map(array, batch_of(model))
    rates = {"refiner": 1e-3, "discriminator": 0.1}
    for each, rate in ((model, 1e-3), (still, 0.0)):
        rates["refiner"] = rate
        each.compile({k: keras.optimizers.SGD(v) for k, v in rates.items()})
        each.fit(x, y, batch_size=6, shuffle=False, verbose=0)
    moved, same = (
        array(each.discriminator.trainable_variables[0])
        for each in (model, still)
    )
    assert np.abs(moved - same).max() > 1e-6


def test_the_refiner_has_no_way_around_its_layers():
    network = refiner_network(SHAPE, 2, 3, 2)
    for weight in network.weights:
        weight.assign(np.zeros(weight.shape))
    assert np.abs(array(network(array(batch_of(small()).x)))).max() == 0.0


def test_a_block_of_the_refiner_is_residual():
    """`relu(h + W2 relu(W1 h))`, in NumPy, between two convolutions."""
    network = refiner_network((5, 7, 2), 3, 3, 1)
    randomize(network, seed=1)
    (w0, b0), (w1, b1), (w2, b2), (w3, b3) = (
        layer.get_weights() for layer in network.layers if layer.weights
    )
    x = np.random.default_rng(2).uniform(-1.0, 1.0, (2, 5, 7, 2))
    h = np.maximum(convolved(x, w0, b0), 0.0)
    residual = convolved(np.maximum(convolved(h, w1, b1), 0.0), w2, b2)
    expected = np.tanh(convolved(np.maximum(h + residual, 0.0), w3, b3))
    found = array(network(x.astype("float32")))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_features_are_checked():
    images = keras.Input((4, 4, 1))
    wrong = keras.Model(images, layers.Flatten()(images))
    with pytest.raises(ValueError, match="`features` of SimGAN"):
        small(features=wrong)


def test_both_networks_take_any_size():
    network = refiner_network((None, None, 1), 2, 3, 1)
    assert network(np.zeros((1, 9, 14, 1))).shape == (1, 9, 14, 1)
    model = small(image_shape=(9, 14, 1))
    logits = model.discriminate_step(tensor(np.zeros((2, 9, 14, 1))))
    assert logits.shape == (2, 3, 4, 1)


@pytest.mark.parametrize(
    ("name", "field"), [("refiner", 19), ("discriminator", 23)]
)
def test_receptive_fields(name, field):
    """By which pixels of a row change the result in the middle."""
    _, blocks, *kinds = ARCHITECTURES["gaze"]
    if name == "refiner":
        kinds = [(3, 1)] * (1 + 2 * blocks)
    assert receptive_field(list(kinds)) == field
    model = SimGAN(
        (48, 48, 1),
        base_filters=2,
        discriminator_filters=3,
        history_size=0,
        seed=0,
    )
    network = getattr(model, name)
    for weight in network.weights:
        # Positive, and so small that no tanh is flat.
        weight.assign(np.full(weight.shape, 0.05))
    x = np.zeros((49, 48, 48, 1), "float32")
    x[np.arange(48), 24, np.arange(48)] = 10.0
    results = array(network(x))
    middle = results.shape[1] // 2
    results = results[:, middle, middle, 0]
    changed = np.flatnonzero(results[:48] != results[48])
    assert len(changed) == np.ptp(changed) + 1 == field
