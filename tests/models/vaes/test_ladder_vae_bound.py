import math

import keras
import numpy as np
import pytest
import scipy.special
from keras import ops

from keras_gen import LadderVAE, Schedule
from keras_gen.engine import Batch
from tests.models.vaes.ladder_reference import (
    PIXELS,
    data,
    fix_noise,
    log_weights,
    noises,
    tiny,
)
from tests.numerics import (
    array,
    check_directions,
    double_precision,
    evaluation_logs,
    loss_and_gradients,
    run_as_programs,
    tensor,
    training_logs,
)


@pytest.fixture(scope="module")
def model():
    """One ladder, only to be looked at."""
    return tiny()


# ---- The bound --------------------------------------------------------------


@pytest.mark.parametrize("share_top_down", [True, False])
def test_loss_is_the_bound_over_all_layers(monkeypatch, share_top_down):
    model = tiny(share_top_down=share_top_down, num_samples=2)
    x, eps = data(), noises(2)
    fix_noise(monkeypatch, eps)
    logs = training_logs(model, x)
    weights = log_weights(model, x, eps)
    likelihood = log_weights(model, x, eps, t=0.0)
    assert logs["loss"] == pytest.approx(-weights.mean(), rel=1e-4)
    assert logs["elbo"] == pytest.approx(weights.mean(), rel=1e-4)
    assert logs["reconstruction_loss"] == pytest.approx(
        -likelihood.mean(), rel=1e-4
    )
    divergence = (likelihood - weights).mean()
    assert logs["kl_divergence"] == pytest.approx(divergence, rel=1e-3)
    by_layer = [logs[f"kl_divergence_{i}"] for i in (1, 2)]
    assert sum(by_layer) == pytest.approx(divergence, rel=1e-3)
    # That of the top layer is measured against the standard normal one.
    ratios = log_weights(model, x, eps, t=1.0, layers=[1]) - likelihood
    assert by_layer[1] == pytest.approx(-ratios.mean(), rel=1e-3)


def test_importance_weights_are_joint_over_the_layers(monkeypatch):
    model = tiny(num_samples=2, importance_samples=3)
    x, eps = data(), noises(6)
    fix_noise(monkeypatch, eps)
    weights = log_weights(model, x, eps).reshape(3, 2, 4)
    bound = scipy.special.logsumexp(weights, axis=0) - math.log(3)
    logs = training_logs(model, x)
    assert logs["loss"] == pytest.approx(-bound.mean(), rel=1e-4)
    assert logs["elbo"] == pytest.approx(weights.mean(), rel=1e-4)
    assert abs(bound.mean() - weights.mean()) > 0.05


def test_warm_up_weighs_the_ratio_within_the_importance_weights(monkeypatch):
    model = tiny(importance_samples=3, warmup_epochs=4)
    x, eps = data(), noises(3)
    fix_noise(monkeypatch, eps)
    model.epochs_seen.assign(1)
    weights = log_weights(model, x, eps, t=0.25)
    bound = scipy.special.logsumexp(weights, axis=0) - math.log(3)
    assert training_logs(model, x)["loss"] == pytest.approx(
        -bound.mean(), rel=1e-4
    )


def test_likelihood_estimate_is_joint_over_the_layers(monkeypatch, model):
    run_as_programs(monkeypatch, model)
    x, eps = data(), noises(3)
    fix_noise(monkeypatch, eps)
    weights = log_weights(model, x, eps)
    expected = scipy.special.logsumexp(weights, axis=0) - math.log(3)
    found = model.log_likelihood(x, num_samples=3)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_bounds_grow_with_the_number_of_samples(monkeypatch, model):
    run_as_programs(monkeypatch, model)
    x = np.tile(data(1), (1000, 1))
    elbo = model.elbo(x, batch_size=1000)["elbo"]
    bounds = [
        model.log_likelihood(x, num_samples=k, batch_size=1000).mean()
        for k in (1, 5, 25)
    ]
    error = float(elbo.std()) / 1000**0.5
    assert bounds[0] == pytest.approx(elbo.mean(), abs=6 * error)
    assert bounds[0] + 6 * error < bounds[1]
    assert bounds[1] < bounds[2]


def test_sampled_divergence_has_the_analytic_mean(monkeypatch, model):
    run_as_programs(monkeypatch, model)
    x = data(2)
    sampled = model.elbo(x, num_samples=20_000)["kl_divergence"].mean()
    analytic = model.layer_divergences(x, num_samples=20_000)
    assert analytic.shape == (2,)
    assert analytic.min() > 0.1
    # The standard deviation of one draw is below 3 nats.
    assert sampled == pytest.approx(analytic.sum(), abs=5 * 3 / 20_000**0.5)
    with pytest.raises(ValueError, match="above 0.*num_samples=0"):
        model.layer_divergences(x, num_samples=0)


def test_derivatives_match_finite_differences(monkeypatch):
    # They would not if a layer's sample were cut off from the divergence of
    # the layer below it.
    with double_precision():
        model, x = tiny(share_top_down=False), data()
        fix_noise(monkeypatch, noises())
        networks = keras.tree.flatten(
            [model.encoder, model.priors, model.predictions]
        )
        for network in networks:
            for layer in network.layers:
                # Variances are in 32 bits, whatever the rest is.
                layer.dtype_policy = keras.DTypePolicy("float64")

        def loss():
            return model.model_loss(Batch(tensor(x)), training=True)

        variables = [v for n in networks for v in n.trainable_variables]
        _, gradients = loss_and_gradients(loss, variables)
        check_directions(loss, variables, gradients, step=1e-6)


# ---- Warm-up ----------------------------------------------------------------


def test_warm_up_follows_the_epochs_seen():
    model = tiny(warmup_epochs=4)
    assert model.kl_weight == Schedule(0.0, 1.0, over=4)
    weights = []
    for epoch in (0, 1, 2, 4, 5, 100):
        model.epochs_seen.assign(epoch)
        (weight,) = model.term_weights().values()
        weights.append(float(array(weight)))
    assert weights == [0.0, 0.25, 0.5, 1.0, 1.0, 1.0]


def test_without_warm_up_the_weight_is_one(model):
    assert model.term_weights() == {"kl_divergence": 1.0}


@pytest.mark.parametrize("logs_of", [training_logs, evaluation_logs])
def test_the_bound_is_warmed_up(monkeypatch, logs_of):
    """In evaluation as well, which sees what training minimizes."""
    model, x, eps = tiny(warmup_epochs=2), data(), noises()
    fix_noise(monkeypatch, eps)
    for epoch, t in ((0, 0.0), (1, 0.5), (2, 1.0)):
        model.epochs_seen.assign(epoch)
        logs = logs_of(model, x)
        weights = log_weights(model, x, eps, t)
        assert logs["loss"] == pytest.approx(-weights.mean(), rel=1e-4)
        # The terms and the bound itself are logged without the weight.
        bound = log_weights(model, x, eps).mean()
        assert logs["elbo"] == pytest.approx(bound, rel=1e-4)
        assert logs["elbo"] == pytest.approx(
            -logs["reconstruction_loss"] - logs["kl_divergence"], rel=1e-4
        )


def test_without_its_weight_the_divergence_has_no_gradient(monkeypatch):
    model, x, eps = tiny(warmup_epochs=2), data(), noises()
    fix_noise(monkeypatch, eps)
    batch = Batch(tensor(x))

    def reconstruction_loss():
        z, _, _ = model.infer(batch.x, 1, training=True)[0]
        likelihood = model.likelihood(z, training=True)
        return -ops.mean(likelihood.log_prob(batch.x))

    variables = model.player_variables("model")
    loss, gradients = loss_and_gradients(
        lambda: model.model_loss(batch, training=True), variables
    )
    expected_loss, expected = loss_and_gradients(reconstruction_loss, variables)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for gradient, value in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, value, atol=1e-6)
    assert max(np.abs(value).max() for value in expected) > 0.01


def test_fit_counts_the_epochs():
    model = LadderVAE((PIXELS,), (2,), (4,), warmup_epochs=4, seed=0)
    model.compile()
    x = (data(32) > 0.5).astype("float32")
    history = model.fit(x, batch_size=16, epochs=2, verbose=0).history
    assert int(array(model.epochs_seen)) == 2
    # No divergence is counted in the first epoch, a quarter in the second.
    for epoch, t in enumerate((0.0, 0.25)):
        assert history["loss"][epoch] == pytest.approx(
            history["reconstruction_loss"][epoch]
            + t * history["kl_divergence"][epoch],
            rel=1e-4,
        )


def test_gradients_are_rescaled_and_then_clipped(model):
    def transform(*gradients):
        gradients = [tensor(gradient) for gradient in gradients]
        return [array(g) for g in model.transform_gradients("model", gradients)]

    small = transform([0.5, -2.0], [[1.0]])
    np.testing.assert_allclose(small[0], [0.5, -0.9])
    np.testing.assert_allclose(small[1], [[0.9]])
    # A norm of 20 becomes one of 4; only then is the first entry clipped.
    first, second = transform([16.0, -4.0], np.full((4, 8), 2.0))
    assert 16.0**2 + 4.0**2 + 32 * 2.0**2 == 400.0
    np.testing.assert_allclose(first, [0.9, -4.0 / 5], rtol=1e-5)
    np.testing.assert_allclose(second, np.full((4, 8), 2.0 / 5), rtol=1e-5)


def test_default_optimizer_is_that_of_paper_and_code(model):
    config = model.default_optimizers()["model"].get_config()
    assert config["name"] == "adam"
    assert config["learning_rate"] == pytest.approx(1e-3)
    assert config["epsilon"] == pytest.approx(1e-4)
    assert (config["beta_1"], config["beta_2"]) == (0.9, 0.999)
