"""Trains coupled GANs on images and their negatives.

    KERAS_BACKEND=tensorflow python recipes/cogan.py
    KERAS_BACKEND=jax python recipes/cogan.py --preset paper --data-dir DIR

One half of the training images is a domain, the negatives of the other half
are the other: no image is in both. In the pictures of samples, the images of a
pair are side by side. The metrics have the fraction of the pixels of pairs that
agree, once both are black or white: of independent GANs, the background alone
makes it large, which `--model.shared-layers 0` shows. The paper's run is on
MNIST, and its agreement 0.967.
"""

import keras
import numpy as np

import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=15, batch_size=32),
    "small": recipe.Preset(epochs=10, steps_per_epoch=150, batch_size=64),
    "paper": recipe.Preset(
        epochs=10, steps_per_epoch=500, batch_size=64, dataset="mnist"
    ),
}


def negatives_of_others(images, others):
    """A batch of the two domains."""
    return images, 1.0 - others


def pixel_agreement(model, count):
    """Fraction of pixels that are white in one of a pair and black in the
    other."""
    images, negatives = model.sample(count, seed=0)
    return float(np.mean((images > 0.5) != (negatives > 0.5)))


def main(options):
    if options.evaluate_every:
        raise SystemExit(
            "`--evaluate-every` must be left out, since samples are pairs of "
            f"images. Received: --evaluate-every {options.evaluate_every}."
        )
    run = recipe.start("cogan", options, PRESETS)
    examples = run.load("train")
    half = run.examples // 2
    model = run.resumed()
    if model is None:
        model = keras_gen.CoGAN.from_preset(
            options.preset, image_shape=run.image_shape, **run.arguments
        )
        # For some thousand steps; the official code's rate is 2e-4.
        adam = keras.optimizers.Adam(5e-4, beta_1=0.5, epsilon=1e-8)
        run.compile(model, None if options.preset == "paper" else adam)
    model.summary()
    train = data.zipped(
        examples.take(half),
        examples.skip(half),
        run.batch_size,
        features="image",
        value_range=model.value_range,
        **run.order,
    )
    model.fit(
        train.dataset.map(negatives_of_others),
        **run.length,
        callbacks=[
            callbacks.SampleGrid(run.folder / "samples"),
            *run.callbacks(),
        ],
    )
    run.finish(
        model, {"pixel_agreement": pixel_agreement(model, run.num_samples)}
    )


if __name__ == "__main__":
    recipe.cli(main, keras_gen.CoGAN)
