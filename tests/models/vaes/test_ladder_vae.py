import inspect
import math

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_gen import VAE, LadderVAE
from keras_gen.layers import BatchNormalization
from tests.contract.case import Case
from tests.models.vaes.ladder_reference import (
    EPSILON,
    LATENT_DIMS,
    PIXELS,
    constant_encoder,
    data,
    descend,
    infer,
    noises,
    predicted,
    tiny,
)
from tests.numerics import (
    array,
    linear,
    one_program,
    randomize,
    run_as_programs,
    tensor,
)

CONTRACT = {
    "ladder_vae": Case(
        logits=("decoder",),
        input_shape=(6, 5, 1),
        latent_dims=(3, 2),
        hidden_units=(8, 6),
        warmup_epochs=3,
        activations={"encoder": ["linear", "softplus"] * 2},
        wrong=(
            ({"hidden_units": (8,)}, ("latent_dims=(3, 2)", "(8,)")),
            ({"latent_dims": ()}, ("latent_dims=()", "hidden_units=(8, 6)")),
            ({"importance_samples": 0}, ("importance_samples=0", "above 0")),
        ),
    ),
}


@pytest.fixture(scope="module")
def model():
    """One ladder, only to be looked at."""
    return tiny()


# ---- The posterior ----------------------------------------------------------


@pytest.mark.parametrize("share_top_down", [True, False])
def test_posterior_is_the_product_of_estimate_and_prediction(share_top_down):
    model, x = tiny((3, 2, 2), share_top_down=share_top_down), data()
    eps = noises(latent_dims=(3, 2, 2))
    expected = descend(model, x, [e[0] for e in eps])
    for (z, q, p), (z_, q_, p_) in zip(
        infer(model, x, eps), expected, strict=True
    ):
        np.testing.assert_allclose(z, z_, rtol=2e-4, atol=1e-5)
        for (mean, log_variance), (mean_, variance_) in ((q, q_), (p, p_)):
            mean, log_variance = mean + 0 * z, log_variance + 0 * z
            np.testing.assert_allclose(mean, mean_, rtol=2e-4, atol=1e-5)
            np.testing.assert_allclose(
                np.exp(log_variance), variance_, rtol=2e-4
            )


FLAT = [[1.0, -2.0, 3.0], [1e12] * 3, [0.5, -0.5], [0.3, 0.8]]


def test_an_ignorant_estimate_leaves_the_prior(monkeypatch):
    model, x = tiny(encoder=constant_encoder(FLAT)), data()
    run_as_programs(monkeypatch, model)
    (_, q, p), _ = infer(model, x)
    for part, prior_part in zip(q, p, strict=True):
        np.testing.assert_allclose(part, prior_part, rtol=1e-5)
    divergences = model.layer_divergences(x)
    assert divergences[0] == pytest.approx(0.0, abs=1e-5)
    assert divergences[1] > 0.1


def test_an_ignorant_estimate_leaves_the_posteriors_own_prediction(monkeypatch):
    model = tiny(encoder=constant_encoder(FLAT), share_top_down=False)
    run_as_programs(monkeypatch, model)
    x = data()
    (_, q, _), (above, _, _) = infer(model, x)
    mean, variance = predicted(model.predictions[0], above)
    np.testing.assert_allclose(q[0], mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.exp(q[1]), variance, rtol=1e-4)
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
    (_, q, _), _ = infer(model, x)
    mean, variance = map(array, model.encoder(x)[:2])
    np.testing.assert_allclose(q[0], mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.exp(q[1]), variance + EPSILON, rtol=1e-5)


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
    run_as_programs(monkeypatch, ladder, vae)
    # Equal seeds: both draw the same noise.
    bounds = [model.elbo(x, num_samples=3) for model in (ladder, vae)]
    for name, value in bounds[0].items():
        np.testing.assert_allclose(value, bounds[1][name], rtol=1e-4)
    np.testing.assert_allclose(
        *(m.log_likelihood(x, num_samples=3) for m in (ladder, vae)), rtol=1e-4
    )


# ---- The networks -----------------------------------------------------------


def unbuilt(*args, **options):
    """A ladder of which the layers and their shapes alone are looked at."""
    with keras.StatelessScope(initialize_variables=False):
        return LadderVAE(*args, **options)


def dense_shapes(network):
    return [
        tuple(layer.kernel.shape)
        for layer in network.layers
        if isinstance(layer, layers.Dense)
    ]


@pytest.mark.parametrize("only_mu_up", [True, False])
def test_networks_mirror_each_other(only_mu_up):
    hidden, latent = (9, 7, 5), (4, 3, 2)
    model = unbuilt((PIXELS,), latent, hidden, only_mu_up=only_mu_up)
    expected, below = [], PIXELS
    for h, z in zip(hidden, latent, strict=True):
        expected += [(below, h), (h, h), (h, z), (h, z)]
        below = z if only_mu_up else h
    assert sorted(dense_shapes(model.encoder)) == sorted(expected)
    assert len(model.priors) == 2 and model.predictions == []
    for i, network in enumerate(model.priors):
        h, z = hidden[i + 1], latent[i + 1]
        expected = [(z, h), (h, h), (h, latent[i]), (h, latent[i])]
        assert dense_shapes(network) == expected
    assert dense_shapes(model.decoder) == [(4, 9), (9, 9), (9, PIXELS)]


def test_defaults_are_those_of_paper_and_code():
    parameters = inspect.signature(LadderVAE).parameters
    defaults = {name: p.default for name, p in parameters.items()}
    assert defaults["latent_dims"] == (64, 32, 16, 8, 4)
    assert defaults["hidden_units"] == (512, 256, 128, 64, 32)
    assert defaults["warmup_epochs"] == 200
    for name in ("share_top_down", "only_mu_up", "batch_norm"):
        assert defaults[name] is True
    assert defaults["importance_samples"] == defaults["num_samples"] == 1
    # Its bound has no other estimator.
    assert "estimator" not in parameters


def test_all_dense_layers_but_the_output_are_normalized():
    model = unbuilt((PIXELS,), LATENT_DIMS, (5, 4), share_top_down=False)
    assert len(model.predictions) == 1
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
        assert slopes == {0.01}
    assert model.decoder.layers[-2].use_bias


@pytest.mark.parametrize("batch_norm", [True, False])
def test_variances_start_from_a_softplus_of_one(batch_norm):
    model = LadderVAE((PIXELS,), (3, 2), (5, 4), batch_norm=batch_norm, seed=0)
    # Zeros are zeros after each layer, except for the bias of the head.
    networks = [model.encoder(np.zeros((4, PIXELS), "float32"))]
    networks += [model.priors[0](np.zeros((4, 2), "float32"))]
    for outputs in networks:
        for mean, variance in zip(outputs[::2], outputs[1::2], strict=True):
            np.testing.assert_array_equal(array(mean), 0.0)
            np.testing.assert_allclose(
                array(variance), math.log(1 + math.e), rtol=1e-6
            )


# ---- Use --------------------------------------------------------------------


def test_samples_descend_by_the_generative_model_alone():
    model = tiny(share_top_down=False)
    rng = np.random.default_rng(3)
    top, eps = rng.normal(size=(4, 2)), rng.normal(size=(4, 3))
    mean, variance = predicted(model.priors[0], top)
    z = mean + np.sqrt(variance) * eps
    logits = array(model.decoder(z.astype("float32")))
    images = model.ancestral_step(tensor(top), tensor(eps), layer=1)
    np.testing.assert_allclose(
        array(images), 1 / (1 + np.exp(-logits)), rtol=1e-4
    )

    before = model.sample(4, seed=1)
    randomize(model.predictions[0], 7)
    np.testing.assert_array_equal(model.sample(4, seed=1), before)
    randomize(model.priors[0], 7)
    assert np.abs(model.sample(4, seed=1) - before).max() > 1e-3


def test_noise_reaches_every_layer_of_a_sample(model):
    """Samples of one top layer have the variance of the layer below."""
    top = np.tile(np.random.default_rng(3).normal(size=(1, 2)), (4000, 1))
    mean, variance = predicted(model.priors[0], top[:1])
    seen, decoder = [], model.decoder

    def recording(z, training=False):
        seen.append(array(z))
        return decoder(z, training=training)

    # Past Keras' tracking of attributes.
    object.__setattr__(model, "decoder", recording)
    model.sample_from(top, seed=0, batch_size=4000)
    object.__setattr__(model, "decoder", decoder)
    (z,) = seen
    # Five standard errors.
    slack = 5 * np.sqrt(variance[0] / 4000)
    assert np.all(np.abs(z.mean(0) - mean[0]) < slack)
    np.testing.assert_allclose(z.var(0), variance[0], rtol=0.12)


def test_the_top_can_be_held(model):
    """What is below it is sampled; `decode` takes the means there."""
    top = np.random.default_rng(3).normal(size=(4, 2))
    held = [model.sample_from(t, seed=1) for t in (top, top, -top)]
    np.testing.assert_array_equal(held[0], held[1])
    assert np.abs(held[0] - held[2]).max() > 1e-3
    # Without a seed, samples go on from the model's own.
    other = model.sample_from(top)
    assert np.abs(other - model.sample_from(top)).max() > 1e-3
    mean, _ = predicted(model.priors[0], top)
    np.testing.assert_allclose(
        model.decode(top), model.sample_from(mean, layer=0), rtol=1e-4
    )


def test_a_lower_layer_is_held_fixed():
    """What is above it no longer matters, what is below is sampled."""
    model = tiny((3, 2, 2))
    dims, rng = model.latent_dims, np.random.default_rng(0)
    for layer in reversed(range(len(dims))):
        z = rng.normal(size=(4, dims[layer])).astype("float32")
        held = [
            model.sample_from(z, layer=index, seed=seed)
            for index, seed in ((layer, 1), (layer - len(dims), 1), (layer, 2))
        ]
        np.testing.assert_array_equal(held[0], held[1])
        alike = np.allclose(held[0], held[2], atol=1e-5)
        assert alike == (layer == 0)
    expected = array(model.likelihood(tensor(z)).mean)
    np.testing.assert_allclose(held[0], expected, atol=1e-5)
    with pytest.raises(ValueError, match=r"latent_dims\[2\].*\(4, 3\)"):
        model.sample_from(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="layer=9"):
        model.sample_from(z, layer=9)


def test_encoding_gives_the_means_of_all_layers(model):
    x = data()
    expected = descend(model, x, [0.0, 0.0])
    means = model.encode_layers(x)
    for mean, (_, q, _) in zip(means, expected, strict=True):
        np.testing.assert_allclose(mean, q[0], rtol=1e-4, atol=1e-5)
    # Codes are those of the top layer.
    np.testing.assert_allclose(model.encode(x), means[-1], rtol=1e-5)
    # Images are reconstructed from the lowest.
    expected = model.sample_from(means[0], layer=0)
    np.testing.assert_allclose(model.reconstruct(x), expected, rtol=1e-4)
    signature = model.signatures()["encode_layers"]
    assert signature.outputs == ("z_1", "z_2")
    for found, mean in zip(signature.fn(tensor(x)), means, strict=True):
        np.testing.assert_allclose(array(found), mean, rtol=1e-5)


def test_traversals_vary_the_top_layer(model):
    x = data()
    top = model.encode(x)[0]
    images = model.traverse(x[0], values=[-1.0, 2.0])
    assert images.shape == (2, 2, PIXELS)
    expected = model.decode([[top[0], -1.0], [top[0], 2.0]])
    np.testing.assert_allclose(images[1], expected, rtol=1e-4)


def test_batch_norm_moves_in_training_alone():
    model, x = tiny((2,), batch_norm=True), data()
    statistics = model.encoder.non_trainable_variables
    state = [array(v).copy() for v in statistics]

    def loss(training):
        return lambda: model.bound(model.prepared((x,)), 1, training).elbo

    one_program(loss(False))()
    for variable, value in zip(statistics, state, strict=True):
        np.testing.assert_array_equal(array(variable), value)
    one_program(loss(True))()
    for variable, value in zip(statistics, state, strict=True):
        assert np.abs(array(variable) - value).max() > 0.0


def test_a_decoder_of_zeros_costs_log_two_for_each_pixel(monkeypatch):
    model = tiny()
    run_as_programs(monkeypatch, model)
    linear(model.decoder, np.zeros((5, PIXELS)), np.zeros(PIXELS), layer=-2)
    parts = model.elbo(data())
    np.testing.assert_allclose(
        parts["log_likelihood"], -PIXELS * math.log(2), rtol=1e-6
    )


def test_a_bound_writes_nothing_into_the_logs():
    model, x = tiny(), data()
    model.compile("sgd")
    model.elbo(x)
    model.log_likelihood(x, num_samples=1)
    assert not np.any(array(model._loss_tracker.counts))
