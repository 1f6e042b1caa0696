import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import data
from keras_gen.data import pipelines

LONG, SHORT = 50, 17


def domain(examples, first=0):
    """Gray images whose pixels are all the index of their example."""
    images = np.arange(first, first + examples, dtype="uint8")
    images = np.broadcast_to(images[:, None, None, None], (examples, 4, 4, 1))
    return tf.data.Dataset.from_tensor_slices({"image": images.copy()})


def make(a=LONG, b=SHORT, **options):
    options = {"batch_size": 5, "value_range": (0, 255), **options}
    return data.zipped(domain(a), domain(b, first=100), **options)


def take(made, batches):
    return list(itertools.islice(made.dataset.as_numpy_iterator(), batches))


def indices(batches):
    """The indices of the examples, one row for each batch."""
    pairs = [[np.rint(x[:, 0, 0, 0]) for x in pair] for pair in batches]
    return np.array(pairs, int).transpose(1, 0, 2)


@pytest.fixture(params=["memory", "stream"], autouse=True)
def reading(request, monkeypatch):
    if request.param == "stream":
        monkeypatch.setattr(pipelines, "_MEMORY", 0)


@pytest.mark.parametrize("longer", ["first", "second"])
def test_each_domain_has_epochs_of_its_own_length(longer):
    sizes = (LONG, SHORT) if longer == "first" else (SHORT, LONG)
    made = make(*sizes)
    # 10 and 3 batches of 5.
    assert (made.steps_per_epoch, made.examples) == (10, LONG)
    assert made.dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    batches = indices(take(made, 30))
    for order, size, first in zip(batches, sizes, (0, 100), strict=True):
        steps = size // 5
        epochs = [order[i : i + steps] for i in range(0, 30, steps)]
        for epoch in epochs:
            found = epoch.ravel()
            assert len(set(found)) == len(found)
            assert first <= found.min() and found.max() < first + size
        assert not np.array_equal(epochs[0], epochs[1])


def test_resumed_run_sees_what_the_whole_run_saw():
    def shift(images, seed):
        return images + tf.random.stateless_uniform((), seed)

    options = {"binarize": "dynamic", "augment": (shift,), "seed": 3}
    keras.utils.set_random_seed(1)
    whole = take(make(**options), 24)
    keras.utils.set_random_seed(2)
    # Before and at the wraps of the shorter domain (3, 6, ...) and of the
    # longer one (10, 20).
    for step in (1, 3, 10, 20):
        resumed = take(make(start_step=step, **options), 24 - step)
        for found, expected in zip(resumed, whole[step:], strict=True):
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_array_equal(a, b)


def test_order_of_a_domain_does_not_depend_on_the_other():
    first, _ = indices(take(make(seed=4), 20))
    alone = data.pipeline(domain(LONG), 5, seed=4, value_range=(0, 255))
    alone = [x[:, 0, 0, 0] for x in take(alone, 20)]
    np.testing.assert_array_equal(first, np.rint(alone))
    _, second = indices(take(make(seed=4), 9))
    _, again = indices(take(make(a=20, seed=4), 9))
    np.testing.assert_array_equal(second, again)
    _, other = indices(take(make(seed=5), 9))
    assert not np.array_equal(second, other)


def test_domains_of_equal_size_are_not_shuffled_alike():
    first, second = indices(take(make(b=LONG), 10))
    # Of independent orders, one place in 50 agrees.
    assert (first == second - 100).mean() < 0.2


def test_options_hold_for_both_domains():
    made = make(image_size=2, value_range=(-1, 1), shuffle=False)
    first, second = take(made, 1)[0]
    assert first.shape == second.shape == (5, 2, 2, 1)
    expected = np.arange(5) / 127.5 - 1
    np.testing.assert_allclose(first[:, 0, 0, 0], expected, atol=1e-6)
    np.testing.assert_allclose(
        second[:, 1, 1, 0], expected + 100 / 127.5, atol=1e-6
    )


def test_shards_make_up_the_batch():
    whole = take(make(batch_size=6), 5)
    shards = [take(make(batch_size=6, shard=(i, 3)), 5) for i in range(3)]
    for step, pair in enumerate(whole):
        for place, x in enumerate(pair):
            parts = [shard[step][place] for shard in shards]
            np.testing.assert_array_equal(np.concatenate(parts), x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repeat": False}, "`repeat` must not be given to `zipped"),
        ({"drop_remainder": False}, "`drop_remainder` must not be given"),
        ({"batch_size": 18}, "must not exceed the data set's 17 examples"),
        ({"seed": -1}, "`seed` must be an integer of at least 0"),
        ({"start_step": -1}, "`start_step` must be an integer of at least 0"),
    ],
)
def test_unusable_arguments_are_explained(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)
