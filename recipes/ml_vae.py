"""Trains a multi-level variational autoencoder, of which a class is a group.

    KERAS_BACKEND=jax python recipes/ml_vae.py
    KERAS_BACKEND=jax python recipes/ml_vae.py --model.accumulation average

In `swap.png`, each row has the content of the example at its left, each column
the style of the one above. The errors are those of linear classifiers of the
test images: of the content of a class's images together and of each alone, and
of the style.
"""

import numpy as np

import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data, metrics, pictures

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=30, batch_size=100),
    "small": recipe.Preset(epochs=10, steps_per_epoch=230, batch_size=256),
    "paper": recipe.Preset(epochs=400, batch_size=256, dataset="mnist"),
}
# How many contents and styles are shown.
SIDE = 8


def save_swaps(run, model, x):
    """Draws contents with the styles of other examples."""
    contents, styles = x[:SIDE], x[SIDE : 2 * SIDE]
    swaps = model.swap(contents, styles)
    corner = np.zeros_like(styles[:1])
    rows = [np.concatenate([corner, styles])] + [
        np.concatenate([content[None], row])
        for content, row in zip(contents, swaps, strict=True)
    ]
    images = np.clip(np.concatenate(rows), 0.0, 1.0)
    picture = pictures.image_grid(images, columns=SIDE + 1)
    pictures.save_image(run.folder / "swap.png", picture)


def probes(model, x, y):
    """Errors of linear classifiers of a half, trained on the other."""
    half = len(x) // 2
    codes = model.encode(x)
    alone, style = model.content_and_style(codes)
    parts = {"content": alone, "style": style}
    # In groups of 25 of a class, as a batch of 256 has them.
    order = np.argsort(y, kind="stable")
    groups = np.empty(len(y), "int32")
    groups[order] = np.arange(len(y)) // 25 + 1_000_000 * y[order]
    parts["content_of_groups"] = model.contents(x, groups)
    return {
        f"{name}_error": metrics.linear_probe(
            part[:half], y[:half], part[half:], y[half:], epochs=40
        )
        for name, part in parts.items()
    }


def main(options):
    run = recipe.start("ml_vae", options, PRESETS)
    run.num_classes()  # Labels there must be.
    model = run.resumed()
    if model is None:
        model = keras_gen.MLVAE.from_preset(
            options.preset, input_shape=run.image_shape, **run.arguments
        )
        run.compile(model)
    model.summary()
    train = data.pipeline(
        run.load("train"),
        run.batch_size,
        features=("image", "label"),
        value_range=model.value_range,
        **run.order,
    )
    x, y = run.labeled("test", limit=200 if run.smoke else 4000)
    model.fit(
        train.dataset,
        **run.length,
        callbacks=[
            callbacks.SampleGrid(run.folder / "samples"),
            callbacks.Reconstructions(run.folder / "reconstructions", x[:16]),
            *run.callbacks(),
        ],
    )
    save_swaps(run, model, x)
    parts = model.elbo(x)
    report = {f"mean_{name}": float(v.mean()) for name, v in parts.items()}
    run.finish(model, report | probes(model, x, y))


if __name__ == "__main__":
    recipe.cli(main, keras_gen.MLVAE)
