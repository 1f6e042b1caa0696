"""Trains an InfoGAN.

    KERAS_BACKEND=tensorflow python recipes/infogan.py
    KERAS_BACKEND=jax python recipes/infogan.py --preset paper --data-dir DIR

In the pictures `code_0.png` and so on, each row has its own latents, of which
one code varies: the category, then each continuous code. Of images that have
classes, the metrics have the fraction that the category tells right, once each
category is matched to a class. The paper's run is on MNIST.
"""

import _adversarial
import _recipe as recipe
import keras_gen
from keras_gen import callbacks, metrics, pictures

PRESETS = {
    "smoke": recipe.Preset(epochs=2, steps_per_epoch=15, batch_size=32),
    "small": recipe.Preset(epochs=15, steps_per_epoch=300, batch_size=64),
    "paper": recipe.Preset(
        epochs=50, steps_per_epoch=100, batch_size=128, dataset="mnist"
    ),
}


def save_traversals(run, model):
    """Draws samples of which one code varies."""
    for code in range(len(model.categorical_dims) + model.continuous_dim):
        rows = model.traverse_code(code, seed=0)
        columns = rows.shape[1]
        picture = pictures.image_grid(
            rows.reshape(-1, *rows.shape[2:]), columns=columns
        )
        pictures.save_image(run.folder / f"code_{code}.png", picture)


def code_accuracy(run, model):
    """How well the first categorical code tells the class."""
    if not (run.has_labels and model.categorical_dims):
        return {}
    x, labels = run.labeled("test")
    categories = model.infer_codes(x)[0].argmax(axis=-1)
    found = metrics.matched_accuracy(categories, labels)
    return {"matched_accuracy": found.accuracy}


def main(options):
    run = recipe.start("infogan", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.InfoGAN.from_preset(
            options.preset, image_shape=run.image_shape, **run.arguments
        )
        run.compile(model)
    model.summary()
    _adversarial.fit(run, model)
    save_traversals(run, model)
    logs = callbacks.read_progress(run.checkpoint).logs
    report = {name: logs[name] for name in model.logged}
    report |= code_accuracy(run, model)
    run.finish(model, {**report, **run.sample_quality(model)})


if __name__ == "__main__":
    recipe.cli(main, keras_gen.InfoGAN)
