"""Trains a deep convolutional inverse graphics network on rendered heads.

    KERAS_BACKEND=tensorflow python recipes/dc_ign.py

In each batch one of azimuth, elevation, light and identity varies, and only its
group of latents may follow. In the small preset the weight that makes the other
groups invariant is small at first, so that they find their factors, and large
in the end. The metrics are, on heads of identities that training does not show,
the correlations of the groups with their factors, and the squared error.
"""

import dataclasses

import keras
import numpy as np

import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data

ANGLES = ("azimuth", "elevation", "light")
HEADS = {"dataset": "lit_heads", "batch_size": 20}
PRESETS = {
    "smoke": recipe.Preset(2, steps_per_epoch=20, image_size=32, **HEADS),
    "small": recipe.Preset(45, steps_per_epoch=500, image_size=32, **HEADS),
    "paper": recipe.Preset(150, steps_per_epoch=5000, image_size=150, **HEADS),
}
# How often a factor varies where that is not once. The azimuth changes an
# image the most, and is the hardest to be invariant to.
RATIOS = {"smoke": {}, "small": {"azimuth": 2.0}, "paper": {"identity": 10.0}}


@dataclasses.dataclass
class Options(recipe.Options):
    """Trains a deep convolutional inverse graphics network."""

    identity_ratio: float | None = None
    """How often the identity varies, for each time that elevation or light
    does. Defaults to 1, and to 10 for the paper's preset."""


def batches(run):
    """Batches in each of which one factor varies."""
    options = run.options
    ratio = dict.fromkeys(data.LIT_HEAD_FACTORS, 1.0) | RATIOS[options.preset]
    if options.identity_ratio is not None:
        ratio["identity"] = options.identity_ratio
    return data.one_factor_batches(
        run.batch_size,
        ratio=ratio,
        image_size=options.image_size,
        seed=options.seed,
        start_step=run.start_step,
    )


def held_out_heads(size, count):
    """Heads of identities that training does not show, and their angles."""
    rng = np.random.default_rng(0)
    views = list(data.LIT_HEAD_FACTORS.values())[:3]
    indices = rng.integers(0, [*views, 1], (count, 4))
    indices[:, 3] = rng.choice(data.lit_head_identities("test"), count)
    angles = data.lit_head_factor_values(indices)
    images = data.render_lit_heads(angles, size) / 255.0
    factors = dict(zip(ANGLES, angles[:, :3].T, strict=True))
    return images.astype("float32"), factors


def main(options):
    if options.dataset not in (None, "lit_heads") or options.augment:
        raise SystemExit(
            "`--dataset` must be lit_heads, without `--augment`: each batch "
            f"varies one known factor. Received: --dataset {options.dataset}, "
            f"--augment {' '.join(options.augment)}. Leave both out."
        )
    run = recipe.start("dc_ign", options, PRESETS)
    model = run.resumed()
    if model is None:
        adam, arguments = None, run.arguments
        if options.preset == "small":
            weight = keras_gen.DCIGN.presets["small"]["invariance_weight"]
            # Over 38 of the preset's 45 epochs.
            weight = dataclasses.replace(weight, over=38 * run.epochs / 45)
            arguments = {"invariance_weight": weight, **arguments}
            decay = keras.optimizers.schedules.CosineDecay(
                1.5e-3, run.total_steps, alpha=0.01
            )
            adam = keras.optimizers.Adam(decay, beta_2=0.99)
        model = keras_gen.DCIGN.from_preset(
            options.preset, image_shape=run.image_shape, **arguments
        )
        run.compile(model, adam)
    model.summary()
    images, factors = held_out_heads(run.options.image_size, 2000)
    model.fit(
        batches(run),
        **run.length,
        callbacks=[
            callbacks.LatentTraversal(
                run.folder / "traversals", images[0], dims=range(3), gif=True
            ),
            *run.callbacks(),
        ],
    )
    report = {
        f"{name}_correlation": value
        for name, value in model.factor_correlations(images, factors).items()
    }
    report["squared_error"] = model.reconstruction_error(images).mean()
    run.finish(model, report)


if __name__ == "__main__":
    recipe.cli(main, keras_gen.DCIGN, Options)
