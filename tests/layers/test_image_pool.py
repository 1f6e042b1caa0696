"""The pool of generated images: who is returned, who is kept."""

import keras
import numpy as np
import pytest

from keras_gen.layers import ImagePool
from tests.numerics import array, tensor

SHAPE = (1, 1, 1)


def images(*values):
    return tensor(np.reshape(np.asarray(values, "float32"), (-1, *SHAPE)))


def values(x):
    return array(x).reshape(-1).tolist()


def test_the_first_images_fill_the_pool_and_are_returned():
    pool = ImagePool(5, SHAPE, seed=0)
    assert values(pool(images(1, 2), training=True)) == [1, 2]
    assert values(pool(images(3, 4), training=True)) == [3, 4]
    assert values(pool.images) == [1, 2, 3, 4, 0]
    # One more place: the second image of the batch is not kept.
    assert values(pool(images(5, 6), training=True)) == [5, 6]
    assert values(pool.images) == [1, 2, 3, 4, 5]
    assert int(pool.filled) == 5


def test_half_of_the_images_are_exchanged_with_old_ones():
    """Each new image is returned, or kept in place of the one returned."""
    size, batch = 8, 4
    pool = ImagePool(size, SHAPE, seed=1)
    pool(images(*range(size)), training=True)
    exchanged = steps = 0
    for start in range(100, 100 + batch * 150, batch):
        before = values(pool.images)
        new = list(range(start, start + batch))
        returned = values(pool(images(*new), training=True))
        after = values(pool.images)
        for image, other in zip(new, returned, strict=True):
            if other != image:
                place = before.index(other)
                assert after[place] == image
                exchanged += 1
            else:
                assert image not in after
        # Everything else stays where it was, and no place is used twice.
        moved = sum(a != b for a, b in zip(before, after, strict=True))
        assert moved == sum(a != b for a, b in zip(new, returned, strict=True))
        steps += batch
    # 600 fair coins: five standard deviations are 61.
    assert abs(exchanged - steps / 2) < 61


def test_evaluation_does_not_push_into_the_pool():
    pool = ImagePool(2, SHAPE, seed=0)
    assert values(pool(images(7))) == [7]
    assert int(pool.filled) == 0 and values(pool.images) == [0, 0]


def test_a_pool_of_size_0_is_none():
    pool = ImagePool(0, SHAPE)
    assert values(pool(images(1, 2), training=True)) == [1, 2]
    assert not pool.weights


def test_no_gradient_passes_into_the_pool():
    pool = ImagePool(2, SHAPE, seed=0)
    assert all(not variable.trainable for variable in pool.variables)


def test_a_batch_larger_than_the_pool_is_an_error():
    with pytest.raises(ValueError, match="size=2 and a batch of 3"):
        ImagePool(2, SHAPE)(images(1, 2, 3), training=True)


def test_configuration():
    pool = ImagePool(3, (2, 2, 1), seed=5)
    clone = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(pool)
    )
    assert clone.get_config() == pool.get_config()
    assert clone.images.shape == (3, 2, 2, 1)


def test_exactly_half_is_exchanged_for_images_that_were_kept():
    """The second half of a batch; new images take as many places."""
    size, batch = 8, 5
    pool = ImagePool(size, SHAPE, half=True, seed=1)
    assert values(pool(images(*range(size)), training=True)) == list(range(8))
    returned_places, changed_places, same = [], [], 0
    for start in range(100, 100 + batch * 200, batch):
        before = values(pool.images)
        new = list(range(start, start + batch))
        returned = values(pool(images(*new), training=True))
        after = values(pool.images)
        assert returned[:3] == new[:3]
        assert len(set(returned[3:])) == 2
        places = [before.index(image) for image in returned[3:]]
        returned_places += places
        changed = [i for i in range(size) if before[i] != after[i]]
        assert sorted(after[i] for i in changed) == new[3:]
        changed_places += changed
        same += set(places) == set(changed)
    assert int(pool.filled) == size
    # 400 draws of 8 places: 50 each, of standard deviation 6.6.
    for places in (returned_places, changed_places):
        counts = np.bincount(places, minlength=size)
        assert np.abs(counts - 50).max() < 30
    # What is replaced is drawn apart from what is returned: of 28 pairs of
    # places it is the same one in 7 of 200 steps, of standard deviation 2.6.
    assert same < 20
