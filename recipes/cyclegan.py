"""Trains CycleGAN between two domains without pairs.

    KERAS_BACKEND=jax python recipes/cyclegan.py
    KERAS_BACKEND=jax python recipes/cyclegan.py --dataset folder --data-dir DIR

It learns from scenes to paint outlines, and to outline paintings: the edges of
one half of the scenes, and the images of the other half; with `--domains
color`, `texture` or `ground`, to exchange that. Or it learns from your own
pictures, in the folders A and B, or trainA and trainB. In the pictures of
samples are, side by side, `a`, its translation, and what that translates back
into; below the same of `b`. The metrics are of held-out scenes, whose pairs are
known: the intersection over union of the painted shape, or of that of the real
image, and the true one, and the mean absolute error of both cycles as a
fraction of the range.
"""

import keras

import _recipe as recipe
import _unpaired
import keras_gen
from keras_gen import optimizers

PRESETS = {
    "smoke": recipe.Preset(
        epochs=2,
        steps_per_epoch=5,
        batch_size=4,
        dataset="scenes",
        image_size=16,
    ),
    "small": recipe.Preset(
        epochs=20,
        steps_per_epoch=200,
        batch_size=8,
        dataset="scenes",
        image_size=32,
    ),
    "paper": recipe.Preset(
        epochs=200, batch_size=1, dataset="folder", image_size=256
    ),
}


def main(options):
    if options.apply:
        return _unpaired.apply("cyclegan", options)
    run = _unpaired.start("cyclegan", options, PRESETS, "edges")
    model = run.resumed()
    if model is None:
        shape, shape_b = _unpaired.shapes(run)
        model = keras_gen.CycleGAN.from_preset(
            options.preset,
            image_shape=shape,
            image_shape_b=shape_b,
            **run.arguments,
        )
        half = -(-run.total_steps // 2)
        decay = optimizers.ConstantThenLinear(2e-4, half, half)
        run.compile(
            model, keras.optimizers.Adam(decay, beta_1=0.5, epsilon=1e-8)
        )
    model.summary()
    return run.finish(
        model, _unpaired.fit(run, model, augment=("jitter", "flip"))
    )


if __name__ == "__main__":
    recipe.cli(main, keras_gen.CycleGAN, _unpaired.Options)
