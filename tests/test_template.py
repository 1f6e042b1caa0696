"""The template of a model passes the tests that a copy of it must pass.

They are the contract's tests of a single model, and those of the formulas in
its docstring.
"""

import importlib.util
import pathlib
import sys

import keras
import numpy as np
import pytest

from keras_gen.registry import System
from tests.contract import (
    test_building,
    test_compiling,
    test_sampling,
    test_saving,
)
from tests.contract.case import Case
from tests.contract.helpers import fit
from tests.numerics import array, tensor

PATH = pathlib.Path(__file__).parents[1] / "docs" / "template.py"


def load(path):
    spec = importlib.util.spec_from_file_location("template_gan", path)
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


template = load(PATH)


class Template(System):
    """A row like those of the registry."""

    def load(self, class_name=None):
        return template.TemplateGAN


def case_of(key, **arguments):
    system = Template("template", "TemplateGAN", "", "", "", "gan", "image")
    case = Case(image_shape=(4, 4, 1), latent_dim=3, **arguments)
    return case.named(key, system)


CASES = [
    case_of("template", hidden_units=6, noise_stddev=0.1),
    case_of(
        "template-labels",
        hidden_units=(6, 5),
        num_classes=3,
        discriminator_steps=2,
        updates={"discriminator": 2},
        wrong=[({"hidden_units": 0}, ["hidden_units"])],
    ),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.key)
def case(request):
    return request.param


@pytest.mark.parametrize(
    "test",
    [
        test_building.test_arguments_have_defaults_types_and_descriptions,
        test_building.test_a_model_sets_and_defines_what_its_bases_ask_for,
        test_building.test_presets_build,
        test_building.test_every_trainable_variable_has_a_player,
        test_building.test_seed_generators_differ_and_follow_the_seed,
        test_building.test_networks_of_other_shapes_are_refused_by_name,
        test_building.test_call_gives_one_result_for_each_example,
        test_compiling.test_compile_arguments_survive_a_round_trip,
        test_saving.test_configuration_makes_the_same_model,
    ],
)
def test_contract(case, test):
    test(case)


def test_it_is_saved_and_goes_on(case, tmp_path):
    test_saving.test_loading_and_going_on_is_going_on(case, tmp_path)


def test_it_samples(case):
    model = case.build()
    test_sampling.test_sample_is_an_array_of_finite_examples(case, model)
    test_sampling.test_samples_do_not_depend_on_the_batch_size(case, model)
    test_sampling.test_labels_are_for_conditional_models(case, Case.build)


def test_losses_are_those_of_the_docstring(case):
    """Of a discriminator that gives every image the same score."""
    model = case.compiled()
    model.discriminator.set_weights(
        [np.zeros_like(w) for w in model.discriminator.get_weights()]
    )
    *_, bias = model.discriminator.weights
    data = model.prepared(case.data(steps=1))
    for score in (-2.0, 0.5, 3.0):
        bias.assign([score])
        expected = {
            "discriminator": max(0.0, 1.0 - score) + max(0.0, 1.0 + score),
            "generator": -score,
        }
        for training in (False, True):
            found = {
                player: float(array(model.player_loss(player, data, training)))
                for player in model.players
            }
            assert found == pytest.approx(expected)


def test_noise_is_for_training_alone_and_follows_its_schedule():
    """The scores of a linear discriminator have the noise's deviation."""
    linear = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    linear.add(keras.layers.Dense(1, kernel_initializer="ones"))
    schedule = template.Schedule(0.5, 0.0, over=10)
    model = CASES[0].build(discriminator=linear, noise_stddev=schedule)
    x = tensor(np.zeros((4000, 4, 4, 1)))
    assert not np.any(array(model.discriminate_step(x)))
    for epoch, stddev in ((0, 0.5), (8, 0.1), (10, 0.0)):
        model.epochs_seen.assign(epoch)
        scores = array(model.discriminate_step(x, training=True))
        # The sum of 16 independent draws.
        assert np.std(scores) == pytest.approx(4 * stddev, rel=0.05)


def test_it_learns():
    """The generator finds the mean of the images."""
    model = CASES[0].build(hidden_units=16, noise_stddev=0.0)
    model.compile(keras.optimizers.Adam(5e-3, beta_1=0.5))
    rng = np.random.default_rng(0)
    x = 0.5 + 0.2 * rng.normal(size=(1600, 4, 4, 1)).astype("float32")
    fit(model, (np.clip(x, -1.0, 1.0),), batch_size=32, epochs=4)
    assert np.mean(model.sample(200, seed=0)) == pytest.approx(0.5, abs=0.2)
