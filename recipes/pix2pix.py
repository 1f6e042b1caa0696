"""Trains pix2pix on pairs of images.

    KERAS_BACKEND=jax python recipes/pix2pix.py
    KERAS_BACKEND=jax python recipes/pix2pix.py --source edges
    KERAS_BACKEND=jax python recipes/pix2pix.py --dataset folder --data-dir DIR

It paints scenes from their label maps, or from their edges; or it learns from
your own pairs: the left and right halves of pictures, or files of one name in
the folders A and B. `--reverse` swaps the two. In the pictures of samples
are, side by side, what is translated, the translation, and the image that it
came from. The metrics are of held-out pairs: the mean absolute error in units
of the range, the error of the mean image of the training images, the peak
signal-to-noise ratio, and how sharp translations are against the images: the
ratio of their total variations.
"""

import dataclasses
from typing import Literal

import numpy as np

import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data

PRESETS = {
    "smoke": recipe.Preset(
        epochs=2,
        steps_per_epoch=10,
        batch_size=4,
        dataset="scenes",
        image_size=16,
    ),
    "small": recipe.Preset(
        epochs=10,
        steps_per_epoch=500,
        batch_size=4,
        dataset="scenes",
        image_size=64,
    ),
    "paper": recipe.Preset(
        epochs=200,
        batch_size=1,
        dataset="folder",
        image_size=256,
    ),
}
# What holds the pairs of each data set.
DATASETS = {"scenes": "scenes", "folder": "pairs", "pairs": "pairs"}


@dataclasses.dataclass
class Options(recipe.Options):
    """Trains pix2pix."""

    source: Literal["layout", "edges"] = "layout"
    """What of a scene is translated into its image."""
    reverse: bool = False
    """Translate the second of each pair into the first."""


def total_variation(images):
    """Mean of the absolute differences of neighboring pixels."""
    return np.mean(
        [np.abs(np.diff(images, axis=axis)).mean() for axis in (1, 2)]
    )


def fidelity(model, a, b, mean):
    """What the metrics say of translations of held-out pairs."""
    translated = model.translate(a, seed=0, batch_size=16)
    low, high = model.value_range
    error = np.abs(translated - b).mean() / (high - low)
    squared = np.square((translated - b) / (high - low)).mean()
    return {
        "absolute_error": error,
        "absolute_error_of_mean": np.abs(mean - b).mean() / (high - low),
        "peak_signal_to_noise_ratio": -10.0 * np.log10(squared),
        "sharpness": total_variation(translated) / total_variation(b),
    }


def main(options):
    name = options.dataset or PRESETS[options.preset].dataset
    if name not in DATASETS:
        raise SystemExit(
            f"`--dataset` must be one of {', '.join(DATASETS)}, whose examples "
            f"are pairs. Received: --dataset {name}."
        )
    options = dataclasses.replace(options, dataset=DATASETS[name])
    run = recipe.start("pix2pix", options, PRESETS)
    features = ("a", "b")
    if options.dataset == "scenes":
        features = (options.source, "image")
    if options.reverse:
        features = features[::-1]
    model = run.resumed()
    if model is None:
        spec = run.load("train").element_spec
        channels = [spec[name].shape[-1] for name in features]
        model = keras_gen.Pix2Pix.from_preset(
            options.preset,
            image_shape=(*run.image_shape[:2], channels[0]),
            output_channels=channels[1],
            **run.arguments,
        )
        run.compile(model)
    model.summary()
    order = run.order
    if options.preset == "paper" and not options.augment:
        order["augment"] = ("jitter", "flip")
    train = data.pipeline(
        run.load("train"),
        run.batch_size,
        features=features,
        value_range=model.value_range,
        **order,
    )
    a, b = run.images("test", 500, model.value_range, features)
    grid = callbacks.SampleGrid(
        run.folder / "samples",
        sampler=lambda model: (a[:8], model.translate(a[:8], seed=0), b[:8]),
        columns=2,
    )
    model.fit(train.dataset, **run.length, callbacks=[grid, *run.callbacks()])
    mean = run.images("train", 500, model.value_range, features)[1].mean(0)
    run.finish(model, fidelity(model, a, b, mean))


if __name__ == "__main__":
    recipe.cli(main, keras_gen.Pix2Pix, Options)
