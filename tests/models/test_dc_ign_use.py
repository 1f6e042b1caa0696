"""DC-IGN: its networks, what it takes, what it learns, what it is for."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen.data import lit_heads
from keras_gen.models.autoencoders import dc_ign_networks
from keras_gen.models.autoencoders.dc_ign import DCIGN
from tests.models.test_dc_ign import SHAPE, data, networks, tiny
from tests.numerics import array


def shapes(network, kind):
    return [
        tuple(layer.output.shape[1:])
        for layer in network.layers
        if isinstance(layer, kind)
    ]


# ---- Networks ---------------------------------------------------------------


def test_sizes_of_the_papers_networks():
    encoder = dc_ign_networks.encoder((150, 150, 1), 200)
    decoder = dc_ign_networks.decoder((150, 150, 1), 200)
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


def test_papers_networks_start_as_the_papers():
    encoder = dc_ign_networks.encoder((150, 150, 1), 200)
    decoder = dc_ign_networks.decoder((150, 150, 1), 200)
    dense = [encoder.get_layer("mean"), encoder.get_layer("log_variance")]
    dense += [x for x in decoder.layers if isinstance(x, layers.Dense)]
    assert len(dense) == 3
    for layer in dense:
        for weights in (array(layer.kernel), array(layer.bias)):
            assert weights.std() == pytest.approx(0.01, rel=0.2)
            assert abs(weights.mean()) < 5 * 0.01 / weights.size**0.5
    for network in (encoder, decoder):
        for layer in network.layers:
            if isinstance(layer, layers.Conv2D):
                kernel = array(layer.kernel)
                limit = np.prod(kernel.shape[:-1]) ** -0.5
                assert 0.95 * limit < np.abs(kernel).max() <= limit
                assert np.abs(kernel).mean() == pytest.approx(limit / 2, 0.1)
    x = np.zeros((1, 150, 150, 1), "float32")
    mean, log_variance = encoder(x)
    assert mean.shape == log_variance.shape == (1, 200)
    # Only the last activation, a sigmoid, is left to the likelihood.
    assert array(decoder(ops.ones((1, 200)))).min() < 0.5
    relu = [x for x in decoder.layers if isinstance(x, layers.ReLU)]
    assert len(relu) == 3


def test_the_code_has_the_size_that_the_encoder_says():
    """With the users' own networks, whatever the default `latent_dim`."""
    model = DCIGN(SHAPE, seed=0, **networks(5))
    assert model.latent_dim == 5
    assert model.groups["intrinsic"] == 2
    model.compile()
    x = data(4)
    history = model.fit(x, np.full(4, -1), batch_size=4, verbose=0).history
    assert np.isfinite(history["loss"]).all()
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
    model = DCIGN(shape, 6, filters=filters, seed=0)
    assert shapes(model.encoder, layers.Conv2D) == expected
    x = data(2, shape)
    assert model.reconstruct(x).shape == x.shape
    assert model.encode(x)[1].shape == (2, 6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"clamp": "last"}, "clamp='last'"),
        ({"invariance_scale": -0.1}, "invariance_scale=-0.1"),
        ({"initial_scale": 0.1}, "initial_scale=0.1, schedule_epochs=None"),
        ({"schedule_epochs": 2}, "initial_scale=None, schedule_epochs=2"),
        ({"initial_scale": 0.0, "schedule_epochs": 2}, "initial_scale=0.0"),
        ({"initial_scale": 1.0, "schedule_epochs": 0}, "schedule_epochs=0"),
        ({"input_shape": (30, 32, 1)}, "multiples of 4.*30, 32"),
        ({"input_shape": (30,)}, "multiples of 4.*30,"),
        ({"filters": 3}, "filters=3"),
        ({"groups": {}}, "groups={}"),
        ({"groups": {"a": 0, "b": None}}, "positive.*'a': 0"),
        ({"groups": {"a": None, "b": None}}, "at most"),
        ({"groups": {"a": 5, "b": None}}, "latent_dim=5"),
        ({"groups": {"a": 2, "b": 2}}, "latent_dim=5"),
    ],
)
def test_options_are_checked(options, words):
    options = {"input_shape": (32, 32, 1), "latent_dim": 5, **options}
    with pytest.raises(ValueError, match=words):
        DCIGN(**options)


def test_bare_compile_uses_the_authors_optimizer():
    model = tiny()
    model.compile()
    optimizer = model.optimizer["model"]
    assert isinstance(optimizer, keras.optimizers.Adam)
    rates = optimizer.learning_rate, optimizer.beta_1, optimizer.beta_2
    np.testing.assert_allclose([array(x) for x in rates], [5e-4, 0.9, 0.99])


def test_defaults_are_the_papers():
    model = DCIGN(**networks(200, (150, 150, 1)))
    sizes = {"azimuth": 1, "elevation": 1, "light": 1, "intrinsic": 197}
    assert model.groups == sizes
    assert model.invariance_scale == 0.01 and model.clamp == "mean"
    assert model.group_slice("light") == slice(2, 3)
    assert model.group_slice("intrinsic") == slice(3, 200)
    with pytest.raises(ValueError, match="'colour'"):
        model.group_slice("colour")


# ---- Data -------------------------------------------------------------------


# Where steps need not be compiled, that is quicker.
QUICK = {"run_eagerly": keras.backend.backend() != "jax"}


def fitted(y, x=None, batch_size=4, compile_options=QUICK, **options):
    model = tiny()
    model.compile(**compile_options)
    x = data(len(y)) if x is None else x
    return model.fit(
        x, np.asarray(y), batch_size=batch_size, verbose=0, **options
    )


def test_arrays_are_slices_of_one_group_each():
    history = fitted([0] * 4 + [2] * 4 + [-1] * 3).history
    assert set(history) == {
        "loss",
        "reconstruction_loss",
        "kl_divergence",
        "invariance_loss",
    }
    with pytest.raises(ValueError, match=r"groups \[0, 1\] in images 4 to 7"):
        fitted([0] * 6 + [1] * 2)
    with pytest.raises(ValueError, match=r"groups \[0, 2\].*batch_size=32"):
        fitted([0] * 4 + [2] * 4, batch_size=None)
    with pytest.raises(ValueError, match="shuffle=True"):
        fitted([0] * 8, shuffle=True)
    fitted([-1] * 8, shuffle=True)
    model = tiny()
    model.compile(**QUICK)
    with pytest.raises(ValueError, match=r"groups \[0, 1\]"):
        model.evaluate(data(4), np.array([0, 0, 1, 1]), verbose=0)
    logs = model.evaluate(
        data(4), np.array([0, 0, 1, 1]), 2, verbose=0, return_dict=True
    )
    assert set(logs) == set(history)
    with pytest.raises(ValueError, match=r"groups \[0, 1\]"):
        fitted([0] * 4, validation_data=(data(4), np.array([0, 0, 1, 1])))


def test_images_are_taken_in_their_order(monkeypatch):
    seen = []

    def step(self, batch):
        seen.append((array(batch.x)[:, 0, 0, 0], array(batch.y)))

    monkeypatch.setattr(DCIGN, "training_step", step)
    x = np.linspace(0, 1, 12 * 8).reshape(8, *SHAPE).astype("float32")
    fitted([1] * 4 + [2] * 4, x, compile_options={"run_eagerly": True})
    (first, ones), (second, twos) = seen
    np.testing.assert_array_equal(first, x[:4, 0, 0, 0])
    np.testing.assert_array_equal(second, x[4:, 0, 0, 0])
    assert ones.tolist() == [1] * 4 and twos.tolist() == [2] * 4


@pytest.mark.parametrize("y", [[3] * 4, [-2] * 4, [0.5] * 4, [[0, 0]] * 4])
def test_numbers_of_groups_are_checked(y):
    with pytest.raises(ValueError, match="'pose', 'light', 'rest'.*Received"):
        fitted(y)


def test_labels_and_range_are_required():
    model = tiny()
    model.compile(**QUICK)
    with pytest.raises(ValueError, match="without labels"):
        model.fit(data(4), verbose=0)
    with pytest.raises(ValueError, match="from 0 to 1"):
        fitted([0] * 4, 2 * data(4))


def test_lit_heads_go_straight_into_fit():
    batches = lit_heads.one_factor_batches(4, image_size=8)
    sizes = {"latent_dim": 6, "filters": 4}
    model = DCIGN((8, 8, 1), **sizes, seed=0)
    assert list(model.groups)[:3] == list(lit_heads.LIT_HEAD_FACTORS)[:3]
    model.compile()
    history = model.fit(batches, steps_per_epoch=3, epochs=2, verbose=0)
    assert np.all(np.isfinite(list(history.history.values())))
    assert int(model.optimizer["model"].iterations) == 6


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
        invariance_scale=0.1,
        seed=0,
        **linear_networks(3, shape),
    )
    model.compile(keras.optimizers.Adam(0.01))
    x, y, _ = one_factor_data(600)
    model.fit(x, y, batch_size=20, epochs=1, verbose=0)
    x, y, factors = one_factor_data(50, seed=1)
    factors = dict(zip(model.groups, factors.T, strict=True))
    # One entry cannot follow two independent factors this closely.
    found = model.factor_correlations(x, factors)
    assert min(found.values()) > 0.9, found
    # Inside of a batch, active entries change as they do over the data, and
    # the others much less.
    codes = model.codes(x).reshape(50, 20, 3)
    change = codes.std(axis=1) / codes.reshape(-1, 3).std(axis=0)
    active = np.arange(3) == y[::20, None]
    assert change[~active].mean() < 0.25
    assert change[active].mean() > 0.85


def test_factor_correlations_are_those_of_numpy():
    model, x = tiny(), data(50)
    codes = model.codes(x)
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


def test_rerendering_replaces_one_group():
    model, x = tiny(), data(3)
    codes = model.codes(x)
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
    with pytest.raises(ValueError, match="'light' has 2 entries"):
        model.rerender(x, "light", [1.0])
    with pytest.raises(ValueError, match="'weather'"):
        model.rerender(x, "weather", [1.0])
    images = model.traverse(x[0], dims=[0], values=[-1.0, 2.0])
    np.testing.assert_allclose(
        images[0], model.rerender(x[:1], "pose", [-1.0, 2.0])[0], rtol=1e-5
    )


def test_a_model_reconstructs_by_the_mean_code():
    model, x = tiny(), data()
    logits = array(model.decoder(model.codes(x)))
    expected = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(model.reconstruct(x), expected, rtol=1e-5)
    assert set(model.signatures()) == {"serving_default", "encode", "decode"}
    assert model.signatures()["encode"].outputs == ("mean", "log_variance")
