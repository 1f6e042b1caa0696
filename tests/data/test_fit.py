"""`fit` of every backend takes what the pipelines bring.

The pipelines are TensorFlow's on each of them, and what else they promise is
tested once.
"""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_gen import data
from keras_gen.data import pipelines


class Recorder(keras.Model):
    """Its loss in an epoch is the mean of the examples that it saw."""

    def __init__(self, target=False):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.target = target

    def call(self, x):
        return self.dense(x)

    def compute_loss(self, x, y, y_pred, *unused, **more):
        seen = y if self.target else x
        return ops.mean(ops.cast(seen, "float32")) + 0.0 * ops.mean(y_pred)


def seen_by_fit(made, epochs, initial_epoch=0, target=False):
    model = Recorder(target)
    model.compile("sgd")
    return model.fit(
        made.dataset,
        steps_per_epoch=made.steps_per_epoch,
        epochs=epochs,
        initial_epoch=initial_epoch,
        verbose=0,
    ).history["loss"]


def means(made, epochs, part=lambda batch: batch):
    """The same, of the batches themselves."""
    steps = made.steps_per_epoch
    batches = made.dataset.as_numpy_iterator()
    taken = [
        np.mean(part(b)) for b in itertools.islice(batches, epochs * steps)
    ]
    return np.reshape(taken, (epochs, steps)).mean(axis=1)


def gray(examples, first=0, side=4):
    """Images whose pixels are all the index of their example."""
    images = np.arange(first, first + examples, dtype="uint8")[:, None, None]
    images = np.broadcast_to(images[..., None], (examples, side, side, 1))
    return tf.data.Dataset.from_tensor_slices({"image": images.copy()})


def test_epochs_see_the_steps_that_are_theirs():
    """A resumed fit sees in each epoch what the uninterrupted one saw."""
    x = np.arange(300, dtype="float32").reshape(300, 1)
    labels = np.arange(300) % 5

    def make(**options):
        return data.partly_labeled(
            x,
            labels,
            num_labels=50,
            batch_size=20,
            steps_per_epoch=4,
            **options,
        )

    whole = seen_by_fit(make(), epochs=5)
    expected = means(make(), 5, lambda batch: batch[0])
    np.testing.assert_allclose(whole, expected, rtol=1e-5)
    resumed = seen_by_fit(make(start_step=3 * 4), epochs=5, initial_epoch=3)
    np.testing.assert_allclose(resumed, whole[3:], rtol=1e-6)


@pytest.mark.parametrize("reading", ["memory", "stream"])
def test_one_domain_is_x_and_the_other_is_y(reading, monkeypatch):
    if reading == "stream":
        monkeypatch.setattr(pipelines, "_MEMORY", 0)
    made = data.zipped(
        gray(50), gray(17, first=100), batch_size=5, value_range=(0, 255)
    )
    for place in (0, 1):
        seen = seen_by_fit(made, epochs=2, target=bool(place))
        expected = means(made, 2, lambda batch, place=place: batch[place])
        np.testing.assert_allclose(seen, expected, rtol=1e-5)


def test_augmented_images():
    """KerasCV computes with TensorFlow, whatever the backend of Keras."""
    images = np.random.default_rng(0).integers(80, 170, (20, 8, 8, 1))
    made = data.pipeline(
        tf.data.Dataset.from_tensor_slices({"image": images.astype("uint8")}),
        20,
        shuffle=False,
        value_range=(0, 1),
        augment=("flip", "brightness"),
    )
    changed = next(made.dataset.as_numpy_iterator())
    images = images / 255.0
    shifts = changed.mean(axis=(1, 2, 3)) - images.mean(axis=(1, 2, 3))
    changed = changed - shifts[:, None, None, None]
    kept, mirrored = (
        np.isclose(changed, x, atol=1e-5).all(axis=(1, 2, 3))
        for x in (images, images[:, :, ::-1])
    )
    assert np.all(kept ^ mirrored) and kept.any() and mirrored.any()
    assert np.abs(shifts).max() > 1e-3
    seen = seen_by_fit(made, epochs=2)
    np.testing.assert_allclose(seen, means(made, 2), rtol=1e-5)


@pytest.mark.parametrize("features", [("image",), ("image", "label")])
def test_a_model_learns_from_the_batches(features):
    made = data.pipeline(
        data.load("digits"), 100, features=features, value_range=(-1, 1)
    )
    flat = keras.Sequential(
        [keras.layers.Input((28, 28, 1)), keras.layers.Flatten()]
    )
    if len(features) == 2:
        flat.add(keras.layers.Dense(10))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        flat.compile("adam", loss, metrics=["accuracy"])
    else:

        class Reconstruction(keras.Model):
            def __init__(self):
                super().__init__()
                self.inner = keras.Sequential(
                    [flat, keras.layers.Dense(8), keras.layers.Dense(784)]
                )

            def call(self, x):
                return self.inner(x)

            def compute_loss(self, x, y, y_pred, *unused, **more):
                assert y is None
                target = ops.reshape(x, (-1, 784))
                return ops.mean((target - y_pred) ** 2)

        flat = Reconstruction()
        flat.compile("adam")
    history = flat.fit(
        made.dataset,
        steps_per_epoch=made.steps_per_epoch,
        epochs=3,
        verbose=0,
    ).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    if len(features) == 2:
        # Ten classes: chance would be 0.1.
        assert history["accuracy"][-1] > 0.6
