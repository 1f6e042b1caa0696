"""Coupled GANs: what two domains share, their losses, their pairs."""

import inspect
import math

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import CoGAN, data
from keras_gen.engine import Batch
from keras_gen.layers import BatchNormalization
from keras_gen.losses.adversarial import OBJECTIVES
from keras_gen.models.gans.cogan import inversion
from tests.contract.case import QUICK, Case
from tests.numerics import (
    array,
    evaluation_logs,
    loss_and_gradients,
    num_parameters,
    randomize,
    tensor,
    training_logs,
)

SMALL = {
    "image_shape": (10, 10, 1),
    "latent_dim": 3,
    "generator_filters": (3, 2),
    "discriminator_filters": (2, 3),
    "shared_layers": 2,
    "shared_discriminator_layers": 2,
}
CONTRACT = {
    "cogan": Case(
        **SMALL,
        wrong=(
            ({"objective": "hinge"}, ("objective='hinge'", "'minimax'")),
            ({"image_shape": (11, 10, 1)}, ("(11, 10, 1)", "a multiple of 2")),
            ({"image_shape_b": (8, 8, 1)}, ("(8, 8, 1)", "the same for both")),
            ({"image_shape": (4, 10, 1)}, ("(4, 10, 1)", "4 and a multiple")),
            (
                {"discriminator_filters": (2, 2, 3)},
                ("image_shape=(10, 10, 1)", "larger sides"),
            ),
            ({"shared_layers": 3}, ("shared_layers=3", "[0, 1, 2]")),
            (
                {"shared_discriminator_layers": -1},
                ("shared_discriminator_layers=-1", "[0, 1, 2]"),
            ),
            ({"num_classes": 0}, ("num_classes=0",)),
            ({"weight_decay": -1.0}, ("weight_decay=-1.0",)),
            ({"class_weight": -1.0}, ("class_weight=-1.0",)),
            ({"feature_weight": -1.0}, ("feature_weight=-1.0",)),
        ),
    ),
    "cogan_uncoupled": Case(
        **{**SMALL, "shared_layers": 0, "shared_discriminator_layers": 0},
        image_shape_b=(10, 10, 3),
    ),
    "cogan_adaptation": Case(**SMALL, num_classes=3),
}
N = 6
LABELS = np.array([2, 0, 1, 1, 0, 2], "int32")


def tiny(**options):
    return CoGAN(**{**SMALL, "seed": 0, **options})


def random(**options):
    """With weights that make images and logits differ, and given latents."""
    model = tiny(**options)
    model.draw_latents = lambda n, seed=None: tensor(Z)
    randomize(model.generator, seed=1)
    randomize(model.discriminator, seed=2, scale=0.3)
    return model


@pytest.fixture(scope="module")
def model():
    return random(num_classes=3, class_weight=0.7, feature_weight=0.3)


@pytest.fixture(scope="module")
def game():
    """Without classes."""
    return random()


def images(seed=0, channels=1):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(N, 10, 10, channels)).astype("float32")


X, Y = images(0), images(1)
Z = np.random.default_rng(2).normal(size=(N, 3)).astype("float32")


def batch(x=X, y=Y, labels=None):
    x = tensor(x) if labels is None else (tensor(x), tensor(labels))
    return Batch(x, tensor(y))


def softplus(x):
    return np.logaddexp(0, x)


def outputs(model, x, y):
    found = model.discriminator([tensor(x), tensor(y)])
    return [array(part) for part in found]


def two_way(logits, label):
    """The cross-entropy of a softmax of two logits."""
    logits = np.concatenate(logits).astype("float64")
    log_p = logits - np.logaddexp(*logits.T)[:, None]
    return -log_p[:, label].mean()


def gradients_of(model, loss_fn, network):
    variables = getattr(model, network).trainable_variables
    _, found = loss_and_gradients(loss_fn, variables)
    return found


# ---- The losses -------------------------------------------------------------


def test_losses_are_the_official_codes(game):
    """The softmax of two logits, averaged over the images of both domains."""
    fake = game.generate(Z)
    real_logits, fake_logits = outputs(game, X, Y), outputs(game, *fake)
    expected = {
        "discriminator": two_way(real_logits, 1) + two_way(fake_logits, 0),
        "generator": two_way(fake_logits, 1),
    }
    for player, value in expected.items():
        loss = game.player_loss(player, batch(), training=False)
        np.testing.assert_allclose(array(loss), value, rtol=1e-5)


def test_losses_are_means_of_those_of_two_gans(game):
    """Of softplus, with the difference of the two logits."""
    real = game.discriminate((X, Y))
    fake = game.discriminate(game.generate(Z))
    for pair, x, y in ((real, X, Y), (fake, *game.generate(Z))):
        for found, two in zip(pair, outputs(game, x, y), strict=True):
            np.testing.assert_allclose(
                found, two[:, 1] - two[:, 0], rtol=1e-4, atol=1e-6
            )
    of_each = [
        softplus(-r).mean() + softplus(f).mean()
        for r, f in zip(real, fake, strict=True)
    ]
    loss = game.discriminator_loss(batch(), training=False)
    np.testing.assert_allclose(array(loss), np.mean(of_each), rtol=1e-5)
    loss = game.generator_loss(batch(), training=False)
    expected = np.mean([softplus(-f).mean() for f in fake])
    np.testing.assert_allclose(array(loss), expected, rtol=1e-5)


def test_without_shared_layers_the_domains_are_independent_gans():
    """The loss is the mean of theirs, and so are the gradients: half of what
    each would have alone."""
    model = random(
        shared_layers=0,
        shared_discriminator_layers=0,
        image_shape_b=(10, 10, 3),
    )
    y = images(1, channels=3)
    losses, gradients = [], []
    for domain in (0, 1):

        def alone(domain=domain):
            fake = model.generate_step(tensor(Z))
            pair = model.discriminate_step((tensor(X), tensor(y)))
            objective = OBJECTIVES["non_saturating"].discriminator
            return objective(
                pair[domain], model.discriminate_step(fake)[domain]
            )

        loss, found = loss_and_gradients(
            alone, model.discriminator.trainable_variables
        )
        losses.append(loss)
        gradients.append(found)
    loss, found = loss_and_gradients(
        lambda: model.discriminator_loss(batch(y=y), training=False),
        model.discriminator.trainable_variables,
    )
    assert losses[0] != losses[1]
    np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-5)
    for of_a, of_b, both in zip(*gradients, found, strict=True):
        assert np.any(of_a) != np.any(of_b)
        np.testing.assert_allclose(both, (of_a + of_b) / 2, 1e-4, 1e-6)


def test_where_nothing_is_known():
    """Zero logits: `2 log 2` and `log 2`; with classes, `w log K` more."""
    for options, labels, more in (
        ({}, (), 0.0),
        ({"num_classes": 3, "class_weight": 0.7}, (LABELS,), math.log(3)),
    ):
        model = tiny(**options, feature_weight=0.0)
        for layer in model.discriminator.layers:
            if isinstance(layer, layers.Dense):
                layer.set_weights(
                    [np.zeros(w.shape) for w in layer.get_weights()]
                )
        x = (X, *labels) if labels else X
        logs = training_logs(model, x, Y)
        expected = 2 * math.log(2) + 0.7 * more
        assert logs["discriminator_loss"] == pytest.approx(expected, rel=1e-5)
        assert logs["generator_loss"] == pytest.approx(math.log(2), rel=1e-5)


def test_images_are_not_paired(game):
    """In another order of `b` alone, the loss is the same."""
    order = np.roll(np.arange(N), 1)
    losses = [
        array(game.discriminator_loss(batch(y=y), training=True))
        for y in (Y, Y[order], 1.0 - Y)
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
    assert abs(losses[0] - losses[2]) > 1e-4


def test_each_update_draws_its_own_latents():
    """As many as images of one domain."""
    model, sizes = tiny(), []
    prior_sample = model.prior.sample
    with pytest.MonkeyPatch.context() as patch:

        def sample(n, seed=None):
            sizes.append(int(n))
            return prior_sample(n, seed=seed)

        patch.setattr(model.prior, "sample", sample)
        losses = [
            float(array(model.player_loss(player, batch(), training=False)))
            for player in ("discriminator", "generator", "generator")
        ]
    assert sizes == [N] * 3
    assert losses[1] != losses[2]


def test_minimax_is_an_option():
    model = random(objective="minimax")
    fake = np.concatenate(model.discriminate(model.generate(Z)))
    loss = model.generator_loss(batch(), training=False)
    np.testing.assert_allclose(array(loss), -softplus(fake).mean(), rtol=1e-5)


# ---- What is shared ---------------------------------------------------------


def of_domains(network, inputs=None):
    """The layers with weights that both domains have, and of each alone."""
    last = [
        {id(x) for x in keras.Model(network.inputs, output).layers}
        for output in network.outputs[:2]
    ]
    weighted = [x for x in network.layers if x.trainable_variables]
    return [
        [x for x in weighted if (id(x) in last[0], id(x) in last[1]) == where]
        for where in ((True, True), (True, False), (False, True))
    ]


def test_shared_gradients_are_sums_and_others_of_one_domain(game):
    """Of the terms of each domain alone, in the generator."""
    shared, of_a, of_b = of_domains(game.generator)
    assert [len(x) for x in (shared, of_a, of_b)] == [4, 1, 1]

    def term(domain):
        fake = game.generate_step(tensor(Z))
        logits = game.discriminate_step(fake)[domain]
        return ops.mean(ops.softplus(-logits)) / 2

    found = [
        gradients_of(game, lambda d=d: term(d), "generator") for d in (0, 1)
    ]
    both = gradients_of(
        game, lambda: game.generator_loss(batch(), training=False), "generator"
    )
    variables = game.generator.trainable_variables
    owners = [
        {id(v) for layer in part for v in layer.trainable_variables}
        for part in (shared, of_a, of_b)
    ]
    for variable, a, b, whole in zip(variables, *found, both, strict=True):
        np.testing.assert_allclose(whole, a + b, rtol=1e-4, atol=1e-7)
        # In inference no gradient vanishes behind a normalization.
        expected = [id(variable) in owner for owner in owners]
        assert expected == [
            bool(np.any(a) and np.any(b)),
            bool(np.any(a) and not np.any(b)),
            bool(np.any(b) and not np.any(a)),
        ]


def test_discriminators_share_their_last_layers(game):
    """And of real images of one domain, the other's first layer learns
    nothing."""
    shared, of_a, of_b = of_domains(game.discriminator)
    assert [type(x) for x in of_a] == [layers.Conv2D] == [type(of_b[0])]
    assert [type(x) for x in shared] == [
        layers.Conv2D,
        layers.PReLU,
        layers.Dense,
    ]
    found = gradients_of(
        game,
        lambda: ops.mean(game.discriminate_step((tensor(X), tensor(Y)))[0]),
        "discriminator",
    )
    others = {id(v) for v in of_b[0].trainable_variables}
    for variable, gradient in zip(
        game.discriminator.trainable_variables, found, strict=True
    ):
        assert np.any(gradient) == (id(variable) not in others)


def test_equal_heads_make_equal_images():
    """Of the same latents, for which the layers before are the same."""
    model = random()
    _, (of_a,), (of_b,) = of_domains(model.generator)
    a, b = model.sample(N, seed=0)
    assert np.abs(a - b).max() > 0.1
    of_b.set_weights(of_a.get_weights())
    a, b = model.sample(N, seed=0)
    np.testing.assert_array_equal(a, b)
    assert np.abs(a[0] - a[1]).max() > 1e-3
    # In training too: the batch normalization has one batch of latents.
    a, b = map(array, model.generate_step(tensor(Z), training=True))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shared", [0, 1, 2])
def test_layers_are_shared_from_the_first_on(shared):
    model = tiny(shared_layers=shared, shared_discriminator_layers=shared)
    common, of_a, of_b = of_domains(model.generator)
    convs = [
        sum(isinstance(x, layers.Conv2DTranspose) for x in part)
        for part in (common, of_a, of_b)
    ]
    assert convs == [shared, 3 - shared, 3 - shared]
    common, of_a, of_b = of_domains(model.discriminator)
    kinds = (layers.Conv2D, layers.Dense)
    found = [
        sum(isinstance(x, kinds) for x in part) for part in (common, of_a, of_b)
    ]
    assert found == [shared, 3 - shared, 3 - shared]
    # The logits are the last.
    dense = [x for x in common if isinstance(x, layers.Dense)]
    assert len(dense) == (shared > 0)


# ---- Classes ----------------------------------------------------------------


def adapted(model, labels):
    """The discriminator's loss in NumPy."""
    fake = outputs(model, *model.generate(Z))
    real = outputs(model, X, Y)
    loss = two_way(real[:2], 1) + two_way(fake[:2], 0)
    distance = np.square(fake[2] - fake[3]).sum(axis=1).mean()
    logits = real[4][labels >= 0]
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    chosen = labels[labels >= 0]
    entropy = -log_p[np.arange(len(chosen)), chosen].mean()
    return loss, entropy, distance


@pytest.mark.parametrize("labels", [LABELS, np.array([2, -1, 1, -1, -1, 0])])
def test_adaptation_against_numpy(model, labels):
    """Class of images of `a`, features of pairs; images without a label
    count in the game alone."""
    labels = labels.astype("int32")
    loss, entropy, distance = adapted(model, labels)
    assert min(entropy, distance) > 0.01
    found = model.discriminator_loss(batch(labels=labels), training=False)
    expected = loss + 0.7 * entropy + 0.3 * distance
    np.testing.assert_allclose(array(found), expected, rtol=1e-5)
    logs = evaluation_logs(model, (X, labels), Y)
    assert logs["class_loss"] == pytest.approx(entropy, rel=1e-4)
    assert logs["feature_distance"] == pytest.approx(distance, rel=1e-4)
    predicted = outputs(model, X, Y)[4].argmax(axis=1)
    hits = (predicted == labels)[labels >= 0].mean()
    assert logs["accuracy"] == pytest.approx(hits)


def test_the_generator_learns_from_the_game_alone(model):
    fake = np.concatenate(model.discriminate(model.generate(Z)))
    loss = model.generator_loss(batch(labels=LABELS), training=False)
    np.testing.assert_allclose(array(loss), softplus(-fake).mean(), rtol=1e-5)


def test_the_discriminators_loss_teaches_the_discriminator_alone(model):
    def loss():
        return model.discriminator_loss(batch(labels=LABELS), training=False)

    assert not any(map(np.any, gradients_of(model, loss, "generator")))
    assert all(map(np.any, gradients_of(model, loss, "discriminator")))


def test_classes_are_of_images_of_b(model):
    """Whatever images of `a` are beside them."""
    expected = outputs(model, X, Y)[5]
    np.testing.assert_array_equal(model.classify(Y), expected.argmax(axis=1))
    p = np.exp(expected) / np.exp(expected).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.class_probabilities(Y), p, rtol=1e-4)
    # In batches, as a data set brings them.
    found = model.class_probabilities(part for part in (Y[:1], Y[1:]))
    np.testing.assert_allclose(found, p, rtol=1e-4)
    # Not by the first layer of a.
    of_a = outputs(model, Y, X)[4]
    assert np.abs(of_a - expected).max() > 1e-2
    assert set(model.signatures()) == {"serving_default", "classify"}


def test_without_classes_there_is_no_classification(game):
    assert set(game.signatures()) == {"serving_default"}
    with pytest.raises(ValueError, match="`num_classes` must be given"):
        game.classify(Y)


def test_adaptation_is_trained_on_two_data_sets():
    """Zipped, with labels of both, of which those of `b` are dropped."""
    import tensorflow as tf

    domains = [
        tf.data.Dataset.from_tensor_slices({"image": x, "label": LABELS})
        for x in (X, Y)
    ]
    batches = data.zipped(*domains, 3, features=("image", "label"))
    model = tiny(num_classes=3)
    model.compile("sgd", **QUICK)
    history = model.fit(
        batches.dataset.map(lambda a, b: (a, b[0])),
        steps_per_epoch=batches.steps_per_epoch,
        verbose=0,
    ).history
    assert int(model.steps_seen) == 2
    assert set(history) == {*model.loss_names.values(), *model.logged}
    assert np.isfinite(list(history.values())).all()


# ---- Training ---------------------------------------------------------------


def test_weight_decay_is_added_to_the_gradients():
    """To all of a player, biases and slopes too, of what is not frozen."""
    found = []
    for decay in (0.0, 0.1):
        model = random(weight_decay=decay)
        model.generator.layers[2].trainable = False
        before = [array(v) for v in model.generator.trainable_variables]
        model.compile(keras.optimizers.SGD(1.0), **QUICK)
        discriminator = model.optimizer["discriminator"]
        discriminator.learning_rate = 0.0
        model.fit(X, Y, batch_size=N, verbose=0)
        found.append([array(v) for v in model.generator.trainable_variables])
    assert len(before) < len(model.player_variables("generator"))
    for start, without, decayed in zip(before, *found, strict=True):
        np.testing.assert_allclose(
            without - decayed, 0.1 * start, rtol=1e-3, atol=1e-5
        )


# ---- Inference --------------------------------------------------------------


def test_pairs_are_checked(game):
    with pytest.raises(ValueError, match="`x` must be a pair.*ndarray"):
        game.discriminate(X)
    with pytest.raises(ValueError, match="as many images.*6 and 5"):
        game.discriminate((X, Y[:5]))
    with pytest.raises(ValueError, match="`image_shape_b`"):
        game.discriminate((X, np.repeat(Y, 3, axis=-1)))
    with pytest.raises(ValueError, match="`labels` .* must be None"):
        game.discriminate((X, Y), labels=LABELS)


def test_pairs_come_from_data_sets_as_fit_takes_them(model):
    """With the labels beside the images of `a`."""
    expected = model.discriminate((X, Y))
    batches = (
        ((X[part], LABELS[part]), Y[part])
        for part in (slice(0, 4), slice(4, N))
    )
    found = model.discriminate(batches)
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)


def test_an_image_of_known_latents_is_translated(monkeypatch):
    """Images that the generator makes of latents near zero are found again,
    and their pairs are the translations."""
    monkeypatch.setattr(inversion, "STEPS", 100)
    model = random()
    a, b = model.generate(0.5 * Z)
    for options, x, y in (({}, a, b), ({"direction": "ba"}, b, a)):
        found = model.translate(x, **options)
        assert np.abs(found - y).max() < 0.02
        # Zero latents, where the search starts, do worse.
        start = model.generate(0 * Z)[not options]
        assert np.abs(start - y).max() > 0.1
    with pytest.raises(ValueError, match="direction='aa'"):
        model.translate(a, direction="aa")
    with pytest.raises(ValueError, match="image_shape_b"):
        model.translate(a[:, 1:], direction="ba")


# ---- The networks -----------------------------------------------------------


def test_parameters_are_the_official_codes():
    with keras.StatelessScope(initialize_variables=False):
        model, classes = CoGAN(), CoGAN(num_classes=10)
    assert num_parameters(model.generator) == 7_842_694
    assert num_parameters(model.discriminator) == 427_593
    more = 500 * 10 + 10
    found = num_parameters(classes.discriminator)
    assert found == 427_593 + more
    sides = [
        layer.output.shape[1:3]
        for layer in model.generator.layers
        if isinstance(layer, BatchNormalization)
    ]
    assert sides == [(4, 4), (7, 7), (13, 13), (25, 25)]
    assert [x.shape[1:] for x in model.generator.outputs] == [(28, 28, 1)] * 2
    slopes = [
        layer
        for network in (model.generator, model.discriminator)
        for layer in network.layers
        if isinstance(layer, layers.PReLU)
    ]
    assert [num_parameters(x) for x in slopes] == [1] * 5
    defaults = inspect.signature(CoGAN).parameters
    for name, value in (
        ("latent_dim", 100),
        ("prior", "normal"),
        ("class_weight", 10.0),
        ("feature_weight", 0.01),
        ("weight_decay", 5e-4),
    ):
        assert defaults[name].default == value
    for adam in model.default_optimizers().values():
        assert float(adam.learning_rate) == pytest.approx(2e-4)
        assert (adam.beta_1, adam.beta_2) == (0.5, 0.999)


def test_initial_weights():
    """Xavier's with a gain of sqrt(2), biases of 0.1, slopes of 0.25."""
    model = tiny(generator_filters=(64, 32), discriminator_filters=(32, 64))
    checked = 0
    for network in (model.generator, model.discriminator):
        for layer in network.layers:
            if isinstance(layer, layers.PReLU):
                np.testing.assert_array_equal(array(layer.alpha), 0.25)
            if not hasattr(layer, "kernel"):
                continue
            np.testing.assert_allclose(array(layer.bias), 0.1)
            kernel = array(layer.kernel)
            receptive = math.prod(kernel.shape[:-2])
            limit = math.sqrt(12 / (receptive * sum(kernel.shape[-2:])))
            assert 0.9 * limit < np.abs(kernel).max() <= limit
            checked += 1
    assert checked == 8
