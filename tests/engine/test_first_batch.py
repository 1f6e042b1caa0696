"""Pipelines are checked as arrays are, by their first batch."""

import collections
import gc
import weakref

import keras
import numpy as np
import pytest
from keras import ops

from keras_gen import data
from keras_gen.backend import pipelines
from keras_gen.engine import Batch, Examples, Labels
from tests.engine.toys import Solo, compiled, dense

RNG = np.random.default_rng(0)
X = RNG.uniform(-1.0, 1.0, (12, 2)).astype("float32")
Y = RNG.integers(0, 3, 12)


class Declared(Solo):
    def __init__(self):
        super().__init__(network=dense())
        self.seen = []

    def data_spec(self):
        return Batch(Examples((2,), value_range=(-1.0, 1.0)), Labels(3))

    def training_step(self, batch):
        self.minimize("model", lambda: ops.mean(self.network(batch.x)))
        self.log(extra=ops.sum(batch.x))

    def evaluation_step(self, batch):
        self.log(loss=ops.mean(batch.x))


def batches(x, y, size=4):
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]


class Sequence(keras.utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.parts = batches(x, y)

    def __len__(self):
        return len(self.parts)

    def __getitem__(self, index):
        return self.parts[index]


def as_tensorflow(x, y):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y)).batch(4)


def as_loader(x, y):
    import torch

    data = torch.utils.data.TensorDataset(
        torch.as_tensor(x), torch.as_tensor(y)
    )
    return torch.utils.data.DataLoader(data, batch_size=4)


def as_generator(x, y):
    yield from batches(x, y)


SOURCES = {
    "arrays": lambda x, y: (x, y),
    "tf.data": as_tensorflow,
    "DataLoader": as_loader,
    "PyDataset": Sequence,
    "generator": as_generator,
}
needs_all = pytest.mark.parametrize("kind", SOURCES)


def fit(model, kind, x, y, **options):
    source = SOURCES[kind](x, y)
    arguments = source if kind == "arrays" else (source,)
    options = {"batch_size": 4} if kind == "arrays" else {}
    return model.fit(*arguments, verbose=0, shuffle=False, **options).history


@pytest.fixture(scope="module")
def model():
    return compiled(Declared())


@needs_all
def test_good_data_are_read_once_and_whole(kind, model):
    steps = int(model.steps_seen)
    history = fit(model, kind, X, Y)
    expected = np.mean([part.sum() for part, _ in batches(X, Y)])
    np.testing.assert_allclose(history["extra"], [expected], rtol=1e-4)
    assert int(model.steps_seen) == steps + 3


@needs_all
@pytest.mark.parametrize(
    "x, y, words",
    [
        (100.0 * X, Y, "values from -1 to 1"),
        (X * np.nan, Y, "finite"),
        (X, Y + 5, "labels from"),
        (X, np.eye(3)[Y], "argmax"),
        (np.concatenate([X, X], 1), Y, r"input_shape=\(4,\)"),
    ],
    ids=["range", "finite", "labels", "one-hot", "shape"],
)
def test_bad_data_are_refused_by_the_first_batch(kind, x, y, words, model):
    with pytest.raises(ValueError, match=words):
        fit(model, kind, x, y)


@pytest.mark.parametrize("kind", ["arrays", "tf.data", "PyDataset"])
def test_held_out_data_are_checked_too(kind, model):
    good, bad = SOURCES[kind](X, Y), SOURCES[kind](9.0 * X, Y)
    with pytest.raises(ValueError, match="values from -1 to 1"):
        model.fit(X, Y, validation_data=bad, batch_size=4, verbose=0, epochs=1)
    evaluated = bad if kind == "arrays" else (bad,)
    with pytest.raises(ValueError, match="values from -1 to 1"):
        model.evaluate(*evaluated, verbose=0)
    history = model.fit(
        X, Y, validation_data=good, batch_size=4, verbose=0
    ).history
    np.testing.assert_allclose(
        history["val_loss"], [X.mean()], rtol=1e-4, atol=1e-6
    )


def test_a_loader_of_the_user_is_left_alone(model):
    loader = as_loader(X, Y)
    kind = type(loader)
    model.fit(loader, verbose=0)
    assert type(loader) is kind and not hasattr(loader, "checked")


class Examined(Solo):
    """A model of examples alone."""

    def data_spec(self):
        return Batch(Examples((2,), value_range=(-1.0, 1.0)))

    def training_step(self, batch):
        self.minimize("model", lambda: ops.mean(self.network(batch.x)))
        self.log(extra=ops.sum(batch.x))

    def evaluation_step(self, batch):
        self.log(loss=ops.mean(batch.x))


@pytest.fixture(scope="module")
def examined():
    model = Examined(network=dense())
    model.compile()
    return model


def test_a_loader_of_bare_tensors(examined):
    import torch

    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return len(X)

        def __getitem__(self, index):
            return torch.as_tensor(X[index])

    loader = torch.utils.data.DataLoader(Rows(), batch_size=3)
    history = examined.fit(loader, verbose=0).history
    expected = np.mean([X[i : i + 3].sum() for i in range(0, 12, 3)])
    np.testing.assert_allclose(history["extra"], [expected], rtol=1e-4)


def test_a_bare_array_of_held_out_data_is_checked(examined):
    for bad, words in (
        (9.0 * X, "values from -1 to 1"),
        (X * np.nan, "finite"),
    ):
        with pytest.raises(ValueError, match=words):
            examined.fit(X, validation_data=bad, verbose=0)
    history = examined.fit(X, validation_data=X, verbose=0).history
    np.testing.assert_allclose(history["val_loss"], [X.mean()], rtol=1e-4)


def test_a_pipeline_is_not_its_batches(examined):
    rows = data.pipeline(data.load("digits"), 8)
    with pytest.raises(ValueError, match=r"Pass `x.dataset`, with `steps_per"):
        examined.fit(rows)


def test_two_arrays_are_not_one(examined):
    with pytest.raises(ValueError, match=r"tuple. Pass `np.stack\(x\)`.*fit\("):
        examined.fit((X, X))


@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch"])
def test_single_batches_are_checked_where_they_are_arrays(examined, method):
    step = getattr(examined, method)
    wrong = np.full((4, 2), 2.0, "float32")
    with pytest.raises(ValueError, match="values from 2 to 2"):
        step(wrong)
    step(ops.convert_to_tensor(wrong))


def test_examples_of_unknown_rank():
    """As `tf.py_function` leaves them: refused in words, or trained on."""
    import tensorflow as tf

    def unknown(x):
        return tf.py_function(lambda t: t, [x], tf.float32)

    data = tf.data.Dataset.from_tensor_slices(X).map(unknown).batch(4)
    model = Examined(network=dense())
    model.compile()
    if keras.backend.backend() != "tensorflow":
        model.fit(data, verbose=0)
        return
    with pytest.raises(ValueError, match="known rank.*ensure_shape"):
        model.fit(data, verbose=0)


def test_tensors_of_pytorch_that_no_array_is_made_of_directly(examined):
    import torch

    for x in (
        torch.as_tensor(X).requires_grad_(),
        torch.as_tensor(X).to(torch.bfloat16),
    ):
        examined.check_data(x)
        np.testing.assert_allclose(
            examined.as_examples(x), X, rtol=1e-2, atol=1e-6
        )


def test_endless_data_for_inference(examined):
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices(X).batch(4).repeat()
    with pytest.raises(ValueError, match="must have an end"):
        examined.as_examples(data)


Pair = collections.namedtuple("Pair", "x y")


@pytest.mark.parametrize(
    "element", [X, (X,), (X, Y), {"x": X, "y": Y}, Pair(X, Y), ((X, Y), X)]
)
def test_elements_keep_their_structure(element):
    import tensorflow as tf

    seen = []
    source = tf.data.Dataset.from_tensor_slices(element).batch(4)
    watched = pipelines.watch_dataset(source, seen.append)
    assert watched.element_spec == source.element_spec
    for found, expected in zip(watched, source, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, found, expected)
    (first,) = seen
    tf.nest.map_structure(
        np.testing.assert_array_equal, first, next(iter(source))
    )


def test_later_epochs_are_the_data_set_alone_and_nothing_holds_it():
    """A cycle of references would hold the arrays of past data sets."""
    seen, source = [], as_tensorflow(X, Y)
    watched = pipelines.watch_dataset(source, seen.append)
    expected = np.array([x for x, _ in source.as_numpy_iterator()])
    # The third iterator is that of the data set without the check.
    watched.plain = source.map(lambda x, y: (x + 1.0, y))
    for added in (0.0, 0.0, 1.0):
        found = [np.asarray(x) for x, _ in watched]
        np.testing.assert_array_equal(found, expected + added)
    watched.plain = source
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0][0], X[:4])
    assert type(watched) is type(pipelines.watch_dataset(source, print))
    source = weakref.ref(source)
    gc.collect()
    gc.disable()
    try:
        del watched
        assert source() is None
    finally:
        gc.enable()
