"""Trains a spectrally normalized GAN.

    KERAS_BACKEND=tensorflow python recipes/sngan.py
    KERAS_BACKEND=tensorflow python recipes/sngan.py --model.num-classes 10
    KERAS_BACKEND=jax python recipes/sngan.py --preset paper

A training step is one generator update and the discriminator updates before
it. Learning rates decay linearly over the run. The paper's run is the ResNet on
CIFAR-10, on dequantized images.
"""

import _adversarial
import _recipe as recipe
import keras_gen

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=8, batch_size=16),
    "small": recipe.Preset(epochs=10, steps_per_epoch=150, batch_size=64),
    "paper": recipe.Preset(
        epochs=100,
        steps_per_epoch=500,
        batch_size=64,
        dataset="cifar10",
        image_size=32,
    ),
}


def main(options):
    run = recipe.start("sngan", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.SNGAN.from_preset(
            options.preset, image_shape=run.image_shape, **run.arguments
        )
        # For thousands of updates; the paper's rate, 2e-4, is for 50,000.
        rate = 2e-4 if options.preset == "paper" else 1e-3
        updates = {
            "discriminator": run.total_steps * model.batch_parts,
            "generator": run.total_steps,
        }
        optimizers = {
            player: _adversarial.adam_with_linear_decay(rate, count)
            for player, count in updates.items()
        }
        run.compile(model, optimizers)
    model.summary()
    _adversarial.fit(run, model, dequantize=options.preset == "paper")
    run.finish(model, run.sample_quality(model))


if __name__ == "__main__":
    recipe.cli(main, keras_gen.SNGAN)
