"""The denoising autoencoder: linear optima, scores, emphasis."""

import keras
import numpy as np
import pytest
import scipy.special
from keras import layers

from keras_gen import AE, DAE
from keras_gen.engine import Batch
from keras_gen.layers.corruption import (
    AdditiveNoise,
    DropoutNoise,
    MaskingNoise,
    SaltAndPepperNoise,
)
from tests.numerics import (
    array,
    evaluation_logs,
    loss_and_gradients,
    randomize,
    tensor,
    training_logs,
)

SHAPE = (4, 3, 1)


def tiny(**options):
    model = DAE(SHAPE, 5, seed=0, **options)
    randomize(model.encoder, 1)
    randomize(model.decoder, 2)
    return model


def data(n=6):
    return np.random.default_rng(0).uniform(size=(n, *SHAPE)).astype("float32")


def recorded_noise(model):
    """Makes the model's noise the same in every call; returns it."""
    noisy, chosen = model.corruption.corrupt(tensor(data()))
    model.corruption.corrupt = lambda x: (noisy, chosen)
    return array(noisy), array(chosen)


def gradients_of(model, x):
    """Loss and derivatives of a training step by all variables."""
    found = {}

    def record(player, loss_fn):
        found["result"] = loss_and_gradients(
            loss_fn, model.player_variables(player)
        )

    model.minimize = record
    model.training_step(Batch(tensor(x)))
    del model.minimize
    return found["result"]


# ---- The loss ----------------------------------------------------------------


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("emphasis", [(1.0, 1.0), (1.0, 0.5), (1.0, 0.0)])
def test_the_clean_example_is_to_be_reconstructed(likelihood, emphasis):
    model = tiny(likelihood=likelihood, emphasis=emphasis, noise_level=0.4)
    x = data()
    noisy, chosen = recorded_noise(model)
    outputs = array(model.decoder(model.encoder(noisy)))
    if likelihood == "bernoulli":
        mean = scipy.special.expit(outputs)
        terms = -(x * np.log(mean) + (1 - x) * np.log(1 - mean))
    else:
        mean, terms = outputs, 0.5 * (x - outputs) ** 2
    weights = emphasis[0] * chosen + emphasis[1] * (1 - chosen)
    logs = training_logs(model, x)
    loss = (weights * terms).reshape(6, -1).sum(1).mean()
    assert logs["loss"] == pytest.approx(loss, rel=1e-5)
    error = ((x - mean) ** 2).reshape(6, -1).sum(1).mean()
    assert logs["squared_error"] == pytest.approx(error, rel=1e-5)


@pytest.mark.parametrize("noise", ["masking", "salt_and_pepper", "gaussian"])
@pytest.mark.parametrize("exact", [True, False])
def test_without_noise_it_is_an_autoencoder(noise, exact):
    """The same loss and the same derivatives for the same weights."""
    model = tiny(noise=noise, noise_level=0.0, exact=exact)
    plain = AE(
        SHAPE, 5, 5, tied=True, encoder=keras.models.clone_model(model.encoder)
    )
    for ours, theirs in (
        (model.encoder, plain.encoder),
        (model.decoder, plain.decoder),
    ):
        theirs.set_weights(ours.get_weights())
    loss, gradients = gradients_of(model, data())
    expected, others = gradients_of(plain, data())
    assert loss == pytest.approx(expected, rel=1e-6)
    for left, right in zip(gradients, others, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)


def test_full_emphasis_has_no_derivative_from_intact_entries():
    model = tiny(emphasis=(1.0, 0.0))
    _, chosen = recorded_noise(model)
    x = data()
    _, gradients = gradients_of(model, x)
    # Other targets where the noise has chosen nothing change nothing.
    other = np.where(chosen == 1, x, 1.0 - x)
    _, same = gradients_of(model, other)
    _, changed = gradients_of(model, 1.0 - x)
    for left, right in zip(gradients, same, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-7)
    assert any(
        np.abs(left - right).max() > 1e-3
        for left, right in zip(gradients, changed, strict=True)
    )


def test_noise_is_fresh_in_training_and_absent_elsewhere():
    model, x = tiny(), data()
    first, second = (training_logs(model, x)["loss"] for _ in range(2))
    assert first != second
    assert evaluation_logs(model, x) == evaluation_logs(model, x)
    np.testing.assert_array_equal(model.reconstruct(x), model.denoise(x))
    np.testing.assert_array_equal(model.reconstruct(x), model.reconstruct(x))
    assert np.mean(model.corrupt(x) == 0.0) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("noise", "layer", "values"),
    [
        ("masking", MaskingNoise, {0.0, 0.5}),
        ("salt_and_pepper", SaltAndPepperNoise, {0.0, 0.5, 1.0}),
        ("dropout", DropoutNoise, {0.0, np.float32(0.5 / 0.6)}),
    ],
)
def test_names_of_noises_that_choose_entries(noise, layer, values):
    model = tiny(noise=noise, noise_level=0.4, exact=False)
    assert type(model.corruption) is layer and model.corruption.level == 0.4
    noisy = model.corrupt(np.full((200, *SHAPE), 0.5, "float32"))
    found = np.unique(noisy)
    np.testing.assert_allclose(found, sorted(values), rtol=1e-6)
    # 2,400 entries: a standard deviation of 0.01.
    kept = 0.5 / 0.6 if noise == "dropout" else 0.5
    intact = np.mean(np.isclose(noisy, kept))
    assert intact == pytest.approx(0.6, abs=0.05)


def test_gaussian_noise_is_added():
    model = tiny(noise="gaussian", noise_level=0.4)
    assert type(model.corruption) is AdditiveNoise
    x = np.full((500, *SHAPE), 0.5, "float32")
    change = model.corrupt(x) - x
    assert change.std() == pytest.approx(0.4, rel=0.05)


@pytest.mark.parametrize("exact", [True, False])
def test_masking_chooses_an_exact_number_or_not(exact):
    model = tiny(noise_level=0.5, exact=exact)
    masked = model.corrupt(np.ones((50, *SHAPE), "float32")) == 0.0
    counts = masked.reshape(50, -1).sum(1)
    assert (set(counts) == {6}) is exact


@pytest.mark.parametrize("emphasis", [(1.0, 1.0), (3.0, 0.5)])
def test_pairs_of_the_users_own_are_not_corrupted(emphasis):
    """Nor weighted: which entries their noise has chosen is not known."""
    model, clean = tiny(emphasis=emphasis), data()
    noisy = np.random.default_rng(1).uniform(size=clean.shape).astype("float32")
    model.reset_metrics()
    found = []
    model.minimize = lambda player, loss_fn: found.append(float(loss_fn()))
    model.training_step(Batch(tensor(noisy), tensor(clean)))
    logits = array(model.decoder(model.encoder(noisy)))
    terms = np.logaddexp(0, logits) - clean * logits
    assert found[0] == pytest.approx(
        terms.reshape(6, -1).sum(1).mean(), rel=1e-5
    )


# ---- Linear optima -----------------------------------------------------------


def linear_model(size, **options):
    encoder = keras.Sequential(
        [keras.Input((size,)), layers.Dense(size, use_bias=False)]
    )
    decoder = keras.Sequential([keras.Input((size,)), layers.Identity()])
    return DAE(
        (size,), size, likelihood="gaussian", tied=False, encoder=encoder,
        decoder=decoder, seed=0, **options,
    )  # fmt: skip


SIZE = 4
CASES = {
    "gaussian": {"noise": "gaussian", "noise_level": 0.7},
    "masking": {"noise_level": 0.25, "exact": False},
    "exact": {"noise_level": 0.25, "exact": True},
}


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_vanishes_at_the_linear_optimum(case):
    """In the closed form for data of mean zero and covariance `S`."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(SIZE, SIZE))
    x = rng.normal(size=(60_000, SIZE)) @ root.T
    covariance = x.T @ x / len(x)
    level = CASES[case]["noise_level"]
    diagonal = np.diag(np.diag(covariance))
    if case == "gaussian":
        inner = covariance + level**2 * np.eye(SIZE)
        best = covariance @ np.linalg.inv(inner)
    elif case == "masking":
        keep = 1 - level
        inner = keep**2 * covariance + level * keep * diagonal
        best = keep * covariance @ np.linalg.inv(inner)
    else:
        k = round(level * SIZE)
        keep = 1 - k / SIZE
        p = (SIZE - k) * (SIZE - k - 1) / (SIZE * (SIZE - 1))
        inner = p * covariance + (keep - p) * diagonal
        best = keep * covariance @ np.linalg.inv(inner)
    model = linear_model(SIZE, **CASES[case])
    kernel = model.encoder.layers[-1].kernel
    norms = {}
    for name, matrix in {
        "best": best,
        "transposed": best.T,
        "identity": np.eye(SIZE),
    }.items():
        kernel.assign(matrix.T)
        _, gradients = gradients_of(model, x.astype("float32"))
        norms[name] = np.abs(gradients[0]).max()
    # The noise of 60,000 draws is about 0.02 of the scale of the data.
    assert norms["best"] < 0.06
    assert norms["identity"] > 10 * norms["best"]
    if case != "gaussian":
        assert norms["transposed"] > 3 * norms["best"]


def test_the_optimal_reconstruction_gives_the_score():
    """Tweedie: `r(x) - x = sigma^2 d/dx log N(x; m, s^2 + sigma^2)`."""
    s, m, sigma = 1.5, 0.4, 0.6
    model = linear_model(1, noise="gaussian", noise_level=sigma)
    share = s**2 / (s**2 + sigma**2)
    dense = layers.Dense(1)
    decoder = keras.Sequential([keras.Input((1,)), dense])
    model = DAE(
        (1,), 1, "gaussian", sigma, likelihood="gaussian", tied=False,
        encoder=model.encoder, decoder=decoder, seed=0,
    )  # fmt: skip
    model.encoder.layers[-1].kernel.assign([[share]])
    dense.kernel.assign([[1.0]])
    dense.bias.assign([(1 - share) * m])
    x = np.linspace(-3, 3, 7, dtype="float32")[:, None]
    expected = -(x - m) / (s**2 + sigma**2)
    np.testing.assert_allclose(model.score(x), expected, rtol=1e-4, atol=1e-5)
    # These weights are the optimum: the derivatives vanish there.
    rng = np.random.default_rng(0)
    clean = rng.normal(m, s, (100_000, 1)).astype("float32")
    _, gradients = gradients_of(model, clean)
    assert all(np.abs(g).max() < 0.03 for g in gradients)
    model.encoder.layers[-1].kernel.assign([[1.0]])
    _, gradients = gradients_of(model, clean)
    assert np.abs(gradients[0]).max() > 0.2


def test_a_score_needs_gaussian_noise():
    with pytest.raises(ValueError, match=r"MaskingNoise.*noise='gaussian'"):
        tiny().score(data())


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_a_walk_corrupts_reconstructs_and_draws(likelihood):
    model, x = tiny(likelihood=likelihood), data(3)
    seen = []
    corrupt = model.corruption.corrupt

    def recorded(x):
        noisy, chosen = corrupt(x)
        seen.append((array(x), array(noisy)))
        return noisy, chosen

    model.corruption.corrupt = recorded
    # Only steps that are not compiled show what they are given.
    model.run_batched = lambda fn, x, batch_size=256: array(fn(tensor(x)))
    walk = model.chain(x, steps=4, seed=1)
    assert walk.shape == (4, 3, *SHAPE) and len(seen) == 4
    rng = np.random.default_rng(1)
    for (clean, noisy), visited in zip(seen, walk, strict=True):
        np.testing.assert_allclose(clean, x, rtol=1e-6)
        assert np.any(noisy != clean)
        np.testing.assert_allclose(visited, model.reconstruct(noisy), rtol=1e-5)
        if likelihood == "bernoulli":
            x = (rng.random(visited.shape) < visited).astype("float32")
        else:
            x = visited + rng.normal(size=visited.shape).astype("float32")
