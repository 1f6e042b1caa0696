"""Data that does not fit is an error that says what came and what to do."""

import keras
import numpy as np
import pytest

from keras_gen.engine import Labels
from keras_gen.engine.specs import Spec
from tests.contract.case import BATCH
from tests.contract.helpers import fit, rows


def examples_spec(case):
    """The spec of the examples, of one array or the first of several."""
    return keras.tree.flatten(case.prototype.data_spec().x)[0]


def with_x(case, change, steps=2):
    """The data of a case with other examples."""
    x, *rest = case.data(steps)
    return (keras.tree.map_structure(change, x), *rest)


def widened(x):
    return np.concatenate([x, x], axis=1)


def test_wrong_shape_names_both_shapes_and_the_argument(case):
    model = case.ready
    spec = examples_spec(case)
    for check in (
        lambda *data: fit(model, data),
        lambda *data: model.evaluate(*data, batch_size=BATCH, verbose=0),
    ):
        with pytest.raises(ValueError) as error:
            check(*with_x(case, widened))
        message = str(error.value)
        shape = (spec.shape[0] * 2, *spec.shape[1:])
        assert str((None, *spec.shape)) in message
        assert f"{spec.argument}={shape}" in message


def test_missing_axis_is_an_error(case):
    model = case.ready
    keep = slice(0, 1) if examples_spec(case).shape[1:] else slice(0, 0)
    with pytest.raises(ValueError, match=examples_spec(case).argument):
        fit(model, with_x(case, lambda x: x.reshape(*x.shape[keep], -1)))


def test_what_goes_with_the_examples_is_missed_or_refused(case):
    """Labels, targets: as the model's declaration says."""
    model = case.ready
    x = case.data()[0]
    spec = model.data_spec().y
    wrong = np.zeros((len(x), 2), "float32")
    if spec is None:
        with pytest.raises(ValueError, match="data with labels"):
            fit(model, (x, wrong))
    else:
        with pytest.raises(ValueError, match="`y` of .* must be"):
            fit(model, (x, wrong))
        if not spec.optional:
            with pytest.raises(ValueError, match="data without labels"):
                fit(model, (x,))


def test_labels_are_accepted_rightly_or_refused_by_name(case):
    spec = case.prototype.data_spec().y
    if not isinstance(spec, Labels) or type(spec) is not Labels:
        return
    model = case.ready
    x, y = case.data()
    y = np.maximum(y, 0)
    for labels, words in (
        (np.eye(spec.num_classes)[y], "argmax"),
        (y + 0.5, "np.unique"),
        (np.array(list("abcd"))[y], "np.unique"),
        (y + spec.num_classes, "Count them from 0"),
        (y - 2, "Count them from 0"),
    ):
        with pytest.raises(ValueError, match=words):
            model.check_data(x, labels)
    for labels in (y, y[:, None], y.astype("float64"), y.astype("uint8")):
        model.check_data(x, labels)
    if spec.missing == "refused":
        with pytest.raises(ValueError, match="labels from -1"):
            model.check_data(x, np.full_like(y, -1))


def test_values_out_of_range_name_both_ranges(ranged_case):
    model = ranged_case.ready
    low, high = ranged_case.prototype.value_range
    for scale in (255.0, -255.0):
        data = with_x(ranged_case, lambda x, s=scale: s * (x + 0.5))
        with pytest.raises(ValueError) as error:
            fit(model, data)
        message = str(error.value)
        assert f"from {low:g} to {high:g}" in message
        assert f"to {data[0].max():g}" in message
        assert "Rescale" in message
    with pytest.raises(ValueError, match="finite"):
        fit(model, with_x(ranged_case, lambda x: x + np.nan))


def test_weights_of_examples_are_refused(plain_case):
    model = plain_case.ready
    data = plain_case.data()
    weights = np.ones(len(keras.tree.flatten(data)[0]))
    with pytest.raises(ValueError, match="`sample_weight` of"):
        fit(model, data, sample_weight=weights)
    with pytest.raises(ValueError, match="`class_weight` of"):
        fit(model, data, class_weight={0: 1.0})


def test_batch_smaller_than_the_round(game_case):
    size = game_case.round_size
    with pytest.raises(ValueError) as error:
        fit(game_case.compiled("sgd"), rows(game_case.data(), 0, size - 1))
    message = str(error.value)
    assert f"{size} updates" in message
    assert f"batch size {size - 1}" in message
    assert "drop the remainder" in message


def test_uneven_last_batch_is_split_as_evenly_as_can_be(game_case):
    """11 examples are a batch of 8 and one of 3."""
    model = game_case.compiled("sgd")
    history = fit(model, rows(game_case.data(), 0, BATCH + 3))
    for values in history.values():
        assert np.all(np.isfinite(values))
    for player in model.players:
        updates = game_case.updates.get(player, 1)
        assert int(model.optimizer[player].iterations) == 2 * updates


def test_compile_says_where_losses_and_metrics_go(plain_case):
    with pytest.raises(TypeError, match="EvaluateMetrics"):
        plain_case.build().compile("adam", metrics=["mae"])


def test_every_spec_draws_what_it_accepts(case):
    """The data of these tests come from the declaration itself."""
    spec = case.prototype.data_spec()
    for part in keras.tree.flatten((spec.x, spec.y)):
        if isinstance(part, Spec):
            drawn = part.draw(np.random.default_rng(0), 6)
            assert part.accepts(drawn.shape)
            part.check_values("model", "x", drawn)
