"""Trains a Wasserstein GAN with gradient penalty.

    KERAS_BACKEND=tensorflow python recipes/wgan_gp.py
    KERAS_BACKEND=jax python recipes/wgan_gp.py --preset paper

The small preset takes ten minutes on two cores with TensorFlow, whose
convolutions are several times as fast there as those of JAX. The paper's run
is the ResNet on CIFAR-10, on dequantized images; `--model.num-classes 10` makes
it conditional. Learning rates decay linearly over the run. A training step
is one generator update and the critic updates before it.
"""

import _adversarial
import _recipe as recipe
import keras_gen
from keras_gen import callbacks

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=8, batch_size=16),
    "small": recipe.Preset(epochs=10, steps_per_epoch=620, batch_size=50),
    "paper": recipe.Preset(
        epochs=100,
        steps_per_epoch=1000,
        batch_size=64,
        dataset="cifar10",
        image_size=32,
    ),
}


def main(options):
    run = recipe.start("wgan_gp", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.WGANGP.from_preset(
            options.preset, input_shape=run.image_shape, **run.arguments
        )
        updates = {
            "critic": run.total_steps * model.critic_steps,
            "generator": run.total_steps,
        }
        # For few steps, higher rates than the paper's.
        rates = {"rate": 3e-3, "end": 3e-5, "beta_1": 0.5}
        if options.preset == "paper":
            rates = {"rate": 2e-4}
        optimizers = {
            player: _adversarial.adam_with_linear_decay(updates=count, **rates)
            for player, count in updates.items()
        }
        run.compile(model, optimizers)
    model.summary()
    _adversarial.fit(run, model, dequantize=options.preset == "paper")
    logs = callbacks.read_progress(run.checkpoint).logs
    report = {
        name: logs[name] for name in ("gradient_norm", "wasserstein_estimate")
    }
    run.finish(model, report | run.sample_quality(model))


if __name__ == "__main__":
    recipe.cli(main, keras_gen.WGANGP)
