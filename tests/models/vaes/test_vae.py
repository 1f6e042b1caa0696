import inspect
import math

import keras
import numpy as np
import pytest
import scipy.stats
from keras import ops

from keras_gen import VAE
from keras_gen.distributions import Bernoulli, Normal, normal
from keras_gen.engine import Batch
from keras_gen.models.variational import outputs_of
from keras_gen.networks.mlp import dense_layers
from tests.contract.case import Case
from tests.numerics import (
    array,
    check_directions,
    double_precision,
    evaluation_logs,
    fix_noise,
    loss_and_gradients,
    randomize,
    run_as_programs,
    tensor,
    training_logs,
)

SHAPE = (6, 5, 1)
CONTRACT = {
    "vae": Case(
        logits=("decoder",),
        input_shape=SHAPE,
        latent_dim=3,
        hidden_units=8,
        num_examples=100,
        wrong=(
            ({"architecture": "rnn"}, ("architecture", "'rnn'", "'mlp'")),
            ({"likelihood": "cat"}, ("likelihood", "'cat'", "'gaussian'")),
            ({"estimator": "x"}, ("estimator", "'x'", "'monte_carlo'")),
            ({"architecture": "conv"}, ("multiples of 4", str(SHAPE))),
            ({"num_samples": 0}, ("num_samples=0", "above 0")),
            ({"scale": 0.0}, ("scale=0.0", "above 0")),
        ),
    ),
}


def tiny(shape=(4, 3, 1), scale=0.5, **options):
    """A model whose posterior is neither the prior nor without noise."""
    options = {"latent_dim": 2, "hidden_units": 8, "seed": 0, **options}
    model = VAE(shape, **options)
    randomize(model.encoder, 1, scale)
    randomize(model.decoder, 2, scale)
    return model


@pytest.fixture(scope="module")
def model():
    """One model, only to be looked at."""
    return tiny()


def data(n=6, shape=(4, 3, 1)):
    return np.random.default_rng(0).uniform(size=(n, *shape)).astype("float32")


def codes(n=6):
    return np.random.default_rng(1).normal(size=(n, 2)).astype("float32")


def expected_terms(model, x, eps):
    """`log p(x|z), log p(z), log q(z|x)` and `q`, by NumPy and SciPy."""
    mean, log_variance = map(array, model.encoder(x))
    deviation = np.exp(0.5 * log_variance)
    z = mean + deviation * eps
    logits = array(model.decoder(z.reshape(-1, z.shape[-1]).astype("float32")))
    p = 1 / (1 + np.exp(-logits.reshape(len(eps), *x.shape)))
    log_likelihood = x * np.log(p) + (1 - x) * np.log(1 - p)
    norm = scipy.stats.norm
    return (
        log_likelihood.sum(tuple(range(2, p.ndim))),
        norm.logpdf(z).sum(-1),
        norm.logpdf(z, mean, deviation).sum(-1),
        (mean, deviation),
    )


# ---- The bound --------------------------------------------------------------


@pytest.mark.parametrize("num_samples", [1, 3])
@pytest.mark.parametrize("estimator", ["analytic", "monte_carlo"])
def test_loss_is_summed_over_an_example_and_averaged_over_the_batch(
    monkeypatch, estimator, num_samples
):
    model, x = tiny(num_samples=num_samples, estimator=estimator), data()
    eps = np.random.default_rng(1).normal(size=(num_samples, 6, 2))
    fix_noise(monkeypatch, normal, eps)
    log_likelihood, log_prior, log_posterior, (mean, deviation) = (
        expected_terms(model, x, eps)
    )
    if estimator == "analytic":
        divergence = 0.5 * np.mean(
            np.sum(mean**2 + deviation**2 - 1 - 2 * np.log(deviation), -1)
        )
    else:
        divergence = np.mean(log_posterior - log_prior)
    for logs in (training_logs(model, x), evaluation_logs(model, x)):
        assert logs == pytest.approx(
            {
                "loss": divergence - np.mean(log_likelihood),
                "reconstruction_loss": -np.mean(log_likelihood),
                "kl_divergence": divergence,
                "elbo": np.mean(log_likelihood) - divergence,
            },
            rel=1e-4,
        )


def test_both_estimators_have_the_same_mean(monkeypatch):
    model, x = tiny(), data(2)
    run_as_programs(monkeypatch, model)
    bounds = {}
    for estimator in ("analytic", "monte_carlo"):
        model.estimator = estimator
        bounds[estimator] = model.elbo(x, num_samples=20_000)
    analytic, monte_carlo = bounds.values()
    for name in ("elbo", "kl_divergence", "log_likelihood"):
        # The standard deviation of one draw is below 3 nats.
        np.testing.assert_allclose(
            analytic[name], monte_carlo[name], atol=5 * 3 / 20_000**0.5
        )
    assert analytic["kl_divergence"].min() > 1.0
    np.testing.assert_allclose(
        analytic["elbo"],
        analytic["log_likelihood"] - analytic["kl_divergence"],
        rtol=1e-5,
    )


def test_a_decoder_of_zeros_costs_log_two_for_each_pixel():
    """Of convolutional networks as well."""
    shape = (4, 8, 2)
    model = tiny(shape, architecture="conv")
    for weight in model.decoder.layers[-1].weights:
        weight.assign(np.zeros(weight.shape))
    likelihood = model.likelihood(tensor(codes()))
    np.testing.assert_allclose(
        array(likelihood.log_prob(tensor(data(6, shape)))),
        -math.prod(shape) * math.log(2),
        rtol=3e-6,
    )


def test_derivatives_match_finite_differences(monkeypatch):
    with double_precision():
        model, x = tiny(shape=(5,)), data(4, (5,)).astype("float64")
        eps = np.random.default_rng(1).normal(size=(1, 4, 2))
        fix_noise(monkeypatch, normal, eps)

        def loss():
            return model.model_loss(Batch(tensor(x)), training=True)

        variables = [*model.encoder.weights, *model.decoder.weights]
        _, gradients = loss_and_gradients(loss, variables)
        check_directions(loss, variables, gradients)


def test_importance_weighted_bound_is_a_mean_of_weights(monkeypatch, model):
    run_as_programs(monkeypatch, model)
    x = data()
    eps = np.random.default_rng(1).normal(size=(4, 6, 2))
    likelihood, prior, posterior, _ = expected_terms(model, x, eps)
    weights = likelihood + prior - posterior
    expected = np.log(np.mean(np.exp(weights), axis=0))
    rows = iter(np.split(eps, 2))

    def draw(shape, seed, dtype=None):
        return tensor(np.swapaxes(next(rows), 0, 1))

    monkeypatch.setattr(normal.noise, "normal", draw)
    bound = model.log_likelihood(x, num_samples=4, chunk_size=2)
    np.testing.assert_allclose(bound, expected, rtol=1e-5)


# ---- Likelihoods ------------------------------------------------------------


@pytest.mark.parametrize(
    "likelihood", ["gaussian", "gaussian_learned", "gaussian_shared"]
)
def test_gaussian_likelihoods_are_scipys(likelihood):
    model, x = tiny(likelihood=likelihood), data()
    model.scale = 0.3
    z = np.random.default_rng(1).normal(size=(3, 6, 2)).astype("float32")
    outputs = model.decoder(z.reshape(-1, 2))
    if likelihood == "gaussian":
        mean, deviation = array(outputs), 0.3
    else:
        logits, log_variance = map(array, outputs)
        mean = 1 / (1 + np.exp(-logits))
        deviation = np.exp(0.5 * log_variance).reshape(3, *x.shape)
    mean = mean.reshape(3, *x.shape)
    expected = scipy.stats.norm.logpdf(x, mean, deviation).sum((2, 3, 4))
    distribution = model.likelihood(tensor(z))
    assert isinstance(distribution, Normal)
    np.testing.assert_allclose(
        array(distribution.log_prob(tensor(x))), expected, rtol=1e-4
    )
    np.testing.assert_allclose(
        model.decode(z[0]), mean[0], rtol=1e-5, atol=1e-6
    )


def test_the_best_shared_variance_is_the_mean_squared_error(tmp_path):
    model, x = tiny(likelihood="gaussian_shared"), data()
    shared = model.decoder.get_layer("log_variance").log_variance
    z = codes()
    squares = (x - model.decode(z)) ** 2

    def log_likelihood(model=model):
        return model.likelihood(tensor(z)).log_prob(tensor(x))

    for log_variance in (0.3, math.log(squares.mean())):
        shared.assign(log_variance)
        _, (slope,) = loss_and_gradients(
            lambda: -ops.sum(log_likelihood()), [shared]
        )
        expected = 0.5 * (1.0 - squares / math.exp(log_variance)).sum()
        assert array(slope) == pytest.approx(expected, rel=1e-4, abs=1e-3)
    assert any(v is shared for v in model.player_variables("model"))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        array(log_likelihood(loaded)), array(log_likelihood())
    )


def test_bernoulli_decoder_shows_probabilities(model):
    assert isinstance(model.likelihood(tensor(codes())), Bernoulli)
    expected = 1 / (1 + np.exp(-array(model.decoder(codes()))))
    np.testing.assert_allclose(model.decode(codes()), expected, rtol=1e-5)


@pytest.mark.parametrize("likelihood", ["gaussian_learned", "gaussian_shared"])
def test_pixels_that_never_change_stay_finite(likelihood):
    """Their variance would otherwise fall until its inverse overflows."""
    model = tiny(likelihood=likelihood)
    model.compile(keras.optimizers.Adam(0.3))
    x = np.zeros((64, *model.input_shape), "float32")
    if likelihood == "gaussian_learned":
        x[:, 1:] = np.random.default_rng(0).uniform(size=x[:, 1:].shape)
    history = model.fit(x, epochs=40, batch_size=16, verbose=0).history
    assert np.all(np.isfinite(history["loss"]))
    assert history["loss"][-1] < history["loss"][0]
    for weights in model.get_weights():
        assert np.all(np.isfinite(weights))


def test_only_a_gaussian_of_fixed_scale_takes_any_values():
    assert tiny(likelihood="gaussian").value_range is None
    for likelihood in ("bernoulli", "gaussian_learned", "gaussian_shared"):
        assert tiny(likelihood=likelihood).value_range == (0.0, 1.0)


# ---- The paper's training ---------------------------------------------------


def test_defaults_are_the_papers():
    parameters = inspect.signature(VAE).parameters
    defaults = {name: p.default for name, p in parameters.items()}
    assert defaults["input_shape"] == (28, 28, 1)
    assert defaults["latent_dim"] == 20
    assert defaults["num_samples"] == 1
    assert defaults["estimator"] == "analytic"
    assert defaults["scale"] == 1.0
    assert defaults["filters"] == (32, 64)
    assert VAE.presets == {
        "paper": {"num_examples": 60_000},
        "small": {"kernel_initializer": "glorot_uniform"},
        "smoke": {"hidden_units": 100, "kernel_initializer": "glorot_uniform"},
    }


def test_networks_are_those_of_the_paper():
    with keras.StatelessScope(initialize_variables=False):
        model = VAE()
    count = sum(math.prod(v.shape) for v in model.trainable_variables)
    encoder = 784 * 500 + 500 + 2 * (500 * 20 + 20)
    assert count == encoder + 20 * 500 + 500 + 500 * 784 + 784
    layers = [*dense_layers(model.encoder), *dense_layers(model.decoder)]
    activations = [layer.activation.__name__ for layer in layers]
    assert sorted(activations) == ["linear"] * 3 + ["tanh"] * 2
    for layer in layers:
        assert isinstance(layer.bias_initializer, keras.initializers.Zeros)
        initializer = layer.kernel_initializer
        assert isinstance(initializer, keras.initializers.RandomNormal)
        assert initializer.mean == 0.0
        assert initializer.stddev**2 == pytest.approx(0.01)
    # Not one initializer for all, which would draw the same values.
    assert len({id(layer.kernel_initializer) for layer in layers}) == 5


def test_the_decoder_mirrors_the_encoder():
    model = VAE((4, 4, 1), 3, (7, 5))
    for network, units in ((model.encoder, [7, 5]), (model.decoder, [5, 7])):
        assert [x.units for x in dense_layers(network)][:2] == units


@pytest.mark.parametrize(("hidden_units", "units"), [(None, 256), (7, 7)])
def test_convolutional_networks_have_one_hidden_dense_layer(
    hidden_units, units
):
    with keras.StatelessScope(initialize_variables=False):
        model = VAE((4, 4, 1), 3, hidden_units, architecture="conv")
    first, *heads = dense_layers(model.encoder)
    assert first.units == units and [head.units for head in heads] == [3, 3]
    assert dense_layers(model.decoder)[0].units == units


def test_default_optimizer_is_the_papers(model):
    optimizer = model.default_optimizers()["model"]
    assert isinstance(optimizer, keras.optimizers.Adagrad)
    assert float(array(optimizer.learning_rate)) == pytest.approx(0.01)
    # Adagrad's first step has the length of the rate, however small the
    # gradient: its sums start at zero.
    variable = keras.Variable(np.zeros(3, "float32"))
    optimizer.apply([tensor([0.05, -0.5, 5.0])], [variable])
    np.testing.assert_allclose(array(variable), [-0.01, 0.01, -0.01], rtol=1e-3)


def test_prior_on_the_parameters_is_weight_decay(monkeypatch):
    eps = np.random.default_rng(1).normal(size=(1, 6, 2))
    fix_noise(monkeypatch, normal, eps)
    model, plain = tiny(num_examples=40), tiny()
    kernels = [v for v in model.trainable_variables if "kernel" in v.path]
    assert len(kernels) == 5
    expected = sum(np.sum(array(v) ** 2) for v in kernels) / (2 * 40)
    logs = [evaluation_logs(each, data()) for each in (model, plain)]
    assert logs[0]["loss"] - logs[1]["loss"] == pytest.approx(
        expected, rel=1e-4
    )
    assert logs[0]["elbo"] == pytest.approx(logs[1]["elbo"])
    variables = model.player_variables("model")
    assert len(variables) == 10
    # What each step adds to the loss.
    _, gradients = loss_and_gradients(
        lambda: model.regularization("model"), variables
    )
    for variable, gradient in zip(variables, gradients, strict=True):
        is_kernel = "kernel" in variable.path
        np.testing.assert_allclose(
            gradient, is_kernel * array(variable) / 40, rtol=1e-5
        )


# ---- Use --------------------------------------------------------------------


def test_the_posterior_is_the_encoders():
    model, x = tiny(), data()
    mean, log_variance = map(array, model.encoder(x))
    q = model.posterior(tensor(x))
    np.testing.assert_array_equal(array(q.mean), mean)
    # Their bounds cost the last digits of float32.
    np.testing.assert_allclose(array(q.log_variance), log_variance, atol=4e-6)
    # Codes are its means, without noise.
    for _ in range(2):
        np.testing.assert_allclose(model.encode(x), mean, rtol=1e-5)
    signature = model.signatures()["posterior"]
    assert signature.outputs == ("mean", "log_variance")
    for output, expected in zip(
        signature.fn(tensor(x)), (mean, log_variance), strict=True
    ):
        np.testing.assert_allclose(array(output), expected, atol=4e-6)


def test_nothing_is_dropped_but_in_training():
    drop = keras.layers.Dropout(0.5, seed=1)
    x, z = keras.Input((3,)), keras.Input((2,))
    heads = [keras.layers.Dense(2)(drop(x)) for _ in range(2)]
    decoder = keras.Model(z, drop(keras.layers.Dense(3)(z)))
    model = VAE((3,), 2, encoder=keras.Model(x, heads), decoder=decoder)
    x, z = tensor(np.ones((4, 3))), tensor(codes(4))
    batch = Batch(x)
    mean, logits = array(model.encoder(x)[0]), array(decoder(z))
    for found, expected in (
        (model.posterior(x).mean, mean),
        (model.posterior_of(batch).mean, mean),
        (model.bound(batch).posterior.mean, mean),
        (model.decoded(z)[0], logits),
        (outputs_of(decoder, z, (3,))[0], logits),
        (model.likelihood(z).mean, 1 / (1 + np.exp(-logits))),
    ):
        np.testing.assert_allclose(array(found), expected, rtol=1e-5)
    for found, other in (
        (model.posterior(x, True).mean, mean),
        (model.posterior_of(batch, True).mean, mean),
        (model.bound(batch, training=True).posterior.mean, mean),
        (model.decoded(z, True)[0], logits),
        (model.likelihood(z, True).mean, 1 / (1 + np.exp(-logits))),
    ):
        assert np.abs(array(found) - other).max() > 1e-3


def test_seeds_reproduce_bounds():
    x, twins = data(), [tiny(), tiny()]
    bounds = [twin.elbo(x)["elbo"] for twin in twins]
    np.testing.assert_array_equal(*bounds)
    assert np.abs(twins[0].elbo(x)["elbo"] - bounds[0]).max() > 0.01


def test_samples_are_decoded_draws_of_the_prior(model):
    z = array(model.prior.sample(6, seed=4))
    np.testing.assert_allclose(
        model.sample(6, seed=4), model.decode(z), rtol=1e-5
    )


def test_a_model_reconstructs_by_the_mean_code(model):
    x = data()
    expected = model.decode(model.encode(x))
    np.testing.assert_allclose(model.reconstruct(x), expected, rtol=1e-5)
    np.testing.assert_allclose(array(model(x)), expected, rtol=1e-5)


def test_latent_grid_is_even_in_probability(monkeypatch):
    model = tiny()
    monkeypatch.setattr(
        model, "decode_step", lambda z: ops.repeat(z, 6, axis=-1)
    )
    grid = model.latent_grid(5)
    assert grid.shape == (5, 5, 12)
    expected = scipy.stats.norm.ppf([0.1, 0.3, 0.5, 0.7, 0.9])
    np.testing.assert_allclose(grid[2, :, 0], expected, atol=1e-6)
    np.testing.assert_allclose(grid[:, 2, 6], expected, atol=1e-6)
    with pytest.raises(
        ValueError, match="`latent_dim` must be 2.*latent_dim=3"
    ):
        tiny(latent_dim=3).latent_grid()
    assert model.latent_grid().shape == (20, 20, 12)


def test_anomaly_score_is_the_negative_bound(monkeypatch, model):
    x = data()
    eps = np.random.default_rng(1).normal(size=(3, 6, 2))
    fix_noise(monkeypatch, normal, eps)
    likelihood, _, _, (mean, deviation) = expected_terms(model, x, eps)
    divergence = 0.5 * (mean**2 + deviation**2 - 1 - 2 * np.log(deviation))
    np.testing.assert_allclose(
        model.anomaly_score(x, num_samples=3),
        divergence.sum(-1) - likelihood.mean(0),
        rtol=1e-4,
    )


def test_training_learns_two_kinds_of_image():
    kinds = np.random.default_rng(0).integers(0, 2, 200)
    x = np.where(kinds[:, None] == np.arange(16) % 2, 1.0, 0.0)
    model = VAE((16,), latent_dim=1, hidden_units=16, seed=0)
    model.compile(keras.optimizers.Adam(0.02))
    history = model.fit(x, batch_size=50, epochs=30, verbose=0).history
    assert history["loss"][0] == pytest.approx(16 * math.log(2), rel=0.1)
    # The entropy of the data is log 2; the bound approaches it from above.
    bound = model.elbo(x, num_samples=10)["elbo"].mean()
    assert -3.0 < bound < -math.log(2) + 0.1
    np.testing.assert_allclose(model.reconstruct(x), x, atol=0.2)
    assert int(array(model.epochs_seen)) == 30
