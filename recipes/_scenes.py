"""What the recipes measure of translated scenes."""

import keras
import numpy as np
from keras import layers

from keras_gen import data, metrics
from keras_gen.data import SCENE_ATTRIBUTES

NAMES = tuple(SCENE_ATTRIBUTES)
SIZES = tuple(len(values) for values in SCENE_ATTRIBUTES.values())


IMAGES = ("image", "degraded", "layout", "edges", "mask")


def scenes(split, image_size, features, limit=None, value_range=(0, 1)):
    """Some features of the first scenes of a split, as arrays."""
    # As the images of training are; of no images, the smallest are rendered.
    options, size = {"image_size": image_size, "value_range": value_range}, None
    if not any(name in IMAGES for name in features):
        options, size = {}, 8
    dataset = data.load("scenes", split, image_size=size)
    if limit:
        dataset = dataset.take(limit)
    batches = data.pipeline(
        dataset,
        500,
        features=features,
        shuffle=False,
        drop_remainder=False,
        repeat=False,
        **options,
    )
    found = list(batches.dataset.as_numpy_iterator())
    if len(features) == 1:
        return (np.concatenate(found),)
    if isinstance(found[0], dict):
        found = [[batch[name] for name in features] for batch in found]
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def on_one_ground(run, split, ground=0, **values):
    """The scenes of a split on one ground, whose attributes have some values.

    Of both grounds, a translation may exchange them and be its own inverse.
    """
    (attributes,) = scenes(run.splits[split], None, ("attributes",))
    wanted = {"ground": ground, **values}
    found = [attributes[:, NAMES.index(n)] == v for n, v in wanted.items()]
    return data.select(run.load(split), np.flatnonzero(np.all(found, axis=0)))


def keep_one_ground(run):
    """Leaves a run the scenes on one ground alone."""
    for split in ("train", "test"):
        run.loaded[split, None] = on_one_ground(run, split)


def sizes_of(names):
    """How many values each of the named attributes has."""
    return [SIZES[NAMES.index(name)] for name in names]


def attributes_of(binary_attributes):
    """Which value each attribute has, of an array of binary attributes."""
    groups = np.split(binary_attributes, np.cumsum(SIZES)[:-1], axis=1)
    return np.stack([group.argmax(axis=1) for group in groups], axis=1)


def binary_of(names, binary_attributes):
    """The columns of a batch of binary attributes that are of named ones."""
    owners = np.repeat(NAMES, SIZES)
    columns = np.concatenate([np.flatnonzero(owners == n) for n in names])
    chosen = np.eye(len(owners), dtype="int64")[:, columns]
    # A product, as batches of TensorFlow have no lists of indices.
    return binary_attributes @ chosen


def centers(images):
    """Where the mass of what differs from the ground is, in pixels."""
    ground = np.median(images, axis=(1, 2), keepdims=True)
    mass = np.abs(images - ground).max(axis=-1)
    mass = np.where(mass > 0.5 * mass.max(axis=(1, 2), keepdims=True), mass, 0)
    mass /= np.maximum(mass.sum(axis=(1, 2), keepdims=True), 1e-6)
    places = np.arange(images.shape[1])
    return np.stack([mass.sum(axis) @ places for axis in (1, 2)], axis=1)


def center_shift(images, others):
    """By how many pixels the center of the shape moves: the median."""
    moved = np.linalg.norm(centers(others) - centers(images), axis=1)
    return float(np.median(moved))


class AttributeClassifier:
    """Says which attributes an image of a scene has.

    It is trained on training scenes, once: on all of them, or, for a run of the
    preset `smoke`, on a few.

    Args:
        smoke: Boolean.
    """

    side = 32

    def __init__(self, smoke=False):
        self.network = metrics.trained_once(
            "scene_attributes_v1" + ("_smoke" if smoke else ""),
            self.build,
            lambda network: self.train(network, smoke),
            what="classifier of attributes, which judges translations",
        )

    def build(self):
        """The untrained network, from images to a dictionary of logits."""
        keras.utils.set_random_seed(0)
        x = inputs = keras.Input((self.side, self.side, 3))
        for filters in (32, 64, 128):
            x = layers.Conv2D(filters, 3, padding="same")(x)
            x = layers.ReLU()(layers.BatchNormalization()(x))
            x = layers.MaxPooling2D(2)(x)
        x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
        outputs = {
            name: layers.Dense(size, name=name)(x)
            for name, size in zip(NAMES, SIZES, strict=True)
        }
        return keras.Model(inputs, outputs)

    def train(self, network, smoke):
        """Trains it on scenes."""
        images, attributes = scenes(
            "train",
            self.side,
            ("image", "attributes"),
            500 if smoke else None,
        )
        # Around the same layers, so that no optimizer is kept.
        trainer = keras.Model(network.inputs, network(network.inputs[0]))
        trainer.compile(
            keras.optimizers.Adam(1e-3),
            {
                name: keras.losses.SparseCategoricalCrossentropy(True)
                for name in NAMES
            },
        )
        labels = dict(zip(NAMES, attributes.T, strict=True))
        trainer.fit(images, labels, 128, 1 if smoke else 4, verbose=2)

    def __call__(self, images, value_range=(0, 1)):
        """Their attributes, an integer array of shape `(n, 4)`."""
        low, high = value_range
        images = (images - low) / (high - low)
        images = np.asarray(data.resize_images(images, self.side))
        logits = self.network.predict(images, batch_size=500, verbose=0)
        return np.stack([logits[name].argmax(-1) for name in NAMES], axis=1)

    def agreement(self, images, attributes, value_range=(0, 1)):
        """For each attribute, the fraction of images that have it."""
        found = self(images, value_range) == attributes
        return dict(zip(NAMES, found.mean(axis=0).tolist(), strict=True))
