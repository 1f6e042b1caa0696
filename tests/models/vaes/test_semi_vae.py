import keras
import numpy as np
import pytest
import scipy.special
from keras import layers, ops

from keras_gen import VAE, SemiVAE, load_model
from keras_gen.distributions import normal
from keras_gen.engine import Batch
from tests.contract.case import Case
from tests.models.vaes.disentangled_helpers import SHAPE, check_equal, data
from tests.numerics import (
    array,
    evaluation_logs,
    fix_noise,
    linear,
    loss_and_gradients,
    one_program,
    randomize,
    run_as_programs,
    tensor,
    training_logs,
)

K = 3
CONTRACT = {
    "semi_vae": Case(
        logits=("classifier", "decoder"),
        input_shape=SHAPE,
        num_classes=K,
        latent_dim=4,
        hidden_units=8,
        initial_std=None,
        wrong=(
            ({"alpha": -1.0}, ("alpha=-1.0", "negative")),
            ({"labeled_fraction": 0.0}, ("labeled_fraction=0.0", "above 0")),
            ({"labeled_fraction": 2.0}, ("labeled_fraction=2.0", "at most 1")),
            ({"likelihood": "gaussian"}, ("'gaussian'", "'bernoulli'")),
            ({"factorization": "both"}, ("'both'", "'latent_first'")),
        ),
    ),
    "semi_vae-structured": Case(
        input_shape=SHAPE,
        num_classes=K,
        latent_dim=4,
        hidden_units=8,
        initial_std=None,
        factorization="latent_first",
        num_samples=2,
    ),
    "semi_vae-features": Case(
        input_shape=SHAPE,
        num_classes=K,
        latent_dim=4,
        hidden_units=8,
        initial_std=None,
        feature_dims=(0, 2, 3),
        given=lambda: {"features": features()},
    ),
}
LABELS = np.array([2, -1, 0, -1, -1, 1], "int32")


def features():
    """A trained M1, as far as its weights go."""
    model = VAE(SHAPE, latent_dim=4, hidden_units=6)
    randomize(model.encoder, 5)
    randomize(model.decoder, 6)
    return model


def tiny(num_classes=K, **options):
    options = {"latent_dim": 2, "hidden_units": 8, "seed": 0, **options}
    model = SemiVAE(SHAPE, num_classes, initial_std=None, **options)
    for index, name in enumerate(("classifier", "encoder", "decoder")):
        randomize(getattr(model, name), index + 1, 0.2)
    # Different examples are of different classes.
    kernel = model.classifier.layers[-1].kernel
    rng = np.random.default_rng(0)
    kernel.assign(rng.normal(0.0, 6.0, kernel.shape))
    return model


def fixed_noise(monkeypatch, n=6 * K, draws=1, size=2):
    eps = np.random.default_rng(1).normal(size=(draws, n, size))
    fix_noise(monkeypatch, normal, eps)
    return eps


def losses_of_classes(model, x, eps):
    """`L(x, y)` of each class, and its parts, in a loop over the classes."""
    n, k = len(x), model.num_classes
    eps = eps.reshape(n, k, -1)
    log_p, kl = np.empty((2, n, k))
    for label in range(k):
        classes = np.eye(k, dtype="float32")[[label] * n]
        mean, log_variance = map(array, model.encoder([x, classes]))
        z = mean + np.exp(0.5 * log_variance) * eps[:, label]
        joined = np.concatenate([classes, z], axis=-1).astype("float32")
        logits = array(model.decoder(joined))
        terms = x * logits - np.logaddexp(0.0, logits)
        log_p[:, label] = terms.reshape(n, -1).sum(axis=-1)
        terms = mean**2 + np.exp(log_variance) - 1.0 - log_variance
        kl[:, label] = 0.5 * terms.sum(axis=-1)
    return kl - log_p + np.log(k), log_p, kl


def test_the_objective(monkeypatch):
    """`L` of the labeled, `U` of the others, and the classification loss."""
    model, x = tiny(alpha=0.7), data()
    eps = fixed_noise(monkeypatch)[0]
    losses, log_p, kl = losses_of_classes(model, x, eps)
    log_q = scipy.special.log_softmax(array(model.classifier(x)), axis=-1)
    q = np.exp(log_q)
    unlabeled = np.sum(q * (losses + log_q), axis=-1)
    known = LABELS >= 0
    rows, chosen = np.flatnonzero(known), LABELS[known]
    bound = unlabeled.copy()
    bound[known] = losses[rows, chosen]
    cross_entropy = -log_q[rows, chosen].mean()
    logs = training_logs(model, x, LABELS)
    expected = bound.mean() + 0.7 * cross_entropy
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    assert logs["elbo"] == pytest.approx(-bound.mean(), rel=1e-5)
    assert logs["classification_loss"] == pytest.approx(cross_entropy, 1e-5)
    weights = q.copy()
    weights[known] = np.eye(K)[chosen]
    for name, values in (
        ("reconstruction_loss", -log_p),
        ("kl_divergence", kl),
    ):
        mean = np.sum(weights * values, axis=-1).mean()
        assert logs[name] == pytest.approx(mean, rel=1e-4), name
    total = logs["reconstruction_loss"] + logs["kl_divergence"]
    total += logs["class_kl"]
    assert total == pytest.approx(bound.mean(), rel=1e-5)
    hits = (log_q.argmax(axis=-1) == LABELS)[known]
    assert logs["accuracy"] == pytest.approx(hits.mean())


def test_each_label_counts_by_the_fraction_of_the_labeled(monkeypatch):
    """`alpha / labeled_fraction` each, in the mean over the batch."""
    x = data()
    fixed_noise(monkeypatch)
    plain = training_logs(tiny(), x, LABELS)
    fixed_noise(monkeypatch)
    logs = training_logs(tiny(labeled_fraction=0.2), x, LABELS)
    # Half of the batch has labels, where a fifth is expected.
    expected = 2.5 * plain["classification_loss"]
    assert logs["classification_loss"] == pytest.approx(expected, rel=1e-5)
    difference = 0.1 * (expected - plain["classification_loss"])
    found = logs["loss"] - plain["loss"]
    assert found == pytest.approx(difference, abs=1e-4)
    # Held-out data have a fraction of their own.
    fixed_noise(monkeypatch)
    held_out = tiny(labeled_fraction=0.2)
    held_out.compile("sgd", run_eagerly=keras.backend.backend() != "jax")
    found = held_out.evaluate(x, LABELS, verbose=0, return_dict=True)
    expected = plain["classification_loss"]
    assert found["classification_loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"feature_dims": (0, 9)}, "from 0 to 3"),
        ({"feature_dims": ()}, "one at least"),
        ({"input_shape": (28, 28, 1)}, r"must be \(4, 3, 1\)"),
    ],
)
def test_features_that_do_not_fit(options, words):
    options = {"input_shape": SHAPE, "features": features(), **options}
    with pytest.raises(ValueError, match=words):
        SemiVAE(**options)


def with_logits(model, logits):
    """Makes the classifier's logits the same for all examples."""
    linear(model.classifier, np.zeros((8, len(logits))), logits)


@pytest.mark.parametrize(
    "logits", [[0.0, 60.0, 0.0], [0.0, 0.0, 0.0]], ids=["one-hot", "uniform"]
)
def test_classes_that_are_sure_or_unknown(monkeypatch, logits):
    model, x = tiny(alpha=0.0), data()
    with_logits(model, np.array(logits))
    eps = fixed_noise(monkeypatch)[0]
    losses, *_ = losses_of_classes(model, x, eps)
    found = training_logs(model, x, np.full(6, -1, "int32"))["loss"]
    if max(logits) > 0.0:
        expected = losses[:, 1].mean()
    else:
        expected = losses.mean() - np.log(K)
    assert found == pytest.approx(expected, rel=1e-5)


def test_one_class_is_the_variational_autoencoder(monkeypatch):
    model = tiny(num_classes=1)
    x_in, z_in = keras.Input(SHAPE), keras.Input((2,))
    ones = layers.Lambda(
        lambda t: ops.ones((ops.shape(t)[0], 1)), output_shape=(1,)
    )
    encoder = keras.Model(x_in, model.encoder([x_in, ones(x_in)]))
    joined = layers.Concatenate()([ones(z_in), z_in])
    decoder = keras.Model(z_in, model.decoder(joined))
    vae = VAE(SHAPE, latent_dim=2, encoder=encoder, decoder=decoder)
    variables = [
        *model.encoder.trainable_variables,
        *model.decoder.trainable_variables,
    ]

    def loss(model, batch):
        fixed_noise(monkeypatch, n=6)
        return loss_and_gradients(
            lambda: model.model_loss(batch, training=True), variables
        )

    x = tensor(data())
    expected = loss(vae, Batch(x))
    for labels in (np.zeros(6, "int32"), np.full(6, -1, "int32")):
        check_equal(loss(model, Batch(x, tensor(labels))), expected)


def test_the_slope_of_the_unlabeled_bound_by_the_logits(monkeypatch):
    """`q_y (L_y + log q_y - U)`, by the closed form."""
    model, x = tiny(alpha=0.0), data()
    logits = np.array([0.3, -0.5, 0.9])
    with_logits(model, logits)
    eps = fixed_noise(monkeypatch)[0]
    losses, *_ = losses_of_classes(model, x, eps)
    log_q = scipy.special.log_softmax(logits)
    q = np.exp(log_q)
    u = np.sum(q * (losses + log_q), axis=-1, keepdims=True)
    expected = np.mean(q * (losses + log_q - u), axis=0)
    batch = Batch(tensor(x), tensor(np.full(6, -1, "int32")))
    bias = model.classifier.layers[-1].bias
    _, (slope,) = loss_and_gradients(
        lambda: model.model_loss(batch, training=True), [bias]
    )
    np.testing.assert_allclose(slope, expected, rtol=1e-3, atol=1e-4)


def test_labels_train_the_classifier_by_the_classification_loss_alone():
    model = tiny(alpha=0.0)
    labels = np.array([0, 1, 2, 0, 1, 2], "int32")
    batch = Batch(tensor(data()), tensor(labels))
    for alpha, moved in ((0.0, False), (0.5, True)):
        model.alpha = alpha
        _, slopes = loss_and_gradients(
            lambda: model.model_loss(batch, training=True),
            model.classifier.trainable_variables,
        )
        assert all(np.any(slope != 0.0) == moved for slope in slopes)


@pytest.mark.parametrize("factorization", ["class_first", "latent_first"])
def test_all_classes_count_in_the_likelihood(monkeypatch, factorization):
    """Of a decoder that ignores `z`: `p(x) = mean_y p(x|y)` exactly."""
    options = {"factorization": factorization, "hidden_units": ()}
    model, x = tiny(**options), data()
    head = model.encoder.layers[-1]
    head.kernel.assign(np.zeros(head.kernel.shape))
    head.bias.assign(np.full(2, -0.3))
    logits = np.random.default_rng(4).normal(size=(K, 12))
    kernel = np.concatenate([logits, np.zeros((2, 12))])
    linear(model.decoder, kernel, np.zeros(12), layer=-2)
    flat = x.reshape(6, 1, 12)
    log_p = np.sum(flat * logits - np.logaddexp(0.0, logits), axis=-1)
    expected = scipy.special.logsumexp(log_p, axis=-1) - np.log(K)
    run_as_programs(monkeypatch, model)
    found = model.log_likelihood(x, num_samples=3000)
    np.testing.assert_allclose(found, expected, atol=0.2)
    assert np.all(model.elbo(x)["elbo"] < expected)
    if factorization == "class_first":
        q = scipy.special.softmax(array(model.classifier(x)), axis=-1)
        found = model.elbo(x)["log_likelihood"]
        expected = np.sum(q * log_p, axis=-1)
        np.testing.assert_allclose(found, expected, rtol=1e-4)


# ---- Use --------------------------------------------------------------------


def test_codes_are_those_of_the_most_probable_class(monkeypatch):
    model, x = tiny(), data()
    run_as_programs(monkeypatch, model)
    classes = array(model.classifier(x)).argmax(axis=-1)
    assert len(set(classes)) > 1
    np.testing.assert_array_equal(model.classify(x), classes)
    one_hot = np.eye(K, dtype="float32")[classes]
    mean = array(model.encoder([x, one_hot])[0])
    np.testing.assert_allclose(model.encode(x), mean, rtol=1e-4, atol=1e-5)
    joined = np.concatenate([one_hot, mean], axis=-1)
    expected = scipy.special.expit(array(model.decoder(joined)))
    np.testing.assert_allclose(model.reconstruct(x), expected, rtol=1e-4)
    np.testing.assert_allclose(
        model.decode(mean, labels=classes), expected, rtol=1e-4
    )
    other = (classes + 1) % K
    changed = model.reconstruct(x, labels=other)
    np.testing.assert_allclose(
        changed, model.decode(mean, labels=other), rtol=1e-4
    )
    np.testing.assert_allclose(
        model.interpolate(x, x[::-1], steps=3)[:, 0], expected, rtol=1e-4
    )
    row = model.traverse(x[0], dims=[1], values=[mean[0, 1]])[0, 0]
    np.testing.assert_allclose(row, expected[0], rtol=1e-4)


# ---- M1 + M2 ----------------------------------------------------------------


def test_codes_of_the_first_model_are_drawn_in_the_bound_alone():
    model, x = tiny(features=features(), feature_dims=(0, 2, 3)), tensor(data())
    q = model.features.posterior(x)
    mean, std = array(q.mean), np.exp(0.5 * array(q.log_variance))
    np.testing.assert_allclose(array(model.modeled(x)), mean[:, [0, 2, 3]])
    many = tensor(np.tile(data(), (500, 1, 1, 1)))
    draws = array(model.modeled(many, drawn=True)).reshape(500, 6, 3)
    error = np.abs(draws.mean(axis=0) - mean[:, [0, 2, 3]])
    assert np.all(error < 5.0 * std[:, [0, 2, 3]] / 500**0.5)
    np.testing.assert_allclose(draws.std(0), std[:, [0, 2, 3]], rtol=0.2)
    logits = array(model.classifier(mean[:, [0, 2, 3]]))
    np.testing.assert_array_equal(model.classify(data()), logits.argmax(-1))
    # The bound is one of draws, in training and of held-out data.
    first, second = (evaluation_logs(model, data(), LABELS) for _ in range(2))
    assert first["loss"] != second["loss"]


def test_the_loss_of_codes(monkeypatch):
    """A normal likelihood, whose variance the decoder computes."""
    model = tiny(features=features(), alpha=0.0)
    model.modeled = lambda x, drawn=False: x  # The codes themselves.
    codes = np.random.default_rng(3).normal(size=(6, 4)).astype("float32")
    labels = np.array([0, 1, 2, 0, 1, 2], "int32")
    eps = fixed_noise(monkeypatch)[0].reshape(6, K, 2)
    one_hot = np.eye(K, dtype="float32")[labels]
    mean, log_variance = map(array, model.encoder([codes, one_hot]))
    own = eps[np.arange(6), labels]
    z = mean + np.exp(0.5 * log_variance) * own
    joined = np.concatenate([one_hot, z], axis=-1).astype("float32")
    center, spread = map(array, model.decoder(joined))
    log_p = -0.5 * np.sum(
        np.log(2.0 * np.pi) + spread + (codes - center) ** 2 / np.exp(spread),
        axis=-1,
    )
    kl = mean**2 + np.exp(log_variance) - 1.0 - log_variance
    expected = np.mean(0.5 * kl.sum(axis=-1) - log_p) + np.log(K)
    model.compile("sgd")
    loss = one_program(lambda *batch: model.model_loss(Batch(*batch), True))
    found = array(loss(tensor(codes), tensor(labels)))
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_the_first_model_decodes_and_stays(tmp_path, monkeypatch):
    model, x = tiny(features=features(), feature_dims=(0, 3)), data()
    run_as_programs(monkeypatch, model, model.features)
    z = np.random.default_rng(0).normal(size=(3, 2)).astype("float32")
    one_hot = np.eye(K, dtype="float32")
    codes = array(model.decoder(np.concatenate([one_hot, z], -1))[0])
    full = np.zeros((3, 4), "float32")
    full[:, [0, 3]] = codes
    expected = model.features.decode(full)
    found = model.decode(z, labels=[0, 1, 2])
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    before = model.features.get_weights()
    model.compile("sgd", run_eagerly=keras.backend.backend() != "jax")
    model.fit(x, LABELS, batch_size=6, verbose=0)
    for a, b in zip(before, model.features.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    run_as_programs(monkeypatch, loaded)
    np.testing.assert_allclose(
        loaded.reconstruct(x), model.reconstruct(x), rtol=1e-5
    )
    assert loaded.feature_dims == (0, 3)


def test_settings_of_the_paper():
    model = SemiVAE()
    config = model.get_config()
    assert (config["latent_dim"], config["alpha"]) == (50, 0.1)
    assert model.classifier.count_params() == 784 * 500 + 500 + 5010
    found = model.encoder.count_params()
    assert found == 794 * 500 + 500 + 2 * (500 * 50 + 50)
    assert model.decoder.count_params() == 60 * 500 + 500 + 501 * 784
    first = model.classifier.layers[2]
    assert first.activation.__name__ == "softplus"
    assert array(first.kernel).std() == pytest.approx(1e-3, rel=0.02)
    rate = model.default_optimizer().learning_rate
    assert float(rate) == pytest.approx(3e-4)
    codes = SemiVAE(SHAPE, features=features(), hidden_units=4)
    assert codes.modeled_shape == (4,) and codes.value_range == (0.0, 1.0)


# ---- The structured posterior -----------------------------------------------


def structured(**options):
    options = {"factorization": "latent_first", "num_samples": 4, **options}
    return tiny(**options)


def parts_of_draws(model, x, eps):
    """`log p(x|y, z)`, `log q(y|x, z)`, and the densities of the draws."""
    mean, log_variance = map(array, model.encoder(x))
    z = (mean + np.exp(0.5 * log_variance) * eps).astype("float32")
    log_p, log_q = np.empty((2, *z.shape[:2], K))
    for s, draws in enumerate(z):
        logits = array(model.classifier([x, draws]))
        log_q[s] = scipy.special.log_softmax(logits, axis=-1)
        for label in range(K):
            classes = np.eye(K, dtype="float32")[[label] * len(x)]
            joined = np.concatenate([classes, draws], axis=-1)
            outputs = array(model.decoder(joined))
            terms = x * outputs - np.logaddexp(0.0, outputs)
            log_p[s, :, label] = terms.reshape(len(x), -1).sum(axis=-1)
    log_z = -0.5 * np.sum(np.log(2.0 * np.pi) + z**2, axis=-1)
    spread = np.log(2.0 * np.pi) + log_variance + eps**2
    log_posterior = -0.5 * np.sum(spread, axis=-1)
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1.0 - log_variance).sum(-1)
    return log_p, log_q, log_z, log_posterior, kl


def test_the_structured_objective(monkeypatch):
    """The bounds of Siddharth et al., the classes of the others summed out."""
    model, x = structured(alpha=0.7), data()
    eps = fixed_noise(monkeypatch, n=6, draws=4)
    log_p, log_q, log_z, log_posterior, kl = parts_of_draws(model, x, eps)
    q = np.exp(log_q)
    unlabeled = np.sum(q * (log_p - log_q), axis=-1).mean(0) - np.log(K) - kl
    bounds, logs_q = unlabeled.copy(), []
    for i in np.flatnonzero(LABELS >= 0):
        y = LABELS[i]
        weights = scipy.special.softmax(log_q[:, i, y])
        ratio = log_p[:, i, y] - np.log(K) + log_z[:, i]
        ratio -= log_posterior[:, i] + log_q[:, i, y]
        log_qy = scipy.special.logsumexp(log_q[:, i, y]) - np.log(4)
        bounds[i] = np.sum(weights * ratio) + log_qy
        logs_q.append(log_qy)
    expected = -bounds.mean() - 0.7 * np.mean(logs_q)
    logs = training_logs(model, x, LABELS)
    assert logs["elbo"] == pytest.approx(bounds.mean(), rel=1e-4)
    assert logs["loss"] == pytest.approx(expected, rel=1e-4)
    assert logs["classification_loss"] == pytest.approx(-np.mean(logs_q), 1e-4)
    total = logs["reconstruction_loss"] + logs["kl_divergence"]
    assert total + logs["class_kl"] == pytest.approx(-bounds.mean(), rel=1e-4)


def test_classes_that_do_not_depend_on_the_latent(monkeypatch):
    """Equal weights, and the bounds of M2 with the same networks."""
    model, x = structured(estimator="monte_carlo", alpha=0.3), data()
    with_logits(model, np.array([0.3, -0.5, 0.9]))
    m2 = tiny(estimator="monte_carlo", alpha=0.3, num_samples=4)
    with_logits(m2, np.array([0.3, -0.5, 0.9]))
    # The encoder that does not see the class.
    m2.posterior_given = lambda inputs, training: model.posterior_given(
        inputs[0], training
    )
    eps = fixed_noise(monkeypatch, n=6, draws=4)
    found = training_logs(model, x, LABELS)
    fix_noise(monkeypatch, normal, eps.repeat(K, axis=1))
    expected = training_logs(m2, x, LABELS)
    for name in ("loss", "elbo", "classification_loss", "class_kl"):
        assert found[name] == pytest.approx(expected[name], rel=1e-4), name


def test_the_use_of_a_structured_posterior():
    model, x = structured(), data()
    mean = array(model.encoder(x)[0])
    np.testing.assert_allclose(model.encode(x), mean, rtol=1e-4, atol=1e-5)
    classes = array(model.classifier([x, mean])).argmax(axis=-1)
    np.testing.assert_array_equal(model.classify(x), classes)
    expected = model.decode(mean, labels=classes)
    np.testing.assert_allclose(model.reconstruct(x), expected, rtol=1e-4)
