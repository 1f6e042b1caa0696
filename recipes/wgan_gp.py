"""Trains a Wasserstein GAN with gradient penalty.

    KERAS_BACKEND=jax python recipes/wgan_gp.py
    KERAS_BACKEND=jax python recipes/wgan_gp.py --preset paper

The paper's run is the ResNet on CIFAR-10, whose learning rate falls to zero
over 100,000 generator updates; `--num-classes 10` makes it conditional. A
training step is one generator update and the critic updates before it.
"""

import dataclasses

import keras

import common
import keras_gen

CRITIC_STEPS = 5


def paper_optimizers(players):
    return {
        player: keras.optimizers.Adam(
            keras.optimizers.schedules.PolynomialDecay(2e-4, updates, 0.0),
            beta_1=0.0,
            beta_2=0.9,
        )
        for player, updates in (
            ("critic", CRITIC_STEPS * 100_000),
            ("generator", 100_000),
        )
    }


def quick_optimizers(players):
    """More than the paper's 1e-4, and momentum as in its code for MNIST."""
    return {
        player: keras.optimizers.Adam(5e-4, beta_1=0.5, beta_2=0.9)
        for player in ("critic", "generator")
    }


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
        steps_per_epoch=200,
        batch_size=50,
        model={"architecture": "conv", "width": 32},
        optimizer=quick_optimizers,
        num_samples=5000,
    ),
    "paper": common.Preset(
        epochs=100,
        steps_per_epoch=1000,
        batch_size=64,
        model={"architecture": "resnet"},
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
    value_range = (0.0, 1.0) if conv else (-1.0, 1.0)
    run = common.Run(
        "wgan_gp",
        options,
        PRESETS,
        updates=CRITIC_STEPS,
        value_range=value_range,
        features=("image", "label") if options.num_classes else ("image",),
    )
    model = run.model(
        lambda **settings: keras_gen.WGANGP(
            run.image_shape,
            num_classes=options.num_classes,
            critic_steps=CRITIC_STEPS,
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
