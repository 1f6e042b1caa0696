"""Trains a Wasserstein GAN.

    KERAS_BACKEND=tensorflow python recipes/wgan.py
    KERAS_BACKEND=jax python recipes/wgan.py --preset paper --data-dir DIR

A training step is one generator update and the critic updates before it. The
paper's run is on bedrooms of LSUN at 64x64 pixels; `--model.warmup` adds the
critic updates of the official code.
"""

import keras

import _adversarial
import _recipe as recipe
import keras_gen
from keras_gen import callbacks

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=10, batch_size=16),
    "small": recipe.Preset(
        epochs=30, steps_per_epoch=300, batch_size=64, image_size=32
    ),
    "paper": recipe.Preset(
        epochs=25, batch_size=64, dataset="lsun/bedroom", image_size=64
    ),
}


def main(options):
    run = recipe.start("wgan", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.WGAN.from_preset(
            options.preset, input_shape=run.image_shape, **run.arguments
        )
        # For thousands of updates; the paper's rate, 5e-5, is for many more.
        # Its epsilon, under the root, damps gradients below 1e-4.
        cosine = keras.optimizers.schedules.CosineDecay
        rms_prop = _adversarial.at_rates(
            keras.optimizers.RMSprop(rho=0.99, epsilon=1e-8),
            critic=cosine(1e-4, run.total_steps * model.batch_parts),
            generator=cosine(1e-3, run.total_steps),
        )
        run.compile(model, None if options.preset == "paper" else rms_prop)
    model.summary()
    _adversarial.fit(run, model)
    logs = callbacks.read_progress(run.checkpoint).logs
    report = {"wasserstein_estimate": logs["wasserstein_estimate"]}
    run.finish(model, report | run.sample_quality(model))


if __name__ == "__main__":
    recipe.cli(main, keras_gen.WGAN)
