"""Data that does not fit is an error that says what came and what to do."""

import keras
import numpy as np
import pytest

from keras_gen.engine import Examples, Labels
from keras_gen.engine.data_spec import map_spec
from keras_gen.engine.specs import Spec
from tests.contract.case import BATCH
from tests.contract.helpers import assert_finite, fit, rows


def part_of_examples(case, ranged=False):
    """Which part of the data, `x` or `y`, are examples, and their spec."""
    for index, spec in enumerate(case.prototype.data_spec()):
        first = keras.tree.flatten(spec)[0]
        if isinstance(first, Examples) and (first.value_range or not ranged):
            # Of targets that are left out, `x` is what is expected.
            return 0 if first.optional else index, first
    raise AssertionError(f"{case.key} takes no examples.")


def with_examples(case, change, steps=2, ranged=False):
    """The data of a case with other examples, and what is beside them."""
    data = list(case.data(steps))
    index, _ = part_of_examples(case, ranged)

    def changed(name, spec, leaf):
        return change(leaf) if isinstance(spec, Examples) else leaf

    spec = case.prototype.data_spec()
    data[index] = map_spec(changed, spec[index], data[index], "x")
    return tuple(data)


def widened(x):
    return np.concatenate([x, x], axis=1)


def test_wrong_shape_names_both_shapes_and_the_argument(case):
    model = case.ready
    _, spec = part_of_examples(case)
    for check in (
        lambda *data: fit(model, data),
        lambda *data: model.evaluate(*data, batch_size=BATCH, verbose=0),
    ):
        with pytest.raises(ValueError) as error:
            check(*with_examples(case, widened))
        message = str(error.value)
        shape = (spec.shape[0] * 2, *spec.shape[1:])
        assert str((None, *spec.shape)) in message
        assert f"{spec.argument}={shape}" in message


def test_missing_axis_is_an_error(case):
    model = case.ready
    _, spec = part_of_examples(case)
    keep = slice(0, 1) if spec.shape[1:] else slice(0, 0)
    with pytest.raises(ValueError, match=spec.argument):
        fit(model, with_examples(case, lambda x: x.reshape(*x.shape[keep], -1)))


def test_what_goes_with_the_examples_is_missed_or_refused(case):
    """Labels, targets: as the model's declaration says."""
    model = case.ready
    x = case.data()[0]
    spec = model.data_spec().y
    wrong = np.zeros((len(x), 13), "float32")
    if spec is None:
        with pytest.raises(ValueError, match="data with labels"):
            fit(model, (x, wrong))
    else:
        with pytest.raises(ValueError, match="`y`.* must be"):
            fit(model, (x, wrong))
        if not getattr(spec, "optional", False):
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
    index, spec = part_of_examples(ranged_case, ranged=True)
    low, high = spec.value_range

    def changed(change):
        return with_examples(ranged_case, change, ranged=True)

    for scale in (255.0, -255.0):
        data = changed(lambda x, s=scale: s * (x + 0.5))
        with pytest.raises(ValueError) as error:
            fit(model, data)
        message = str(error.value)
        assert f"from {low:g} to {high:g}" in message
        assert f"to {data[index].max():g}" in message
        assert "Rescale" in message
    with pytest.raises(ValueError, match="finite"):
        fit(model, changed(lambda x: x + np.nan))


def test_ranges_are_checked_wherever_data_come_from(ranged_case):
    """Tensors, data sets, and arrays beyond the first thousand."""
    import tensorflow as tf

    model = ranged_case.ready
    index, _ = part_of_examples(ranged_case, ranged=True)
    good = ranged_case.data()
    bad = with_examples(ranged_case, lambda x: 255 * x, ranged=True)
    late = [np.repeat(part[:1], 1025, axis=0) for part in good]
    keras.tree.flatten(late[index])[0][-1] = 255
    tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, bad)
    batches = tf.data.Dataset.from_tensor_slices(bad if bad[1:] else bad[0])
    for data in (late, tensors, (batches.batch(BATCH),)):
        with pytest.raises(ValueError, match="must have values from"):
            model.fit(*data, verbose=0)


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
    with pytest.raises(ValueError, match=f"{size} updates"):
        game_case.ready.train_on_batch(*rows(game_case.data(), 0, size - 1))


def test_uneven_last_batch_is_split_as_evenly_as_can_be(game_case):
    """9 examples are a batch of 8 and one of 1, 11 one of 8 and one of 3."""
    model = game_case.compiled("sgd")
    for fits, rest in enumerate((1, 3), start=1):
        assert_finite(
            fit(model, rows(game_case.data(), 0, BATCH + rest)).values()
        )
        for player in model.players:
            updates = game_case.updates.get(player, 1)
            iterations = int(model.optimizer[player].iterations)
            assert iterations == 2 * fits * updates


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


def odd_data(x):
    """Examples that no model can take, and what each error says."""
    foreign = x.astype(x.dtype.newbyteorder())
    yield foreign, "byte order"
    yield np.ma.masked_less(x, np.median(x)), "filled"
    yield x[:0], "at least one example"
    # The last one alone, far behind the first batch.
    late = np.repeat(x[:1], 1025, axis=0)
    late[-1] = np.inf
    yield late, "finite"


def test_odd_data_are_refused_by_name(swept_case):
    """Wherever arrays go: training, held-out data, evaluation."""
    model = swept_case.ready
    x, *_ = swept_case.data()
    spec = model.data_spec().y
    alone = spec is None or spec.optional
    for odd, words in odd_data(x):
        with pytest.raises(ValueError, match=words):
            model.check_data(odd)
        if not alone:
            continue
        with pytest.raises(ValueError, match=words):
            model.evaluate(odd, batch_size=BATCH, verbose=0)
        with pytest.raises(ValueError, match=words):
            fit(model, (x,), validation_data=odd)
    if not alone:
        return
    with pytest.raises(ValueError, match=r"Received: list.*np\.asarray"):
        fit(model, (x.tolist(),))


def test_files_of_other_formats_are_refused(swept_case, tmp_path):
    with pytest.raises(ValueError, match="'.keras'.*save_weights"):
        swept_case.prototype.save(tmp_path / "model.h5")


def test_float64(double_case):
    """Steps of a model in double precision lose nothing and mix no types."""
    if keras.backend.backend() == "jax":
        return  # Without `jax_enable_x64` it is float32.
    double = double_case.compiled("sgd", build={"dtype": "float64"})
    single = double_case.compiled("sgd")
    for variable, other in zip(double.weights, single.weights, strict=True):
        variable.assign(keras.ops.cast(other.value, variable.dtype))
    data = double_case.data(steps=1)
    losses = [fit(model, data) for model in (double, single)]
    for name in losses[0]:
        np.testing.assert_allclose(
            losses[0][name], losses[1][name], rtol=2e-4, atol=1e-5
        )


@pytest.mark.parametrize(
    "method",
    ["encode", "reconstruct", "elbo", "discriminate", "log_likelihood"],
)
def test_data_sets_wherever_arrays_are_taken(swept_case, method):
    """A data set of batches, a loader, a generator: the same results."""
    model = swept_case.prototype
    if not hasattr(model, method):
        return
    rng = np.random.default_rng(0)
    spec = model.data_spec().x
    x, parts = spec.draw(rng, 6), []
    if isinstance(model.example_shape[0], tuple):
        # An example is of several domains, as the batches are.
        x = (x, model.data_spec().y.draw(rng, 6))
    options = {"num_samples": 2} if method == "log_likelihood" else {}
    labels = {}
    if model.condition is not None and method == "discriminate":
        labels = {"labels": model.condition.draw(rng, 6)}
    for start, stop in ((0, 4), (4, 6)):
        few = rows(x, start, stop)
        few = few if isinstance(few, tuple) else (few,)
        parts.append((*few, *rows(list(labels.values()), start, stop)))
    results = []
    for source, given in ((x, labels), ((part for part in parts), {})):
        # The same noise each time.
        model = swept_case.build()
        found = getattr(model, method)
        result = found(source, batch_size=4, **options, **given)
        results.append(keras.tree.flatten(result))
    for whole, streamed in zip(*results, strict=True):
        np.testing.assert_allclose(whole, streamed, rtol=1e-5, atol=1e-5)
    wrong = ((widened(part), *rest) for part, *rest in parts)
    with pytest.raises(ValueError, match=spec.argument):
        getattr(model, method)(wrong, **options)
    if labels:
        with pytest.raises(ValueError, match="`labels` of .* must be None"):
            model.discriminate((part for part in parts), **labels)
