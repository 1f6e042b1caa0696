"""Trains pix2pix on pairs of images.

    KERAS_BACKEND=jax python recipes/pix2pix.py
    KERAS_BACKEND=jax python recipes/pix2pix.py --source edges
    KERAS_BACKEND=jax python recipes/pix2pix.py --dataset folder --data-dir DIR

It paints scenes from their label maps, edges or masks; or it learns from
your own pairs: the left and right halves of pictures, or files of one name in
the folders A and B. `--reverse` swaps the two. In the pictures of samples
are, side by side, what is translated, the translation, and the image that it
came from. The metrics are of held-out pairs: the mean absolute error in units
of the range, the error of the mean image of the training images, the peak
signal-to-noise ratio, how sharp translations are against the images: the ratio
of their total variations; and of scenes from layouts, the fraction of each
attribute that a classifier finds; from the others, how much their colors vary.
"""

import _paired
import _recipe as recipe
import keras_gen
from keras_gen import callbacks

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


def main(options):
    if options.apply:
        return _paired.apply("pix2pix", options)
    run, features = _paired.start("pix2pix", options, PRESETS, "layout")
    model = run.resumed()
    if model is None:
        model = keras_gen.Pix2Pix.from_preset(
            options.preset, **_paired.shapes(run, features), **run.arguments
        )
        run.compile(model)
    model.summary()
    a, b = run.images("test", 500, model.value_range, features)
    grid = callbacks.SampleGrid(
        run.folder / "samples",
        sampler=lambda model: (a[:8], model.translate(a[:8], seed=0), b[:8]),
        columns=2,
    )
    model.fit(
        _paired.batches(run, model, features),
        **run.length,
        callbacks=[grid, *run.callbacks()],
    )
    translated = model.translate(a, seed=0, batch_size=16)
    report = _paired.fidelity(run, model, features, translated, b)
    if features == ("layout", "image"):
        report.update(_paired.agreement(run, model, translated))
    if _paired.has_many_answers(features):
        report.update(_paired.diversity(run, model, features))
    return run.finish(model, report)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.Pix2Pix, _paired.Options)
