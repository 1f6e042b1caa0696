"""Trains a Wasserstein GAN with gradient penalty.

    KERAS_BACKEND=tensorflow python recipes/wgan_gp.py
    KERAS_BACKEND=jax python recipes/wgan_gp.py --preset paper

The small preset takes ten minutes on two cores with TensorFlow, whose
convolutions are several times as fast there as those of JAX. The paper's run
is the ResNet on CIFAR-10, on dequantized images; `--model.num-classes 10` makes
it conditional. Learning rates decay linearly over the run. A training step
is one generator update and the critic updates before it.
"""

import keras

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


def adam_with_linear_decay(preset, updates):
    """The paper's, or for few steps higher rates than its 1e-4."""
    rate, end, beta_1 = (3e-3, 3e-5, 0.5)
    if preset == "paper":
        rate, end, beta_1 = (2e-4, 0.0, 0.0)
    decay = keras.optimizers.schedules.PolynomialDecay(rate, updates, end)
    return keras.optimizers.Adam(decay, beta_1=beta_1, beta_2=0.9)


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
        optimizers = {
            player: adam_with_linear_decay(options.preset, count)
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
