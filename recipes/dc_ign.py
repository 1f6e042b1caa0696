"""Trains a deep convolutional inverse graphics network on lit heads.

    KERAS_BACKEND=tensorflow python recipes/dc_ign.py

In each batch one of pose, light and identity varies, and only its group of
code entries may follow. What keeps the others from following is weak at first,
so that they find their factors, and strong in the end. The same network,
trained on the same images with all groups active, is the control: a
variational autoencoder whose first entries stand for nothing in particular.
"""

import dataclasses

import keras
import numpy as np

import common
import keras_gen
from keras_gen import data

NAMES = ("azimuth", "elevation", "light", "intrinsic")
PRESETS = {
    "smoke": common.Preset(
        epochs=2,
        steps_per_epoch=20,
        batch_size=20,
        model={"latent_dim": 20, "filters": 16},
        dataset="lit_heads",
        image_size=32,
    ),
    "small": common.Preset(
        epochs=45,
        steps_per_epoch=500,
        batch_size=20,
        model={
            "latent_dim": 20,
            "filters": 48,
            "initial_scale": 0.1,
            "invariance_scale": 1000.0,
            "schedule_epochs": 38,
        },
        dataset="lit_heads",
        image_size=32,
        optimizer=lambda players: keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(1.5e-3, 22_500, alpha=0.01),
            beta_2=0.99,
        ),
    ),
    "paper": common.Preset(
        epochs=150,
        steps_per_epoch=5000,
        batch_size=20,
        model={},
        dataset="lit_heads",
        image_size=150,
    ),
}


# How often each factor varies. The azimuth changes an image the most, and is
# the hardest to be invariant to.
RATIOS = {
    "smoke": {"azimuth": 1.0, "identity": 1.0},
    "small": {"azimuth": 2.0, "identity": 1.0},
    "paper": {"azimuth": 1.0, "identity": 10.0},
}


@dataclasses.dataclass
class Options(common.Options):
    """Trains a deep convolutional inverse graphics network."""

    intrinsic_share: float | None = None
    """How often the identity varies, for each time that elevation or light
    does. Defaults to 1, and to 10 for the paper's preset."""


def main(options: Options) -> None:
    run = common.Run("dc_ign", options, PRESETS)
    size = run.image_shape[0]
    ratio = dict.fromkeys(data.LIT_HEAD_FACTORS, 1.0) | RATIOS[options.preset]
    if options.intrinsic_share is not None:
        ratio["identity"] = options.intrinsic_share

    def batches(epoch):
        return data.one_factor_batches(
            run.options.batch_size,
            ratio=ratio,
            image_size=size,
            seed=options.seed,
            start_step=epoch * run.steps_per_epoch,
        )

    def build(**settings):
        return keras_gen.DCIGN(run.image_shape, **settings)

    run.data = batches(run.initial_epoch)
    model = run.model(build)
    model.summary()
    images, factors = held_out_heads(size, 2000)
    views = images[:8]
    run.fit(
        model,
        sampler=lambda model: rerendered(model, views),
        columns=10,
    )
    print("The same network with all groups active:")
    plain = run.control(
        build, batches=batches(0).map(lambda x, varying: (x, 0 * varying - 1))
    )
    results = {}
    for name, trained in (("", model), ("plain_", plain)):
        correlations = trained.factor_correlations(images, factors)
        for factor, value in correlations.items():
            results[f"{name}{factor}_correlation"] = value
        for factor, value in inactive_changes(trained, images, size).items():
            results[f"{name}{factor}_inactive_change"] = value
        results[f"{name}squared_error"] = common.squared_error(
            images, trained.reconstruct(images)
        )
    run.finish(model, results)


def held_out_heads(size, count):
    """Heads of identities that training does not show, and their angles."""
    rng = np.random.default_rng(0)
    views = list(data.LIT_HEAD_FACTORS.values())[:3]
    indices = rng.integers(0, [*views, 1], (count, 4))
    indices[:, 3] = rng.choice(data.lit_head_identities("test"), count)
    angles = data.lit_head_factor_values(indices)
    images = data.render_lit_heads(angles, size) / 255.0
    factors = dict(zip(NAMES[:3], angles[:, :3].T, strict=True))
    return images.astype("float32"), factors


def rerendered(model, images, steps=9):
    """Each image, and it again over the range of one factor's entry."""
    low, high = np.quantile(model.codes(images), [0.0, 1.0], axis=0)
    rows = []
    for name in NAMES[:3]:
        entry = model.group_slice(name).start
        values = np.linspace(low[entry], high[entry], steps)
        views = model.rerender(images[:3], name, values)
        rows.append(np.concatenate([images[:3, None], views], axis=1))
    return np.concatenate(rows).reshape(-1, *images.shape[1:])


def inactive_changes(model, images, size, count=200):
    """How much inactive entries change while one factor varies.

    It is the standard deviation within batches of one factor, over that
    across all images, averaged over the entries that are in use. A factor for
    which there are none is left out.
    """
    spread = model.codes(images).std(axis=0)
    used = spread > 0.1 * spread.max()
    found = {name: [] for name in NAMES}
    batches = data.one_factor_batches(
        20,
        ratio=dict.fromkeys(data.LIT_HEAD_FACTORS, 1.0),
        image_size=size,
        split="test",
        seed=1,
    )
    for x, varying in batches.take(count).as_numpy_iterator():
        name = NAMES[varying[0]]
        inactive = used.copy()
        inactive[model.group_slice(name)] = False
        if not inactive.any():
            continue
        change = model.codes(x).std(axis=0)[inactive] / spread[inactive]
        found[name].append(change.mean())
    return {
        name: float(np.mean(values)) for name, values in found.items() if values
    }


if __name__ == "__main__":
    main(common.parse(Options))
