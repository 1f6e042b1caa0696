"""SEGAN: its filters, its windows, its losses, its reference batch."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.signal import lfilter

from keras_gen import SEGAN
from keras_gen.engine import Batch
from keras_gen.layers import FirstBatch
from keras_gen.models.gans.segan.emphasis import de_emphasis, pre_emphasis
from tests.contract.case import Case
from tests.numerics import (
    array,
    loss_and_gradients,
    one_program,
    randomize,
    tensor,
)
from tests.translators import batch_of

SMALL = {
    "input_shape": (32, 1),
    "filters": (2, 3, 4),
    "kernel_size": 5,
    "reference_size": 3,
}
# Of a large L1 loss, the sign of one sample that rounding changes is seen; of a
# small one, and of deep networks, the first updates are lost to rounding.
SHALLOW = {**SMALL, "filters": (4, 8), "l1_weight": 5.0}
CONTRACT = {
    "segan": Case(
        **SHALLOW,
        wrong=(
            ({"input_shape": (34, 1)}, ("(34, 1)", "4 divides")),
            ({"input_shape": (32, 2)}, ("(32, 2)", "(length, 1)")),
            ({"pre_emphasis": 1.0}, ("pre_emphasis=1.0", "below 1")),
            ({"l1_weight": -1.0}, ("l1_weight=-1.0",)),
            ({"filters": (2, 0)}, ("filters=(2, 0)",)),
        ),
    ),
    "segan-plain": Case(**SHALLOW, latents=False, pre_emphasis=0.0),
}
SHAPE = SMALL["input_shape"]


def small(**options):
    return SEGAN(**{**SMALL, "seed": 0, **options})


def identity():
    """The generator that returns what it is given."""
    signal = keras.Input(SHAPE)
    layer = layers.Dense(1, use_bias=False, kernel_initializer="ones")
    return keras.Model(signal, layer(signal))


def constant(score):
    """A discriminator of one score."""
    inputs = [keras.Input(SHAPE), keras.Input(SHAPE)]
    flat = layers.Flatten()(layers.Concatenate()(inputs))
    dense = layers.Dense(
        1,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(score),
    )
    return keras.Model(inputs, dense(flat))


def same(score=0.3, **options):
    return small(
        generator=identity(),
        discriminator=constant(score),
        latents=False,
        **options,
    )


@pytest.mark.parametrize("length", [1, 2, 3, 31, 1000, 5000])
@pytest.mark.parametrize("coefficient", [0.0, 0.5, 0.95])
def test_filters_are_those_of_scipy(length, coefficient):
    x = np.random.default_rng(length).uniform(-1, 1, (2, length, 1))
    filtered = array(pre_emphasis(tensor(x), coefficient))
    expected = lfilter([1.0, -coefficient], [1.0], x, axis=1)
    np.testing.assert_allclose(filtered, expected, atol=1e-6)
    found = array(de_emphasis(tensor(x), coefficient))
    expected = lfilter([1.0], [1.0, -coefficient], x, axis=1)
    # Sums of up to 20 values, of rounding 1e-7 each.
    np.testing.assert_allclose(found, expected, atol=2e-5)
    back = array(de_emphasis(tensor(filtered), coefficient))
    np.testing.assert_allclose(back, x, rtol=1e-4, atol=1e-5)


def test_pre_emphasis_of_a_constant():
    found = array(pre_emphasis(tensor(np.full((1, 4, 1), 2.0)), 0.95))
    np.testing.assert_allclose(found[0, :, 0], [2.0, 0.1, 0.1, 0.1], rtol=1e-5)


@pytest.mark.parametrize("length", [1, 31, 32, 33, 1000])
def test_windows_of_any_length_are_put_together(length):
    """Of a generator that changes nothing, the signal comes back."""
    signal = np.random.default_rng(length).uniform(-0.9, 0.9, length)
    model = same()
    np.testing.assert_allclose(model.enhance(signal), signal, atol=1e-5)
    np.testing.assert_allclose(
        model.enhance(signal, batch_size=2), signal, atol=1e-5
    )


def test_windows_of_the_papers_length():
    """One sample less and more than a window, and ten minutes."""
    model = SEGAN(
        (16_384, 1),
        (2, 2),
        kernel_size=3,
        latents=False,
        generator=keras.Sequential(
            [
                keras.Input((16_384, 1)),
                layers.Dense(1, use_bias=False, kernel_initializer="ones"),
            ]
        ),
    )
    rng = np.random.default_rng(0)
    for length in (1, 16_383, 16_385, 600 * 16_000):
        signal = rng.uniform(-0.9, 0.9, length).astype("float32")
        found = model.enhance(signal)
        assert found.shape == signal.shape
        assert np.abs(found - signal).max() < 1e-4


@pytest.mark.parametrize("signal", [np.zeros((3, 2)), np.zeros(0), 1.0])
def test_signals_are_vectors(signal):
    with pytest.raises(ValueError, match="`signal` must be a vector"):
        same().enhance(signal)


@pytest.mark.parametrize("score", [0.0, 0.3, 1.0])
def test_losses_of_constant_scores(score):
    model = same(score)
    batch = batch_of(model)
    loss = array(model.discriminator_loss(batch, training=True))
    expected = 0.5 * (score - 1.0) ** 2 + 0.5 * score**2
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    noisy, clean = (
        lfilter([1.0, -0.95], [1.0], array(x), axis=1) for x in batch
    )
    l1 = np.abs(noisy - clean).mean()
    loss = array(model.generator_loss(batch, training=True))
    expected = 0.5 * (score - 1.0) ** 2 + 100.0 * l1
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    clean = Batch(batch.x, batch.x)
    loss = array(model.generator_loss(clean, training=True))
    np.testing.assert_allclose(loss, 0.5 * (score - 1.0) ** 2, atol=1e-5)


def test_each_player_has_its_own_gradients():
    model = small(l1_weight=0.0)
    batch = batch_of(model)
    _, gradients = loss_and_gradients(
        lambda: model.discriminator_loss(batch, training=True),
        model.generator.trainable_variables,
    )
    assert max(np.abs(array(g)).max() for g in gradients) == 0.0
    _, gradients = loss_and_gradients(
        lambda: model.generator_loss(batch, training=True),
        model.generator.trainable_variables,
    )
    assert max(np.abs(array(g)).max() for g in gradients) > 1e-6


def test_lengths_and_skip_connections():
    """Layers halve the length; the decoder's see the encoder's of their own."""
    model = small()
    maps = [
        layer.output.shape[1:]
        for layer in model.generator.layers
        if isinstance(layer, layers.Conv2D | layers.Conv2DTranspose)
    ]
    encoder, decoder = maps[:3], maps[3:]
    assert encoder == [(1, 16, 2), (1, 8, 3), (1, 4, 4)]
    assert decoder == [(1, 8, 3), (1, 16, 2), (1, 32, 1)]
    joined = [
        layer.output.shape[-1]
        for layer in model.generator.layers
        if isinstance(layer, layers.Concatenate)
    ]
    # Latents with the code, then each layer with its skip connection.
    assert joined == [4 + 4, 3 + 3, 2 + 2]


def test_skip_connections_are_taken_before_the_activation():
    model = small()
    network = model.generator
    convolutions = [
        layer
        for layer in network.layers
        if isinstance(layer, layers.Conv2D | layers.Conv2DTranspose)
    ]
    first = convolutions[0]
    first.bias.assign(np.full(first.bias.shape, -1.0))
    joined = [
        layer
        for layer in network.layers
        if isinstance(layer, layers.Concatenate)
    ][-1]
    inner = keras.Model(network.inputs, [first.output, joined.output])
    noisy = batch_of(model).x
    z = tensor(np.zeros((4, *model.latent_shape)))
    skip, both = map(array, inner([noisy, z]))
    assert skip.min() < -0.5
    np.testing.assert_array_equal(both[..., -2:], skip)


def test_the_settings_of_the_official_code():
    model = small()
    adam = model.default_optimizer()
    assert isinstance(adam, keras.optimizers.RMSprop)
    config = adam.get_config()
    assert config["learning_rate"] == pytest.approx(2e-4)
    assert (config["rho"], config["epsilon"]) == (0.9, 1e-10)
    slopes = {
        layer.negative_slope
        for layer in model.discriminator.layers
        if isinstance(layer, layers.LeakyReLU)
    }
    assert len(slopes) == 1 and slopes.pop() == pytest.approx(0.3)
    for layer in model.generator.layers:
        if isinstance(layer, layers.PReLU):
            assert layer.alpha.shape[:2] == (1, 1)
            assert np.abs(array(layer.alpha)).max() == 0.0
    wide = small(filters=(64, 64, 64), seed=0)
    kernel = max(
        (array(v) for v in wide.generator.trainable_variables), key=np.size
    )
    # Truncated at two standard deviations: 0.88 of the normal's.
    assert 0.015 < kernel.std() < 0.0205 and np.abs(kernel).max() <= 0.04


def test_signals_in_the_range_of_integers_are_refused():
    signal = (2**15 * np.sin(np.arange(100.0))).astype("int16")
    with pytest.raises(ValueError, match="`signal` of SEGAN .* Rescale"):
        same().enhance(signal)
    with pytest.raises(ValueError, match="`signal` of SEGAN must be finite"):
        same().enhance(np.full(10, np.nan))


def test_filters_in_64_bits():
    x = np.random.default_rng(0).uniform(-1, 1, (2, 5000, 1))
    back = de_emphasis(pre_emphasis(x, 0.95), 0.95)
    assert back.dtype == np.float64
    np.testing.assert_allclose(back, x, atol=1e-12)


def test_skip_connections_pass_by_the_code():
    model = small(latents=False, pre_emphasis=0.0)
    randomize(model.generator)
    code = [
        layer
        for layer in model.generator.layers
        if isinstance(layer, layers.Conv2D)
    ][2]
    code.kernel.assign(np.zeros(code.kernel.shape))
    first, second = (
        array(model.generate_step(batch_of(model, seed=seed).x))
        for seed in (0, 1)
    )
    assert np.abs(first - second).max() > 1e-3


def test_latents():
    """They are drawn for each window, and reach it through their kernel."""
    model = small()
    randomize(model.generator)
    x = array(batch_of(model).x)
    some, others = model.translate(x, seed=0), model.translate(x, seed=1)
    assert np.abs(some - others).max() > 1e-4
    assert model.noise_shapes("ab") == [(4, 4)]
    zero = tensor(np.zeros((4, 4, 4)))
    emphasized = model.emphasized(tensor(x))
    expected = array(model.generator([emphasized, zero]))
    np.testing.assert_allclose(
        array(model(x)), array(de_emphasis(tensor(expected), 0.95)), atol=1e-4
    )
    decoder = [
        layer
        for layer in model.generator.layers
        if isinstance(layer, layers.Conv2DTranspose)
    ][0]
    kernel = array(decoder.kernel).copy()
    kernel[..., :4] = 0.0
    decoder.kernel.assign(kernel)
    np.testing.assert_allclose(
        model.translate(x, seed=0), model.translate(x, seed=1), atol=1e-6
    )


def test_the_discriminator_sees_both_signals():
    model = small()
    randomize(model.discriminator)
    (a, b), (c, _) = batch_of(model), batch_of(model, seed=1)
    scores = [
        array(model.score_step(*pair, False)) for pair in ((a, b), (c, b))
    ]
    assert np.abs(scores[0] - scores[1]).max() > 1e-4
    scores = [
        array(model.score_step(*pair, False)) for pair in ((b, a), (b, c))
    ]
    assert np.abs(scores[0] - scores[1]).max() > 1e-4


def test_the_reference_is_the_first_clean_batch():
    model = small(reference_size=6, pre_emphasis=0.5)
    model.compile("sgd")
    (reference,) = (
        layer
        for layer in model.discriminator.layers
        if isinstance(layer, FirstBatch)
    )
    noisy, clean = map(array, batch_of(model, n=8))
    model.evaluate(noisy, clean, batch_size=4, verbose=0)
    assert float(array(reference.filled)) == 0.0
    model.fit(noisy, clean, batch_size=4, epochs=2, shuffle=False, verbose=0)
    emphasized = [
        lfilter([1.0, -0.5], [1.0], x, axis=1) for x in (clean, noisy)
    ]
    expected = np.concatenate(emphasized, axis=-1)[:, None]
    # Of a batch of four, the first two stand twice.
    np.testing.assert_allclose(
        array(reference.examples), expected[[0, 1, 2, 3, 0, 1]], atol=1e-6
    )
    # With it, scores do not depend on the other pairs of a batch.
    score = one_program(lambda *pairs: model.score_step(*pairs, False))
    together = array(score(tensor(clean), tensor(noisy)))
    pairs = (
        (tensor(clean[i : i + 1]), tensor(noisy[i : i + 1])) for i in range(8)
    )
    alone = np.concatenate([array(score(*pair)) for pair in pairs])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-6)
