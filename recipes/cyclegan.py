"""Trains CycleGAN between two domains without pairs.

    KERAS_BACKEND=jax python recipes/cyclegan.py
    KERAS_BACKEND=jax python recipes/cyclegan.py --dataset folder --data-dir DIR

It learns from scenes to paint outlines, and to outline paintings: the edges of
one half of the scenes, and the images of the other half. Or it learns from
your own pictures, in the folders A and B, or trainA and trainB. In the pictures
of samples are, side by side, `a`, its translation, and what that translates
back into; below the same of `b`. The metrics are of held-out scenes, whose
pairs are known: the intersection over union of the painted shape, or of that of
the real image, and the true one, and the mean absolute error of both cycles.
"""

import dataclasses

import keras
import numpy as np

import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data, optimizers
from keras_gen.callbacks.sample_grid import side_by_side

PRESETS = {
    "smoke": recipe.Preset(
        epochs=2,
        steps_per_epoch=5,
        batch_size=4,
        dataset="scenes",
        image_size=16,
    ),
    "small": recipe.Preset(
        epochs=10,
        steps_per_epoch=200,
        batch_size=8,
        dataset="scenes",
        image_size=32,
    ),
    "paper": recipe.Preset(
        epochs=200, batch_size=1, dataset="folder", image_size=256
    ),
}


def domains(run, split):
    """The data sets of the two domains, which have no scene in common."""
    if run.options.dataset == "scenes":
        a, b = "train[:50%]", "train[50%:]"
        if split == "test":
            a = b = "test"
        edges = data.load("scenes", a).map(lambda x: {"image": x["edges"]})
        return edges, data.load("scenes", b)
    return [
        data.load(
            name,
            run.splits[split],
            data_dir=run.options.data_dir,
            channels=run.options.channels,
        )
        for name in ("domain_a", "domain_b")
    ]


def first_images(run, model, count):
    """The first test images of both domains."""
    for dataset in domains(run, "test"):
        batches = data.pipeline(
            dataset.take(count),
            count,
            features="image",
            value_range=model.value_range,
            image_size=run.options.image_size,
            shuffle=False,
            drop_remainder=False,
            repeat=False,
        )
        yield next(batches.dataset.as_numpy_iterator())


def cycles(model, a, b):
    """Images, their translations, and these translated back."""
    there = model.translate(a), model.translate(b, direction="ba")
    back = [
        model.translate(there[0], direction="ba"),
        model.translate(there[1], direction="ab"),
    ]
    return (a, there[0], back[0]), (b, there[1], back[1])


def shown(of_a, of_b):
    """Both cycles in colors, those of `a` first."""
    rows = [side_by_side(images) for images in (of_a, of_b)]
    return np.concatenate(rows)


def true_masks(run, count):
    """Where the shapes of the first test scenes are."""
    batches = data.pipeline(
        data.load("scenes", "test").take(count),
        count,
        features="mask",
        image_size=run.options.image_size,
        shuffle=False,
        drop_remainder=False,
        repeat=False,
    )
    return next(batches.dataset.as_numpy_iterator())[..., 0] > 0.5


def overlap(images, masks):
    """Mean intersection over union of what is painted and the true shapes."""
    # The ground is more than half of a scene.
    ground = np.median(images, axis=(1, 2), keepdims=True)
    painted = np.abs(images - ground).max(axis=-1) > 0.5
    both, either = painted & masks, painted | masks
    return float((both.sum((1, 2)) / either.sum((1, 2))).mean())


def quality(model, a, b, masks):
    """What the metrics say of held-out pairs."""
    of_a, of_b = cycles(model, a, b)
    report = {
        f"cycle_error_{name}": float(np.abs(x - back).mean())
        for name, (x, _, back) in (("a", of_a), ("b", of_b))
    }
    return {
        "intersection_over_union": overlap(of_a[1], masks),
        "intersection_over_union_real": overlap(b, masks),
        **report,
    }


def main(options):
    name = options.dataset or PRESETS[options.preset].dataset
    if name not in ("scenes", "folder"):
        raise SystemExit(
            "`--dataset` must be scenes or folder, which have two domains. "
            f"Received: --dataset {name}."
        )
    if name == "folder":
        # An epoch is one of the domain with more pictures.
        sizes = {
            each: data.split_sizes(each, data_dir=options.data_dir)["all"]
            for each in ("domain_a", "domain_b")
        }
        larger = max(sizes, key=sizes.get)
        options = dataclasses.replace(options, dataset=larger)
    run = recipe.start("cyclegan", options, PRESETS)
    train = domains(run, "train")
    model = run.resumed()
    if model is None:
        shapes = [
            (*run.image_shape[:2], part.element_spec["image"].shape[-1])
            for part in train
        ]
        model = keras_gen.CycleGAN.from_preset(
            options.preset,
            image_shape=shapes[0],
            image_shape_b=shapes[1],
            **run.arguments,
        )
        half = -(-run.total_steps // 2)
        decay = optimizers.ConstantThenLinear(2e-4, half, half)
        run.compile(
            model, keras.optimizers.Adam(decay, beta_1=0.5, epsilon=1e-8)
        )
    model.summary()
    order = run.order
    if options.preset == "paper" and not options.augment:
        order["augment"] = ("jitter", "flip")
    train = data.zipped(
        *train,
        run.batch_size,
        features="image",
        value_range=model.value_range,
        **order,
    )
    a, b = first_images(run, model, 8)
    grid = callbacks.SampleGrid(
        run.folder / "samples",
        sampler=lambda model: shown(*cycles(model, a, b)),
        columns=2,
    )
    model.fit(train.dataset, **run.length, callbacks=[grid, *run.callbacks()])
    report = {}
    if run.options.dataset == "scenes":
        pairs = first_images(run, model, 500)
        report = quality(model, *pairs, true_masks(run, 500))
    run.finish(model, report)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.CycleGAN)
