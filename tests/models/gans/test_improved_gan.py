"""The improved techniques: the losses, who learns them, the networks."""

import inspect
import math

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import ImprovedGAN, load_model
from keras_gen.engine import Batch, Labels
from keras_gen.layers import (
    MinibatchDiscrimination,
    ReferenceBatch,
    VirtualBatchNormalization,
    WeightNormConv2D,
    WeightNormDense,
)
from tests.contract.case import Case
from tests.numerics import (
    array,
    loss_and_gradients,
    num_parameters,
    one_program,
    randomize,
    tensor,
    training_logs,
)

SMALL = {
    "image_shape": (4, 4, 1),
    "num_classes": 3,
    "latent_dim": 3,
    "generator_units": (5,),
    "discriminator_units": (6, 5),
}
CONV = {
    **SMALL,
    "image_shape": (12, 12, 1),
    "architecture": "conv",
    "generator_units": (3, 2),
    "discriminator_units": (3, 4, 4),
}
CONTRACT = {
    "improved_gan": Case(
        **SMALL,
        logits=("discriminator",),
        wrong=(
            ({"architecture": "vgg"}, ("architecture='vgg'", "'mlp'")),
            (
                {"generator_objective": "hinge"},
                ("generator_objective='hinge'", "'feature_matching'"),
            ),
            ({"real_target": 0.0}, ("real_target=0.0", "at most 1")),
            ({"num_classes": 0}, ("num_classes=0",)),
            ({"unsupervised_weight": -1.0}, ("unsupervised_weight=-1.0",)),
            ({"minibatch_kernels": -1}, ("minibatch_kernels=-1",)),
            (
                {"architecture": "conv", "generator_units": (3, 2, 2)},
                ("8 divides",),
            ),
            (
                {**CONV, "image_shape": (8, 8, 1)},
                ("(8, 8, 1)", "at least 3", "discriminator_units"),
            ),
        ),
    ),
    "improved_gan-techniques": Case(
        **SMALL,
        generator_objective="absolute_feature_matching",
        historical_averaging_weight=0.1,
        reference_size=4,
        real_target=0.9,
        classifier_ema_decay=0.9,
        logits=("discriminator",),
    ),
    "improved_gan-minibatch": Case(
        **CONV,
        generator_objective="minimax",
        minibatch_kernels=4,
        reference_size=3,
        logits=("discriminator",),
    ),
}
N = 6
LABELS = np.array([2, -1, 0, -1, 1, -1], "int32")
UNLABELED = LABELS < 0


def tiny(**options):
    return ImprovedGAN(**{**SMALL, "seed": 0, **options})


def dense_networks():
    """Without noise and normalization."""
    z, images = keras.Input((3,)), keras.Input((4, 4, 1))
    x = layers.Reshape((4, 4, 1))(layers.Dense(16, "sigmoid")(z))
    h = layers.Dense(5, "tanh")(layers.Flatten()(images))
    networks = {
        "generator": keras.Model(z, x),
        "discriminator": keras.Model(images, [layers.Dense(3)(h), h]),
    }
    for seed, network in enumerate(networks.values()):
        randomize(network, seed=seed)
    return networks


def images(n=N, seed=0, side=4):
    """In [0, 1], or for the convolutional networks in [-1, 1]."""
    low = -1.0 if side > 4 else 0.0
    rng = np.random.default_rng(seed)
    return rng.uniform(low, 1.0, (n, side, side, 1)).astype("float32")


def batch(labels=LABELS, n=N):
    return Batch(tensor(images(n)), tensor(labels))


def fix_latents(model, monkeypatch, n=N):
    """The same latents in each update; returns what is made of them."""
    z = np.random.default_rng(3).uniform(size=(n, 3)).astype("float32")
    monkeypatch.setattr(model, "draw_latents", lambda n, seed=None: tensor(z))
    return model.generate(z)


def outputs(model, x):
    """Class logits, `s` and features."""
    logits, features = (array(y) for y in model.discriminator(tensor(x)))
    return logits, np.log(np.exp(logits).sum(axis=1)), features


def sp(x):
    return np.logaddexp(0.0, x)


# ---- The losses -------------------------------------------------------------


def discriminator_terms(model, fake, labels=LABELS, target=1.0):
    """The two losses, in NumPy."""
    logits, real, _ = outputs(model, images())
    _, of_fakes, _ = outputs(model, fake)
    known = labels >= 0
    supervised = (real[known] - logits[known, labels[known]]).mean()
    others = real if known.all() else real[~known]
    smoothed = target * sp(-others) + (1 - target) * sp(others)
    return supervised, 0.5 * smoothed.mean() + 0.5 * sp(of_fakes).mean()


@pytest.mark.parametrize("target", [1.0, 0.9])
@pytest.mark.parametrize("labels", [LABELS, np.array([2, 0, 1, 1, 0, 2])])
def test_the_discriminators_loss_against_numpy(target, labels, monkeypatch):
    model = tiny(
        unsupervised_weight=0.7, real_target=target, **dense_networks()
    )
    fake = fix_latents(model, monkeypatch)
    supervised, unsupervised = discriminator_terms(model, fake, labels, target)
    loss, gradients = loss_and_gradients(
        lambda: model.discriminator_loss(batch(labels), training=False),
        model.trainable_variables,
    )
    expected = supervised + 0.7 * unsupervised
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    own = {id(v) for v in model.player_variables("discriminator")}
    for variable, gradient in zip(
        model.trainable_variables, gradients, strict=True
    ):
        assert np.any(gradient) == (id(variable) in own), variable.path


def test_what_is_logged(monkeypatch):
    model = tiny(**dense_networks())
    fake = fix_latents(model, monkeypatch)
    logs = training_logs(model, images(), LABELS)
    supervised, unsupervised = discriminator_terms(model, fake)
    logits, _, _ = outputs(model, images())
    known = ~UNLABELED
    hits = logits[known].argmax(axis=1) == LABELS[known]
    assert logs["accuracy"] == pytest.approx(hits.mean(), rel=1e-5)
    assert logs["supervised_loss"] == pytest.approx(supervised, rel=1e-5)
    assert logs["unsupervised_loss"] == pytest.approx(unsupervised, rel=1e-5)


def test_with_one_class_it_is_half_of_a_gan(monkeypatch):
    """And no label costs anything."""
    images_in = keras.Input((4, 4, 1))
    h = layers.Flatten()(images_in)
    discriminator = keras.Model(
        images_in, [layers.Dense(1)(h), layers.Dense(5)(h)]
    )
    model = tiny(
        num_classes=1,
        generator=dense_networks()["generator"],
        discriminator=discriminator,
    )
    fake = fix_latents(model, monkeypatch)
    real, fake = (array(discriminator(tensor(x))[0]) for x in (images(), fake))
    for labels in (np.zeros(N, "int32"), np.full(N, -1)):
        loss = model.discriminator_loss(batch(labels), training=False)
        expected = 0.5 * (sp(-real).mean() + sp(fake).mean())
        np.testing.assert_allclose(array(loss), expected, rtol=1e-5)
    np.testing.assert_allclose(
        model.discriminate(images()), real[:, 0], rtol=1e-5
    )


@pytest.mark.parametrize(
    "objective",
    [
        "feature_matching",
        "absolute_feature_matching",
        "minimax",
        "non_saturating",
    ],
)
@pytest.mark.parametrize("labels", [LABELS, np.array([2, 0, 1, 1, 0, 2])])
def test_the_generators_losses_against_numpy(objective, labels, monkeypatch):
    model = tiny(generator_objective=objective, **dense_networks())
    fake = fix_latents(model, monkeypatch)
    _, source, of_fakes = outputs(model, fake)
    _, _, of_reals = outputs(model, images())
    others = UNLABELED if (labels < 0).any() else np.full(N, True)
    gap = of_reals[others].mean(axis=0) - of_fakes.mean(axis=0)
    expected = {
        "feature_matching": (gap**2).mean(),
        "absolute_feature_matching": np.abs(gap).mean(),
        "minimax": -sp(source).mean(),
        "non_saturating": sp(-source).mean(),
    }
    loss, gradients = loss_and_gradients(
        lambda: model.generator_loss(batch(labels), training=False),
        model.player_variables("generator"),
    )
    np.testing.assert_allclose(loss, expected[objective], rtol=1e-4)
    assert all(np.any(gradient) for gradient in gradients)


@pytest.mark.parametrize("absolute", ["", "absolute_"])
def test_feature_matching_is_0_for_the_same_images_in_any_order(
    absolute, monkeypatch
):
    model = tiny(generator_objective=f"{absolute}feature_matching")
    x = images()
    shuffled = x[np.random.default_rng(1).permutation(N)]
    monkeypatch.setattr(
        model, "generate_batch", lambda n, training: (tensor(shuffled), None)
    )
    given = batch(np.full(N, -1))
    loss = model.generator_loss(given, training=False)
    assert float(array(loss)) == pytest.approx(0.0, abs=1e-6)
    # In training the noise of each pass is its own.
    assert float(array(model.generator_loss(given, training=True))) > 1e-4


def test_features_are_those_of_the_last_hidden_layer_before_its_noise():
    model = tiny()
    randomize(model.discriminator)
    (*_, last) = (
        x for x in model.discriminator.layers if isinstance(x, layers.ReLU)
    )
    hidden = keras.Model(model.discriminator.inputs, last.output)
    logits, _, features = outputs(model, images())
    np.testing.assert_array_equal(features, array(hidden(tensor(images()))))
    dense = model.discriminator.layers[-1]
    assert isinstance(dense, WeightNormDense)
    np.testing.assert_allclose(
        logits, array(dense(tensor(features))), rtol=1e-5
    )


def test_a_step_is_one_update_and_several_of_the_generator():
    model = tiny(generator_steps=3)
    model.compile("sgd", run_eagerly=keras.backend.backend() != "jax")
    model.fit(images(), LABELS, batch_size=N, verbose=0)
    made = {
        name: int(model.optimizer[name].iterations) for name in model.players
    }
    assert made == {"discriminator": 1, "generator": 3}


# ---- Labels, classes --------------------------------------------------------


def test_labels_are_of_some_images():
    model = tiny()
    assert model.data_spec().y == Labels(3, missing="allowed")
    assert model.condition is None


def test_classification_and_discrimination_are_of_the_same_logits():
    model = tiny()
    randomize(model.discriminator)
    logits, source, _ = outputs(model, images())
    np.testing.assert_array_equal(model.classify(images()), logits.argmax(1))
    np.testing.assert_allclose(
        model.class_probabilities(images()),
        np.exp(logits - source[:, None]),
        rtol=1e-4,
    )
    np.testing.assert_allclose(model.discriminate(images()), source, rtol=1e-4)


def test_an_average_of_the_weights_may_classify():
    model = tiny(classifier_ema_decay=0.75)
    start = [array(w) for w in model.discriminator.weights]
    model.compile("sgd", run_eagerly=keras.backend.backend() != "jax")
    model.fit(images(), LABELS, batch_size=N, verbose=0)
    average, moved = model.ema_classifier.weights, 0
    for a, w, before in zip(
        average, model.discriminator.weights, start, strict=True
    ):
        expected = 0.75 * before + 0.25 * array(w)
        np.testing.assert_allclose(array(a), expected, rtol=1e-5, atol=1e-7)
        moved += np.any(array(a) != before)
    assert moved > 3
    randomize(model.ema_classifier, seed=4)
    logits = array(model.ema_classifier(tensor(images()))[0])
    np.testing.assert_array_equal(model.classify(images()), logits.argmax(1))
    assert not model.ema_classifier.trainable_variables
    # What tells real from generated is the player itself.
    _, source, _ = outputs(model, images())
    np.testing.assert_allclose(model.discriminate(images()), source, rtol=1e-4)


# ---- Historical averaging ---------------------------------------------------


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_historical_averaging_adds_the_distance_to_the_past(
    player, monkeypatch
):
    networks = dense_networks()
    plain = tiny(**networks)
    model = tiny(historical_averaging_weight=0.3, **networks)
    fix_latents(plain, monkeypatch)
    fix_latents(model, monkeypatch)
    variables = model.player_variables(player)

    def losses_and_gradients():
        return [
            loss_and_gradients(
                lambda m=m: m.player_loss(player, batch(), training=False),
                variables,
            )
            for m in (plain, model)
        ]

    # At first the parameters are their averages.
    (before, slopes), (after, others) = losses_and_gradients()
    assert after == pytest.approx(before, rel=1e-6)
    for a, b in zip(slopes, others, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7)

    rng, distance = np.random.default_rng(1), 0.0
    gaps = [rng.normal(size=v.shape) for v in variables]
    for average, v, gap in zip(
        model.averages[player], variables, gaps, strict=True
    ):
        average.assign(array(v) - gap)
        distance += (gap**2).sum()
    (before, slopes), (after, others) = losses_and_gradients()
    assert after == pytest.approx(before + 0.3 * distance, rel=1e-4)
    for a, b, gap in zip(slopes, others, gaps, strict=True):
        np.testing.assert_allclose(b, a + 0.6 * gap, rtol=1e-3, atol=1e-4)


def test_the_averages_are_means_over_all_updates(tmp_path):
    """With the initial parameters; they are saved."""
    model = tiny(historical_averaging_weight=0.1, generator_steps=2)
    history = {p: [] for p in model.players}

    def record(player):
        values = [array(v).copy() for v in model.player_variables(player)]
        history[player].append(values)

    for player in model.players:
        record(player)
    model.compile(keras.optimizers.SGD(0.5))

    def step():
        model.minimize("discriminator", batch())
        model.minimize("generator", batch())

    step = one_program(step, model.variables)
    for _ in range(3):
        step()
        for player in model.players:
            record(player)
    for player, values in history.items():
        assert int(model.counts[player]) == 4
        for average, past in zip(
            model.averages[player], zip(*values, strict=True), strict=True
        ):
            np.testing.assert_allclose(
                array(average), np.mean(past, axis=0), rtol=1e-4, atol=1e-5
            )
    moved = np.abs(
        history["discriminator"][-1][0] - history["discriminator"][0][0]
    )
    assert moved.max() > 1e-3
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    for player in model.players:
        assert int(loaded.counts[player]) == 4
        for a, b in zip(
            model.averages[player], loaded.averages[player], strict=True
        ):
            np.testing.assert_array_equal(array(a), array(b))


def test_no_player_trains_the_averages():
    model, plain = tiny(historical_averaging_weight=0.1), tiny()
    count = len(plain.trainable_variables)
    assert len(model.trainable_variables) == count
    assert len(model.weights) == len(plain.weights) + count + 2


# ---- Virtual batch normalization, minibatch discrimination ------------------


@pytest.mark.parametrize("options", [SMALL, CONV])
def test_generated_images_do_not_depend_on_each_other(options):
    """With virtual batch normalization, in training too."""
    rng = np.random.default_rng(0)
    z, other = rng.uniform(size=(2, 5, 3)).astype("float32")
    other[1] = z[1]
    for size, independent in ((4, True), (0, False)):
        model = ImprovedGAN(**options, reference_size=size, seed=0)
        first, second = (
            array(model.generator(tensor(x), training=True))[1]
            for x in (z, other)
        )
        gap = np.abs(first - second).max()
        assert (gap < 1e-5) == independent


@pytest.mark.parametrize("options", [SMALL, CONV])
def test_the_reference_batch_is_drawn_once_from_the_prior(options):
    def reference(**given):
        model = ImprovedGAN(
            **{**options, "reference_size": 50, "seed": 3, **given}
        )
        found = [
            x for x in model.generator.layers if isinstance(x, ReferenceBatch)
        ]
        return model, array(found[0].examples)

    model, drawn = reference()
    assert drawn.shape == (50, 3)
    assert 0.0 <= drawn.min() < 0.1 and 0.9 < drawn.max() <= 1.0
    np.testing.assert_array_equal(reference()[1], drawn)
    assert np.abs(reference(seed=4)[1] - drawn).max() > 0.1
    norms = [
        x
        for x in model.generator.layers
        if isinstance(x, VirtualBatchNormalization)
    ]
    assert len(norms) == len(options["generator_units"])
    for norm in norms:
        gamma = array(norm.gamma)
        assert np.abs(gamma - 1.0).max() < 0.1 and gamma.std() > 1e-3
    assert not any(hasattr(x, "moving_mean") for x in model.generator.layers)
    model.compile("sgd", run_eagerly=keras.backend.backend() != "jax")
    side = options["image_shape"][0]
    model.fit(images(side=side), LABELS, batch_size=N, verbose=0)
    (layer,) = (
        x for x in model.generator.layers if isinstance(x, ReferenceBatch)
    )
    np.testing.assert_array_equal(array(layer.examples), drawn)


def test_minibatch_discrimination_compares_the_images_of_a_batch():
    model = tiny(minibatch_kernels=4)
    randomize(model.discriminator)

    def similarities(model):
        (layer,) = (
            x
            for x in model.discriminator.layers
            if isinstance(x, MinibatchDiscrimination)
        )
        return layer

    layer, fresh = similarities(model), similarities(tiny(minibatch_kernels=4))
    assert not layer.include_self and layer.dims == 5
    np.testing.assert_array_equal(array(fresh.bias), -1.0)
    x, other = images(), images(seed=1)
    other[0] = x[0]
    first, _, features = outputs(model, x)
    second, _, others = outputs(model, other)
    np.testing.assert_allclose(features[0], others[0], rtol=1e-5)
    assert np.abs(first[0] - second[0]).max() > 1e-4
    # They follow the features in what the last layer is given.
    joined = np.concatenate([features, array(layer(tensor(features)))], axis=1)
    dense = model.discriminator.layers[-1]
    np.testing.assert_allclose(first, array(dense(tensor(joined))), rtol=1e-4)


# ---- Data-dependent initialization ------------------------------------------


def check_statistics(network, layer, inputs, std):
    """Means and standard deviations of a layer's outputs, in training."""
    trunk = keras.Model(network.inputs, layer.output)
    values = array(trunk(ops.convert_to_tensor(inputs), training=True))
    axes = tuple(range(values.ndim - 1))
    np.testing.assert_allclose(values.std(axis=axes), std, rtol=0.5)
    np.testing.assert_allclose(values.mean(axis=axes), 0.0, atol=0.5 * std)


@pytest.mark.parametrize(
    ("options", "last"), [(SMALL, 1.0), ({**CONV, "minibatch_kernels": 2}, 0.1)]
)
def test_data_dependent_initialization(options, last):
    model = ImprovedGAN(
        **options,
        ema_decay=0.9,
        classifier_ema_decay=0.9,
        historical_averaging_weight=0.1,
        seed=0,
    )
    side = options["image_shape"][0]
    x = images(300, side=side)
    before = model.generator.get_weights()
    model.initialize_from(x)
    for average, network in (
        (model.ema_generator, model.generator),
        (model.ema_classifier, model.discriminator),
    ):
        for a, b in zip(average.weights, network.weights, strict=True):
            np.testing.assert_array_equal(array(a), array(b))
    for player in model.players:
        for a, b in zip(
            model.averages[player],
            model.player_variables(player),
            strict=True,
        ):
            np.testing.assert_array_equal(array(a), array(b))
    # Fresh noise each time: what was measured varies, most behind minibatch
    # discrimination, by a third.
    checked = 0
    for layer in model.discriminator.layers:
        if not isinstance(layer, WeightNormDense | WeightNormConv2D):
            continue
        is_last = layer is model.discriminator.layers[-1]
        check_statistics(
            model.discriminator, layer, x, last if is_last else 1.0
        )
        assert layer.train_scale == is_last
        checked += 1
    assert checked == (3 if options is SMALL else 10)
    (layer,) = (x for x in model.generator.layers if hasattr(x, "train_scale"))
    if options is SMALL:
        # The official code leaves the generator of MNIST as it is.
        for old, new in zip(before, model.generator.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
    else:
        check_statistics(model.generator, layer, model.draw_latents(300), last)
    with pytest.raises(ValueError, match="Rescale"):
        model.initialize_from(255 * x)


# ---- The networks -----------------------------------------------------------


def kernels(network):
    """The shapes of the kernels, in their order."""
    return [
        tuple(layer.kernel.shape)
        for layer in network.layers
        if hasattr(layer, "kernel")
    ]


def noise(network):
    """The noise of each layer that has some, in their order."""
    found = []
    for layer in network.layers:
        if hasattr(layer, "stddev"):
            found.append(("normal", layer.stddev))
        elif hasattr(layer, "level"):
            found.append(("dropout", layer.level))
    return found


def test_the_networks_of_mnist_are_the_official_codes():
    with keras.StatelessScope(initialize_variables=False):
        model = ImprovedGAN()
    g, d = model.generator, model.discriminator
    assert kernels(g) == [(100, 500), (500, 500), (500, 784)]
    # Batch normalization has a bias alone; the last layer also a scale.
    assert num_parameters(g) == 692_000 + 2 * 500 + 2 * 784
    units = [784, 1000, 500, 250, 250, 250, 10]
    shapes = list(zip(units[:-1], units[1:], strict=True))
    assert kernels(d) == shapes
    expected = sum(math.prod(shape) for shape in shapes)
    assert num_parameters(d) == expected + sum(units[1:]) + 10
    assert noise(d) == [("normal", 0.3)] + 5 * [("normal", 0.5)]
    assert not noise(g)
    dense = [x for x in d.layers if isinstance(x, WeightNormDense)]
    assert [x.train_scale for x in dense] == [False] * 5 + [True]
    assert {x.kernel_initializer.stddev for x in dense} == {0.1}
    activations = [
        x.activation.__name__ for x in g.layers if type(x) is layers.Activation
    ]
    assert activations == ["softplus", "softplus", "sigmoid"]
    norms = [x for x in g.layers if hasattr(x, "moving_mean")]
    assert [(x.center, x.scale) for x in norms] == [(True, False)] * 2
    assert model.value_range == (0.0, 1.0)
    assert isinstance(g.layers[-3], WeightNormDense)
    assert g.layers[-3].train_scale


@pytest.mark.parametrize(
    ("preset", "first", "last"),
    [
        ("cifar10", 96, 192),
        ("svhn", 64, 128),
        ("minibatch_discrimination", 96, 192),
    ],
)
def test_the_networks_of_color_images_are_the_official_codes(
    preset, first, last
):
    with keras.StatelessScope(initialize_variables=False):
        model = ImprovedGAN.from_preset(preset)
    g, d = model.generator, model.discriminator
    assert kernels(g) == [
        (100, 8192),
        (5, 5, 256, 512),
        (5, 5, 128, 256),
        (5, 5, 3, 128),
    ]
    weights = sum(math.prod(shape) for shape in kernels(g))
    assert num_parameters(g) == weights + 8192 + 256 + 128 + 2 * 3
    sizes = [3, *[first] * 3, *[last] * 6]
    sides = [3] * 7 + [1] * 2
    pairs = zip(sides, sizes[:-1], sizes[1:], strict=True)
    similar = preset == "minibatch_discrimination"
    inputs = last + (100 if similar else 0)
    expected = [(k, k, a, b) for k, a, b in pairs]
    own = [
        tuple(x.kernel.shape)
        for x in d.layers
        if isinstance(x, WeightNormConv2D | WeightNormDense)
    ]
    assert own == [*expected, (inputs, 10)]
    total = sum(math.prod(shape) for shape in own) + sum(sizes[1:]) + 2 * 10
    if similar:
        total += last * 100 * 5 + 100 * 5 + 100
    assert num_parameters(d) == total
    convs = [x for x in d.layers if isinstance(x, WeightNormConv2D)]
    assert [x.strides[0] for x in convs] == [1, 1, 2, 1, 1, 2, 1, 1, 1]
    assert [x.padding for x in convs][6] == "valid"
    assert not any(x.train_scale for x in convs)
    slopes = [
        x.negative_slope for x in d.layers if isinstance(x, layers.LeakyReLU)
    ]
    assert slopes == [0.2] * 9
    start = ("normal", 0.2) if similar else ("dropout", 0.2)
    assert noise(d) == [start, ("dropout", 0.5), ("dropout", 0.5)]
    assert model.value_range == (-1.0, 1.0)
    assert model.generator_steps == (3 if similar else 1)
    expected = "minimax" if similar else "absolute_feature_matching"
    assert model.generator_objective == expected


def test_features_of_color_images_are_means_over_positions():
    model = ImprovedGAN(**CONV, seed=0)
    randomize(model.discriminator)
    x = images(side=12)
    (*_, last) = (
        y for y in model.discriminator.layers if isinstance(y, layers.LeakyReLU)
    )
    maps = keras.Model(model.discriminator.inputs, last.output)
    maps = array(maps(tensor(x)))
    _, _, features = outputs(model, x)
    np.testing.assert_allclose(
        features, maps.mean(axis=(1, 2)), rtol=1e-4, atol=1e-6
    )


def test_defaults_are_the_official_codes():
    defaults = inspect.signature(ImprovedGAN).parameters
    expected = {
        "latent_dim": 100,
        "prior": "uniform_unit_interval",
        "generator_objective": "feature_matching",
        "unsupervised_weight": 1.0,
        "real_target": 1.0,
        "historical_averaging_weight": 0.0,
        "generator_steps": 1,
    }
    assert {name: defaults[name].default for name in expected} == expected
    for options, rate in ((SMALL, 3e-3), (CONV, 3e-4)):
        adam = ImprovedGAN(**options).default_optimizer()
        assert float(adam.learning_rate) == pytest.approx(rate)
        assert (adam.beta_1, adam.beta_2) == (0.5, 0.999)
        assert adam.epsilon == pytest.approx(1e-8**0.5)


def test_gradients_of_the_generator_pass_through_similarities(monkeypatch):
    """Of the same features, the similarity alone differs."""
    model = tiny(minibatch_kernels=4, generator_objective="minimax")
    dense = model.discriminator.layers[-1]
    kernel = array(dense.kernel).copy()
    kernel[:5] = 0.0
    dense.kernel.assign(kernel)
    fix_latents(model, monkeypatch)
    _, gradients = loss_and_gradients(
        lambda: ops.sum(model.generator_loss(batch(), training=False)),
        model.player_variables("generator"),
    )
    assert all(np.any(gradient) for gradient in gradients)
