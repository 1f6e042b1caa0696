import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
from keras import layers, ops

from keras_gen import CVAE, VAE
from keras_gen.distributions import normal
from keras_gen.engine import Batch
from tests.contract.case import Case
from tests.models.vaes.disentangled_helpers import check_equal
from tests.numerics import (
    array,
    fix_noise,
    gradient,
    linear,
    loss_and_gradients,
    randomize,
    run_as_programs,
    tensor,
    training_logs,
)

X, Y = (3, 2, 1), (4, 3, 1)
CONTRACT = {
    "cvae": Case(
        logits=("generation_net",),
        condition_shape=X,
        output_shape=Y,
        latent_dim=3,
        hidden_units=8,
        hybrid_weight=0.7,
        wrong=(
            ({"hybrid_weight": 1.5}, ("hybrid_weight=1.5", "from 0 to 1")),
            ({"likelihood": "cat"}, ("'cat'", "'gaussian'")),
            ({"output_mask": np.ones((4, 3))}, (str(Y), "(4, 3)")),
            ({"output_mask": 255 * np.ones(Y)}, ("zeros and ones", "255")),
            ({"num_classes": 0}, ("num_classes=0", "above 0")),
            (
                {"hybrid_weight": 0.0, "recognition_net": keras.Sequential()},
                ("recognition_net", "not used"),
            ),
        ),
    ),
    "cvae-classes": Case(
        output_shape=Y,
        num_classes=3,
        latent_dim=3,
        hidden_units=8,
        conditional_prior=False,
    ),
    "cvae-gsnn": Case(
        condition_shape=X,
        output_shape=Y,
        latent_dim=3,
        hidden_units=8,
        hybrid_weight=0.0,
        output_mask=np.arange(12).reshape(Y) > 4,
    ),
}


def tiny(latent_dim=2, randomized=True, **options):
    options = {"condition_shape": X, "hidden_units": 8, "seed": 0, **options}
    model = CVAE(output_shape=Y, latent_dim=latent_dim, **options)
    for seed, name in enumerate(model.players["model"] if randomized else ()):
        randomize(getattr(model, name), seed)
    return model


def data(n=6):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, *X)), rng.uniform(size=(n, *Y))
    return x.astype("float32"), y.astype("float32")


def fixed_noise(monkeypatch, n=6, draws=1):
    eps = np.random.default_rng(1).normal(size=(draws, n, 2))
    fix_noise(monkeypatch, normal, eps)
    return eps


def bernoulli(y, logits):
    terms = y * logits - np.logaddexp(0.0, logits)
    return terms.reshape(len(y), -1).sum(axis=-1)


# ---- The losses -------------------------------------------------------------


def reference(model, x, y, eps):
    """`L_CVAE`'s terms and `L_GSNN`, for one draw."""
    m, v = map(array, model.prior_net(x))
    log_p = {}
    kl = 0.0
    draws = {"gsnn": (m, v)}
    if model.recognition_net is not None:
        qm, qv = draws["cvae"] = tuple(
            map(array, model.recognition_net([x, y]))
        )
        terms = v - qv + (np.exp(qv) + (qm - m) ** 2) / np.exp(v) - 1.0
        kl = 0.5 * terms.sum(axis=-1).mean()
    for name, (mean, log_variance) in draws.items():
        z = mean + np.exp(0.5 * log_variance) * eps
        logits = array(model.generation_net([x, z.astype("float32")]))
        log_p[name] = bernoulli(y, logits).mean()
    return log_p, kl


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_hybrid_loss(monkeypatch, weight):
    model, (x, y) = tiny(hybrid_weight=weight), data()
    eps = fixed_noise(monkeypatch)[0]
    log_p, kl = reference(model, x, y, eps)
    logs = training_logs(model, x, y)
    expected = -(1.0 - weight) * log_p["gsnn"]
    if weight > 0.0:
        expected += weight * (kl - log_p["cvae"])
        assert logs["kl_divergence"] == pytest.approx(kl, rel=1e-4)
        found = logs["reconstruction_loss"]
        assert found == pytest.approx(-log_p["cvae"], rel=1e-4)
        assert logs["elbo"] == pytest.approx(log_p["cvae"] - kl, rel=1e-4)
    else:
        assert model.recognition_net is None
        assert "kl_divergence" not in logs
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)
    assert ("gsnn_loss" in logs) == (weight < 1.0)


def test_the_divergence_of_two_networks_by_monte_carlo():
    analytic, estimate = tiny(), tiny(estimator="monte_carlo", num_samples=4000)
    x, y = data()
    expected = training_logs(analytic, x, y)["kl_divergence"]
    found = training_logs(estimate, x, y)["kl_divergence"]
    assert found == pytest.approx(expected, rel=0.05)


def ignoring_y(prior_net):
    """A recognition network with the weights of the prior's."""
    x, y = keras.Input(X), keras.Input(Y)
    return keras.Model([x, y], prior_net(x))


def test_a_recognition_network_that_ignores_the_output(monkeypatch):
    """Then there is no divergence, both losses have one distribution, and
    importance sampling is Monte Carlo sampling, draw by draw."""
    prior_net = tiny().prior_net
    model = tiny(
        randomized=False,
        prior_net=prior_net,
        recognition_net=ignoring_y(prior_net),
        hybrid_weight=0.5,
    )
    x, y = data()
    fixed_noise(monkeypatch)
    logs = training_logs(model, x, y)
    assert logs["kl_divergence"] == pytest.approx(0.0, abs=1e-5)
    found = logs["reconstruction_loss"]
    assert found == pytest.approx(logs["gsnn_loss"], rel=1e-5)
    fixed_noise(monkeypatch, draws=7)
    estimates = [
        model.conditional_log_likelihood(x, y, num_samples=7, method=method)
        for method in ("importance", "monte_carlo")
    ]
    np.testing.assert_allclose(*estimates, rtol=1e-4)


def test_without_a_condition_it_is_the_variational_autoencoder(monkeypatch):
    """The prior N(0, I), and networks that get no information from `x`."""
    model = tiny(conditional_prior=False)
    assert model.prior_net is None
    x, y = data()
    x = np.zeros_like(x)
    y_in, z_in, zeros = (
        keras.Input(Y),
        keras.Input((2,)),
        layers.Lambda(
            lambda t: ops.zeros((ops.shape(t)[0], *X)), output_shape=X
        ),
    )
    encoder = keras.Model(y_in, model.recognition_net([zeros(y_in), y_in]))
    decoder = keras.Model(z_in, model.generation_net([zeros(z_in), z_in]))
    vae = VAE(Y, latent_dim=2, encoder=encoder, decoder=decoder)
    variables = model.player_variables("model")

    def loss(model, batch):
        fixed_noise(monkeypatch)
        return loss_and_gradients(
            lambda: model.model_loss(batch, training=True), variables
        )

    found = loss(model, Batch(tensor(x), tensor(y)))
    check_equal(found, loss(vae, Batch(tensor(y))))


def test_hidden_components_alone_count(monkeypatch):
    """Three of four quadrants given leave 196 pixels of 28 x 28."""
    mask = np.zeros((28, 28, 1))
    mask[14:, :14] = 1.0
    model = CVAE(output_mask=mask, latent_dim=2, hidden_units=4)
    randomize(model.generation_net, 1, 0.0)
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(3, 28, 28, 1)).astype("float32")
    z = tensor(np.zeros((1, 3, 2)))
    log_p = array(model.generation(tensor(x), z).log_prob(tensor(x)))
    np.testing.assert_allclose(log_p, -196 * np.log(2.0), rtol=1e-5)

    def likelihood(y):
        return model.generation(tensor(x), z).log_prob(y)

    randomize(model.generation_net, 1)
    slopes = gradient(likelihood, x)
    assert np.all((slopes != 0.0) == np.broadcast_to(mask == 1.0, x.shape))
    # What is not predicted is the input's.
    predicted = model.predict(x, verbose=0)
    assert np.all((predicted == x) == np.broadcast_to(mask == 0.0, x.shape))
    samples = model.sample(2, labels=x[0], seed=0)
    np.testing.assert_array_equal(samples[:, :14], x[[0, 0], :14])


# ---- The conditional likelihood ---------------------------------------------


def linear_gaussian():
    """`z ~ N(W x, I)`, `y ~ N(V z, s^2 I)`, and the exact posterior."""
    rng = np.random.default_rng(0)
    w, v = rng.normal(size=(6, 2)), rng.normal(size=(2, 12))
    scale = 0.7
    model = tiny(
        hidden_units=(), likelihood="gaussian", scale=scale, randomized=False
    )
    linear(model.prior_net, w, np.zeros(2), layer=-2)
    linear(model.prior_net, np.zeros((6, 2)), np.zeros(2), layer=-1)
    kernel = np.concatenate([np.zeros((6, 12)), v])
    linear(model.generation_net, kernel, np.zeros(12), layer=-2)
    precision = np.eye(2) + v @ v.T / scale**2
    covariance = np.linalg.inv(precision)
    x, y = data(8)
    prior = x.reshape(8, 6) @ w
    exact = [
        scipy.stats.multivariate_normal.logpdf(
            target, mean @ v, v.T @ v + scale**2 * np.eye(12)
        )
        for target, mean in zip(y.reshape(8, 12), prior, strict=True)
    ]
    return model, x, y, np.array(exact), w, v, covariance, scale


def test_estimates_of_a_linear_gaussian_model(monkeypatch):
    model, x, y, exact, w, v, covariance, scale = linear_gaussian()
    run_as_programs(monkeypatch, model)
    # The posterior's mean, and a diagonal near to its covariance.
    kernel = np.concatenate([w @ covariance, v.T @ covariance / scale**2])
    linear(model.recognition_net, kernel, np.zeros(2), layer=-2)
    variance = 1.3 * np.diag(covariance)
    zeros = np.zeros((18, 2))
    linear(model.recognition_net, zeros, np.log(variance), layer=-1)

    def mean_of(repeats, **options):
        """Of so many estimates for each pair."""
        pairs = (np.concatenate([each] * repeats) for each in (x, y))
        found = model.conditional_log_likelihood(*pairs, **options)
        return np.mean(found.reshape(repeats, -1), axis=0)

    few, many = (
        mean_of(20, num_samples=draws, method="monte_carlo")
        for draws in (1, 100)
    )
    assert np.all(few < many) and np.mean(many) < np.mean(exact)
    found = model.conditional_log_likelihood(x, y, num_samples=2000)
    np.testing.assert_allclose(found, exact, atol=0.15)
    chunked = model.conditional_log_likelihood(
        x, y, num_samples=2000, chunk_size=300
    )
    np.testing.assert_allclose(chunked, exact, atol=0.15)
    # The ELBO, for one draw.
    bound = mean_of(200, num_samples=1)
    model.num_samples = 2000
    elbo = training_logs(model, x, y)["elbo"]
    assert bound.mean() == pytest.approx(elbo, abs=0.3)
    assert bound.mean() < exact.mean()


def test_a_network_of_the_prior_alone_has_no_importance_weights():
    model, (x, y) = tiny(hybrid_weight=0.0), data()
    found = model.conditional_log_likelihood(
        x, y, num_samples=3, method="monte_carlo"
    )
    assert found.shape == (6,)
    with pytest.raises(ValueError, match="'monte_carlo' with `hybrid_weight=0"):
        model.conditional_log_likelihood(x, y)
    for wrong, words in (
        (y[:, :3, 0, 0], r"`y` of CVAE.*\(6, 3\)"),
        (255.0 * y, "values from 0 to 1"),
        (y[:1], "1 and 6 of them"),
    ):
        with pytest.raises(ValueError, match=words):
            model.conditional_log_likelihood(x, wrong, method="monte_carlo")


# ---- Use --------------------------------------------------------------------


def test_predictions_are_for_the_mean_of_the_prior():
    model, (x, _) = tiny(), data()
    mean = array(model.prior_net(x)[0])
    logits = array(model.generation_net([x, mean]))
    expected = scipy.special.expit(logits)
    found = model.predict(x, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_samples_are_for_draws_of_the_prior():
    model, (x, _) = tiny(), data()
    samples = model.sample(500, labels=x[1], seed=0)
    m, v = (array(part)[1] for part in model.prior_net(x))
    z = m + np.exp(0.5 * v) * np.random.default_rng(0).normal(size=(500, 2))
    x1 = x[1:2].repeat(500, 0)
    logits = array(model.generation_net([x1, z.astype("float32")]))
    expected = scipy.special.expit(logits)
    np.testing.assert_allclose(samples.mean(0), expected.mean(0), atol=0.1)
    np.testing.assert_allclose(samples.std(0), expected.std(0), atol=0.1)
    again = model.sample(500, labels=x[1], seed=0)
    np.testing.assert_array_equal(samples, again)
    assert model.sample(6, labels=x).shape == (6, *Y)
    codes = z[:1].repeat(3, 0).astype("float32")
    decoded = model.decode(codes, labels=x[1])
    np.testing.assert_allclose(decoded[2], expected[0], rtol=1e-4)
    with pytest.raises(ValueError, match="labels=None"):
        model.sample(3)
    with pytest.raises(ValueError, match="one for all, or 3"):
        model.sample(3, labels=x)


def test_classes_are_one_hot_vectors():
    model = tiny(num_classes=3)
    labels = np.array([0, 2, 1], "int32")
    one_hot = np.eye(3, dtype="float32")[labels]
    mean = array(model.prior_net(one_hot)[0])
    logits = array(model.generation_net([one_hot, mean]))
    expected = scipy.special.expit(logits)
    found = model.predict(labels, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert model.sample(7).shape == (7, *Y)
    column = model.predict(labels[:, None], verbose=0)
    np.testing.assert_allclose(column, found, rtol=1e-5)
    # Classes are no outputs, though there be as many of both.
    masked = CVAE(
        output_shape=(3,),
        num_classes=3,
        output_mask=np.array([1, 0, 1]),
        latent_dim=2,
        hidden_units=4,
    )
    assert np.all(masked.predict(np.arange(5) % 3, verbose=0)[:, 1] == 0.0)


def test_the_first_guess_is_seen_by_the_prior_and_the_generation():
    baseline = keras.Sequential(
        [keras.Input(X), layers.Flatten(), layers.Dense(12), layers.Reshape(Y)]
    )
    model, (x, y) = tiny(baseline_net=baseline), data()
    guess = array(baseline(x))
    seen = np.concatenate([x.reshape(6, -1), guess.reshape(6, -1)], axis=-1)
    mean = array(model.prior_net(seen)[0])
    logits = array(model.generation_net([seen, mean]))
    expected = scipy.special.expit(logits)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, 1e-4)
    variables = model.player_variables("model")
    trained = {id(variable) for variable in variables}
    assert not any(id(v) in trained for v in baseline.variables)
    before = array(baseline.variables[0]).copy()
    model.compile("sgd", run_eagerly=keras.backend.backend() != "jax")
    model.fit(x, y, batch_size=6, verbose=0)
    after = array(baseline.variables[0])
    np.testing.assert_array_equal(after, before)


def test_sizes_of_the_networks():
    model = CVAE()
    hidden = 500 * 500 + 500
    heads = 2 * (500 * 200 + 200)
    first = 784 * 500 + 500
    assert model.prior_net.count_params() == first + hidden + heads
    found = model.recognition_net.count_params()
    assert found == first + 784 * 500 + hidden + heads
    found = model.generation_net.count_params()
    expected = (784 + 200) * 500 + 500 + hidden + 500 * 784 + 784
    assert found == expected
    rate = model.default_optimizer().learning_rate
    assert float(rate) == pytest.approx(1e-3)
