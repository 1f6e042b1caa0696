"""What translators show to their networks, and in which order they update."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from keras_gen import registry
from keras_gen.layers import ImagePool
from keras_gen.models.gans.simgan.simgan import SIZES
from keras_gen.networks import translation
from tests.contract.case import all_cases
from tests.numerics import array
from tests.translators import batch_of

# The updates of one training step, by the official codes.
UPDATES = {
    "pix2pix": "GD",
    "bicyclegan": "GD",
    "cyclegan": "GD",
    "discogan": "DGG",
    "stargan": "DDDDDG",
    "context_encoder": "DG",
    "segan": "DG",
}
DEFAULTS = {
    "pix2pix": {"dropout": 0.5, "l1_weight": 100.0, "adversarial_weight": 1.0},
    "cyclegan": {"cycle_weight": 10.0, "identity_weight": 0.0, "pool_size": 50},
    "discogan": {"adversarial_weight": 0.1, "feature_weight": 0.9},
    "bicyclegan": {
        "l1_weight": 10.0,
        "kl_weight": 0.01,
        "latent_weight": 0.5,
        "vae_adversarial_weight": 1.0,
        "latent_adversarial_weight": 1.0,
    },
    "stargan": {
        "class_weight": 1.0,
        "reconstruction_weight": 10.0,
        "penalty_weight": 10.0,
        "discriminator_steps": 5,
    },
    "context_encoder": {
        "reconstruction_weight": 0.999,
        "adversarial_weight": 0.001,
        "overlap": 4,
    },
    "simgan": {
        "regularization_weight": 0.5,
        "refiner_steps": 2,
        "discriminator_steps": 1,
        "discriminator_pretraining": 200,
    },
    "segan": {"l1_weight": 100.0, "pre_emphasis": 0.95, "reference_size": 100},
}


def built(key, **options):
    model = all_cases()[key].build(**options)
    # Updates that change nothing.
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    return model


def recorded(model, monkeypatch):
    """A list that grows with each call of a network: its name, whether it is
    in training mode, its inputs and its outputs."""
    names = {
        id(getattr(model, name)): name
        for networks in model.players.values()
        for name in networks
    }
    calls, call = [], keras.Model.__call__

    def spy(self, inputs, training=None, **options):
        outputs = call(self, inputs, training=training, **options)
        if id(self) in names:
            flat = keras.tree.flatten(inputs), keras.tree.flatten(outputs)
            arrays = [[array(x) for x in xs] for xs in flat]
            calls.append((names[id(self)], training, *arrays))
        return outputs

    monkeypatch.setattr(keras.Model, "__call__", spy)
    return calls


def shown(calls, name, place=0):
    """The inputs of a network, each once."""
    return {
        inputs[place].tobytes()
        for called, _, inputs, _ in calls
        if called == name
    }


@pytest.mark.parametrize("key", DEFAULTS)
def test_networks_are_in_training_mode_in_training_alone(key, monkeypatch):
    model = built(key)
    batch = batch_of(model, 5 if key == "stargan" else 6)
    calls = recorded(model, monkeypatch)
    model.training_step(batch)
    networks = {name for names in model.players.values() for name in names}
    assert {(name, True) for name in networks} == {c[:2] for c in calls}
    calls.clear()
    model.evaluation_step(batch)
    assert {(name, False) for name in networks} == {c[:2] for c in calls}


@pytest.mark.parametrize("key", UPDATES)
def test_updates_of_a_step(key, monkeypatch):
    parameters = inspect.signature(all_cases()[key].cls).parameters
    options = {
        name: parameters[name].default
        for name in ("discriminator_steps", "generator_steps")
        if name in parameters
    }
    model, updates = built(key, **options), []
    minimize = model.minimize

    def spy(player, *given, **options):
        updates.append(player[0].upper())
        return minimize(player, *given, **options)

    monkeypatch.setattr(model, "minimize", spy)
    model.training_step(batch_of(model, 5 if key == "stargan" else 6))
    assert "".join(updates) == UPDATES[key]


@pytest.mark.parametrize(
    ("key", "judges"),
    [
        ("pix2pix", {"discriminator": 1}),
        ("cyclegan", {"discriminator_a": 0, "discriminator_b": 0}),
    ],
)
def test_discriminators_see_what_the_generator_was_judged_by(
    key, judges, monkeypatch
):
    """And what is real: nothing is drawn a second time."""
    model = built(key)
    batch = batch_of(model, 4)
    calls = recorded(model, monkeypatch)
    model.training_step(batch)
    for name, place in judges.items():
        real = batch.x if name.endswith("_a") else batch.y
        seen = shown(calls, name, place)
        assert array(real).tobytes() in seen and len(seen) == 2


def test_both_games_of_bicyclegan_judge_the_same_images(monkeypatch):
    """The images of the first half, each by its own discriminator."""
    model = built("bicyclegan")
    calls = recorded(model, monkeypatch)
    batch = batch_of(model, 8)
    model.training_step(batch)
    halves = array(batch.y)[:4], array(batch.y)[4:]
    for name, real in zip(
        ("discriminator", "latent_discriminator"), halves, strict=True
    ):
        seen = shown(calls, name)
        assert real.tobytes() in seen and len(seen) == 2
    # Real images are encoded first, then what random latents gave.
    first, second = (c[2][0] for c in calls if c[0] == "encoder")
    np.testing.assert_array_equal(first, halves[0])
    generated = [c for c in calls if c[0] == "generator"]
    np.testing.assert_array_equal(second, generated[1][3][0])
    # The first latents are draws of the posterior, not its mean.
    (mean, log_variance), z = calls[0][3], generated[0][2][1]
    assert np.abs(z - mean).max() > 1e-2
    assert np.abs((z - mean) / np.exp(0.5 * log_variance)).max() < 5.0


@pytest.mark.parametrize("key", ["cyclegan-identity", "discogan"])
def test_networks_see_their_own_domains(key, monkeypatch):
    """Of `generator_ab` the other way round too, where that is a loss."""
    model = built(key, **({"pool_size": 0} if "cycle" in key else {}))
    batch = batch_of(model, 9 if key == "discogan" else 4)
    calls = recorded(model, monkeypatch)
    model.training_step(batch)
    if key == "discogan":
        # The generator's updates see parts of their own.
        batch = model.split(batch, 3)[-1]
    real = {"a": array(batch.x), "b": array(batch.y)}
    for there, back in (("ab", "ba"), ("ba", "ab")):
        inputs = shown(calls, f"generator_{there}")
        outputs = {
            c[3][0].tobytes() for c in calls if c[0] == f"generator_{back}"
        }
        assert real[there[0]].tobytes() in inputs
        assert (real[there[1]].tobytes() in inputs) == ("identity" in key)
        judged = shown(calls, f"discriminator_{there[0]}")
        assert real[there[0]].tobytes() in judged
        assert real[there[1]].tobytes() not in judged
        assert judged & outputs


def test_discriminators_of_cyclegan_see_the_pools_alone(monkeypatch):
    """The generators' losses are of new images."""
    model = built("cyclegan")
    batch = batch_of(model, 4)

    def old(self, x, training=False):
        return ops.full_like(x, 0.25)

    monkeypatch.setattr(ImagePool, "call", old)
    calls = recorded(model, monkeypatch)
    model.training_step(batch)
    for name, real in (
        ("discriminator_a", batch.x),
        ("discriminator_b", batch.y),
    ):
        seen = [c[2][0] for c in calls if c[0] == name]
        # The generator's loss, the real images, the pool.
        assert len(seen) == 3
        np.testing.assert_array_equal(seen[1], array(real))
        assert np.all(seen[2] == 0.25) and np.std(seen[0]) > 1e-3


def test_segan_judges_pairs_with_the_noisy_signal(monkeypatch):
    model = built("segan")
    batch = batch_of(model, 4)
    noisy, clean = (array(model.emphasized(x)) for x in batch)
    calls = recorded(model, monkeypatch)
    model.training_step(batch)
    assert shown(calls, "discriminator", 1) == {noisy.tobytes()}
    assert clean.tobytes() in shown(calls, "discriminator", 0)
    assert shown(calls, "generator", 0) == {noisy.tobytes()}


@pytest.mark.parametrize("key", ["pix2pix", "segan", "bicyclegan"])
def test_noise_is_drawn_anew_in_training(key):
    """Not by Pix2Pix and SEGAN in evaluation, which can be compared then."""
    options = {"dropout": 0.5} if key == "pix2pix" else {}
    model = built(key, **options)
    batch = batch_of(model, 4)

    def loss(training):
        return float(array(model.player_loss("generator", batch, training)))

    assert loss(training=True) != loss(training=True)
    if key != "bicyclegan":
        assert loss(training=False) == loss(training=False)


@pytest.mark.parametrize("key", DEFAULTS)
def test_defaults_are_the_papers(key):
    cls = next(s for s in registry.SYSTEMS if s.name == key).load()
    parameters = inspect.signature(cls).parameters
    found = {name: parameters[name].default for name in DEFAULTS[key]}
    assert found == DEFAULTS[key]


def test_the_history_of_simgan():
    """Half of a batch comes from it."""
    assert SIZES == {"gaze": (25_600, 1000), "hand": (1024, 500)}
    assert built("simgan").pool.half


def test_images_are_padded_by_their_reflection():
    """In front of all convolutions of stride 1, of the blocks' too."""
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype("float32")
    width = ((0, 0), (2, 2), (2, 2), (0, 0))
    np.testing.assert_array_equal(
        array(translation.reflect(x, 2)), np.pad(x, width, mode="reflect")
    )
    for padding, expected in (("reflect", [3, 1, 1, 1, 1, 3]), ("zero", [])):
        network = translation.resnet_generator(
            (8, 8, 2), 2, 4, num_blocks=2, padding=padding
        )
        pads = [x for x in network.operations if type(x).__name__ == "Pad"]
        assert [x.pad_width[1][0] for x in pads] == expected
        assert all(x.mode == "reflect" for x in pads)
