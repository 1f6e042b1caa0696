"""The sparse autoencoder: its divergence, its gradient, its averages."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats
from keras import layers

from keras_gen import AE, SAE, Schedule
from keras_gen.distributions import bernoulli_kl
from keras_gen.engine import Batch
from keras_gen.networks.mlp import dense_layers
from tests.contract.case import Case
from tests.models.autoencoders.helpers import (
    SHAPE,
    gradients_of,
    images,
    randomized,
    weights_of,
)
from tests.numerics import (
    array,
    check_directions,
    double_precision,
    evaluation_logs,
    tensor,
    training_logs,
)

CONTRACT = {
    "sae": Case(
        input_shape=(6, 5, 1),
        latent_dim=5,
        activations={"encoder": ["sigmoid"], "decoder": ["sigmoid"]},
        wrong=(
            ({"sparsity": 1.0}, ("between 0 and 1", "sparsity=1.0")),
            ({"sparsity_decay": 1.0}, ("below 1", "sparsity_decay=1.0")),
            (
                {"sparsity_estimator": "sum"},
                ("sparsity_estimator='sum'", "'batch'", "'ema'"),
            ),
        ),
    ),
    "sae-ema": Case(
        input_shape=(6, 5, 1),
        latent_dim=5,
        sparsity_estimator="ema",
        activations={"encoder": ["sigmoid"]},
    ),
    "sae-k_sparse": Case(
        "KSparseAE",
        input_shape=(6, 5, 1),
        latent_dim=12,
        k=Schedule(10, 4, over=2),
        own=lambda: {"tied": False},
        wrong=(
            ({"k": 13}, ("at most 12", "k=13")),
            ({"k": Schedule(13, 4, over=2)}, ("at most 12", "k=13")),
            ({"alpha": 0.5}, ("at least 1", "alpha=0.5")),
            ({"k": 2.5}, ("integer", "k=2.5")),
            ({"k": Schedule(9, 2.5, over=2)}, ("integer", "k=2.5")),
            ({"k": -3}, ("at least 0", "k=-3")),
        ),
    ),
}


def tiny(**options):
    options = {"sparsity": 0.1, **options}
    return randomized(SAE, SHAPE, latent_dim=5, **options)


def divergence(rho, means):
    return sum(scipy.stats.entropy([rho, 1 - rho], [m, 1 - m]) for m in means)


def test_divergence_of_bernoulli_distributions():
    with double_precision():
        q = np.array([0.02, 0.1, 0.4, 0.9])
        values = array(bernoulli_kl(0.1, tensor(q)))
    expected = [divergence(0.1, [m]) for m in q]
    np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-15)
    assert values[1] == pytest.approx(0.0, abs=1e-15)
    assert np.all(values[[0, 2, 3]] > 0)


def test_divergence_of_dead_and_saturated_units_is_finite():
    values = array(bernoulli_kl(0.1, tensor([0.0, 1.0])))
    assert np.all(np.isfinite(values)) and np.all(values > 1.0)


def expected_terms(model, x):
    """Codes, mean squared error, and the squares of the kernels."""
    w, c, v, b = weights_of(model)
    h = scipy.special.expit(x.reshape(len(x), -1) @ w + c)
    r = scipy.special.expit(h @ v + b)
    error = ((r - x.reshape(len(x), -1)) ** 2).sum(1).mean()
    return h, error, (w**2).sum() + (v**2).sum()


@pytest.mark.parametrize(("beta", "decay"), [(3.0, 1e-2), (0.0, 0.0)])
def test_objective(beta, decay):
    model, x = tiny(sparsity_weight=beta, weight_decay=decay), images()
    h, error, squares = expected_terms(model, x)
    means = h.mean(0)
    expected = {
        "loss": 0.5 * error
        + beta * divergence(0.1, means)
        + 0.5 * decay * squares,
        "reconstruction_loss": 0.5 * error,
        "squared_error": error,
        "sparsity_divergence": divergence(0.1, means),
        "mean_activation": means.mean(),
    }
    assert training_logs(model, x) == pytest.approx(expected, rel=1e-4)
    assert evaluation_logs(model, x) == pytest.approx(expected, rel=1e-4)


def test_without_penalties_it_is_an_autoencoder():
    model = tiny(sparsity_weight=0.0, weight_decay=0.0)
    plain = AE(
        SHAPE,
        likelihood="gaussian",
        encoder=model.encoder,
        decoder=model.decoder,
    )
    (loss, gradients), (expected, others) = (
        gradients_of(m, images()) for m in (model, plain)
    )
    assert loss == pytest.approx(expected, rel=1e-6)
    for left, right in zip(gradients, others, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-7)


def test_gradient_is_backpropagation_with_the_term_of_the_notes():
    """`delta = (W' delta' + beta (-rho / rho_j + (1 - rho) / (1 - rho_j)))
    h (1 - h)`, divided by the number of examples."""
    x = images().astype("float64")
    with double_precision():
        model = tiny(weight_decay=0.02)
        w, c, v, b = weights_of(model)
        _, gradients = gradients_of(model, x)
        batch = Batch(tensor(x))
        check_directions(
            lambda: model.model_loss(batch, True),
            model.trainable_variables,
            gradients,
        )
    flat = x.reshape(6, -1)
    h = scipy.special.expit(flat @ w + c)
    r = scipy.special.expit(h @ v + b)
    outer = (r - flat) * r * (1 - r)
    means = h.mean(0)
    sparse = 3.0 * (-0.1 / means + 0.9 / (1 - means))
    inner = (outer @ v.T + sparse) * h * (1 - h)
    expected = [
        flat.T @ inner / 6 + 0.02 * w,
        inner.mean(0),
        h.T @ outer / 6 + 0.02 * v,
        outer.mean(0),
    ]
    for found, value in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-8, atol=1e-12)


def test_moving_averages_of_the_activations():
    model = tiny(sparsity_estimator="ema", sparsity_decay=0.8)
    x = images()
    h, error, squares = expected_terms(model, x)
    means = np.full(5, 0.1)
    for _ in range(3):
        means = 0.8 * means + 0.2 * h.mean(0)
        logs = training_logs(model, x)
        assert logs["sparsity_divergence"] == pytest.approx(
            divergence(0.1, means), rel=1e-4, abs=1e-6
        )
        assert logs["mean_activation"] == pytest.approx(means.mean(), rel=1e-5)
        loss = 0.5 * error + 0.5 * 1e-4 * squares
        assert logs["loss"] == pytest.approx(
            loss + 3.0 * divergence(0.1, means), rel=1e-5
        )
        np.testing.assert_allclose(array(model.activations), means, rtol=1e-5)
    # Evaluation takes the batch, and leaves the averages.
    assert evaluation_logs(model, x)["sparsity_divergence"] == pytest.approx(
        divergence(0.1, h.mean(0)), rel=1e-4
    )
    np.testing.assert_allclose(array(model.activations), means, rtol=1e-5)


def test_gradients_pass_through_the_newest_term_of_the_moving_average():
    with double_precision():
        x = images()
        averaged = tiny(
            sparsity_estimator="ema", sparsity_decay=0.75, weight_decay=0.0
        )
        h, *_ = expected_terms(averaged, x.astype("float64"))
        # Where the average is that of the batch, it stays so.
        averaged.activations.assign(h.mean(0))
        plain, none = (
            tiny(weight_decay=0.0, sparsity_weight=beta) for beta in (3.0, 0.0)
        )
        (_, a), (_, b), (_, c) = (
            gradients_of(model, x) for model in (averaged, plain, none)
        )
    for average, batch, without in zip(a, b, c, strict=True):
        np.testing.assert_allclose(
            average - without, 0.25 * (batch - without), rtol=1e-4, atol=1e-7
        )


def test_order_of_the_units_does_not_matter():
    model, x = tiny(), images()
    before = training_logs(model, x)
    order = np.random.default_rng(0).permutation(5)
    w, c, v, b = weights_of(model)
    model.encoder.set_weights([w[:, order], c[order]])
    model.decoder.set_weights([v[order], b])
    assert training_logs(model, x) == pytest.approx(before, rel=1e-5)


def test_filters_excite_their_units_most():
    model = tiny()
    filters = model.filters()
    assert filters.shape == (5, *SHAPE)
    filters = filters.reshape(5, -1)
    np.testing.assert_allclose(np.linalg.norm(filters, axis=1), 1.0, rtol=1e-5)
    kernel = array(dense_layers(model.encoder)[0].kernel)
    rng = np.random.default_rng(0)
    others = rng.normal(size=(500, 12))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    for j in range(5):
        assert filters[j] @ kernel[:, j] > (others @ kernel[:, j]).max()


def test_initial_kernels_are_those_of_the_notes():
    model = SAE((28, 28, 1), latent_dim=196, seed=0)
    limit = np.sqrt(6 / (784 + 196 + 1))
    first, second = (
        array(dense_layers(n)[0].kernel) for n in (model.encoder, model.decoder)
    )
    for kernel in (first, second):
        # 153,664 draws reach their limit to within a thousandth.
        assert limit * 0.999 < np.abs(kernel).max() <= limit
    assert np.any(first != second.T) and np.any(first.ravel() != second.ravel())


# ---- Networks of the user's own ---------------------------------------------


def own_encoder(*last):
    """A convolution, and the rest nested."""
    nested = keras.Sequential(
        [keras.Input((2, 1, 2)), layers.Flatten(), layers.Dense(5), *last]
    )
    return keras.Sequential([keras.Input(SHAPE), layers.Conv2D(2, 3), nested])


def own_decoder():
    return keras.Sequential(
        [keras.Input((5,)), layers.Dense(12), layers.Reshape(SHAPE)]
    )


def test_all_kernels_of_own_networks_decay():
    networks = {
        "encoder": own_encoder(layers.Activation("sigmoid")),
        "decoder": own_decoder(),
    }
    decaying, plain = (
        SAE(SHAPE, weight_decay=decay, seed=0, **networks)
        for decay in (0.5, 0.0)
    )
    weights = weights_of(plain)
    squares = sum((w**2).sum() for w in weights if w.ndim > 1)
    assert [w.ndim for w in weights] == [4, 1, 2, 1, 2, 1]
    x = images()
    for logs in (training_logs, evaluation_logs):
        difference = logs(decaying, x)["loss"] - logs(plain, x)["loss"]
        assert difference == pytest.approx(0.25 * squares, rel=1e-4)


def test_an_own_decoder_has_a_range_of_its_own():
    target = 3.0 * images() - 1.0
    SAE(SHAPE, latent_dim=5, decoder=own_decoder()).check_data(target, target)
    with pytest.raises(ValueError, match="from 0 to 1"):
        SAE(SHAPE, latent_dim=5).check_data(target, target)


@pytest.mark.parametrize(
    ("last", "name"),
    [
        (lambda: layers.Activation("relu"), "'relu'"),
        (lambda: layers.ReLU(), "ReLU"),
        (lambda: layers.Dense(5, activation="tanh"), "'tanh'"),
        (lambda: layers.Dense(5), "'linear'"),
    ],
)
def test_codes_that_are_no_bernoulli_parameters(last, name):
    encoder = own_encoder(last())
    with pytest.raises(ValueError, match=rf"\(0, 1\).*{name}.*'sigmoid'"):
        SAE(SHAPE, encoder=encoder)
    assert SAE(SHAPE, sparsity_weight=0.0, encoder=encoder).latent_dim == 5


@pytest.mark.parametrize(
    "last",
    [
        lambda: layers.Activation("hard_sigmoid"),
        lambda: layers.Activation(lambda x: keras.ops.sigmoid(x)),
        lambda: layers.Dropout(0.2),
    ],
)
def test_other_codes_are_taken_on_trust(last):
    assert SAE(SHAPE, encoder=own_encoder(last())).latent_dim == 5


def test_training_makes_the_code_sparse():
    x = images(400)
    model = SAE(SHAPE, latent_dim=20, sparsity=0.1, seed=0)
    assert model.encode(x).mean() > 0.3
    model.compile(keras.optimizers.Adam(0.02))
    # Many epochs in one.
    model.fit(np.tile(x, (30, 1, 1, 1)), batch_size=100, verbose=0)
    assert model.encode(x).mean() == pytest.approx(0.1, abs=0.02)
