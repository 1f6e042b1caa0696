"""Trains StarGAN to change the attributes of images.

    KERAS_BACKEND=tensorflow python recipes/stargan.py
    KERAS_BACKEND=jax python recipes/stargan.py --dataset folder --data-dir DIR

It changes the color of scenes on a light ground and keeps the rest; with
`--change color texture` it changes both. Or it learns from your own pictures,
in a folder with a subfolder for each class, or, with `--dataset attributes`,
with a table of their attributes. A batch is divided over the discriminator's
updates of a step. In the pictures of samples are, side by side, an image and
its translations: scenes in each color.
The metrics are of held-out scenes that are given the attributes of others: the
fraction of each attribute that a classifier, trained on scenes, finds in the
translations, and the mean absolute error of translating them back, on [-1, 1].
"""

import dataclasses
from functools import partial
from typing import Literal

import keras
import numpy as np

import _apply
import _recipe as recipe
import _scenes
import keras_gen
from keras_gen import callbacks, data, optimizers

PRESETS = {
    "smoke": recipe.Preset(
        epochs=2,
        steps_per_epoch=5,
        batch_size=8,
        dataset="scenes",
        image_size=16,
    ),
    "small": recipe.Preset(
        epochs=9,
        steps_per_epoch=300,
        batch_size=32,
        dataset="scenes",
        image_size=32,
    ),
    "paper": recipe.Preset(
        epochs=20, batch_size=80, dataset="attributes", image_size=128
    ),
}


def labels_of(run, spec):
    """The feature that holds the labels, and the model's arguments for it."""
    if run.options.dataset == "scenes":
        sizes = _scenes.sizes_of(run.options.change)
        return "binary_attributes", {"num_attributes": sum(sizes)}
    if "attributes" in spec:
        return "attributes", {"num_attributes": spec["attributes"].shape[0]}
    classes = run.num_classes()
    return "label", {"num_attributes": None, "num_classes": classes}


def targets(run, model, labels):
    """What each image is to become, for each of the translations shown."""
    classes = model.label_sets.num_classes
    if classes:
        return [np.full_like(labels, label) for label in range(classes)]
    groups = [1] * labels.shape[1]
    if run.options.dataset == "scenes":
        groups = _scenes.sizes_of(run.options.change)
    ends = np.cumsum(groups)
    found = []
    for size, end in zip(groups, ends, strict=True):
        for index in range(end - size, end):
            target = labels.copy()
            target[:, end - size : end] = 0
            target[:, index] = 1 - labels[:, index] if size == 1 else 1
            found.append(target)
    return found


def quality(run, model):
    """What a classifier says of scenes that were given others' attributes."""
    spread = model.value_range
    features = ("image", "binary_attributes")
    images, binary = run.images("test", run.num_samples // 5, spread, features)
    attributes = _scenes.attributes_of(binary)
    order = np.random.default_rng(0).permutation(len(images))
    wanted, changed = attributes.copy(), run.options.change
    places = [_scenes.NAMES.index(name) for name in changed]
    wanted[:, places] = attributes[order][:, places]
    own = _scenes.binary_of(changed, binary)
    translated = model.translate(images, labels=own[order])
    again = model.translate(translated, labels=own)
    judge = _scenes.AttributeClassifier(run.smoke)
    real = judge.agreement(images, attributes, spread)
    found = judge.agreement(translated, wanted, spread)
    return {
        **{f"{name}_agreement": value for name, value in found.items()},
        **{f"{name}_agreement_real": value for name, value in real.items()},
        "reconstruction_error": float(np.abs(again - images).mean()),
    }


@dataclasses.dataclass
class Options(_apply.Options):
    """Trains StarGAN, or applies it to pictures."""

    labels: tuple[int, ...] = ()
    """What `--apply` makes of pictures: a 0 or 1 for each attribute, or a
    class."""
    change: tuple[Literal["shape", "color", "texture"], ...] = ("color",)
    """What it changes of scenes."""


def apply(options):
    """Gives pictures the labels of `--labels`."""
    labels = list(options.labels)
    if not labels:
        raise SystemExit(
            "`--labels` must say what `--apply` makes of pictures. Received: "
            "none. Pass a 0 or 1 for each attribute, or a class."
        )

    def translate(model, x):
        classes = model.label_sets.num_classes
        count = 1 if classes else model.label_sets.num_attributes
        if len(labels) != count:
            raise SystemExit(
                f"`--labels` must be {count}: one class, or a 0 or 1 for each "
                "attribute, in the order of `data.attribute_names`. Received: "
                f"{labels}."
            )
        return model.translate(x, labels=labels[0] if classes else labels)

    _apply.to_pictures("stargan", options, translate)


def main(options):
    if options.apply:
        return apply(options)
    run = recipe.start("stargan", options, PRESETS)
    if run.options.dataset == "scenes":
        _scenes.keep_one_ground(run)
    label, arguments = labels_of(run, run.load("train").element_spec)
    model = run.resumed()
    if model is None:
        model = keras_gen.StarGAN.from_preset(
            options.preset,
            image_shape=run.image_shape,
            **{**arguments, **run.arguments},
        )
        # For thousands of updates; the paper's, 1e-4, is for many more.
        rate = 1e-4 if options.preset == "paper" else 1e-3
        half = -(-run.total_steps // 2)
        adam = {
            player: keras.optimizers.Adam(
                optimizers.ConstantThenLinear(rate, half * n, half * n),
                beta_1=0.5,
                epsilon=1e-8,
            )
            for player, n in zip(
                model.players, (model.batch_parts, 1), strict=True
            )
        }
        run.compile(model, adam)
    model.summary()
    features, order = ("image", label), run.order
    if options.preset == "paper" and not options.augment:
        order["augment"] = ("flip",)
    train = data.pipeline(
        run.load("train"),
        run.batch_size,
        features=features,
        value_range=model.value_range,
        **order,
    )
    x, y = run.images("test", 8, model.value_range, features)
    scenes = run.options.dataset == "scenes"
    batches = train.dataset
    if scenes:
        changed = partial(_scenes.binary_of, options.change)
        batches = batches.map(lambda x, y: (x, changed(y)))
        y = changed(y)
    grid = callbacks.SampleGrid(
        run.folder / "samples",
        sampler=lambda model: (
            x,
            *[model.translate(x, labels=to) for to in targets(run, model, y)],
        ),
        columns=1,
    )
    model.fit(batches, **run.length, callbacks=[grid, *run.callbacks()])
    return run.finish(model, quality(run, model) if scenes else {})


if __name__ == "__main__":
    recipe.cli(main, keras_gen.StarGAN, Options)
