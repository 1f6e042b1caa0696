"""What the recipes of variational autoencoders of images share."""

import dataclasses

import numpy as np

import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data, pictures


@dataclasses.dataclass
class Options(recipe.Options):
    """Trains a variational autoencoder."""

    importance_samples: int | None = None
    """Draws for the importance-weighted bound on the test images."""


def main(name, options, presets, optimizer=None, report=None):
    """Trains a model on images, and bounds the likelihood of others.

    Args:
        name: String. The system.
        options: What `parse` returned.
        presets: Dictionary from each preset's name to its `Preset`.
        optimizer: The optimizer in place of the paper's, or `None`.
        report: Function of the run, the model and the test images, binarized
            as those of the training, which returns further metrics, or `None`.
    """
    run = recipe.start(name, options, presets)
    model = run.resumed()
    if model is None:
        model = keras_gen.model_class(name).from_preset(
            options.preset, input_shape=run.image_shape, **run.arguments
        )
        run.compile(model, optimizer)
    model.summary()
    train = data.pipeline(
        run.load("train"),
        run.batch_size,
        value_range=model.value_range,
        binarize=binarized(model),
        **run.order,
    )
    test = run.images("test")
    model.fit(
        train.dataset,
        **run.length,
        callbacks=[
            callbacks.SampleGrid(run.folder / "samples"),
            callbacks.Reconstructions(
                run.folder / "reconstructions", test[:16]
            ),
            *run.callbacks(),
        ],
    )
    if binarized(model):
        test = binary_images(test)
    metrics = recipe.likelihoods(run, model, test, binary=False)
    metrics |= report(run, model, test) if report else {}
    run.finish(model, metrics)


def posterior_parameters(model, x):
    """The means and the log-variances of the codes of examples."""

    def step(x):
        q = model.posterior(x)
        return q.mean, q.log_variance

    return model.run(step, x)


def binary_images(images):
    """Images that are binarized once, by their brightness."""
    uniform = np.random.default_rng(0).uniform(size=images.shape)
    return (uniform < images).astype("float32")


def binarized(model):
    """How `data.pipeline` is to binarize images for a model."""
    kind = getattr(model, "likelihood_kind", "bernoulli")
    return "dynamic" if kind == "bernoulli" else None


def save_latent_grid(run, model):
    """Draws the codes of a model of two dimensions."""
    grid = model.latent_grid(20).reshape(-1, *run.image_shape)
    picture = pictures.image_grid(grid, columns=20, padding=0)
    pictures.save_image(run.folder / "latent_grid.png", picture)
