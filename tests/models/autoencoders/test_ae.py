"""The deep autoencoder: its size, its losses, PCA, and the unrolled stack."""

import keras
import numpy as np
import pytest
import scipy.special
from keras import layers

from keras_gen import AE, RBM
from keras_gen.networks.mlp import dense_layers
from tests.contract.case import Case
from tests.models.autoencoders.helpers import (
    SHAPE,
    gradients_of,
    images,
    randomized,
    reconstruction_terms,
    sum_by_example,
    zero_weights,
)
from tests.numerics import (
    array,
    evaluation_logs,
    linear,
    randomize,
    training_logs,
)

CONTRACT = {
    "ae": Case(
        logits=("decoder",),
        input_shape=(6, 5, 1),
        hidden_units=(8, 6),
        latent_dim=3,
        own=lambda: {"tied": False},
        wrong=(
            ({"architecture": "rnn"}, ("architecture", "'rnn'", "'mlp'")),
            ({"likelihood": "cat"}, ("likelihood", "'cat'", "'gaussian'")),
            ({"architecture": "conv"}, ("multiples of 4", "(6, 5, 1)")),
            (
                {"architecture": "conv", "tied": True},
                ("dense", "architecture='conv'", "tied=True"),
            ),
            ({"hidden_units": (8, 0)}, ("positive", "(8, 0")),
            ({"latent_dim": 0}, ("latent_dim=0", "above 0")),
        ),
    ),
    "ae-rbm": Case(
        "RBM",
        # Contrastive divergence.
        biased=("model",),
        input_shape=(6, 5, 1),
        latent_dim=5,
        wrong=(
            ({"visible": "relu"}, ("visible='relu'", "'binary'")),
            (
                {"visible": "gaussian", "hidden": "gaussian"},
                ("visible='gaussian'", "hidden='gaussian'", "'binary'"),
            ),
        ),
    ),
}


def tiny(**options):
    options = {"hidden_units": (8, 6), "latent_dim": 2, **options}
    return randomized(AE, SHAPE, **options)


def convolutional():
    return randomized(AE, (8, 12, 3), latent_dim=5, architecture="conv")


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
    model, x = tiny(likelihood=likelihood), images()
    outputs = array(model.decoder(model.encoder(x)))
    mean, terms = reconstruction_terms(likelihood, x, outputs)
    loss, errors = sum_by_example(terms).mean(), sum_by_example((x - mean) ** 2)
    expected = {
        "loss": loss,
        "reconstruction_loss": loss,
        "squared_error": errors.mean(),
    }
    assert training_logs(model, x) == pytest.approx(expected, rel=1e-5)
    assert evaluation_logs(model, x) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(model.reconstruct(x), mean, rtol=1e-5)
    np.testing.assert_allclose(model.reconstruction_error(x), errors, rtol=1e-4)


def test_the_least_loss_is_the_entropy_of_the_data():
    model, x = tiny(), images(1)
    for layer in dense_layers(model.decoder):
        layer.kernel.assign(np.zeros(layer.kernel.shape))
    best = scipy.special.logit(x.reshape(-1).astype("float64"))
    model.decoder.layers[-2].bias.assign(best)
    entropy = -(x * np.log(x) + (1 - x) * np.log(1 - x)).sum()
    assert evaluation_logs(model, x)["loss"] == pytest.approx(entropy, rel=1e-5)


def test_targets_are_examples():
    """Which must be in range, whereas inputs need not."""
    model, x = tiny(), images()
    noisy = 3.0 * x - 1.0
    logits = array(model.decoder(model.encoder(noisy)))
    mean, terms = reconstruction_terms("bernoulli", x, logits)
    expected = {
        "loss": sum_by_example(terms).mean(),
        "squared_error": sum_by_example((x - mean) ** 2).mean(),
    }
    logs = evaluation_logs(model, noisy, x)
    model.compile("sgd")
    history = model.fit(noisy, x, batch_size=6, verbose=0).history
    for name, value in expected.items():
        assert logs[name] == pytest.approx(value, rel=1e-5)
        assert history[name] == [pytest.approx(value, rel=1e-5)]
    with pytest.raises(ValueError, match=r"`y` of AE.* from 0 to 1"):
        model.fit(x, noisy, verbose=0)


# ---- Principal components ---------------------------------------------------


def principal_components(k=2):
    """Data, their mean, their first `k` directions, and the squared error."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 6)) * [3.0, 2.0, 1.0, 0.5, 0.3, 0.2]
    rotation, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    x = (x @ rotation + 0.3).astype("float32")
    mean = x.mean(0)
    directions = np.linalg.svd(x - mean, full_matrices=False)[2][:k]
    lost = (x - mean) - (x - mean) @ directions.T @ directions
    return x, mean, directions, (lost**2).sum(1).mean()


def test_principal_directions_give_the_error_of_pca():
    x, mean, directions, error = principal_components()
    model = randomized(AE, (6,), 2, hidden_units=(), likelihood="gaussian")
    linear(model.encoder, directions.T, -directions @ mean)
    linear(model.decoder, directions, mean, layer=1)
    np.testing.assert_allclose(
        model.reconstruction_error(x).mean(), error, rtol=1e-4
    )


def test_a_linear_tied_model_finds_the_principal_subspace():
    x, _, directions, best = principal_components()
    model = AE(
        (6,), 2, hidden_units=(), likelihood="gaussian", tied=True, seed=0
    )
    # Many steps in one epoch, each on all the data.
    steps = np.tile(x, (100, 1))
    for rate in (0.05, 0.005):
        model.compile(keras.optimizers.Adam(rate))
        model.fit(steps, batch_size=500, shuffle=False, verbose=0)
        # Eckart and Young: nothing linear of this rank does better.
        assert model.reconstruction_error(x).mean() > best * (1 - 1e-5)
    np.testing.assert_allclose(
        model.reconstruction_error(x).mean(), best, rtol=1e-3
    )
    found, _ = np.linalg.qr(array(model.encoder.layers[-1].kernel))
    cosines = np.linalg.svd(found.T @ directions.T)[1]
    np.testing.assert_allclose(cosines, 1.0, atol=1e-3)


# ---- The stack --------------------------------------------------------------


@pytest.mark.parametrize("tied", [False, True])
def test_unrolled_is_the_pass_up_and_down_the_stack(tied):
    model, x = tiny(tied=tied), images()
    with zero_weights():
        machines = [RBM((12,), 8), RBM((8,), 6), RBM((6,), 2)]
    for index, machine in enumerate(machines):
        randomize(machine.rbm_layer, index)
    model.unroll(machines)
    # Kernel, visible bias, hidden bias.
    weights = [machine.rbm_layer.get_weights() for machine in machines]
    h = x.reshape(6, -1)
    for index, (w, _, c) in enumerate(weights):
        h = h @ w + c
        h = scipy.special.expit(h) if index < 2 else h
    np.testing.assert_allclose(model.encode(x), h, rtol=1e-4, atol=1e-5)
    for w, b, _ in weights[::-1]:
        h = scipy.special.expit(h @ w.T + b)
    np.testing.assert_allclose(
        model.reconstruct(x).reshape(6, -1), h, rtol=1e-4, atol=1e-5
    )
    if not tied:
        # Kernels of their own, with gradients of their own.
        _, gradients = gradients_of(model, x)
        for up, down in zip(gradients[:6:2], gradients[:5:-2], strict=True):
            assert not np.allclose(up.T, down, rtol=1e-2)


def test_pretraining_of_each_layer_on_the_means_of_the_one_below(monkeypatch):
    fit, seen = RBM.fit, []

    def recorded(self, x, **options):
        seen.append(x)
        return fit(self, x, **options)

    monkeypatch.setattr(RBM, "fit", recorded)
    model, x = tiny(), images()
    machines = model.pretrain(x, epochs=2, batch_size=3, verbose=0)
    assert [m.latent_dim for m in machines] == [8, 6, 2]
    assert [m.seed for m in machines] == [0, 1, 2]
    assert [m.hidden for m in machines] == ["binary", "binary", "gaussian"]
    assert [m.visible for m in machines] == ["binary"] * 3
    rates = [float(m.optimizer["model"].learning_rate) for m in machines]
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.001])
    for machine, layer in zip(
        machines, dense_layers(model.encoder), strict=True
    ):
        # Five epochs of two batches.
        assert machine.optimizer["model"].switch_step == 10
        assert len(machine.history.history["squared_error"]) == 2
        np.testing.assert_array_equal(
            array(layer.kernel), array(machine.rbm_layer.kernel)
        )
    np.testing.assert_array_equal(seen[0], x.reshape(6, -1))
    for below, above, machine in zip(seen, seen[1:], machines, strict=False):
        w, _, c = machine.rbm_layer.get_weights()
        np.testing.assert_allclose(
            above, scipy.special.expit(below @ w + c), rtol=1e-4
        )


@pytest.fixture
def untrained(monkeypatch):
    """Machines that are not trained, so that pretraining is quick."""
    monkeypatch.setattr(RBM, "fit", lambda *args, **options: None)


def test_gaussian_data_have_linear_visible_units(untrained):
    machines = tiny(likelihood="gaussian").pretrain(images() - 0.5, verbose=0)
    assert [m.visible for m in machines] == ["gaussian", "binary", "binary"]


def test_machines_with_an_optimizer_of_the_users_own(untrained):
    machines = tiny().pretrain(
        images(),
        optimizer=lambda machine: keras.optimizers.SGD(1 / machine.latent_dim),
        verbose=0,
    )
    rates = [float(m.optimizer["model"].learning_rate) for m in machines]
    np.testing.assert_allclose(rates, [1 / 8, 1 / 6, 1 / 2])


def test_what_cannot_be_pretrained():
    with pytest.raises(ValueError, match=r"logistic.*relu.*'sigmoid'"):
        tiny(activation="relu").pretrain(images(), verbose=0)
    with pytest.raises(ValueError, match="logistic"):
        convolutional().pretrain(images(2, (8, 12, 3)))


def dense_decoder(*units, activation="sigmoid", last=None, bias=True):
    """From a code of two to an example."""
    with zero_weights():
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
        (lambda: dense_decoder(6, 8, last="softplus"), r"decoder.*'linear'\]"),
        (lambda: dense_decoder(6, 8, bias=False), "decoder.*without biases"),
    ],
)
def test_a_decoder_that_cannot_be_pretrained(decoder, words, monkeypatch):
    """Which shows before anything is trained."""
    monkeypatch.setattr(RBM, "fit", lambda *args, **options: pytest.fail(""))
    with pytest.raises(ValueError, match=words):
        tiny(decoder=decoder()).pretrain(images(), verbose=0)


def test_an_own_decoder_that_can_be_pretrained(untrained):
    model = tiny(decoder=dense_decoder(6, 8))
    machines = model.pretrain(images(), verbose=0)
    np.testing.assert_array_equal(
        array(model.decoder.layers[-2].kernel).T,
        array(machines[0].rbm_layer.kernel),
    )


# ---- Inference --------------------------------------------------------------


def test_convolutional_networks_fit_the_image():
    model = convolutional()
    x = images(2, (8, 12, 3))
    assert model.encode(x).shape == (2, 5)
    assert model.reconstruct(x).shape == (2, 8, 12, 3)
    with pytest.raises(ValueError, match="begin with a dense layer.*Conv2D"):
        model.filters()


def test_lines_and_traversals_of_the_code():
    model, a = tiny(), images()
    b = a[::-1]
    lines = model.interpolate(a, b, steps=3)
    assert lines.shape == (6, 3, *SHAPE)
    for at, end in ((0, a), (2, b)):
        np.testing.assert_allclose(
            lines[:, at], model.reconstruct(end), rtol=1e-5
        )
    middle = 0.5 * (model.encode(a) + model.encode(b))
    np.testing.assert_allclose(lines[:, 1], model.decode(middle), rtol=1e-4)
    values = [-2.0, 0.0, 2.0]
    traversal = model.traverse(a[0], dims=[1, 0], values=values)
    assert traversal.shape == (2, 3, *SHAPE)
    first, second = model.encode(a)[0]
    codes = [[first, v] for v in values] + [[v, second] for v in values]
    np.testing.assert_allclose(
        traversal.reshape(6, *SHAPE), model.decode(codes), rtol=1e-4
    )
