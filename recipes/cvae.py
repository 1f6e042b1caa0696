"""Trains a conditional variational autoencoder.

    KERAS_BACKEND=jax python recipes/cvae.py
    KERAS_BACKEND=jax python recipes/cvae.py --quadrants 2
    KERAS_BACKEND=jax python recipes/cvae.py --condition class

It completes pictures of which one, two or three quadrants are visible, from
the bottom left on, or draws those of a class. Each use of an image binarizes
it, with its brightness as the probability. The likelihoods are those of the
pixels that are not visible.
"""

import dataclasses
from typing import Literal

import numpy as np

import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data, pictures

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=30, batch_size=100),
    "small": recipe.Preset(epochs=6, steps_per_epoch=600, batch_size=100),
    "paper": recipe.Preset(epochs=100, batch_size=100, dataset="mnist"),
}
HIDDEN = -1.0


@dataclasses.dataclass
class Options(recipe.Options):
    """Trains a conditional variational autoencoder."""

    condition: Literal["quadrants", "class"] = "quadrants"
    """What the outputs depend on."""
    quadrants: Literal[1, 2, 3] = 1
    """How many quadrants of a picture are visible."""
    importance_samples: int | None = None
    """Draws for the estimates of the likelihood of test images."""


def hidden_pixels(shape, quadrants):
    """1 for the pixels that are to be predicted, 0 for the visible ones."""
    mask = np.ones(shape, "float32")
    rows, columns = shape[0] // 2, shape[1] // 2
    mask[rows:, :columns] = 0.0
    if quadrants > 1:
        mask[:rows, :columns] = 0.0
    if quadrants > 2:
        mask[rows:, columns:] = 0.0
    return mask


class Completions(callbacks.EpochPictures):
    """Visible parts, several completions, and the picture itself, in rows.

    Args:
        directory: Path.
        visible: Array of inputs.
        images: Array of outputs.
        count: Integer. Completions of each.
    """

    def __init__(self, directory, visible, images, count=8):
        super().__init__(directory)
        self.visible, self.images, self.count = visible, images, count

    def draw(self):
        shown = np.where(self.visible == HIDDEN, 0.5, self.visible)
        rows = [
            [first, *self.model.sample(self.count, labels=x, seed=0), image]
            for first, x, image in zip(
                shown, self.visible, self.images, strict=True
            )
        ]
        columns = self.count + 2
        return pictures.image_grid(np.concatenate(rows), columns=columns)


def likelihoods(run, model, x, y):
    """Mean negative log-likelihoods, by both estimates."""
    draws = run.options.importance_samples or (10 if run.smoke else 100)
    methods = ["monte_carlo"]
    if model.recognition_net is not None:
        methods.append("importance")
    return {
        f"negative_log_likelihood_{method}": -model.conditional_log_likelihood(
            x, y, num_samples=draws, method=method
        ).mean()
        for method in methods
    }


def main(options):
    run = recipe.start("cvae", options, PRESETS)
    shape, classes = run.image_shape, options.condition == "class"
    mask = None if classes else hidden_pixels(shape, options.quadrants)
    if options.evaluate_every and not classes:
        raise SystemExit(
            "`--evaluate-every` must be left out with `--condition quadrants`: "
            "samples of digits are scored. Received: --evaluate-every "
            f"{options.evaluate_every}."
        )
    model = run.resumed()
    if model is None:
        given = {"output_mask": mask}
        if classes:
            given = {"num_classes": run.num_classes()}
        model = keras_gen.CVAE.from_preset(
            options.preset,
            condition_shape=shape,
            output_shape=shape,
            **{**given, **run.arguments},
        )
        run.compile(model)
    model.summary()

    def condition(images, labels=None):
        if classes:
            return labels, images
        return images * (1.0 - mask) + HIDDEN * mask, images

    train = data.pipeline(
        run.load("train"),
        run.batch_size,
        features=("image", "label") if classes else "image",
        value_range=model.value_range,
        binarize="dynamic" if model.likelihood_kind == "bernoulli" else None,
        **run.order,
    )
    limit = 100 if run.smoke else 1000
    if classes:
        images, labels = run.labeled("test", limit)
        grid = callbacks.SampleGrid(run.folder / "samples")
    else:
        images, labels = run.images("test", limit), None
        visible, _ = condition(images[:8])
        folder = run.folder / "completions"
        grid = Completions(folder, visible, images[:8])
    if model.likelihood_kind == "bernoulli":
        uniform = np.random.default_rng(0).uniform(size=images.shape)
        images = (uniform < images).astype("float32")
    x, y = condition(images, labels)
    model.fit(
        train.dataset.map(condition),
        **run.length,
        callbacks=[grid, *run.callbacks()],
    )
    run.finish(model, likelihoods(run, model, x, y))


if __name__ == "__main__":
    recipe.cli(main, keras_gen.CVAE, Options)
