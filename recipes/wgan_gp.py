"""Trains a Wasserstein GAN with gradient penalty.

    KERAS_BACKEND=tensorflow python recipes/wgan_gp.py
    KERAS_BACKEND=jax python recipes/wgan_gp.py --preset paper

The small preset takes ten minutes on two cores with TensorFlow, whose
convolutions are several times as fast there as those of JAX.

The paper's run is the ResNet on CIFAR-10, whose learning rate falls to zero
over 100,000 generator updates, on dequantised images; `--num-classes 10` makes
it conditional. A
training step is one generator update and the critic updates before it.
"""

import dataclasses
import functools

import keras

import common
import keras_gen


def falling(rate, updates, beta_1, end=0.0):
    """Adam whose rate falls in a straight line, for one player."""
    return keras.optimizers.Adam(
        keras.optimizers.schedules.PolynomialDecay(rate, updates, end),
        beta_1=beta_1,
        beta_2=0.9,
    )


def paper_optimizers(players, steps):
    return {
        "critic": falling(2e-4, 5 * steps, 0.0),
        "generator": falling(2e-4, steps, 0.0),
    }


def quick_optimizers(players, steps):
    """For few steps of two critic updates: higher than the paper's 1e-4.

    The momentum is that of the paper's code for MNIST.
    """
    return {
        "critic": falling(3e-3, 2 * steps, 0.5, 3e-5),
        "generator": falling(3e-3, steps, 0.5, 3e-5),
    }


def for_length(preset, options):
    """The preset, with rates that fall over all steps of the run."""
    if preset.optimizer is None:
        return preset
    epochs = options.epochs or preset.epochs
    steps = epochs * (options.steps_per_epoch or preset.steps_per_epoch)
    optimizer = functools.partial(preset.optimizer, steps=steps)
    return dataclasses.replace(preset, optimizer=optimizer)


PRESETS = {
    "smoke": common.Preset(
        epochs=2,
        steps_per_epoch=8,
        batch_size=16,
        model={"architecture": "conv", "width": 8},
        num_samples=500,
        classifier_epochs=2,
    ),
    "small": common.Preset(
        epochs=10,
        steps_per_epoch=620,
        batch_size=50,
        model={"architecture": "conv", "width": 24, "critic_steps": 2},
        optimizer=quick_optimizers,
        num_samples=5000,
    ),
    "paper": common.Preset(
        epochs=100,
        steps_per_epoch=1000,
        batch_size=64,
        model={"architecture": "resnet", "generator_batch_factor": 2},
        dataset="cifar10",
        image_size=32,
        optimizer=paper_optimizers,
        num_samples=50_000,
    ),
}


@dataclasses.dataclass
class Options(common.Options):
    """Trains a Wasserstein GAN with gradient penalty."""

    num_classes: int | None = None
    """Train with labels of so many classes (ResNet only)."""


def main(options: Options) -> None:
    conv = PRESETS[options.preset].model["architecture"] == "conv"
    if conv and options.num_classes:
        raise SystemExit(
            "Classes are for the ResNet. Received: --num-classes "
            f"{options.num_classes} --preset {options.preset}. Add --preset "
            "paper."
        )
    value_range = (0.0, 1.0) if conv else (-1.0, 1.0)
    preset = for_length(PRESETS[options.preset], options)
    run = common.Run(
        "wgan_gp",
        options,
        {options.preset: preset},
        updates=preset.model.get("critic_steps", 5),
        dequantize=not conv,
        value_range=value_range,
        features=("image", "label") if options.num_classes else ("image",),
    )
    model = run.model(
        lambda **settings: keras_gen.WGANGP(
            run.image_shape,
            num_classes=options.num_classes,
            **settings,
        )
    )
    model.summary()
    run.fit(model, value_range=value_range)
    logs = keras_gen.callbacks.read_progress(run.checkpoint).logs
    results = run.digit_metrics(model)
    results["gradient_norm"] = logs["gradient_norm"]
    results["wasserstein_estimate"] = logs["wasserstein_estimate"]
    run.finish(model, results)


if __name__ == "__main__":
    main(common.parse(Options))
