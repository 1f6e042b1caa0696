"""Least squares against cross-entropy, on a ring of eight Gaussians.

    python benchmarks/claims/lsgan.py
    python benchmarks/claims/lsgan.py --rates 1e-4 1e-3 --constant

The networks of the paper's experiment, on a mixture of equal weights, radius 1
and standard deviation 0.05. The control differs in its losses alone. A mode is
hit if more than 1 % of the samples lie within three standard deviations of its
mean. Adam's rates fall along a cosine, and samples come from an average of the
generator's weights; the second command has the constant rates of the paper's
experiment, and no average.
"""

import argparse

import keras
import numpy as np

import keras_gen
from keras_gen.distributions import GaussianMixtureRing
from keras_gen.losses.adversarial import (
    logistic_discriminator,
    non_saturating_generator,
)

STD, MODES, BATCH = 0.05, 8, 512


class CrossEntropyGAN(keras_gen.LSGAN):
    """The control: the losses of the GAN of 2014."""

    def discriminator_loss(self, batch, training):
        fake = keras.ops.stop_gradient(self.generate_for(batch, training))
        return logistic_discriminator(
            self.discriminate_step(batch.x, batch.y, training),
            self.discriminate_step(fake, batch.y, training),
        )

    def generator_loss(self, batch, training):
        fake = self.generate_for(batch, training)
        return non_saturating_generator(
            self.discriminate_step(fake, batch.y, training)
        )


def coverage(samples):
    """The modes that are hit, and the fraction of samples at any mode."""
    angles = 2 * np.pi * np.arange(MODES) / MODES
    means = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    distances = np.linalg.norm(samples[:, None] - means, axis=2)
    near = distances < 3 * STD
    return int((near.mean(axis=0) > 0.01).sum()), float(near.any(axis=1).mean())


def main(arguments):
    ring = GaussianMixtureRing(
        MODES, shift=1.0, radial_std=STD, tangential_std=STD
    )
    models = {"LSGAN": keras_gen.LSGAN, "cross-entropy": CrossEntropyGAN}
    print("losses, steps, modes hit, fraction within three deviations")
    for name, model_class in models.items():
        model = model_class.from_preset(
            "ring",
            seed=arguments.seed,
            ema_decay=None if arguments.constant else 0.999,
        )
        model.compile(
            {
                player: optimizer(rate, arguments)
                for player, rate in zip(
                    model.players, arguments.rates, strict=True
                )
            },
            steps_per_execution=1 if on_torch() else 50,
        )
        epochs = arguments.steps // arguments.epoch
        for epoch in range(epochs):
            seed = 1000 * arguments.seed + epoch
            x = ring.sample(BATCH * arguments.epoch, seed=seed)
            x = keras.ops.convert_to_numpy(x)
            model.fit(x, batch_size=BATCH, verbose=0)
            if epoch % 6 == 5 or epoch == epochs - 1:
                modes, near = coverage(model.sample(10_000, seed=0))
                steps = arguments.epoch * (epoch + 1)
                print(f"{name}, {steps}, {modes}, {near:.3f}")


def optimizer(rate, arguments):
    if not arguments.constant:
        rate = keras.optimizers.schedules.CosineDecay(rate, arguments.steps)
    return keras.optimizers.Adam(rate, beta_1=0.5, epsilon=1e-8)


def on_torch():
    return keras.backend.backend() == "torch"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--steps", type=int, default=15_000, help="updates")
    parser.add_argument(
        "--epoch", type=int, default=500, help="updates between new data"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything")
    parser.add_argument(
        "--rates",
        type=float,
        nargs=2,
        default=(1e-3, 1e-3),
        help="of the discriminator and of the generator",
    )
    parser.add_argument(
        "--constant", action="store_true", help="rates do not fall"
    )
    main(parser.parse_args())
