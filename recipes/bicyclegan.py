"""Trains BicycleGAN on pairs of images.

    KERAS_BACKEND=jax python recipes/bicyclegan.py
    KERAS_BACKEND=jax python recipes/bicyclegan.py --dataset folder \\
        --data-dir DIR

It paints scenes on one ground from the masks of their shapes, which do not say
the color or the texture, or from edges, `--source edges`; or it learns from
your own pairs: the left and right halves of pictures, or files of one name in
the folders A and B. `--reverse` swaps the two. A batch is divided in two. In
the pictures of samples are, side by side, what is translated, its image, the
translation by the latents of that image, and four by drawn latents. The metrics
are of held-out pairs: those of `pix2pix` for the translation by the latents of
the image; how far the encoder is from the latents of a translation, in absolute
value; and, for scenes, the standard deviation of the color of the shape over
drawn latents, relative to that of the test images.
"""

import keras
import numpy as np

import _paired
import _recipe as recipe
import _scenes
import keras_gen
from keras_gen import callbacks, optimizers

PRESETS = {
    "smoke": recipe.Preset(
        epochs=2,
        steps_per_epoch=10,
        batch_size=4,
        dataset="scenes",
        image_size=16,
    ),
    "small": recipe.Preset(
        epochs=6,
        steps_per_epoch=1000,
        batch_size=16,
        dataset="scenes",
        image_size=32,
    ),
    "paper": recipe.Preset(
        epochs=200, batch_size=2, dataset="folder", image_size=256
    ),
}


def latent_error(model, a):
    """Mean distance of drawn latents from those that the encoder finds."""
    z = np.random.default_rng(0).standard_normal((len(a), model.latent_dim))
    found = model.encode_target(model.translate_latents(a, z))
    return float(np.abs(found - z).mean())


def main(options):
    if options.apply:
        return _paired.apply("bicyclegan", options)
    run, features = _paired.start("bicyclegan", options, PRESETS, "mask")
    weights = {}
    if run.options.dataset == "scenes":
        # Small shapes on a plain ground hardly count in a mean of pixels.
        weights = {"l1_weight": 150.0, "kl_weight": 0.5}
        # Between the latents of light and of dark grounds lie those of neither.
        _scenes.keep_one_ground(run)
    model = run.resumed()
    if model is None:
        model = keras_gen.BicycleGAN.from_preset(
            options.preset,
            **_paired.shapes(run, features),
            **{**weights, **run.arguments},
        )
        half = -(-run.total_steps // 2)
        decay = optimizers.ConstantThenLinear(2e-4, half, half)
        run.compile(
            model, keras.optimizers.Adam(decay, beta_1=0.5, epsilon=1e-8)
        )
    model.summary()
    a, b = run.images("test", 500, model.value_range, features)
    few, targets = a[:8], b[:8]
    grid = callbacks.SampleGrid(
        run.folder / "samples",
        sampler=lambda model: (
            few,
            targets,
            model.translate_latents(few, model.encode_target(targets)),
            *[model.translate(few, seed=seed) for seed in range(4)],
        ),
        columns=1,
    )
    model.fit(
        _paired.batches(run, model, features),
        **run.length,
        callbacks=[grid, *run.callbacks()],
    )
    translated = model.translate_latents(a, model.encode_target(b))
    report = _paired.fidelity(run, model, features, translated, b)
    report["latent_error"] = latent_error(model, a)
    if _paired.has_many_answers(features):
        report.update(_paired.diversity(run, model, features))
    return run.finish(model, report)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.BicycleGAN, _paired.Options)
