import numpy as np
import pytest

from keras_gen import BetaTCVAE
from keras_gen.distributions import Normal
from keras_gen.losses.aggregated_posterior import (
    ESTIMATORS,
    log_aggregated_posterior,
)
from tests.contract.case import QUICK, Case
from tests.models.vaes.disentangled_helpers import (
    SHAPE,
    check_is_the_vae,
    data,
    fixed_noise,
    randomized,
)
from tests.numerics import (
    array,
    randomize,
    tensor,
    training_logs,
)

CONTRACT = {
    "beta_tcvae": Case(
        logits=("decoder",),
        input_shape=(16, 16, 1),
        latent_dim=3,
        hidden_units=8,
        num_examples=1000,
        sampling="mss",
        wrong=(
            ({"sampling": "all"}, ("sampling='all'", "'mws'")),
            ({"alpha": -1.0}, ("alpha=-1.0", "negative")),
            ({"beta": -1.0}, ("beta=-1.0", "negative")),
            ({"gamma": -1.0}, ("gamma=-1.0", "negative")),
            ({"num_examples": 0}, ("num_examples=0", "above 0")),
        ),
    ),
}
SAMPLINGS = pytest.mark.parametrize("sampling", ESTIMATORS)


def tiny(**options):
    return randomized(BetaTCVAE, **{"num_examples": 100, **options})


@SAMPLINGS
@pytest.mark.parametrize("estimator", ["analytic", "monte_carlo"])
def test_with_all_weights_1_it_is_the_variational_autoencoder(
    monkeypatch, sampling, estimator
):
    """The three terms add up to the divergence, whatever the estimate."""
    model = tiny(beta=1.0, sampling=sampling, estimator=estimator)
    check_is_the_vae(model, monkeypatch)


@SAMPLINGS
def test_terms_and_their_weights(monkeypatch, sampling):
    x, n = data(), 100
    eps = fixed_noise(monkeypatch, draws=2)
    weights = {"alpha": 0.5, "beta": 3.0, "gamma": 2.0}
    model = tiny(sampling=sampling, num_samples=2, **weights)
    mean, log_variance = map(array, model.encoder(x))
    z = mean + np.exp(0.5 * log_variance) * eps
    q = Normal(tensor(mean), tensor(log_variance))
    codes = tensor(z.astype("float32"))
    log_q, log_product = map(
        array, log_aggregated_posterior(codes, q, n, sampling)
    )
    conditional = array(q.log_prob(codes))
    prior = -0.5 * (z**2 + np.log(2.0 * np.pi)).sum(-1)
    logs = training_logs(model, x)
    expected = {
        "mutual_information": np.mean(conditional - log_q),
        "total_correlation": np.mean(log_q - log_product),
        "dimension_wise_kl": np.mean(log_product - prior),
    }
    for name, value in expected.items():
        assert logs[name] == pytest.approx(value, rel=1e-3, abs=1e-4), name
    # Nothing else is a part of the loss: not the divergence as a whole.
    loss = logs["reconstruction_loss"] + np.dot(
        list(weights.values()), list(expected.values())
    )
    assert logs["loss"] == pytest.approx(loss, rel=1e-4)
    assert logs["kl_divergence"] == pytest.approx(
        sum(expected.values()), rel=1e-3, abs=1e-4
    )


@SAMPLINGS
def test_one_latent_has_no_total_correlation(sampling):
    model = BetaTCVAE(SHAPE, latent_dim=1, hidden_units=8, sampling=sampling)
    randomize(model.encoder, 1)
    logs = training_logs(model, data())
    assert logs["total_correlation"] == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("sampling", ["mss", "mss_uniform"])
def test_equal_posteriors_tell_nothing(sampling):
    """By stratified sampling there is no mutual information then."""
    model, x = tiny(sampling=sampling), data()
    logs = training_logs(model, np.repeat(x[:1], 6, axis=0))
    assert logs["mutual_information"] == pytest.approx(0.0, abs=1e-4)
    assert logs["total_correlation"] == pytest.approx(0.0, abs=1e-4)


def test_settings_of_the_paper():
    config = BetaTCVAE(SHAPE, hidden_units=8).get_config()
    weights = [config[name] for name in ("alpha", "beta", "gamma")]
    assert weights == [1.0, 6.0, 1.0]
    assert config["num_examples"] == 3 * 6 * 40 * 32 * 32
    assert (config["sampling"], config["estimator"]) == ("mws", "monte_carlo")
    assert float(tiny().default_optimizer().learning_rate) == (
        pytest.approx(1e-3)
    )


def test_a_batch_is_no_larger_than_the_training_set():
    model = tiny(num_examples=4)
    model.compile(**QUICK)
    x = data(8)
    model.fit(x, batch_size=4, verbose=0)
    with pytest.raises(ValueError, match="at least the size of a batch"):
        model.fit(x, batch_size=8, verbose=0)
