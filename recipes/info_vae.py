"""Trains an InfoVAE, by default the MMD-VAE.

    KERAS_BACKEND=jax python recipes/info_vae.py
    KERAS_BACKEND=jax python recipes/info_vae.py --model.alpha 0.5

Each use of an image binarizes it, with its brightness as the probability. The
metrics hold the codes of test images against the prior: the squared maximum
mean discrepancy, and the mutual information with the images.
"""

import numpy as np

import _recipe as recipe
import _variational
import keras_gen
from keras_gen import metrics

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=30, batch_size=100),
    "small": recipe.Preset(epochs=5, steps_per_epoch=300, batch_size=200),
    "paper": recipe.Preset(epochs=33, batch_size=200, dataset="mnist"),
}


def code_figures(model, x):
    """What is said of the codes of images: of draws and of posteriors."""
    mean, log_variance = _variational.posterior_parameters(model, x)
    noise = np.random.default_rng(0).standard_normal((2, *mean.shape))
    codes = mean + np.exp(0.5 * log_variance) * noise[0]
    parts = metrics.elbo_decomposition(mean, log_variance)
    return {
        "maximum_mean_discrepancy": metrics.maximum_mean_discrepancy(
            codes[:5000], noise[1, :5000]
        ),
        "largest_mean": np.abs(codes.mean(axis=0)).max(),
        "smallest_deviation": codes.std(axis=0).min(),
        "largest_deviation": codes.std(axis=0).max(),
        "mutual_information": parts.mutual_information,
        "total_correlation": parts.total_correlation,
    }


def report(run, model, test):
    return code_figures(model, test)


def main(options):
    _variational.main("info_vae", options, PRESETS, report=report)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.InfoVAE, _variational.Options)
