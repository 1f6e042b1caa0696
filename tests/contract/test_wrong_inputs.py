"""Data that does not fit is an error that says what came and what to do."""

import inspect

import numpy as np
import pytest

from tests.contract.helpers import (
    BATCH,
    class_of,
    compiled,
    data_of,
    fit,
)
from tests.contract.settings import SETTINGS


# Shared by the tests: an error leaves a model as it was.
@pytest.fixture(scope="module")
def model(case):
    return compiled(case, "sgd")


def shape_argument(case):
    parameters = inspect.signature(class_of(case)).parameters
    (name,) = {"image_shape", "input_shape"} & set(parameters)
    return name


def test_wrong_shape_names_both_shapes_and_the_argument(case, model):
    x, *rest = data_of(case)
    wrong = np.concatenate([x, x], axis=1)
    with pytest.raises(ValueError) as error:
        fit(model, (wrong, *rest))
    message = str(error.value)
    for word in (str(x.shape[1:])[1:], str(wrong.shape[1:])):
        assert word in message
    assert f"{shape_argument(case)}={wrong.shape[1:]}" in message


def test_missing_axis_is_an_error(case, model):
    x, *rest = data_of(case)
    with pytest.raises(ValueError, match=shape_argument(case)):
        fit(model, (x.reshape(len(x), -1, *x.shape[3:]), *rest))


def test_evaluate_checks_as_well(case, model):
    x, *rest = data_of(case)
    wrong = np.concatenate([x, x], axis=1)
    with pytest.raises(ValueError, match=shape_argument(case)):
        model.evaluate(wrong, *rest, batch_size=BATCH, verbose=0)


def test_labels_are_missed_refused_or_ignored(case):
    x = data_of(case)[0]
    y = np.zeros(len(x), "int32")
    expected = SETTINGS[case].labels
    if expected == "required":
        with pytest.raises(ValueError, match="without labels"):
            fit(compiled(case, "sgd"), (x,))
    elif expected == "refused":
        with pytest.raises(ValueError, match="with labels"):
            fit(compiled(case, "sgd"), (x, y))
    else:
        assert expected == "ignored"
        assert fit(compiled(case), (x, y)) == fit(compiled(case), (x,))


def test_sample_weights_are_refused(case, model):
    x = data_of(case)[0]
    y = np.zeros(len(x), "int32")
    with pytest.raises(ValueError, match="takes no sample weights"):
        fit(model, (x, y), sample_weight=np.ones(len(x)))


def test_batch_smaller_than_the_round(game_case):
    model = compiled(game_case, "sgd")
    size = SETTINGS[game_case].round_size
    few = [part[: size - 1] for part in data_of(game_case)]
    with pytest.raises(ValueError) as error:
        fit(model, few)
    message = str(error.value)
    assert f"{size} updates" in message
    assert f"batch size {size - 1}" in message
    assert "drop the remainder" in message


def test_uneven_last_batch_is_split_as_evenly_as_can_be(game_case):
    """11 examples are a batch of 8 and one of 3."""
    model = compiled(game_case, "sgd")
    few = [part[: BATCH + 3] for part in data_of(game_case)]
    history = fit(model, few)
    for values in history.values():
        assert np.all(np.isfinite(values))
    for player in model.players:
        updates = SETTINGS[game_case].updates.get(player, 1)
        assert int(model.optimizer[player].iterations) == 2 * updates


@pytest.mark.parametrize("scale", [255.0, -255.0])
def test_values_out_of_range_name_both_ranges(ranged_case, scale):
    model = compiled(ranged_case, "sgd")
    x, *rest = data_of(ranged_case)
    low, high = SETTINGS[ranged_case].data_range
    wrong = scale * (x + 0.5)
    with pytest.raises(ValueError) as error:
        fit(model, (wrong, *rest))
    message = str(error.value)
    assert f"from {low:g} to {high:g}" in message
    assert f"from {wrong.min():g} to {wrong.max():g}" in message
    assert "Rescale" in message
