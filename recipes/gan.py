"""Trains a generative adversarial network of fully connected networks.

    KERAS_BACKEND=jax python recipes/gan.py
    KERAS_BACKEND=jax python recipes/gan.py --model.objective minimax

The metrics have the log-likelihood of test images under a Parzen window of
10,000 samples, in nats, as the paper does; its width is that of the largest
likelihood of other images. The paper's run is on MNIST.
"""

import keras

import _adversarial
import _recipe as recipe
import keras_gen
from keras_gen import metrics

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=20, batch_size=32),
    "small": recipe.Preset(epochs=20, steps_per_epoch=600, batch_size=100),
    "paper": recipe.Preset(epochs=250, batch_size=100, dataset="mnist"),
}


def parzen_window(run, model):
    """The log-likelihood of test images, and the window's width."""
    test = run.images("test")
    count = len(test) if run.smoke else 10_000
    samples = model.sample(count, seed=0).reshape(count, -1)
    flat = test.reshape(len(test), -1)
    half = min(1000, len(flat) // 2)
    found = metrics.parzen_log_likelihood(
        flat[half:], samples, validation=flat[:half]
    )
    return {"parzen_log_likelihood": found.mean, "parzen_sigma": found.sigma}


def main(options):
    run = recipe.start("gan", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.GAN.from_preset(
            options.preset, input_shape=run.image_shape, **run.arguments
        )
        model.initialize_output_bias(run.images("train", 1000))
        # At 2e-4 for both, the discriminator wins within an epoch.
        adam = _adversarial.at_rates(
            keras.optimizers.Adam(beta_1=0.5),
            discriminator=2e-4,
            generator=1e-3,
        )
        run.compile(model, None if options.preset == "paper" else adam)
    model.summary()
    _adversarial.fit(run, model)
    run.finish(
        model, {**run.sample_quality(model), **parzen_window(run, model)}
    )


if __name__ == "__main__":
    recipe.cli(main, keras_gen.GAN)
