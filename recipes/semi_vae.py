"""Trains a semi-supervised variational autoencoder, by default M1+M2.

    KERAS_BACKEND=jax python recipes/semi_vae.py
    KERAS_BACKEND=jax python recipes/semi_vae.py --num-labels 1000
    KERAS_BACKEND=jax python recipes/semi_vae.py --features-epochs 0

First the features of M1, a `VAE` of all images, without labels; then the
classes and the rest of its codes. With `--features-epochs 0`, M2 of the images
themselves. In `classes.png`, each row has the style of one test image, each
column a class.
"""

import dataclasses

import keras
import numpy as np

import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data, metrics, pictures

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=30, batch_size=100),
    "small": recipe.Preset(epochs=20, steps_per_epoch=100, batch_size=600),
    "paper": recipe.Preset(epochs=3000, batch_size=500, dataset="mnist"),
}
FEATURES = {
    "smoke": (1, dict(hidden_units=64, latent_dim=8)),
    "small": (8, dict(hidden_units=(500, 500), latent_dim=50)),
    "paper": (200, dict(hidden_units=(500, 500), latent_dim=50)),
}


@dataclasses.dataclass
class Options(recipe.Options):
    """Trains a semi-supervised variational autoencoder."""

    num_labels: int = 100
    """Labeled examples, class-balanced."""
    features_epochs: int | None = None
    """Epochs of M1. Defaults to the preset's; 0 for none."""


def train_features(run, x):
    """M1, and the latents of it that are used; nothing if it has no epochs."""
    epochs, sizes = FEATURES[run.options.preset]
    if run.options.features_epochs is not None:
        epochs = run.options.features_epochs
    if not epochs:
        return {}
    model = keras_gen.VAE(
        run.image_shape,
        activation="softplus",
        kernel_initializer="glorot_uniform",
        seed=run.options.seed,
        **sizes,
    )
    adam = keras.optimizers.Adam(1e-3)
    model.compile(adam, jit_compile=run.jit_compile)
    batches = data.pipeline(
        run.load("train"), 100, binarize="dynamic", **run.order
    )
    steps = 20 if run.smoke else batches.steps_per_epoch
    print(f"M1, {epochs} epochs:")
    model.fit(batches.dataset, epochs=epochs, steps_per_epoch=steps)
    used = np.flatnonzero(metrics.active_units(model.encode(x)).active)
    print(f"{len(used)} of its {model.latent_dim} latents are used.")
    if len(used) == 0:
        used = range(model.latent_dim)
    return {"features": model, "feature_dims": tuple(used)}


def save_classes(run, model, x):
    """Draws the styles of images in all classes."""
    styles = model.encode(x[:10])
    images = [
        model.decode(np.tile(z, (model.num_classes, 1)))[None] for z in styles
    ]
    rows = np.concatenate(images)
    picture = pictures.image_grid(
        rows.reshape(-1, *run.image_shape), columns=model.num_classes
    )
    pictures.save_image(run.folder / "classes.png", picture)


def main(options):
    run = recipe.start("semi_vae", options, PRESETS)
    classes = run.num_classes()
    x, labels = run.labeled("train", 60_000)
    # One example of each batch, at least.
    fraction = max(options.num_labels / len(x), 1.0 / run.batch_size)
    train = data.partly_labeled(
        x,
        labels,
        options.num_labels,
        run.batch_size,
        labeled_fraction=fraction,
        steps_per_epoch=run.steps_per_epoch,
        seed=options.seed,
        start_step=run.start_step,
    )
    model = run.resumed()
    if model is None:
        given = train_features(run, x)
        model = keras_gen.SemiVAE.from_preset(
            options.preset,
            input_shape=run.image_shape,
            num_classes=classes,
            labeled_fraction=fraction,
            **{**given, **run.arguments},
        )
        run.compile(model)
    model.summary()
    test, test_labels = run.labeled("test")
    model.fit(
        train.dataset,
        **run.length,
        callbacks=[
            callbacks.SampleGrid(run.folder / "samples", num=100, columns=10),
            *run.callbacks(),
        ],
    )
    save_classes(run, model, test)
    wrong = (model.classify(test) != test_labels).mean()
    errors = model.reconstruction_error(test)
    report = {
        "classification_error": 100.0 * wrong,
        "squared_error": errors.mean(),
    }
    run.finish(model, report)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.SemiVAE, Options)
