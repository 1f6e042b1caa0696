"""Trains a DiscoGAN, which discovers the relation of two domains without pairs.

    KERAS_BACKEND=jax python recipes/discogan.py
    KERAS_BACKEND=jax python recipes/discogan.py --dataset folder --data-dir DIR

It learns from red and from blue scenes to exchange the color; with `--domains
texture` stripes and dots, with `--domains edges` outlines and images. Or it
learns from your own pictures, in the folders A and B, or trainA and trainB. A
batch is divided over three updates. In the pictures of samples are, side by
side, `a`, its translation, and what that translates back into; below the same
of `b`. The metrics are of held-out scenes: the fraction of each attribute that
a classifier, trained on scenes, finds in the translations, of which one is to
change; by how many pixels the shape moves; and the mean absolute error of both
cycles as a fraction of the range.
"""

import _recipe as recipe
import _unpaired
import keras_gen

PRESETS = {
    "smoke": recipe.Preset(
        epochs=2,
        steps_per_epoch=5,
        batch_size=12,
        dataset="scenes",
        image_size=16,
    ),
    "small": recipe.Preset(
        epochs=20,
        steps_per_epoch=200,
        batch_size=96,
        dataset="scenes",
        image_size=32,
    ),
    "paper": recipe.Preset(
        epochs=100, batch_size=600, dataset="folder", image_size=64
    ),
}


def main(options):
    if options.apply:
        return _unpaired.apply("discogan", options)
    run = _unpaired.start("discogan", options, PRESETS, "color")
    model = run.resumed()
    if model is None:
        shape, shape_b = _unpaired.shapes(run)
        model = keras_gen.DiscoGAN.from_preset(
            options.preset,
            input_shape=shape,
            **{"input_shape_b": shape_b, **run.arguments},
        )
        run.compile(model)
    model.summary()
    return run.finish(model, _unpaired.fit(run, model))


if __name__ == "__main__":
    recipe.cli(main, keras_gen.DiscoGAN, _unpaired.Options)
