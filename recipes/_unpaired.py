"""What the recipes of two domains without pairs share."""

import dataclasses
from typing import Literal

import numpy as np

import _apply
import _recipe as recipe
import _scenes
from _checks import reading
from keras_gen import callbacks, data
from keras_gen.callbacks.sample_grid import side_by_side

DATASETS = ("scenes", "folder")
# Red and blue; stripes and dots; light and dark.
VALUES = {"color": (0, 4), "texture": (0, 1), "ground": (0, 1)}


@dataclasses.dataclass
class Options(_apply.Options):
    """Trains a translation between domains without pairs."""

    domains: Literal["edges", "color", "texture", "ground"] | None = None
    """Of scenes: edges and images, or images of two colors, textures or
    grounds."""
    direction: Literal["ab", "ba"] = "ab"
    """What `--apply` translates into what."""


def apply(name, options):
    """Translates a user's pictures in one direction."""
    direction = options.direction
    _apply.to_pictures(
        name,
        options,
        lambda model, x: model.translate(x, direction=direction),
        direction,
    )


def start(name, options, presets, domains):
    """The run, whose epoch is one of the domain with more pictures.

    Args:
        domains: String. Those of scenes, if the options do not say.
    """
    dataset = options.dataset or presets[options.preset].dataset
    if dataset not in DATASETS:
        raise SystemExit(
            "`--dataset` must be scenes or folder, which have two domains. "
            f"Received: --dataset {dataset}."
        )
    if dataset == "folder":
        with reading():
            sizes = {
                each: data.split_sizes(each, data_dir=options.data_dir)["all"]
                for each in ("domain_a", "domain_b")
            }
        larger = max(sizes, key=sizes.get)
        options = dataclasses.replace(options, dataset=larger)
    run = recipe.start(name, options, presets)
    run.domains = getattr(options, "domains", None) or domains
    return run


def shapes(run):
    """The shapes of the images of both domains."""
    sides = run.image_shape[:2]
    return [
        (*sides, part.element_spec["image"].shape[-1])
        for part in domains(run, "train")
    ]


def domains(run, split):
    """The data sets of the two domains, which have no scene in common."""
    if run.options.dataset == "scenes":
        kind = run.domains
        if kind in _scenes.NAMES:
            return [
                _scenes.on_one_ground(run, split, **{kind: value})
                for value in VALUES[kind]
            ]
        a = b = run.load(split)
        # The metrics compare what comes from one scene.
        if split == "train":
            halves = np.array_split(np.arange(run.examples), 2)
            a, b = (data.select(a, half) for half in halves)
        if kind == "edges":
            return a.map(lambda x: {"image": x["edges"]}), b
        return a, b.map(lambda x: {"image": x["degraded"]})
    return [run.load(split, name) for name in ("domain_a", "domain_b")]


def first_examples(run, model, count, features="image"):
    """Features of the first test examples of both domains."""
    for dataset in domains(run, "test"):
        batches = data.pipeline(
            dataset.take(count),
            count,
            features=features,
            value_range=model.value_range,
            image_size=run.options.image_size,
            shuffle=False,
            drop_remainder=False,
            repeat=False,
        )
        yield next(batches.dataset.as_numpy_iterator())


def cycles(model, a, b):
    """Images, their translations, and these translated back, if they are."""
    found = []
    for there, x in (("ab", a), ("ba", b)):
        images, back = [x], there[::-1]
        for direction in (there, back):
            if direction in model.directions:
                translated = model.translate(images[-1], direction=direction)
                images.append(translated)
        found.append(images)
    return found


def shown(of_a, of_b):
    """Both cycles in colors, those of `a` first."""
    rows = [side_by_side(images) for images in (of_a, of_b)]
    return np.concatenate(rows)


def overlap(images, masks):
    """Mean intersection over union of what is painted and the true shapes.

    Images are in [0, 1].
    """
    # The ground is more than half of a scene.
    ground = np.median(images, axis=(1, 2), keepdims=True)
    painted = np.abs(images - ground).max(axis=-1) > 0.25
    both, either = painted & masks, painted | masks
    return float((both.sum((1, 2)) / either.sum((1, 2))).mean())


def cycle_errors(model, of_a, of_b):
    """Mean absolute errors of both cycles, as fractions of the range."""
    low, high = model.value_range
    return {
        f"cycle_error_{name}": float(np.abs(x - back).mean() / (high - low))
        for name, (x, *_, back) in (("a", of_a), ("b", of_b))
    }


def outline_quality(run, model, count):
    """What the metrics say of outlines and images of the same scenes."""
    a, b = first_examples(run, model, count)
    of_a, of_b = cycles(model, a, b)
    low, high = model.value_range
    painted, real = ((x - low) / (high - low) for x in (of_a[1], b))
    (masks,) = _scenes.scenes("test", run.options.image_size, ("mask",), count)
    masks = masks[..., 0] > 0.5
    return {
        "intersection_over_union": overlap(painted, masks),
        "intersection_over_union_real": overlap(real, masks),
        **cycle_errors(model, of_a, of_b),
    }


def attribute_quality(run, model, count):
    """What a classifier says of scenes whose attribute was changed."""
    features = ("image", "attributes")
    (a, of_a), (b, of_b) = first_examples(run, model, count, features)
    index = _scenes.NAMES.index(run.domains)
    wanted = np.concatenate([of_a, of_b])
    wanted[:, index] = sum(VALUES[run.domains]) - wanted[:, index]
    cycle_a, cycle_b = cycles(model, a, b)
    judge = _scenes.AttributeClassifier(run.smoke)
    translated = np.concatenate([cycle_a[1], cycle_b[1]])
    found = judge.agreement(translated, wanted, model.value_range)
    return {
        **{f"{name}_agreement": value for name, value in found.items()},
        "center_shift": _scenes.center_shift(
            np.concatenate([a, b]), translated
        ),
        **cycle_errors(model, cycle_a, cycle_b),
    }


def fit(run, model, augment=()):
    """Trains, and measures held-out scenes.

    Args:
        augment: Tuple. The augmentation of the paper's run.

    Returns:
        Dictionary of metrics.
    """
    order = run.order
    if run.options.preset == "paper" and not run.options.augment:
        order["augment"] = augment
    train = data.zipped(
        *domains(run, "train"),
        run.batch_size,
        features="image",
        value_range=model.value_range,
        **order,
    )
    a, b = first_examples(run, model, 8)
    grid = callbacks.SampleGrid(
        run.folder / "samples",
        sampler=lambda model: shown(*cycles(model, a, b)),
        columns=2,
    )
    model.fit(train.dataset, **run.length, callbacks=[grid, *run.callbacks()])
    if run.options.dataset != "scenes":
        return {}
    edges = run.domains == "edges"
    quality = outline_quality if edges else attribute_quality
    return quality(run, model, run.num_samples // 10)
