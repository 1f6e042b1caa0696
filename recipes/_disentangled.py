"""What the recipes of disentangled variational autoencoders share."""

import dataclasses

import numpy as np

import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data, metrics, pictures

SPRITES = {"dataset": "sprites", "batch_size": 64}
# The papers' 300,000 steps on sprites, of which a tenth is held out.
PRESETS = {
    "smoke": recipe.Preset(2, steps_per_epoch=50, image_size=32, **SPRITES),
    "small": recipe.Preset(30, steps_per_epoch=500, image_size=32, **SPRITES),
    "paper": recipe.Preset(29, image_size=64, **SPRITES),
}


@dataclasses.dataclass
class Options(recipe.Options):
    """Trains a variational autoencoder of disentangled codes."""

    importance_samples: int | None = None
    """Draws for the importance-weighted bound on the test images."""


def main(name, options, presets, arguments=None):
    """Trains a model and measures how disentangled its codes are.

    Args:
        name: String. The system.
        options: What `parse` returned.
        presets: Dictionary from each preset's name to its `Preset`.
        arguments: Function of the run, which returns further arguments of the
            model, or `None`.
    """
    run = recipe.start(name, options, presets)
    model = run.resumed()
    if model is None:
        further = arguments(run) if arguments else {}
        model = keras_gen.model_class(name).from_preset(
            options.preset,
            input_shape=run.image_shape,
            **{**further, **run.arguments},
        )
        run.compile(model)
    model.summary()
    train = data.pipeline(
        run.load("train"),
        run.batch_size,
        value_range=model.value_range,
        **run.order,
    )
    test = run.images("test", limit=100 if run.smoke else 2000)
    model.fit(
        train.dataset,
        **run.length,
        callbacks=[
            callbacks.Reconstructions(
                run.folder / "reconstructions", test[:16]
            ),
            callbacks.LatentTraversal(run.folder / "traversals", test[0]),
            *run.callbacks(),
        ],
    )
    save_traversals(run.folder / "traversals_by_kl.png", model, test)
    report = recipe.likelihoods(run, model, test, binary=False)
    divergences = model.dimension_divergences(test)
    report["active_dimensions"] = int(np.sum(divergences > 0.1))
    if run.options.dataset == "sprites":
        scores = disentanglement(model, run.options.image_size, run.smoke)
        print(scores.table())
        scores.save_pictures(run.folder / "disentanglement")
        report |= scores.scores
    run.finish(model, report)


def save_traversals(path, model, test):
    """Draws the traversals of the first image, the most used latent first."""
    by_kl = model.traverse(test[0], dims=model.dimensions_by_kl(test))
    images = by_kl.reshape(-1, *by_kl.shape[2:])
    picture = pictures.image_grid(images, columns=by_kl.shape[1])
    pictures.save_image(path, picture)


def disentanglement(model, image_size, smoke=False):
    """The disentanglement report of a model of sprites.

    Args:
        model: The trained model.
        image_size: Integer. The side of the images.
        smoke: Whether few draws do.
    """
    few, many = (50, 200) if smoke else (2000, 10_000)
    draws = {"num_train": few, "num_test": few // 2}
    return metrics.disentanglement_report(
        model,
        data.sprite_factor_data(image_size),
        num_train=many,
        num_test=many // 2,
        num_bins=40,
        max_classes=8,
        options={"beta_vae": draws, "factor_vae": draws},
        decoder=model,
    )
