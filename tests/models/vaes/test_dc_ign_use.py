"""DC-IGN: its networks, what it takes, what it learns, what it is for."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_gen import DCIGN, Schedule
from keras_gen.data import lit_heads
from keras_gen.models.vaes.dc_ign.dc_ign import ActiveGroup, group_sizes
from keras_gen.networks.mlp import dense_layers
from tests.contract.case import QUICK
from tests.models.vaes.test_dc_ign import SHAPE, data, networks, tiny
from tests.numerics import array


@pytest.fixture(scope="module")
def model():
    """One model, only to be looked at."""
    return tiny()


def shapes(network, kind):
    return [
        tuple(layer.output.shape[1:])
        for layer in network.layers
        if isinstance(layer, kind)
    ]


def unbuilt(build, *args, **options):
    """Networks of which the layers and their shapes alone are looked at."""
    with keras.StatelessScope(initialize_variables=False):
        return build(*args, **options)


# ---- Networks ---------------------------------------------------------------


def test_sizes_of_the_papers_networks():
    model = unbuilt(DCIGN)
    encoder, decoder = model.encoder, model.decoder
    convolutions = shapes(encoder, layers.Conv2D)
    assert convolutions == [(146, 146, 96), (69, 69, 48), (30, 30, 24)]
    assert shapes(encoder, layers.MaxPooling2D)[-1] == (15, 15, 24)
    assert shapes(decoder, layers.UpSampling2D) == [
        (30, 30, 24),
        (48, 48, 48),
        (84, 84, 96),
        (156, 156, 96),
    ]
    assert shapes(decoder, layers.Conv2D) == [
        (24, 24, 48),
        (42, 42, 96),
        (78, 78, 96),
        (150, 150, 1),
    ]
    assert encoder.count_params() == (
        (25 * 1 + 1) * 96
        + (25 * 96 + 1) * 48
        + (25 * 48 + 1) * 24
        + 2 * (5400 + 1) * 200
    )
    assert decoder.count_params() == (
        (200 + 1) * 5400
        + (49 * 24 + 1) * 48
        + (49 * 48 + 1) * 96
        + (49 * 96 + 1) * 96
        + (49 * 96 + 1) * 1
    )
    # Only the last activation, a sigmoid, is left to the likelihood.
    assert len(shapes(decoder, layers.ReLU)) == 3
    assert isinstance(decoder.layers[-1], layers.Conv2D)
    assert decoder.layers[-1].activation is keras.activations.linear


def test_papers_networks_start_as_the_papers():
    model = unbuilt(DCIGN)
    for network, heads, convolutions in (
        (model.encoder, 2, 3),
        (model.decoder, 1, 4),
    ):
        dense = dense_layers(network)
        assert len(dense) == heads
        for layer in dense:
            for initializer in (
                layer.kernel_initializer,
                layer.bias_initializer,
            ):
                assert isinstance(initializer, keras.initializers.RandomNormal)
                assert (initializer.mean, initializer.stddev) == (0.0, 0.01)
        found = [x for x in network.layers if isinstance(x, layers.Conv2D)]
        assert len(found) == convolutions
        initializers = [layer.kernel_initializer for layer in found]
        assert len(set(map(id, initializers))) == convolutions
        for initializer in initializers:
            assert initializer.scale == 1 / 3
            assert initializer.mode == "fan_in"
            assert initializer.distribution == "uniform"
    # Uniform up to one over the root of the inputs.
    for initializer, shape in zip(
        initializers, [(7, 7, 24, 8), (7, 7, 8, 24)], strict=False
    ):
        kernel = array(initializer(shape))
        limit = np.prod(shape[:-1]) ** -0.5
        assert 0.99 * limit < np.abs(kernel).max() <= limit
        assert np.abs(kernel).mean() == pytest.approx(limit / 2, 0.05)


def test_the_code_has_the_size_that_the_encoder_says():
    """With the users' own networks, whatever the default `latent_dim`."""
    model = DCIGN(SHAPE, seed=0, **networks(5))
    assert model.latent_dim == 5
    assert model.groups["intrinsic"] == 2
    assert model.sample(3).shape == (3, *SHAPE)
    with pytest.raises(ValueError, match="latent_dim=2"):
        DCIGN(SHAPE, seed=0, **networks(2))


@pytest.mark.parametrize(
    ("shape", "filters", "expected"),
    [
        ((32, 32, 1), 16, [(16, 16, 8), (8, 8, 16)]),
        ((64, 64, 3), 16, [(32, 32, 4), (16, 16, 8), (8, 8, 16)]),
        ((36, 44, 1), 8, [(18, 22, 4), (9, 11, 8)]),
    ],
)
def test_smaller_images_have_strided_networks(shape, filters, expected):
    model = unbuilt(DCIGN, shape, 6, filters=filters)
    assert shapes(model.encoder, layers.Conv2D) == expected
    assert [x.shape[1:] for x in model.encoder.outputs] == [(6,), (6,)]
    ups = shapes(model.decoder, layers.Conv2DTranspose)
    assert ups == [*expected[-2::-1], shape]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image_shape": (30, 32, 1)}, r"multiples of 4.*\(30, 32, 1\)"),
        (
            {"invariance_weight": Schedule(1.0, -0.1, over=2)},
            "negative.*invariance_weight=-0.1",
        ),
    ],
)
def test_arguments_are_checked(options, words):
    options = {"image_shape": (32, 32, 1), "latent_dim": 5, **options}
    with pytest.raises(ValueError, match=words):
        DCIGN(**options)


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({}, "groups={}"),
        ({"a": 0, "b": None}, "positive.*'a': 0"),
        ({"a": None, "b": None}, "at most"),
        ({"a": 5, "b": None}, "latent_dim=5"),
        ({"a": 2, "b": 2}, "latent_dim=5"),
    ],
)
def test_groups_divide_the_code(groups, words):
    with pytest.raises(ValueError, match=f"`groups` must.*{words}"):
        group_sizes(groups, 5)
    assert group_sizes({"a": 2, "b": None}, 5) == {"a": 2, "b": 3}
    assert group_sizes({"a": 2, "b": 3}, 5) == {"a": 2, "b": 3}


def test_bare_compile_uses_the_authors_optimizer(model):
    optimizer = model.default_optimizers()["model"]
    assert isinstance(optimizer, keras.optimizers.Adam)
    rates = optimizer.learning_rate, optimizer.beta_1, optimizer.beta_2
    np.testing.assert_allclose([array(x) for x in rates], [5e-4, 0.9, 0.99])


def test_defaults_are_the_papers():
    model = unbuilt(DCIGN)
    sizes = {"azimuth": 1, "elevation": 1, "light": 1, "intrinsic": 197}
    assert model.groups == sizes
    assert model.invariance_weight == 0.01 and model.clamp == "mean"
    assert model.estimator == "analytic" and model.num_samples == 1
    assert model.group_slice("light") == slice(2, 3)
    assert model.group_slice("intrinsic") == slice(3, 200)
    with pytest.raises(ValueError, match="'color'"):
        model.group_slice("color")


# ---- Data -------------------------------------------------------------------


def test_arrays_are_slices_of_one_group_each():
    model = tiny()
    model.compile(**QUICK)

    def fitted(y, batch_size=4, **options):
        options = {"batch_size": batch_size, "verbose": 0, **options}
        return model.fit(data(len(y)), np.asarray(y), **options).history

    mixed = (data(4), np.array([0, 0, 1, 1]))
    for options, words in (
        ({"y": [0] * 6 + [1] * 2}, r"groups \[0, 1\] in images 4 to 7"),
        (
            {"y": [0] * 4 + [2] * 4, "batch_size": None},
            r"groups \[0, 2\].*batch_size=32",
        ),
        ({"y": [0] * 8, "shuffle": True}, "shuffle=True"),
        ({"y": [0] * 4, "validation_data": mixed}, r"groups \[0, 1\]"),
    ):
        with pytest.raises(ValueError, match=words):
            fitted(**options)
    with pytest.raises(ValueError, match=r"groups \[0, 1\]"):
        model.evaluate(*mixed, verbose=0)
    history = fitted([0] * 4 + [2] * 4 + [-1] * 3)
    assert set(history) == {
        "loss",
        "reconstruction_loss",
        "kl_divergence",
        "elbo",
        "invariance_loss",
    }
    assert np.isfinite(list(history.values())).all()
    fitted([-1] * 8, shuffle=True)
    logs = model.evaluate(*mixed, batch_size=2, verbose=0, return_dict=True)
    assert set(logs) == set(history)


def test_images_are_taken_in_their_order(monkeypatch):
    seen = []

    def step(self, batch):
        seen.append((array(batch.x)[:, 0, 0, 0], array(batch.y)))

    monkeypatch.setattr(DCIGN, "training_step", step)
    model = tiny()
    model.compile("sgd", run_eagerly=True)
    x = np.linspace(0, 1, 12 * 8).reshape(8, *SHAPE).astype("float32")
    model.fit(x, np.repeat([1, 2], 4), batch_size=4, verbose=0)
    (first, ones), (second, twos) = seen
    np.testing.assert_array_equal(first, x[:4, 0, 0, 0])
    np.testing.assert_array_equal(second, x[4:, 0, 0, 0])
    assert ones.tolist() == [1] * 4 and twos.tolist() == [2] * 4


@pytest.mark.parametrize("y", [[3] * 4, [-2] * 4, [0.5] * 4, [[0, 0]] * 4])
def test_indices_of_groups_are_checked(model, y):
    words = "`y` of DCIGN must be integers .* from 0 to 2.*-1.*Received"
    with pytest.raises(ValueError, match=words):
        model.check_data(data(4), np.array(y))


def test_drawn_groups_are_those_of_batches():
    drawn = ActiveGroup(3).draw(np.random.default_rng(0), 32)
    batches = drawn.reshape(4, 8)
    assert np.ptp(batches, axis=1).max() == 0
    assert set(drawn) == {0, 1, 2}


def test_lit_heads_go_straight_into_fit():
    batches = lit_heads.one_factor_batches(4, image_size=8)
    sizes = {"latent_dim": 6, "filters": 4}
    model = DCIGN((8, 8, 1), **sizes, seed=0)
    assert list(model.groups)[:3] == list(lit_heads.LIT_HEAD_FACTORS)[:3]
    model.compile(**QUICK)
    history = model.fit(batches, steps_per_epoch=3, verbose=0)
    assert np.all(np.isfinite(list(history.history.values())))
    assert int(model.optimizer["model"].iterations) == 3


# ---- Learning and use -------------------------------------------------------


def one_factor_data(steps, size=20, seed=0):
    """Images that mix three factors, one of which varies in each batch."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(9).normal(size=(3, 64))
    factors = np.repeat(rng.uniform(-1.7, 1.7, (steps, 1, 3)), size, axis=1)
    groups = rng.integers(0, 3, steps)
    varied = rng.uniform(-1.7, 1.7, (steps, size))
    factors[np.arange(steps), :, groups] = varied
    x = 1 / (1 + np.exp(-factors.reshape(-1, 3) @ mix))
    return (
        x.reshape(-1, 8, 8, 1).astype("float32"),
        np.repeat(groups, size),
        factors.reshape(-1, 3),
    )


def linear_networks(latent_dim, shape):
    """Networks in which no unit can fall asleep, and of little noise."""
    x, z = keras.Input(shape), keras.Input((latent_dim,))
    flat = layers.Flatten()(x)
    log_variance = layers.Dense(
        latent_dim,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(-4.0),
    )
    heads = [layers.Dense(latent_dim)(flat), log_variance(flat)]
    logits = layers.Dense(int(np.prod(shape)))(z)
    return {
        "encoder": keras.Model(x, heads),
        "decoder": keras.Model(z, layers.Reshape(shape)(logits)),
    }


def test_each_group_learns_its_factor():
    shape = (8, 8, 1)
    model = DCIGN(
        shape,
        3,
        groups=dict.fromkeys(("pose", "light", "rest"), 1),
        invariance_weight=0.1,
        seed=0,
        **linear_networks(3, shape),
    )
    model.compile(keras.optimizers.Adam(0.02))
    x, y, _ = one_factor_data(250)
    model.fit(x, y, batch_size=20, epochs=1, verbose=0)
    x, y, factors = one_factor_data(50, seed=1)
    factors = dict(zip(model.groups, factors.T, strict=True))
    # One latent cannot follow two independent factors this closely.
    found = model.factor_correlations(x, factors)
    assert min(found.values()) > 0.9, found
    # Inside of a batch, active latents change as they do over the data, and
    # the others much less.
    codes = model.encode(x).reshape(50, 20, 3)
    change = codes.std(axis=1) / codes.reshape(-1, 3).std(axis=0)
    active = np.arange(3) == y[::20, None]
    assert change[~active].mean() < 0.25
    assert change[active].mean() > 0.85


def test_factor_correlations_are_those_of_numpy(model):
    x = data(50)
    codes = model.encode(x)
    rng = np.random.default_rng(4)
    values = rng.normal(size=50) - codes[:, 0]
    found = model.factor_correlations(x, {"pose": values, "light": values})
    expected = np.corrcoef(codes[:, 0], values)[0, 1]
    assert -0.99 < expected < -0.1
    assert found["pose"] == pytest.approx(-expected, rel=1e-4)
    design = np.column_stack([np.ones(50), codes[:, 1:3]])
    fit = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    expected = np.corrcoef(fit, values)[0, 1]
    assert found["light"] == pytest.approx(expected, rel=1e-4)
    exact = 3.0 - codes[:, 1] + 2.0 * codes[:, 2]
    found = model.factor_correlations(x, {"light": exact, "pose": 0 * exact})
    assert found["light"] == pytest.approx(1.0, rel=1e-5)
    assert found["pose"] == 0.0


def test_rerendering_replaces_one_group(model):
    x = data(3)
    codes = model.encode(x)
    images = model.rerender(x, "pose", [-1.0, 2.0])
    assert images.shape == (3, 2, *SHAPE)
    for index, value in enumerate((-1.0, 2.0)):
        replaced = codes.copy()
        replaced[:, 0] = value
        np.testing.assert_allclose(
            images[:, index], model.decode(replaced), rtol=1e-5
        )
    replaced = codes.copy()
    replaced[:, 1:3] = [0.5, -2.0]
    images = model.rerender(x, "light", [[0.5, -2.0]])
    np.testing.assert_allclose(images[:, 0], model.decode(replaced), rtol=1e-5)
    with pytest.raises(ValueError, match="vectors of 2 latents.*'light'"):
        model.rerender(x, "light", [1.0])
    with pytest.raises(ValueError, match="'weather'"):
        model.rerender(x, "weather", [1.0])
    images = model.traverse(x[0], dims=[0], values=[-1.0, 2.0])
    np.testing.assert_allclose(
        images[0], model.rerender(x[:1], "pose", [-1.0, 2.0])[0], rtol=1e-5
    )


def test_a_model_reconstructs_by_the_mean_code(model):
    x = data(3)
    logits = array(model.decoder(model.encode(x)))
    expected = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(model.reconstruct(x), expected, rtol=1e-5)
    signatures = model.signatures()
    assert set(signatures) == {
        "serving_default",
        "encode",
        "decode",
        "posterior",
    }
    assert signatures["posterior"].outputs == ("mean", "log_variance")
