"""The deep autoencoder: its size, its losses, PCA, and the unrolled stack."""

import keras
import numpy as np
import pytest
import scipy.special
from keras import layers

from keras_gen import AE
from keras_gen.models.autoencoders.rbm import RBM
from keras_gen.models.autoencoders.rbm_stack import (
    pretrain_rbm_stack,
    stack_sizes,
    unroll,
)
from keras_gen.models.networks import dense_layers
from tests.numerics import (
    array,
    evaluation_logs,
    linear,
    randomize,
    training_logs,
)

SHAPE = (4, 3, 1)


def tiny(**options):
    options = {"hidden_units": (8, 6), "latent_dim": 2, **options}
    model = AE(SHAPE, seed=0, **options)
    randomize(model.encoder, 1)
    randomize(model.decoder, 2)
    return model


def data(n=6):
    return np.random.default_rng(0).uniform(size=(n, *SHAPE)).astype("float32")


def test_parameters_are_the_papers():
    model = AE()
    weights = [*model.encoder.weights, *model.decoder.weights]
    assert sum(int(np.prod(w.shape)) for w in weights) == 2_837_314
    names = [
        layer.activation.__name__
        for network in (model.encoder, model.decoder)
        for layer in dense_layers(network)
    ]
    assert names == ["sigmoid"] * 3 + ["linear"] + ["sigmoid"] * 3 + ["linear"]


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_loss_is_summed_over_an_example_and_averaged_over_the_batch(
    likelihood,
):
    model, x = tiny(likelihood=likelihood), data()
    outputs = array(model.decoder(model.encoder(x)))
    if likelihood == "bernoulli":
        mean = scipy.special.expit(outputs)
        terms = -(x * np.log(mean) + (1 - x) * np.log(1 - mean))
    else:
        mean, terms = outputs, 0.5 * (x - outputs) ** 2
    loss = terms.reshape(6, -1).sum(1).mean()
    expected = {
        "loss": loss,
        "reconstruction_loss": loss,
        "squared_error": ((x - mean) ** 2).reshape(6, -1).sum(1).mean(),
    }
    assert training_logs(model, x) == pytest.approx(expected, rel=1e-5)
    assert evaluation_logs(model, x) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(model.reconstruct(x), mean, rtol=1e-5)
    np.testing.assert_allclose(
        model.reconstruction_error(x),
        ((x - mean) ** 2).reshape(6, -1).sum(1),
        rtol=1e-4,
    )


def test_the_least_loss_is_the_entropy_of_the_data():
    model, x = tiny(), data(1)
    for layer in dense_layers(model.decoder):
        layer.kernel.assign(np.zeros(layer.kernel.shape))
    best = scipy.special.logit(x.reshape(-1).astype("float64"))
    model.decoder.layers[-2].bias.assign(best)
    entropy = -(x * np.log(x) + (1 - x) * np.log(1 - x)).sum()
    assert evaluation_logs(model, x)["loss"] == pytest.approx(entropy, rel=1e-5)


def principal(x, k):
    mean = x.mean(0)
    _, _, directions = np.linalg.svd(x - mean, full_matrices=False)
    return mean, directions[:k]


def correlated(n=500, size=6):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, size)) * [3.0, 2.0, 1.0, 0.5, 0.3, 0.2][:size]
    rotation, _ = np.linalg.qr(rng.normal(size=(size, size)))
    return (x @ rotation + 0.3).astype("float32")


@pytest.mark.parametrize("k", [1, 3])
def test_principal_directions_give_the_error_of_pca(k):
    x = correlated()
    mean, directions = principal(x, k)
    model = AE(
        (6,), 5, k, activation="linear", likelihood="gaussian", seed=0,
        encoder=keras.Sequential([keras.Input((6,)), layers.Dense(k)]),
        decoder=keras.Sequential([keras.Input((k,)), layers.Dense(6)]),
    )  # fmt: skip
    linear(model.encoder, directions.T, -directions @ mean)
    linear(model.decoder, directions, mean)
    lost = (x - mean) - (x - mean) @ directions.T @ directions
    error = (lost**2).sum(1).mean()
    np.testing.assert_allclose(
        model.reconstruction_error(x).mean(), error, rtol=1e-4
    )


def test_a_linear_tied_model_finds_the_principal_subspace():
    x = correlated()
    mean, directions = principal(x, 2)
    encoder = keras.Sequential([keras.Input((6,)), layers.Dense(2)])
    model = AE(
        (6,), 5, 2, likelihood="gaussian", tied=True, encoder=encoder, seed=0
    )
    lost = (x - mean) - (x - mean) @ directions.T @ directions
    best = (lost**2).sum(1).mean()
    for rate in (3e-2, 1e-3):
        model.compile(keras.optimizers.Adam(rate))
        model.fit(x, batch_size=500, epochs=400, verbose=0)
        # Eckart and Young: nothing linear of this rank does better.
        assert model.reconstruction_error(x).mean() > best * (1 - 1e-5)
    np.testing.assert_allclose(
        model.reconstruction_error(x).mean(), best, rtol=1e-3
    )
    found, _ = np.linalg.qr(array(encoder.layers[-1].kernel))
    cosines = np.linalg.svd(found.T @ directions.T)[1]
    np.testing.assert_allclose(cosines, 1.0, atol=1e-3)


# ---- The stack ------------------------------------------------------------


def stack_of(model, x, **options):
    options = {"epochs": 1, "batch_size": 3, "seed": 0, **options}
    return pretrain_rbm_stack(
        x.reshape(len(x), -1), stack_sizes(model), verbose=0, **options
    )


def sigmoid(x):
    return scipy.special.expit(x)


@pytest.mark.parametrize("tied", [False, True])
def test_unrolled_is_the_pass_up_and_down_the_stack(tied):
    model, x = tiny(tied=tied), data()
    machines = stack_of(model, x)
    for index, machine in enumerate(machines):
        randomize(machine.connections, index)
    unroll(model, machines)
    weights = [
        [array(v) for v in (m.kernel, m.visible_bias, m.hidden_bias)]
        for m in (machine.connections for machine in machines)
    ]
    h = x.reshape(6, -1)
    for index, (w, _, c) in enumerate(weights):
        h = h @ w + c
        h = sigmoid(h) if index < 2 else h
    np.testing.assert_allclose(model.encode(x), h, rtol=1e-4, atol=1e-5)
    for w, b, _ in weights[::-1]:
        h = sigmoid(h @ w.T + b)
    np.testing.assert_allclose(
        model.reconstruct(x).reshape(6, -1), h, rtol=1e-4, atol=1e-5
    )
    if not tied:
        model.compile()
        before = [
            (array(a.kernel).T.copy(), array(b.kernel).copy())
            for a, b in zip(
                dense_layers(model.encoder),
                dense_layers(model.decoder)[::-1],
                strict=True,
            )
        ]
        for up, down in before:
            np.testing.assert_array_equal(up, down)
        model.fit(x, batch_size=6, verbose=0)
        for a, b in zip(
            dense_layers(model.encoder),
            dense_layers(model.decoder)[::-1],
            strict=True,
        ):
            assert np.any(array(a.kernel).T != array(b.kernel))


def test_the_layers_of_a_stack():
    model, x = tiny(), data()
    machines = model.pretrain(x, epochs=2, batch_size=3, verbose=0)
    assert [m.latent_dim for m in machines] == [8, 6, 2]
    assert [m.hidden for m in machines] == ["binary", "binary", "gaussian"]
    assert [m.visible for m in machines] == ["binary"] * 3
    rates = [float(m.optimizer["model"].learning_rate) for m in machines]
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.001])
    # Five epochs of two batches.
    assert {m.optimizer["model"].switch_step for m in machines} == {10}
    for machine in machines:
        assert len(machine.history.history["squared_error"]) == 2
    first = array(dense_layers(model.encoder)[0].kernel)
    np.testing.assert_array_equal(first, array(machines[0].connections.kernel))


def test_upper_layers_learn_from_means_not_draws(monkeypatch):
    from keras_gen.models.autoencoders import rbm

    seen = []
    fit = rbm.RBM.fit

    def recorded(self, x, **options):
        seen.append(x)
        return fit(self, x, **options)

    monkeypatch.setattr(rbm.RBM, "fit", recorded)
    x = data()
    machines = stack_of(tiny(), x)
    np.testing.assert_array_equal(seen[0], x.reshape(6, -1))
    for below, above, machine in zip(seen, seen[1:], machines, strict=False):
        w, c = machine.connections.kernel, machine.connections.hidden_bias
        expected = sigmoid(below @ array(w) + array(c))
        np.testing.assert_allclose(above, expected, rtol=1e-4)


def test_gaussian_data_have_linear_visible_units():
    model = tiny(likelihood="gaussian")
    x = np.random.default_rng(0).normal(size=(6, *SHAPE)).astype("float32")
    machines = model.pretrain(x, epochs=1, batch_size=3, verbose=0)
    assert [m.visible for m in machines] == ["gaussian", "binary", "binary"]


def test_what_cannot_be_pretrained():
    with pytest.raises(ValueError, match=r"logistic.*relu.*'sigmoid'"):
        tiny(activation="relu").pretrain(data(), verbose=0)
    with pytest.raises(ValueError, match="logistic"):
        AE((8, 8, 1), architecture="conv").pretrain(np.zeros((2, 8, 8, 1)))


def dense_decoder(*units, activation="sigmoid", last=None, bias=True):
    """From a code of two to an example."""
    return keras.Sequential(
        [
            keras.Input((2,)),
            *[layers.Dense(n, activation, use_bias=bias) for n in units],
            layers.Dense(int(np.prod(SHAPE)), last),
            layers.Reshape(SHAPE),
        ]
    )


@pytest.mark.parametrize(
    ("decoder", "words"),
    [
        (lambda: dense_decoder(6, 7), r"mirror image.*\(8, 6\).*\(6, 7\)"),
        (lambda: dense_decoder(6), r"mirror image.*\(2, 6\)"),
        (lambda: dense_decoder(6, 8, activation="relu"), "decoder.*'relu'"),
        (lambda: dense_decoder(6, 8, last="sigmoid"), r"'linear'\].*decoder"),
        (lambda: dense_decoder(6, 8, bias=False), "decoder.*without offsets"),
    ],
)
def test_a_decoder_that_cannot_be_pretrained(decoder, words, monkeypatch):
    """Which shows before anything is trained."""
    monkeypatch.setattr(RBM, "fit", lambda *args, **options: pytest.fail(""))
    with pytest.raises(ValueError, match=words):
        tiny(decoder=decoder()).pretrain(data(), verbose=0)


def test_an_own_decoder_that_can_be_pretrained():
    model = tiny(decoder=dense_decoder(6, 8))
    machines = model.pretrain(data(), epochs=1, batch_size=3, verbose=0)
    kernel = array(machines[0].connections.kernel)
    np.testing.assert_array_equal(
        array(model.decoder.layers[-2].kernel).T, kernel
    )


def test_convolutional_networks_fit_the_image():
    model = AE((8, 12, 3), latent_dim=5, architecture="conv", seed=0)
    x = np.random.default_rng(0).uniform(size=(2, 8, 12, 3))
    assert model.encode(x).shape == (2, 5)
    assert model.reconstruct(x).shape == (2, 8, 12, 3)
    with pytest.raises(ValueError, match="does not begin with one.*Conv2D"):
        model.features()


def test_lines_and_axes_in_the_code():
    model, x = tiny(), data()
    lines = model.interpolate(x[:2], x[2:4], steps=3)
    assert lines.shape == (2, 3, *SHAPE)
    np.testing.assert_allclose(
        lines[:, [0, -1]].reshape(4, *SHAPE),
        model.reconstruct(x[[0, 2, 1, 3]]),
        rtol=1e-5,
    )
    middle = 0.5 * (model.encode(x[:2]) + model.encode(x[2:4]))
    np.testing.assert_allclose(lines[:, 1], model.decode(middle), rtol=1e-4)
    axes = model.traverse(x[0], dims=[1], values=[-2.0, 2.0])
    code = model.encode(x[:1])[0]
    np.testing.assert_allclose(
        axes[0], model.decode([[code[0], -2.0], [code[0], 2.0]]), rtol=1e-4
    )


def test_targets_are_examples():
    model, x = tiny(), data()
    model.compile()
    noisy = np.clip(x + 0.1, 0, 1)
    model.fit(noisy, x, batch_size=6, verbose=0)
    with pytest.raises(ValueError, match=r"labels.*\(6,\)"):
        model.fit(x, np.zeros(6), batch_size=6, verbose=0)
    loss = model.evaluate(noisy, x, verbose=0, return_dict=True)
    expected = ((model.reconstruct(noisy) - x) ** 2).reshape(6, -1).sum(1)
    assert loss["squared_error"] == pytest.approx(expected.mean(), rel=1e-4)
