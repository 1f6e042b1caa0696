import numpy as np
import pytest
from keras import ops

from keras_gen import DIPVAE
from keras_gen.distributions import Normal
from tests.contract.case import Case
from tests.models.vaes.disentangled_helpers import (
    check_is_the_vae,
    data,
    randomized,
)
from tests.numerics import (
    array,
    gradient,
    tensor,
    training_logs,
)

CONTRACT = {
    "dip_vae": Case(
        logits=("decoder",),
        input_shape=(16, 16, 1),
        architecture="mlp",
        latent_dim=3,
        hidden_units=8,
        variant="ii",
        wrong=(
            ({"variant": "iii"}, ("variant='iii'", "'ii'")),
            ({"lambda_od": -1.0}, ("lambda_od=-1.0", "negative")),
            ({"lambda_d": -1.0}, ("lambda_d=-1.0", "negative")),
        ),
    ),
}
VARIANTS = pytest.mark.parametrize("variant", ["i", "ii"])


def tiny(**options):
    return randomized(DIPVAE, **options)


def parameters(n=6, dim=2):
    rng = np.random.default_rng(1)
    return rng.normal(size=(2, n, dim)).astype("float32")


def expected_covariance(mean, log_variance, variant):
    covariance = np.cov(mean, rowvar=False, bias=True)
    if variant == "ii":
        covariance = covariance + np.diag(np.exp(log_variance).mean(0))
    return covariance


# ---- The covariance ---------------------------------------------------------


@VARIANTS
def test_the_covariance_is_numpys(variant):
    mean, log_variance = parameters()
    model = tiny(variant=variant)
    found = model.covariance(Normal(tensor(mean), tensor(log_variance)))
    expected = expected_covariance(mean, log_variance, variant)
    np.testing.assert_allclose(array(found), expected, rtol=1e-5)


def test_the_second_is_that_of_the_latents():
    """By the law of total covariance."""
    mean, log_variance = parameters(n=4)
    q = Normal(tensor(mean), tensor(log_variance))
    z = array(q.sample(50_000, seed=0)).reshape(-1, 2)
    expected = array(tiny(variant="ii").covariance(q))
    np.testing.assert_allclose(np.cov(z.T), expected, atol=0.02)


@VARIANTS
def test_the_order_and_the_place_of_the_codes_do_not_matter(variant):
    mean, log_variance = parameters()
    model = tiny(variant=variant)

    def covariance(mean, log_variance):
        return array(
            model.covariance(Normal(tensor(mean), tensor(log_variance)))
        )

    expected = covariance(mean, log_variance)
    order = [3, 1, 5, 0, 2, 4]
    np.testing.assert_allclose(
        covariance(mean[order], log_variance[order]), expected, rtol=1e-5
    )
    np.testing.assert_allclose(
        covariance(mean + 3.0, log_variance), expected, rtol=1e-4
    )


def penalty(model, mean, log_variance):
    """Both losses with their weights, by the model."""
    zeros = ops.zeros((1,))

    class Bound:
        posterior = Normal(mean, log_variance)
        log_likelihood = kl_divergence = zeros

    terms, weights = model.terms(Bound), model.term_weights()
    return sum(weights[name] * terms[name] for name in weights)


def test_the_gradient_moves_no_mean_and_the_second_alone_the_variances():
    mean, log_variance = map(tensor, parameters())
    model = tiny(variant="i")
    slope = array(gradient(lambda m: penalty(model, m, log_variance), mean))
    np.testing.assert_allclose(slope.sum(0), 0.0, atol=1e-4)
    assert np.abs(slope).max() > 0.1
    slope = array(gradient(lambda v: penalty(model, mean, v), log_variance))
    np.testing.assert_array_equal(slope, 0.0)
    model = tiny(variant="ii", lambda_d=0.0)
    slope = array(gradient(lambda v: penalty(model, mean, v), log_variance))
    np.testing.assert_array_equal(slope, 0.0)
    model = tiny(variant="ii")
    slope = array(gradient(lambda v: penalty(model, mean, v), log_variance))
    assert np.abs(slope).min() > 0.0


# ---- The objective ----------------------------------------------------------


@VARIANTS
def test_without_weights_it_is_the_variational_autoencoder(
    monkeypatch, variant
):
    check_is_the_vae(tiny(variant=variant, lambda_od=0.0), monkeypatch)


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({"variant": "i"}, (10.0, 100.0)),
        ({"variant": "ii"}, (10.0, 10.0)),
        ({"variant": "i", "lambda_od": 2.0}, (2.0, 20.0)),
        ({"variant": "ii", "lambda_od": 2.0, "lambda_d": 3.0}, (2.0, 3.0)),
    ],
)
def test_penalties_of_both_parts(options, weights):
    model, x = tiny(**options), data()
    covariance = expected_covariance(
        *map(array, model.encoder(x)), options["variant"]
    )
    off = 2.0 * covariance[0, 1] ** 2
    diagonal = np.sum((np.diag(covariance) - 1.0) ** 2)
    logs = training_logs(model, x)
    assert logs["off_diagonal_loss"] == pytest.approx(off, rel=1e-4)
    assert logs["diagonal_loss"] == pytest.approx(diagonal, rel=1e-4)
    rest = logs["reconstruction_loss"] + logs["kl_divergence"]
    expected = rest + weights[0] * off + weights[1] * diagonal
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)


def test_settings_of_the_paper():
    model = DIPVAE((16, 16, 1), filters=2)
    assert model.architecture == "conv"
    assert model.latent_dim == 10
    assert float(model.default_optimizer().learning_rate) == (
        pytest.approx(1e-4)
    )
