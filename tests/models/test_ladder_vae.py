import math

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
from keras import layers, ops

from keras_gen import VAE, LadderVAE
from keras_gen.distributions import bernoulli
from keras_gen.engine import Batch
from keras_gen.layers import BatchNormalization
from keras_gen.models.vaes import ladder_vae
from tests.numerics import (
    array,
    double_precision,
    linear,
    loss_and_gradients,
    randomize,
    tensor,
)

LATENT_DIMS = (3, 2)
PIXELS = 6
EPSILON = 1e-5


def tiny(latent_dims=LATENT_DIMS, scale=0.5, **options):
    """A ladder of random weights, without batch norm unless asked for."""
    options = {"batch_norm": False, "warmup_epochs": 0, **options}
    model = LadderVAE(
        (PIXELS,), latent_dims, (5, 4, 4)[: len(latent_dims)], seed=0, **options
    )
    networks = (model.encoder, model.decoder, model.priors, model.predictions)
    for seed, network in enumerate(keras.tree.flatten(networks)):
        randomize(network, seed, scale)
    return model


def data(n=4):
    rng = np.random.default_rng(0)
    return rng.uniform(size=(n, PIXELS)).astype("float32")


def noises(num_samples=1, batch=4, latent_dims=LATENT_DIMS):
    """Noise for all layers, the lowest first: `(samples, batch, size)`."""
    rng = np.random.default_rng(1)
    return [rng.normal(size=(num_samples, batch, n)) for n in latent_dims]


def fix_noise(monkeypatch, eps):
    by_shape = {np.swapaxes(e, 0, 1).shape: np.swapaxes(e, 0, 1) for e in eps}

    def normal(shape, seed, dtype=None):
        return tensor(by_shape[tuple(int(size) for size in shape)])

    monkeypatch.setattr(ladder_vae.noise, "normal", normal)


def constant_encoder(parameters):
    """An encoder with the same estimates for every `x`."""
    x = keras.Input((PIXELS,))
    heads = []
    for values in parameters:
        head = layers.Dense(len(values), kernel_initializer="zeros")
        heads.append(head(x))
        head.bias.assign(values)
    return keras.Model(x, heads)


def predicted(network, z):
    """Mean and variance that a top-down network predicts."""
    mean, variance = network(z.astype(keras.config.floatx()))
    return array(mean), array(variance) + EPSILON


def descend(model, x, eps):
    """The stochastic pass in NumPy: `(z, q, p)` of each layer."""
    estimates = [array(part) for part in model.encoder(x)]
    results = []
    for i in reversed(range(len(eps))):
        mean, variance = estimates[2 * i], estimates[2 * i + 1] + EPSILON
        p = (np.zeros_like(mean), np.ones_like(mean))
        if results:
            above = results[-1][0]
            p = predicted(model.priors[i], above)
            prediction = p
            if not model.share_top_down:
                prediction = predicted(model.predictions[i], above)
            precision = 1 / variance + 1 / prediction[1]
            mean = (mean / variance + prediction[0] / prediction[1]) / precision
            variance = 1 / precision
        z = mean + np.sqrt(variance) * eps[i]
        results.append((z, (mean, variance), p))
    return results[::-1]


def log_density(z, mean, variance):
    return scipy.stats.norm.logpdf(z, mean, np.sqrt(variance)).sum(-1)


def log_weights(model, x, eps, t=1.0):
    """`log p(x|z_1) + t (log p(z) - log q(z))` of each draw and example."""
    draws = []
    for k in range(len(eps[0])):
        results = descend(model, x, [e[k] for e in eps])
        logits = array(model.decoder(results[0][0].astype("float32")))
        p = 1 / (1 + np.exp(-logits))
        likelihood = np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), -1)
        ratio = sum(
            log_density(z, *p) - log_density(z, *q) for z, q, p in results
        )
        draws.append(likelihood + t * ratio)
    return np.array(draws)


def step_loss(model, x):
    """The loss of one training step that changes nothing."""
    model.compile(keras.optimizers.SGD(0.0))
    model.reset_metrics()
    logs = model.run_step(model.training_step, (tensor(x),))
    return {name: float(array(value)) for name, value in logs.items()}


# ---- The posterior ----------------------------------------------------------


@pytest.mark.parametrize("share_top_down", [True, False])
def test_posterior_is_the_product_of_estimate_and_prediction(share_top_down):
    model, x = tiny((3, 2, 2), share_top_down=share_top_down), data()
    eps = noises(latent_dims=(3, 2, 2))
    expected = descend(model, x, [e[0] for e in eps])
    results = model.infer(tensor(x), 1, draw=lambda i, shape: tensor(eps[i][0]))
    for (z, q, p), (z_, q_, p_) in zip(results, expected, strict=True):
        np.testing.assert_allclose(array(z), z_, rtol=2e-4, atol=1e-5)
        for (mean, log_variance), (mean_, variance_) in ((q, q_), (p, p_)):
            np.testing.assert_allclose(array(mean), mean_, rtol=2e-4, atol=1e-5)
            np.testing.assert_allclose(
                np.exp(array(log_variance)), variance_, rtol=2e-4
            )
    # The top's prior is the standard normal distribution.
    np.testing.assert_array_equal(array(results[-1][2][0]), 0.0)
    np.testing.assert_array_equal(array(results[-1][2][1]), 0.0)


FLAT = [[1.0, -2.0, 3.0], [1e12] * 3, [0.5, -0.5], [0.3, 0.8]]


def test_an_ignorant_estimate_leaves_the_prior():
    model, x = tiny(encoder=constant_encoder(FLAT)), data()
    (_, q, p), _ = model.infer(tensor(x), 1)
    for part, prior_part in zip(q, p, strict=True):
        np.testing.assert_allclose(array(part), array(prior_part), rtol=1e-5)
    divergences = model.layer_divergences(x)
    assert divergences[0] == pytest.approx(0.0, abs=1e-5)
    assert divergences[1] > 0.1


def test_an_ignorant_estimate_leaves_the_posteriors_own_prediction():
    model = tiny(encoder=constant_encoder(FLAT), share_top_down=False)
    x = data()
    (_, q, _), (above, _, _) = model.infer(tensor(x), 1)
    mean, variance = predicted(model.predictions[0], array(above))
    np.testing.assert_allclose(array(q[0]), mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.exp(array(q[1])), variance, rtol=1e-4)
    assert model.layer_divergences(x)[0] > 0.1


def test_an_ignorant_prediction_leaves_the_estimate():
    model, x = tiny(), data()
    bias = next(
        layer.bias
        for layer in reversed(model.priors[0].layers)
        if isinstance(layer, layers.Dense)
        and layer.output is model.priors[0].layers[-1].input
    )
    # A softplus is the identity up here.
    bias.assign(np.full(3, 1e12))
    (_, q, _), _ = model.infer(tensor(x), 1)
    mean, variance = map(array, model.encoder(x)[:2])
    np.testing.assert_allclose(array(q[0]), mean, rtol=1e-5)
    np.testing.assert_allclose(
        np.exp(array(q[1])), variance + EPSILON, rtol=1e-5
    )


def test_one_layer_is_a_vae_with_a_softplus_variance(monkeypatch):
    ladder, x = tiny((3,)), data()
    mean, variance = ladder.encoder.outputs
    log_variance = layers.Lambda(lambda v: ops.log(v + EPSILON))(variance)
    vae = VAE(
        (PIXELS,),
        latent_dim=3,
        estimator="monte_carlo",
        encoder=keras.Model(ladder.encoder.inputs, [mean, log_variance]),
        decoder=ladder.decoder,
        seed=0,
    )
    # Equal seeds: both draw the same noise.
    bounds = [model.elbo(x, num_samples=3) for model in (ladder, vae)]
    for name, value in bounds[0].items():
        np.testing.assert_allclose(value, bounds[1][name], rtol=1e-4)
    np.testing.assert_allclose(
        ladder.log_likelihood(x, 10), vae.log_likelihood(x, 10), rtol=1e-4
    )


# ---- The bound --------------------------------------------------------------


@pytest.mark.parametrize("share_top_down", [True, False])
def test_loss_is_the_bound_over_all_layers(monkeypatch, share_top_down):
    model = tiny(share_top_down=share_top_down, num_samples=2)
    x, eps = data(), noises(2)
    fix_noise(monkeypatch, eps)
    logs = step_loss(model, x)
    weights = log_weights(model, x, eps)
    likelihood = log_weights(model, x, eps, t=0.0)
    assert logs["loss"] == pytest.approx(-weights.mean(), rel=1e-4)
    assert logs["reconstruction_loss"] == pytest.approx(
        -likelihood.mean(), rel=1e-4
    )
    divergence = (likelihood - weights).mean()
    assert logs["kl_divergence"] == pytest.approx(divergence, rel=1e-3)
    by_layer = [logs[f"kl_divergence_{i}"] for i in (1, 2)]
    assert sum(by_layer) == pytest.approx(divergence, rel=1e-3)


def test_importance_weights_are_joint_over_the_layers(monkeypatch):
    model = tiny(num_samples=2, importance_samples=3)
    x, eps = data(), noises(6)
    fix_noise(monkeypatch, eps)
    weights = log_weights(model, x, eps).reshape(3, 2, 4)
    bound = scipy.special.logsumexp(weights, axis=0) - math.log(3)
    assert step_loss(model, x)["loss"] == pytest.approx(-bound.mean(), rel=1e-4)
    assert abs(bound.mean() - weights.mean()) > 0.05


def test_warm_up_weighs_the_ratio_within_the_importance_weights(monkeypatch):
    model = tiny(importance_samples=3, warmup_epochs=4)
    x, eps = data(), noises(3)
    fix_noise(monkeypatch, eps)
    model.epochs_seen.assign(1)
    weights = log_weights(model, x, eps, t=0.25)
    bound = scipy.special.logsumexp(weights, axis=0) - math.log(3)
    assert step_loss(model, x)["loss"] == pytest.approx(-bound.mean(), rel=1e-4)


def test_likelihood_estimate_is_joint_over_the_layers(monkeypatch):
    model, x, eps = tiny(), data(), noises(3)
    fix_noise(monkeypatch, eps)
    weights = log_weights(model, x, eps)
    expected = scipy.special.logsumexp(weights, axis=0) - math.log(3)
    np.testing.assert_allclose(model.log_likelihood(x, 3), expected, rtol=1e-4)


def test_bounds_grow_with_the_number_of_samples():
    model = tiny()
    x = np.tile(data(1), (4000, 1))
    elbo = model.elbo(x)["elbo"]
    bounds = [
        model.log_likelihood(x, k, batch_size=4000).mean() for k in (1, 5, 50)
    ]
    error = elbo.std() / 4000**0.5
    assert bounds[0] == pytest.approx(elbo.mean(), abs=6 * error)
    assert bounds[0] + 6 * error < bounds[1]
    assert bounds[1] < bounds[2]


def test_sampled_divergence_has_the_analytic_mean():
    model, x = tiny(), data(2)
    sampled = model.elbo(x, num_samples=20_000)["kl_divergence"].mean()
    analytic = model.layer_divergences(x, num_samples=20_000)
    assert analytic.shape == (2,)
    assert analytic.min() > 0.1
    # The standard deviation of one draw is below 3 nats.
    assert sampled == pytest.approx(analytic.sum(), abs=5 * 3 / 20_000**0.5)


def test_derivatives_match_finite_differences(monkeypatch):
    # They would not if a layer's sample were cut off from the divergence of
    # the layer below it.
    with double_precision():
        model, x = tiny(share_top_down=False), data()
        eps = noises()
        fix_noise(monkeypatch, eps)

        def loss():
            reconstruction, divergence = model.bound_losses(tensor(x), True)
            return reconstruction + divergence

        networks = (model.encoder, model.priors, model.predictions)
        variables = [
            variable
            for network in keras.tree.flatten(networks)
            for variable in network.trainable_variables
        ]
        _, gradients = loss_and_gradients(loss, variables)
        rng = np.random.default_rng(2)
        for variable, gradient in zip(variables, gradients, strict=True):
            value = array(variable).copy()
            direction = rng.normal(size=value.shape)
            ends = []
            for step in (1e-6, -1e-6):
                variable.assign(value + step * direction)
                ends.append(float(array(loss())))
            variable.assign(value)
            np.testing.assert_allclose(
                np.sum(gradient * direction),
                (ends[0] - ends[1]) / 2e-6,
                rtol=1e-5,
                atol=1e-7,
            )


# ---- Warm-up ----------------------------------------------------------------


def test_warm_up_follows_the_epochs_seen():
    model = tiny(warmup_epochs=4)
    weights = []
    for epoch in (0, 1, 2, 4, 5, 100):
        model.epochs_seen.assign(epoch)
        weights.append(float(array(model.kl_weight())))
    assert weights == [0.0, 0.25, 0.5, 1.0, 1.0, 1.0]
    assert tiny(warmup_epochs=0).kl_weight() == 1.0


def test_the_bound_is_warmed_up_and_the_evaluation_is_not(monkeypatch):
    model, x, eps = tiny(warmup_epochs=2), data(), noises()
    fix_noise(monkeypatch, eps)
    for epoch, t in ((0, 0.0), (1, 0.5), (2, 1.0)):
        model.epochs_seen.assign(epoch)
        expected = -log_weights(model, x, eps, t).mean()
        assert step_loss(model, x)["loss"] == pytest.approx(expected, rel=1e-4)
    model.epochs_seen.assign(0)
    model.reset_metrics()
    logs = model.run_step(model.evaluation_step, (tensor(x),))
    expected = -log_weights(model, x, eps).mean()
    assert float(array(logs["loss"])) == pytest.approx(expected, rel=1e-4)


def test_without_its_weight_the_divergence_has_no_gradient(monkeypatch):
    model, x, eps = tiny(warmup_epochs=2), data(), noises()
    fix_noise(monkeypatch, eps)

    def reconstruction_loss():
        z = model.infer(tensor(x), 1, training=True)[0][0]
        logits = model.decoder(z, training=True)
        return -ops.mean(bernoulli.log_prob(tensor(x), logits))

    variables = model.player_variables("model")
    _, expected = loss_and_gradients(reconstruction_loss, variables)
    seen = []
    model.transform_gradients = lambda player, gradients: (
        seen.extend(map(array, gradients)) or gradients
    )
    step_loss(model, x)
    for gradient, value in zip(seen, expected, strict=True):
        np.testing.assert_allclose(gradient, value, atol=1e-6)


def test_fit_counts_the_epochs():
    model = LadderVAE((PIXELS,), (2,), (4,), warmup_epochs=4, seed=0)
    model.compile()
    x = (data(32) > 0.5).astype("float32")
    history = model.fit(x, batch_size=16, epochs=2, verbose=0).history
    assert int(array(model.epochs_seen)) == 2
    assert float(array(model.kl_weight())) == 0.5
    # No divergence is counted in the first epoch, a quarter in the second.
    for epoch, t in enumerate((0.0, 0.25)):
        assert history["loss"][epoch] == pytest.approx(
            history["reconstruction_loss"][epoch]
            + t * history["kl_divergence"][epoch],
            rel=1e-4,
        )


def test_gradients_are_rescaled_and_then_clipped():
    model = tiny()

    def transform(*gradients):
        gradients = [tensor(gradient) for gradient in gradients]
        return [array(g) for g in model.transform_gradients("model", gradients)]

    small = transform([0.5, -2.0], [[1.0]])
    np.testing.assert_allclose(small[0], [0.5, -0.9])
    np.testing.assert_allclose(small[1], [[0.9]])
    # A norm of 20 becomes one of 4; only then is the first entry clipped.
    large = transform([12.0, -2.0], np.full((4, 16), 31.5**0.5 / 2))
    np.testing.assert_allclose(
        np.concatenate([g.ravel() for g in large])[:3],
        np.array([0.9, -2.0 / 5, 31.5**0.5 / 10]),
        rtol=1e-5,
    )


def test_default_optimizer_is_that_of_paper_and_code():
    model = tiny()
    model.compile()
    config = model.optimizer["model"].get_config()
    assert config["learning_rate"] == pytest.approx(1e-3)
    assert config["epsilon"] == pytest.approx(1e-4)
    assert (config["beta_1"], config["beta_2"]) == (0.9, 0.999)


# ---- The networks -----------------------------------------------------------


def dense_shapes(network):
    return [
        tuple(layer.kernel.shape)
        for layer in network.layers
        if isinstance(layer, layers.Dense)
    ]


@pytest.mark.parametrize("only_mu_up", [True, False])
def test_widths_are_those_of_the_official_code(only_mu_up):
    model = LadderVAE(only_mu_up=only_mu_up)
    hidden, latent = (512, 256, 128, 64, 32), (64, 32, 16, 8, 4)
    expected, below = [], 784
    for h, z in zip(hidden, latent, strict=True):
        expected += [(below, h), (h, h), (h, z), (h, z)]
        below = z if only_mu_up else h
    assert dense_shapes(model.encoder) == expected
    assert len(model.priors) == 4 and model.predictions == []
    for i, network in enumerate(model.priors):
        h = hidden[i + 1]
        assert dense_shapes(network) == [
            (latent[i + 1], h),
            (h, h),
            (h, latent[i]),
            (h, latent[i]),
        ]
    assert dense_shapes(model.decoder) == [(64, 512), (512, 512), (512, 784)]


def test_all_dense_layers_but_the_output_are_normalised():
    model = tiny(batch_norm=True, share_top_down=False)
    networks = [model.encoder, *model.priors, *model.predictions]
    for network in [*networks, model.decoder]:
        kinds = [type(layer) for layer in network.layers]
        output = network is model.decoder
        assert kinds.count(BatchNormalization) + output == kinds.count(
            layers.Dense
        )
        slopes = {
            layer.negative_slope
            for layer in network.layers
            if isinstance(layer, layers.LeakyReLU)
        }
        assert slopes == {pytest.approx(0.01)}
    assert model.decoder.layers[-1].use_bias


@pytest.mark.parametrize("batch_norm", [True, False])
def test_variances_start_from_a_softplus_of_one(batch_norm):
    model = LadderVAE((PIXELS,), (3, 2), (5, 4), batch_norm=batch_norm, seed=0)
    # Zeros are zeros after each layer, but for the offset of the head.
    networks = [model.encoder(np.zeros((2, PIXELS), "float32"))]
    networks += [model.priors[0](np.zeros((2, 2), "float32"))]
    for outputs in networks:
        for mean, variance in zip(outputs[::2], outputs[1::2], strict=True):
            np.testing.assert_array_equal(array(mean), 0.0)
            np.testing.assert_allclose(
                array(variance), math.log(1 + math.e), rtol=1e-6
            )


def test_sizes_are_checked():
    with pytest.raises(ValueError, match="Received: latent_dims"):
        LadderVAE(latent_dims=(3, 2), hidden_dims=(5,))


# ---- Use --------------------------------------------------------------------


def test_samples_descend_by_the_generative_model_alone():
    model = tiny(share_top_down=False)
    rng = np.random.default_rng(3)
    top, eps = rng.normal(size=(4, 2)), rng.normal(size=(4, 3))
    mean, variance = predicted(model.priors[0], top)
    z = mean + np.sqrt(variance) * eps
    logits = array(model.decoder(z.astype("float32")))
    images = model.ancestors(tensor(top), lambda i, shape: tensor(eps))
    np.testing.assert_allclose(
        array(images), 1 / (1 + np.exp(-logits)), rtol=1e-4
    )

    before = model.sample(4, seed=1)
    randomize(model.predictions[0], 7)
    np.testing.assert_array_equal(model.sample(4, seed=1), before)
    randomize(model.priors[0], 7)
    assert np.abs(model.sample(4, seed=1) - before).max() > 1e-3


def test_seeds_reproduce_samples_and_the_top_can_be_held():
    model = tiny()
    np.testing.assert_array_equal(
        model.sample(3, seed=1), model.sample(3, seed=1)
    )
    assert np.abs(model.sample(3) - model.sample(3)).max() > 1e-3
    top = np.random.default_rng(3).normal(size=(3, 2))
    held = [model.sample(3, seed=1, top=t) for t in (top, top, -top)]
    np.testing.assert_array_equal(held[0], held[1])
    assert np.abs(held[0] - held[2]).max() > 1e-3
    mean, _ = predicted(model.priors[0], top)
    np.testing.assert_allclose(
        model.decode_top(top), model.decode(mean), rtol=1e-4
    )


def test_encoding_gives_the_means_of_all_layers():
    model, x = tiny(), data()
    expected = descend(model, x, [0.0, 0.0])
    means = model.encode(x)
    for mean, (_, q, _) in zip(means, expected, strict=True):
        np.testing.assert_allclose(mean, q[0], rtol=1e-4, atol=1e-5)
    for first, second in zip(means, model.encode(x), strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(
        model.reconstruct(x), model.decode(means[0]), rtol=1e-4
    )


def test_traversals_vary_the_top_layer():
    model, x = tiny(), data()
    top = model.encode(x)[-1][0]
    images = model.traverse(x[0], values=[-1.0, 2.0])
    assert images.shape == (2, 2, PIXELS)
    expected = model.decode_top([[top[0], -1.0], [top[0], 2.0]])
    np.testing.assert_allclose(images[1], expected, rtol=1e-4)


def test_batch_norm_moves_in_training_alone():
    model, x = tiny(batch_norm=True), data()
    state = [array(v).copy() for v in model.encoder.non_trainable_variables]
    model.elbo(x)
    for variable, value in zip(
        model.encoder.non_trainable_variables, state, strict=True
    ):
        np.testing.assert_array_equal(array(variable), value)
    model.compile(keras.optimizers.SGD(0.0))
    model.training_step(Batch(tensor(x)))
    for network in (model.encoder, model.priors[0], model.decoder):
        moving = [v for v in network.weights if "moving_mean" in v.path]
        assert moving
    moved = [
        np.abs(array(variable) - value).max()
        for variable, value in zip(
            model.encoder.non_trainable_variables, state, strict=True
        )
    ]
    assert min(moved) > 0.0


def test_a_decoder_of_zeros_costs_log_two_for_each_pixel():
    model = tiny()
    linear(model.decoder, np.zeros((5, PIXELS)), np.zeros(PIXELS), layer=-2)
    parts = model.elbo(data())
    np.testing.assert_allclose(
        parts["log_likelihood"], -PIXELS * math.log(2), rtol=1e-6
    )
