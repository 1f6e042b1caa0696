"""Trains a context encoder to paint what is missing of images.

    KERAS_BACKEND=tensorflow python recipes/context_encoder.py
    KERAS_BACKEND=tensorflow python recipes/context_encoder.py \\
        --model.mask random_region --dataset folder --data-dir DIR

In the pictures of samples are, side by side, an image whose hidden pixels are
filled, the inpainted image, and the whole one. The metrics are of the hidden
pixels of held-out images: the mean squared error on [-1, 1], that of the mean
of the training images and that of the mean color of the border of what is
hidden, the peak signal-to-noise ratio, and the mean absolute error as a
fraction of the range.
"""

import keras
import numpy as np

import _apply
import _recipe as recipe
import keras_gen
from keras_gen import callbacks, data

PRESETS = {
    "smoke": recipe.Preset(
        epochs=2,
        steps_per_epoch=10,
        batch_size=16,
        dataset="scenes",
        image_size=32,
    ),
    "small": recipe.Preset(
        epochs=10,
        steps_per_epoch=300,
        batch_size=64,
        dataset="scenes",
        image_size=32,
    ),
    "paper": recipe.Preset(
        epochs=500, batch_size=64, dataset="folder", image_size=128
    ),
}


def masks_of(model, x):
    """What is hidden of images, the same in every run."""
    masks = model.draw_masks(x, seed=keras.random.SeedGenerator(0))
    masks = keras.ops.convert_to_numpy(masks)
    return np.broadcast_to(masks, (len(x), *masks.shape[1:]))


def with_holes(model, x, masks):
    return np.where(masks, np.float32(model.fill), x)


def inpainted(model, x, masks):
    if model.hole:
        return model.inpaint(x)
    return model.inpaint(x, masks[..., 0])


def border_means(x, masks):
    """The mean color of the visible pixels beside the hidden ones."""
    near = np.zeros_like(masks)
    for axis in (1, 2):
        before, after = [slice(None)] * 4, [slice(None)] * 4
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        before, after = tuple(before), tuple(after)
        near[before] |= masks[after]
        near[after] |= masks[before]
    near &= ~masks
    total = (near * x).sum(axis=(1, 2), keepdims=True)
    return total / near.sum(axis=(1, 2), keepdims=True)


def fidelity(run, model, x, masks):
    """What the metrics say of the hidden pixels of held-out images."""
    mean = run.images("train", 2000, model.value_range).mean(axis=0)
    hidden = np.broadcast_to(masks, x.shape)

    def error(predicted, power=2):
        return float((np.abs(x - predicted)[hidden] ** power).mean())

    painted = inpainted(model, x, masks)
    return {
        "squared_error": error(painted),
        "squared_error_of_mean": error(np.broadcast_to(mean, x.shape)),
        "squared_error_of_border": error(border_means(x, masks)),
        "peak_signal_to_noise_ratio": -10.0 * np.log10(error(painted) / 4.0),
        "absolute_error": error(painted, 1) / 2.0,
    }


def apply(options):
    """Inpaints pictures: their center, or what of them is transparent."""
    model = _apply.trained("context_encoder", options)
    *sides, channels = model.image_shape
    for source, target in _apply.places(options, _apply.SUFFIXES, ".png"):
        x = _apply.read(source, sides, channels)
        x = 2.0 * x - 1.0
        if model.hole:
            (painted,) = model.inpaint(x[None])
        else:
            opacity = _apply.read_opacity(source, sides)
            if opacity.min() >= 0.5:
                raise SystemExit(
                    "A picture must be transparent where it is to be "
                    f"inpainted. Received: {source}, which is opaque."
                )
            (painted,) = model.inpaint(x[None], opacity < 0.5)
        _apply.write(target, 0.5 * painted + 0.5)


def main(options):
    if options.apply:
        return apply(options)
    run = recipe.start("context_encoder", options, PRESETS)
    model = run.resumed()
    if model is None:
        model = keras_gen.ContextEncoder.from_preset(
            options.preset, image_shape=run.image_shape, **run.arguments
        )
        run.compile(model)
    model.summary()
    order = run.order
    if options.preset == "paper" and not options.augment:
        # Crops of 128 pixels of images of 350.
        order["augment"] = (data.augmentation("jitter", factor=350 / 128),)
    train = data.pipeline(
        run.load("train"),
        run.batch_size,
        value_range=model.value_range,
        **order,
    )
    x = run.images("test", 2000, model.value_range)
    masks = masks_of(model, x)
    some, holes = x[:16], masks[:16]
    grid = callbacks.SampleGrid(
        run.folder / "samples",
        sampler=lambda model: (
            with_holes(model, some, holes),
            inpainted(model, some, holes),
            some,
        ),
        columns=4,
    )
    model.fit(train.dataset, **run.length, callbacks=[grid, *run.callbacks()])
    return run.finish(model, fidelity(run, model, x, masks))


if __name__ == "__main__":
    recipe.cli(main, keras_gen.ContextEncoder, _apply.Options)
