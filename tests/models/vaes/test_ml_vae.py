import numpy as np
import pytest
import scipy.stats

from keras_gen import MLVAE, VAE
from keras_gen.distributions import Normal
from keras_gen.engine import Batch
from tests.contract.case import Case
from tests.models.vaes.disentangled_helpers import (
    SHAPE,
    check_equal,
    data,
    fixed_noise,
)
from tests.numerics import (
    array,
    gradient,
    loss_and_gradients,
    randomize,
    tensor,
    training_logs,
)

CONTRACT = {
    "ml_vae": Case(
        input_shape=SHAPE,
        latent_dim=5,
        content_dim=2,
        hidden_units=8,
        wrong=(
            ({"content_dim": 5}, ("content_dim=5", "below")),
            ({"content_dim": 0}, ("content_dim=0", "at least 1")),
            ({"accumulation": "sum"}, ("'sum'", "'product'")),
        ),
    ),
}
GROUPS = np.array([4, 7, 4, 9, 7, 4])


def tiny(**options):
    options = {"latent_dim": 2, "hidden_units": 8, "seed": 0, **options}
    model = MLVAE(SHAPE, content_dim=1, **options)
    randomize(model.encoder, 1)
    randomize(model.decoder, 2, 0.2)
    return model


def merged(mean, variance, groups):
    """The products of densities, in a loop."""
    means, variances = np.empty_like(mean), np.empty_like(variance)
    for i, group in enumerate(groups):
        members = groups == group
        variances[i] = 1.0 / np.sum(1.0 / variance[members], axis=0)
        weighted = np.sum(mean[members] / variance[members], axis=0)
        means[i] = variances[i] * weighted
    return means, variances


def posteriors(model, x):
    mean, log_variance = map(array, model.encoder(x))
    return mean, np.exp(log_variance)


# ---- The loss ---------------------------------------------------------------


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("accumulation", ["product", "average"])
def test_the_loss_in_a_loop(monkeypatch, accumulation, shared):
    model, x = (
        tiny(accumulation=accumulation, shared_content_noise=shared),
        data(),
    )
    eps = fixed_noise(monkeypatch)[0].copy()
    mean, variance = posteriors(model, x)
    content = merged(mean[:, :1], variance[:, :1], GROUPS)
    if accumulation == "average":
        content = [
            np.stack([part[GROUPS == g, :1].mean(axis=0) for g in GROUPS])
            for part in (mean, variance)
        ]
    if shared:
        first = [int(np.flatnonzero(GROUPS == g)[0]) for g in GROUPS]
        eps[:, 0] = eps[first, 0]
    mean = np.concatenate([content[0], mean[:, 1:]], axis=-1)
    variance = np.concatenate([content[1], variance[:, 1:]], axis=-1)
    z = mean + np.sqrt(variance) * eps
    x_mean, raw = map(array, model.decoder(z.astype("float32")))
    deviation = np.exp(0.5 * np.tanh(raw))
    log_p = scipy.stats.norm.logpdf(x, x_mean, deviation).sum((1, 2, 3))
    kl = 0.5 * (mean**2 + variance - 1.0 - np.log(variance))
    number = len(set(GROUPS))
    expected = {
        "reconstruction_loss": -log_p.sum() / number,
        "style_kl": kl[:, 1].sum() / number,
        # Once for each group: groups 4, 7 and 9 begin in these rows.
        "content_kl": kl[[0, 1, 3], 0].sum() / number,
    }
    logs = training_logs(model, x, GROUPS)
    for name, value in expected.items():
        assert logs[name] == pytest.approx(value, rel=1e-4), name
    total = sum(expected.values())
    assert logs["loss"] == pytest.approx(total, rel=1e-4)
    assert logs["elbo"] == pytest.approx(-total, rel=1e-4)


def test_groups_of_one_are_the_variational_autoencoder(monkeypatch):
    model, x = tiny(likelihood="bernoulli"), data()
    networks = {"encoder": model.encoder, "decoder": model.decoder}
    vae = VAE(SHAPE, latent_dim=2, **networks)
    variables = [*model.encoder.variables, *model.decoder.variables]

    def loss(model, y=None):
        fixed_noise(monkeypatch)
        batch = Batch(tensor(x), y)
        return loss_and_gradients(
            lambda: model.model_loss(batch, training=True), variables
        )

    found = loss(model, tensor(np.arange(6)[::-1].copy()))
    check_equal(found, loss(vae))


def test_the_members_of_a_group_have_gradients_by_each_other():
    """That of the content's mean by a member's is its share, `v_G / v_i`."""
    model, x = tiny(), data()
    mean, variance = posteriors(model, x)
    log_variance = tensor(np.log(variance))

    def content(mean):
        model.posterior = lambda x, training: Normal(mean, log_variance)
        q = model.posterior_of(Batch(tensor(x), tensor(GROUPS)))
        return q.mean[0, :1]

    slopes = gradient(content, mean)
    members = GROUPS == GROUPS[0]
    shares = np.where(members, 1.0 / variance[:, 0], 0.0)
    np.testing.assert_allclose(
        slopes[:, 0], shares / shares.sum(), rtol=1e-3, atol=1e-6
    )
    np.testing.assert_allclose(slopes[:, 1], 0.0)


def test_twice_the_evidence(monkeypatch):
    """Doubled images double the style's divergence, not the content's."""
    model, x = tiny(), data(4)
    monkeypatch.setattr(
        "keras_gen.distributions.normal.noise.normal",
        lambda shape, seed: tensor(np.zeros([int(s) for s in shape])),
    )
    once = training_logs(model, x, np.zeros(4, "int32"))
    twice = training_logs(model, x.repeat(2, 0), np.zeros(8, "int32"))
    assert twice["style_kl"] == pytest.approx(2.0 * once["style_kl"], rel=1e-5)
    loss = twice["reconstruction_loss"]
    assert loss == pytest.approx(2.0 * once["reconstruction_loss"], rel=1e-5)
    mean, variance = posteriors(model, x)
    m, v = merged(mean[:, :1], variance[:, :1], np.zeros(4))
    m, v = m[0, 0], v[0, 0] / 2.0
    expected = 0.5 * (m**2 + v - 1.0 - np.log(v))
    assert twice["content_kl"] == pytest.approx(expected, rel=1e-4)
    assert twice["content_kl"] < 1.9 * once["content_kl"]


# ---- Use --------------------------------------------------------------------


@pytest.mark.parametrize("accumulation", ["product", "average"])
def test_contents_are_accumulated_over_all_batches(accumulation):
    model, x = tiny(accumulation=accumulation), data()
    mean, variance = posteriors(model, x)
    if accumulation == "average":
        variance = np.ones_like(variance)
    expected = merged(mean[:, :1], variance[:, :1], GROUPS)[0]
    found = model.contents(x, GROUPS, batch_size=2)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(
        model.contents(x, np.arange(6)), mean[:, :1], rtol=1e-4
    )


def test_groups_are_integers_one_for_each_example():
    model, x = tiny(), data()
    for groups, words in (
        (np.arange(6) / 3.0, "dtype=float64"),
        (np.arange(6) + 2**32, "values up to"),
        (np.arange(5), "5 and 6 of them"),
    ):
        with pytest.raises(ValueError, match=words):
            model.contents(x, groups)
    found = model.contents(x, GROUPS.astype("float64")[:, None])
    np.testing.assert_allclose(found, model.contents(x, GROUPS))


def test_swap():
    model, x = tiny(), data()
    found = model.swap(x[:2], x[2:5])
    assert found.shape == (2, 3, *SHAPE)
    codes = model.encode(x)
    code = np.concatenate([codes[1, :1], codes[4, 1:]])
    np.testing.assert_allclose(found[1, 2], model.decode(code[None])[0], 1e-4)
    content = model.contents(x, GROUPS)[:1]
    code = np.concatenate([content[0], codes[4, 1:]])
    found = model.swap(x, x[4:], groups=GROUPS)[0, 0]
    np.testing.assert_allclose(found, model.decode(code[None])[0], 1e-4)
    same = model.swap(x[:1], x[:1])[0, 0]
    np.testing.assert_allclose(same, model.reconstruct(x[:1])[0], rtol=1e-4)


def test_settings_of_the_official_code():
    model = MLVAE()
    config = model.get_config()
    assert (config["latent_dim"], config["content_dim"]) == (20, 10)
    assert config["accumulation"] == "product"
    assert not config["shared_content_noise"]
    expected = 784 * 500 + 500 + 4 * (500 * 10 + 10)
    assert model.encoder.count_params() == expected
    expected = 20 * 500 + 500 + 2 * (500 * 784 + 784)
    assert model.decoder.count_params() == expected
    hidden = model.encoder.layers[2]
    assert hidden.activation.__name__ == "tanh"
    assert "LecunNormal" in type(hidden.kernel_initializer).__name__
    rate = model.default_optimizer().learning_rate
    assert float(rate) == pytest.approx(1e-3)
