import math

import keras
import numpy as np
import pytest
import scipy.stats
from keras import layers, ops

from keras_gen import VAE
from keras_gen.engine import Batch
from keras_gen.models.vaes import vae
from tests.numerics import (
    array,
    check_directions,
    double_precision,
    evaluation_logs,
    fix_noise,
    loss_and_gradients,
    randomize,
    tensor,
    training_logs,
)


def tiny(shape=(4, 3, 1), latent_dim=2, scale=0.5, **options):
    """A model whose posterior is neither the prior nor without noise."""
    model = VAE(shape, latent_dim, hidden_units=8, seed=0, **options)
    randomize(model.encoder, 1, scale)
    randomize(model.decoder, 2, scale)
    return model


def data(n=6, shape=(4, 3, 1)):
    return np.random.default_rng(0).uniform(size=(n, *shape)).astype("float32")


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
    fix_noise(monkeypatch, vae, eps)
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
            },
            rel=1e-4,
        )


def test_both_estimators_have_the_same_mean():
    model, x = tiny(), data(2)
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
    for architecture, shape in (("mlp", (4, 3, 1)), ("conv", (8, 8, 2))):
        model = tiny(shape, architecture=architecture)
        for weight in model.decoder.layers[-1].weights or (
            model.decoder.layers[-2].weights
        ):
            weight.assign(np.zeros(weight.shape))
        parts = model.elbo(data(3, shape))
        np.testing.assert_allclose(
            parts["log_likelihood"], -math.prod(shape) * math.log(2), rtol=3e-6
        )


def test_derivatives_match_finite_differences(monkeypatch):
    with double_precision():
        model, x = tiny(shape=(5,)), data(4, (5,)).astype("float64")
        fix_noise(
            monkeypatch, vae, np.random.default_rng(1).normal(size=(1, 4, 2))
        )

        def loss():
            reconstruction, divergence = model.bound_losses(tensor(x), True)
            return reconstruction + divergence

        variables = [*model.encoder.weights, *model.decoder.weights]
        _, gradients = loss_and_gradients(loss, variables)
        check_directions(loss, variables, gradients)


def test_importance_weighted_bound_is_a_mean_of_weights(monkeypatch):
    model, x = tiny(), data(3)
    eps = np.random.default_rng(1).normal(size=(5, 3, 2))
    likelihood, prior, posterior, _ = expected_terms(model, x, eps)
    weights = likelihood + prior - posterior
    expected = np.log(np.mean(np.exp(weights), axis=0))
    rows = iter(np.split(eps, [2, 4]))

    def normal(shape, seed, dtype=None):
        return tensor(np.swapaxes(next(rows), 0, 1))

    monkeypatch.setattr(vae.noise, "normal", normal)
    bound = model.log_likelihood(x, num_samples=5, chunk_size=2)
    np.testing.assert_allclose(bound, expected, rtol=1e-5)


# ---- Likelihoods ------------------------------------------------------------


@pytest.mark.parametrize(
    "likelihood", ["gaussian", "gaussian_learned", "gaussian_shared"]
)
def test_gaussian_likelihoods_are_scipys(likelihood):
    model, x = tiny(likelihood=likelihood, scale=0.5), data()
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
    np.testing.assert_allclose(
        array(model.log_prob(tensor(x), z)), expected, rtol=1e-4
    )
    np.testing.assert_allclose(
        model.decode(z[0]), mean[0], rtol=1e-5, atol=1e-6
    )


def test_the_best_shared_variance_is_the_mean_squared_error(tmp_path):
    model, x = tiny(likelihood="gaussian_shared"), data()
    shared = model.decoder.get_layer("log_variance").log_variance
    z = np.random.default_rng(1).normal(size=(1, 6, 2)).astype("float32")
    squares = (x - model.decode(z[0])) ** 2

    def loss():
        return -ops.sum(model.log_prob(tensor(x), tensor(z)))

    for log_variance in (0.3, math.log(squares.mean())):
        shared.assign(log_variance)
        _, (slope,) = loss_and_gradients(loss, [shared])
        expected = 0.5 * (1.0 - squares / math.exp(log_variance)).sum()
        assert array(slope) == pytest.approx(expected, rel=1e-4, abs=1e-3)
    assert any(v is shared for v in model.player_variables("model"))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        array(loaded.log_prob(tensor(x), tensor(z))),
        array(model.log_prob(tensor(x), tensor(z))),
    )


def test_bernoulli_decoder_shows_probabilities():
    model = tiny()
    z = np.random.default_rng(1).normal(size=(5, 2)).astype("float32")
    expected = 1 / (1 + np.exp(-array(model.decoder(z))))
    np.testing.assert_allclose(model.decode(z), expected, rtol=1e-5)


def test_likelihoods_of_half_precision_networks_are_float32():
    with_halves = tiny(dtype="mixed_float16")
    assert with_halves.encoder.compute_dtype == "float16"
    terms = with_halves.terms(tensor(data()), 1, False)
    for term in terms:
        assert keras.backend.standardize_dtype(term.dtype) == "float32"


# ---- The paper's training ---------------------------------------------------


def test_networks_are_those_of_the_paper():
    model = VAE()
    count = sum(math.prod(v.shape) for v in model.trainable_variables)
    encoder = 784 * 500 + 500 + 2 * (500 * 20 + 20)
    assert count == encoder + 20 * 500 + 500 + 500 * 784 + 784
    activations = [
        layer.activation.__name__
        for network in (model.encoder, model.decoder)
        for layer in network.layers
        if isinstance(layer, layers.Dense)
    ]
    assert sorted(activations) == ["linear"] * 3 + ["tanh"] * 2
    for network in (model.encoder, model.decoder):
        for variable in network.weights:
            values = array(variable)
            if "kernel" in variable.path:
                # 10,000 weights at least: 1.4 % standard error.
                assert values.var() == pytest.approx(0.01, rel=0.05)
            else:
                np.testing.assert_array_equal(values, 0.0)


def test_default_optimizer_is_the_papers():
    model = tiny()
    model.compile()
    optimizer = model.optimizer["model"]
    assert isinstance(optimizer, keras.optimizers.Adagrad)
    assert float(array(optimizer.learning_rate)) == pytest.approx(0.01)
    # Adagrad's first step has the length of the rate, however small the
    # gradient: its sums start at zero.
    before = array(model.encoder.weights[0]).copy()
    model.training_step(Batch(tensor(data())))
    step = np.abs(array(model.encoder.weights[0]) - before)
    np.testing.assert_allclose(step, 0.01, rtol=0.01)


def test_prior_on_the_parameters_is_weight_decay(monkeypatch):
    num_examples = 40
    eps = np.random.default_rng(1).normal(size=(1, 6, 2))
    fix_noise(monkeypatch, vae, eps)
    seen = {}
    for decay in (None, num_examples):
        model = tiny(num_examples=decay)
        model.compile(keras.optimizers.SGD(0.0))
        model.transform_gradients = lambda player, gradients, decay=decay: (
            seen.update({decay: [array(g) for g in gradients]}) or gradients
        )
        loss, _ = model.minimize(
            "model",
            lambda model=model: sum(model.bound_losses(tensor(data()), True)),
        )
    variables = model.player_variables("model")
    assert len(variables) == len(seen[None]) == 10
    for variable, with_prior, without in zip(
        variables, seen[num_examples], seen[None], strict=True
    ):
        is_kernel = "kernel" in variable.path
        np.testing.assert_allclose(
            with_prior - without,
            is_kernel * array(variable) / num_examples,
            atol=1e-5,
        )


# ---- Use --------------------------------------------------------------------


def test_encoding_is_deterministic_and_seeds_reproduce():
    model, x = tiny(), data()
    for first, second in zip(model.encode(x), model.encode(x), strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(array(model(x)), array(model(x)))
    samples = [model.sample(3, seed=seed) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(samples[0], samples[1])
    assert np.abs(samples[0] - samples[2]).max() > 0.01
    # Without a seed, samples go on from the model's own.
    assert np.abs(model.sample(3) - model.sample(3)).max() > 0.01
    twins = [tiny(), tiny()]
    bounds = [twin.elbo(x)["elbo"] for twin in twins]
    np.testing.assert_array_equal(*bounds)
    assert np.abs(twins[0].elbo(x)["elbo"] - bounds[0]).max() > 0.01


def test_a_model_reconstructs_by_the_mean_code():
    model, x = tiny(), data()
    expected = model.decode(model.encode(x)[0])
    np.testing.assert_allclose(model.reconstruct(x), expected, rtol=1e-5)
    np.testing.assert_allclose(array(model(x)), expected, rtol=1e-5)


def test_lines_and_traversals_pass_through_the_codes():
    model, x = tiny(), data()
    codes = model.encode(x)[0]
    lines = model.interpolate(x[:2], x[2:4], steps=5)
    middle = model.decode((codes[:2] + codes[2:4]) / 2)
    for index, expected in (
        (0, model.decode(codes[:2])),
        (2, middle),
        (4, model.decode(codes[2:4])),
    ):
        np.testing.assert_allclose(lines[:, index], expected, rtol=1e-4)
    images = model.traverse(x[0], dims=[1], values=[-1.0, 2.0])
    expected = model.decode([[codes[0, 0], -1.0], [codes[0, 0], 2.0]])
    np.testing.assert_allclose(images[0], expected, rtol=1e-4)


def test_latent_grid_is_even_in_probability(monkeypatch):
    model = tiny()
    monkeypatch.setattr(model, "decode", lambda z: np.repeat(z, 6, axis=-1))
    grid = model.latent_grid(5).reshape(5, 5, 12)
    expected = scipy.stats.norm.ppf([0.1, 0.3, 0.5, 0.7, 0.9])
    np.testing.assert_allclose(grid[2, :, 0], expected, atol=1e-6)
    np.testing.assert_allclose(grid[:, 2, 6], expected, atol=1e-6)
    with pytest.raises(ValueError, match="latent_dim=2"):
        tiny(latent_dim=3).latent_grid()


def test_anomaly_score_is_the_negative_bound():
    model, x = tiny(), data()
    x[0] = 1.0 - model.reconstruct(x[:1])[0].round()
    score = model.anomaly_score(x, num_samples=400)
    bound = model.elbo(x, num_samples=400)["elbo"]
    np.testing.assert_allclose(score, -bound, atol=0.5)


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


@pytest.mark.parametrize(
    "options",
    [
        {"architecture": "linear"},
        {"likelihood": "poisson"},
        {"estimator": "exact"},
        {"input_shape": (6, 8, 1), "architecture": "conv"},
    ],
)
def test_options_are_checked(options):
    with pytest.raises(ValueError, match="Received"):
        VAE(**options)


def test_shapes_are_checked():
    model = tiny()
    with pytest.raises(ValueError, match="Received: shape"):
        model.encode(data()[0])
    with pytest.raises(ValueError, match="input_shape=\\(5, 3, 1\\)"):
        model.prepare_batch(Batch(data(2, (5, 3, 1))))


def test_layers_start_from_different_numbers():
    encoder = VAE(latent_dim=3, hidden_units=5, seed=0).encoder
    mean = array(encoder.get_layer("mean").kernel)
    log_variance = array(encoder.get_layer("log_variance").kernel)
    assert np.abs(mean - log_variance).min() > 0.0
