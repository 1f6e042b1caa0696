"""The denoising autoencoder: linear optima, scores, emphasis."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_gen import AE, DAE
from keras_gen.layers import (
    AdditiveNoise,
    DropoutNoise,
    MaskingNoise,
    SaltAndPepperNoise,
)
from tests.contract.case import Case
from tests.models.autoencoders.helpers import (
    SHAPE,
    gradients_of,
    images,
    randomized,
    reconstruction_terms,
    sum_by_example,
)
from tests.numerics import (
    array,
    evaluation_logs,
    linear,
    tensor,
    training_logs,
)

CONTRACT = {
    "dae": Case(
        logits=("decoder",),
        input_shape=(6, 5, 1),
        latent_dim=8,
        own=lambda: {"tied": False, "noise": SaltAndPepperNoise(0.3, seed=5)},
        wrong=(
            ({"noise": "fog"}, ("noise='fog'", "'masking'", "'gaussian'")),
            ({"noise": layers.ReLU()}, ("corrupt", "ReLU", "Corruption")),
            ({"noise_level": 1.5}, ("from 0 to 1", "level=1.5")),
            ({"emphasis": (1.0, -1.0)}, ("pair", "(1.0, -1.0)")),
        ),
    ),
    "dae-stacked": Case(
        "StackedDAE",
        input_shape=(6, 5, 1),
        hidden_units=(6, 5),
        noise_levels=(0.1, 0.2),
        num_classes=3,
        wrong=(
            ({"noise_levels": (0.1,)}, ("one for each layer", "(0.1,)")),
            ({"noise": "fog"}, ("noise='fog'", "'masking'")),
        ),
    ),
}


def tiny(**options):
    return randomized(DAE, SHAPE, latent_dim=5, **options)


def fix_corruption(model):
    """Makes the model's noise the same in every call; returns it."""
    noisy, chosen = model.corruption.corrupt(tensor(images()))
    model.corruption.corrupt = lambda x: (noisy, chosen)
    return array(noisy), array(chosen)


# ---- The loss ---------------------------------------------------------------


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_clean_example_is_to_be_reconstructed(likelihood):
    """Under any emphasis, of held-out data as well."""
    model, x = tiny(likelihood=likelihood, noise_level=0.4), images()
    noisy, chosen = fix_corruption(model)
    assert 0.0 < chosen.mean() < 1.0
    outputs = array(model.decoder(model.encoder(noisy)))
    mean, terms = reconstruction_terms(likelihood, x, outputs)
    errors = sum_by_example((x - mean) ** 2)
    for emphasis in ((1.0, 1.0), (1.0, 0.5), (0.0, 3.0)):
        model.emphasis = emphasis
        weights = emphasis[0] * chosen + emphasis[1] * (1 - chosen)
        loss = sum_by_example(weights * terms).mean()
        expected = {
            "loss": loss,
            "reconstruction_loss": loss,
            "squared_error": errors.mean(),
        }
        assert training_logs(model, x) == pytest.approx(expected, rel=1e-5)
    assert evaluation_logs(model, x) == pytest.approx(expected, rel=1e-5)


def test_without_noise_it_is_an_autoencoder():
    """The same loss and the same gradients for the same weights."""
    plain = randomized(
        AE,
        SHAPE,
        latent_dim=5,
        hidden_units=(),
        latent_activation="sigmoid",
        tied=True,
    )
    expected, others = gradients_of(plain, images())
    for options in (
        {"noise": "masking", "exact": True},
        {"noise": "masking", "exact": False},
        {"noise": "salt_and_pepper"},
        {"noise": "gaussian"},
        {"noise": "dropout"},
    ):
        model = tiny(noise_level=0.0, **options)
        loss, gradients = gradients_of(model, images())
        assert loss == pytest.approx(expected, rel=1e-6), options
        for left, right in zip(gradients, others, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)


def test_full_emphasis_has_no_gradient_from_intact_components():
    model = tiny(emphasis=(1.0, 0.0))
    _, chosen = fix_corruption(model)
    x = images()
    _, gradients = gradients_of(model, x)
    # Other targets of the intact components change nothing.
    other = np.where(chosen == 1, x, 1.0 - x)
    _, same = gradients_of(model, other)
    _, changed = gradients_of(model, 1.0 - x)
    for left, right in zip(gradients, same, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-7)
    assert any(
        np.abs(left - right).max() > 1e-3
        for left, right in zip(gradients, changed, strict=True)
    )


def test_noise_is_new_in_each_step_and_absent_from_inference():
    model, x = tiny(), images()
    for logs in (training_logs, evaluation_logs):
        first, second = (logs(model, x)["loss"] for _ in range(2))
        assert first != pytest.approx(second, rel=1e-5)
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
def test_names_of_noises_that_corrupt_some_components(noise, layer, values):
    model = tiny(noise=noise, noise_level=0.4, exact=False)
    assert type(model.corruption) is layer and model.corruption.level == 0.4
    noisy = model.corrupt(np.full((200, *SHAPE), 0.5, "float32"))
    found = np.unique(noisy)
    np.testing.assert_allclose(found, sorted(values), rtol=1e-6)
    # 2,400 components: a standard error of 0.01.
    kept = 0.5 / 0.6 if noise == "dropout" else 0.5
    intact = np.mean(np.isclose(noisy, kept))
    assert intact == pytest.approx(0.6, abs=0.05)


def test_gaussian_noise_is_added():
    model = tiny(noise="gaussian", noise_level=0.4)
    assert type(model.corruption) is AdditiveNoise
    x = np.full((200, *SHAPE), 0.5, "float32")
    change = model.corrupt(x) - x
    # 2,400 draws: standard errors of 0.006 and 0.008.
    assert change.std() == pytest.approx(0.4, abs=0.03)
    assert change.mean() == pytest.approx(0.0, abs=0.04)


def test_a_corruption_layer_of_the_users_own():
    noise = SaltAndPepperNoise(0.3, low=-1.0, high=2.0, seed=5)
    model = tiny(noise=noise)
    assert model.corruption is noise
    noisy = model.corrupt(np.full((200, *SHAPE), 0.5, "float32"))
    assert set(np.unique(noisy)) == {-1.0, 0.5, 2.0}


@pytest.mark.parametrize("exact", [True, False])
def test_masking_corrupts_an_exact_number_or_not(exact):
    model = tiny(noise_level=0.5, exact=exact)
    masked = model.corrupt(np.ones((200, *SHAPE), "float32")) == 0.0
    assert (set(sum_by_example(masked)) == {6}) is exact


def test_pairs_of_the_users_own_are_not_corrupted():
    """Nor weighted: which components their noise has corrupted is not known."""
    clean = images()
    noisy = np.random.default_rng(1).uniform(size=clean.shape)
    for emphasis in ((1.0, 1.0), (3.0, 0.5)):
        model = tiny(emphasis=emphasis)
        logits = array(model.decoder(model.encoder(noisy)))
        _, terms = reconstruction_terms("bernoulli", clean, logits)
        for logs in (training_logs, evaluation_logs):
            assert logs(model, noisy, clean)["loss"] == pytest.approx(
                sum_by_example(terms).mean(), rel=1e-5
            )


# ---- Linear optima ----------------------------------------------------------


def linear_model(size, decoder=None, **options):
    encoder = keras.Sequential(
        [keras.Input((size,)), layers.Dense(size, use_bias=False)]
    )
    identity = keras.Sequential([keras.Input((size,)), layers.Identity()])
    return DAE(
        (size,),
        likelihood="gaussian",
        tied=False,
        encoder=encoder,
        decoder=decoder or identity,
        seed=0,
        **options,
    )


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
    largest = {}
    for name, matrix in {
        "best": best,
        "transposed": best.T,
        "identity": np.eye(SIZE),
    }.items():
        linear(model.encoder, matrix.T)
        _, gradients = gradients_of(model, x)
        largest[name] = np.abs(gradients[0]).max()
    # The noise of 60,000 draws is about 0.02 of the scale of the data.
    assert largest["best"] < 0.06
    assert largest["identity"] > 10 * largest["best"]
    if case != "gaussian":
        assert largest["transposed"] > 3 * largest["best"]


def test_the_optimal_reconstruction_gives_the_score():
    """Tweedie: `r(x) - x = sigma^2 d/dx log N(x; m, s^2 + sigma^2)`."""
    s, m, sigma = 1.5, 0.4, 0.6
    slope = s**2 / (s**2 + sigma**2)
    decoder = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model = linear_model(1, decoder, noise="gaussian", noise_level=sigma)
    linear(model.encoder, [[slope]])
    linear(decoder, [[1.0]], [(1 - slope) * m])
    x = np.linspace(-3, 3, 7, dtype="float32")[:, None]
    expected = -(x - m) / (s**2 + sigma**2)
    np.testing.assert_allclose(model.score(x), expected, rtol=1e-4, atol=1e-5)
    # These weights are the optimum: the gradients vanish there.
    clean = np.random.default_rng(0).normal(m, s, (100_000, 1))
    _, gradients = gradients_of(model, clean)
    assert all(np.abs(g).max() < 0.03 for g in gradients)
    linear(model.encoder, [[1.0]])
    _, gradients = gradients_of(model, clean)
    assert np.abs(gradients[0]).max() > 0.2


def test_a_score_needs_gaussian_noise():
    with pytest.raises(ValueError, match=r"MaskingNoise.*noise='gaussian'"):
        tiny().score(images())


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_a_chain_corrupts_reconstructs_and_samples(likelihood):
    model, x = tiny(likelihood=likelihood), images(3)
    seen = []
    corrupt = model.corruption.corrupt

    def recorded(x):
        noisy, chosen = corrupt(x)
        seen.append((array(x), array(noisy)))
        return noisy, chosen

    model.corruption.corrupt = recorded
    chain = model.chain(x, steps=4, seed=1)
    assert chain.shape == (4, 3, *SHAPE) and len(seen) == 4
    rng = np.random.default_rng(1)
    for (clean, noisy), visited in zip(seen, chain, strict=True):
        np.testing.assert_allclose(clean, x, rtol=1e-6)
        assert np.any(noisy != clean)
        np.testing.assert_allclose(visited, model.reconstruct(noisy), rtol=1e-5)
        if likelihood == "bernoulli":
            x = (rng.random(visited.shape) < visited).astype("float32")
        else:
            x = visited + rng.normal(size=visited.shape).astype("float32")
