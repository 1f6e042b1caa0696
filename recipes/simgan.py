"""Trains SimGAN to make synthetic images look real.

    KERAS_BACKEND=tensorflow python recipes/simgan.py
    KERAS_BACKEND=jax python recipes/simgan.py --dataset folder --data-dir DIR

The synthetic images are scenes, and the real ones are other scenes as a bad
camera sees them: blurred, faded, with noise. Or they are your own pictures: the
synthetic ones in the folder A, the real ones in B. A batch is divided over
three updates. In the pictures of samples are, side by side, a synthetic image,
the refined one, and a real one. The metrics are of held-out scenes: how far the
mean, the standard deviation and the sharpness of refined images are from those
of real ones, relative to the distance of synthetic ones, and by how many pixels
the center of the shape moves. Whether refined images are better to learn from,
`benchmarks/claims/simgan.py` measures.
"""

import keras
import numpy as np

import _apply
import _recipe as recipe
import _scenes
import _unpaired
import keras_gen
from keras_gen import callbacks, data

PRESETS = {
    "smoke": recipe.Preset(
        epochs=2,
        steps_per_epoch=10,
        batch_size=24,
        dataset="scenes",
        image_size=16,
    ),
    "small": recipe.Preset(
        epochs=10,
        steps_per_epoch=300,
        batch_size=96,
        dataset="scenes",
        image_size=32,
    ),
    "paper": recipe.Preset(
        epochs=50, batch_size=1536, dataset="folder", image_size=55
    ),
}


def statistics(images):
    """Mean, standard deviation and total variation."""
    edges = [np.abs(np.diff(images, axis=axis)).mean() for axis in (1, 2)]
    return np.array([images.mean(), images.std(), np.mean(edges)])


def realism(model, synthetic, real):
    """What the metrics say of refined images."""
    refined = model.translate(synthetic)
    of_real = statistics(real)
    before, after = (
        np.abs(statistics(images) - of_real) for images in (synthetic, refined)
    )
    names = ("mean", "deviation", "sharpness")
    found = dict(zip(names, (after / before).tolist(), strict=True))
    return {
        **{f"{name}_distance_ratio": value for name, value in found.items()},
        "center_shift": _scenes.center_shift(synthetic, refined),
    }


def main(options):
    if options.apply:
        return _apply.to_pictures(
            "simgan", options, lambda model, x: model.translate(x)
        )
    run = _unpaired.start("simgan", options, PRESETS, "degraded")
    shape, _ = _unpaired.shapes(run)
    model = run.resumed()
    if model is None:
        model = keras_gen.SimGAN.from_preset(
            options.preset, image_shape=shape, **run.arguments
        )
        adam = keras.optimizers.Adam(1e-3)
        run.compile(model, None if options.preset == "paper" else adam)
    model.summary()
    train = data.zipped(
        *_unpaired.domains(run, "train"),
        run.batch_size,
        features="image",
        value_range=model.value_range,
        **run.order,
    )
    synthetic, real = _unpaired.first_examples(
        run, model, run.num_samples // 10
    )
    grid = callbacks.SampleGrid(
        run.folder / "samples",
        sampler=lambda model: (
            synthetic[:16],
            model.translate(synthetic[:16]),
            real[:16],
        ),
        columns=4,
    )
    model.fit(train.dataset, **run.length, callbacks=[grid, *run.callbacks()])
    scenes = run.options.dataset == "scenes"
    return run.finish(model, realism(model, synthetic, real) if scenes else {})


if __name__ == "__main__":
    recipe.cli(main, keras_gen.SimGAN, _apply.Options)
