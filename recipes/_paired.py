"""What the recipes of pairs of images share."""

import dataclasses
from typing import Literal

import numpy as np

import _apply
import _recipe as recipe
import _scenes
from keras_gen import data

# What holds the pairs of each data set.
DATASETS = {"scenes": "scenes", "folder": "pairs", "pairs": "pairs"}


@dataclasses.dataclass
class Options(_apply.Options):
    """Trains a translation of images from pairs."""

    source: Literal["layout", "edges", "mask"] | None = None
    """What of a scene is translated into its image."""
    reverse: bool = False
    """Translate the second of each pair into the first."""


def apply(name, options):
    """Translates a user's pictures, by noise of the seed."""
    _apply.to_pictures(
        name, options, lambda model, x: model.translate(x, seed=options.seed)
    )


def start(name, options, presets, source):
    """The run, and the names of the features of a pair."""
    dataset = options.dataset or presets[options.preset].dataset
    if dataset not in DATASETS:
        raise SystemExit(
            f"`--dataset` must be one of {', '.join(DATASETS)}, whose examples "
            f"are pairs. Received: --dataset {dataset}."
        )
    options = dataclasses.replace(options, dataset=DATASETS[dataset])
    run = recipe.start(name, options, presets)
    features = ("a", "b")
    if run.options.dataset == "scenes":
        features = (options.source or source, "image")
    return run, features[::-1] if options.reverse else features


def has_many_answers(features):
    """Whether scenes are painted from what does not say their colors."""
    return features in (("edges", "image"), ("mask", "image"))


def shapes(run, features):
    """The model's arguments for the shapes of a pair."""
    spec = run.load("train").element_spec
    channels = [spec[name].shape[-1] for name in features]
    shape = (*run.image_shape[:2], channels[0])
    return {"image_shape": shape, "output_channels": channels[1]}


def batches(run, model, features):
    """The training pairs, jittered alike in the paper's run."""
    order = run.order
    if run.options.preset == "paper" and not run.options.augment:
        order["augment"] = ("jitter", "flip")
    return data.pipeline(
        run.load("train"),
        run.batch_size,
        features=features,
        value_range=model.value_range,
        **order,
    ).dataset


def total_variation(images):
    """Mean of the absolute differences of neighboring pixels."""
    return np.mean(
        [np.abs(np.diff(images, axis=axis)).mean() for axis in (1, 2)]
    )


def fidelity(run, model, features, translated, b):
    """What the metrics say of translations of held-out pairs."""
    mean = run.images("train", 500, model.value_range, features)[1].mean(0)
    low, high = model.value_range
    error = np.abs(translated - b).mean() / (high - low)
    squared = np.square((translated - b) / (high - low)).mean()
    return {
        "absolute_error": error,
        "absolute_error_of_mean": np.abs(mean - b).mean() / (high - low),
        "peak_signal_to_noise_ratio": -10.0 * np.log10(squared),
        "sharpness": total_variation(translated) / total_variation(b),
    }


def agreement(run, model, translated):
    """For each attribute, the fraction of translations of scenes that have it.

    As a classifier says that is trained on scenes.
    """
    (attributes,) = _scenes.scenes("test", None, ("attributes",))
    judge = _scenes.AttributeClassifier(run.smoke)
    found = judge.agreement(
        translated, attributes[: len(translated)], model.value_range
    )
    return {f"{name}_agreement": value for name, value in found.items()}


def diversity(run, model, features, count=100, draws=10):
    """How much the fill of a scene varies with what is drawn.

    Returns:
        Dictionary of the ratio of standard deviations: of the mean color
        within the shape, over translations of one image, and over the test
        images.
    """
    inputs, images = run.images("test", count, model.value_range, features)
    masks = run.images("test", count, (0, 1), "mask")

    def fills(images):
        weights = masks / masks.sum(axis=(1, 2), keepdims=True)
        return (weights * images).sum(axis=(1, 2))

    drawn = [
        fills(model.translate(inputs, seed=seed, batch_size=50))
        for seed in range(draws)
    ]
    own = np.std(drawn, axis=0).mean()
    return {"diversity": float(own / fills(images).std(axis=0).mean())}
