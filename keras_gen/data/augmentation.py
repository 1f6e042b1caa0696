"""Random changes of images, drawn by stateless seeds, applied by KerasCV.

KerasCV's layers draw from generators with a state, whose results depend on
how often they were called before. They do, however, separate the draw from
the change: `augment_images(images, transformations)` is deterministic. Here
the transformations are drawn by stateless operations, and the layers apply
them, so that an augmentation is a function of its seed.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_gen.data import seeds


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """A random change of images in two parts: the draw, and the change.

    Args:
        draw: Callable `(batch_size, seed) -> parameters`: a nest of tensors,
            each with a leading axis for the images, that depends on the
            stateless seed (shape `(2,)`) alone.
        apply: Callable `(images, parameters) -> images`, without randomness,
            over float32 images `(batch, height, width, channels)` in [0, 1].
            Each image should depend on its own parameters alone.
    """

    draw: Callable[[int | tf.Tensor, tf.Tensor], Any]
    apply: Callable[[tf.Tensor, Any], tf.Tensor]


def augmentation(name: str, **options) -> Augmentation:
    """Returns an augmentation by name.

    Args:
        name: String. One of
            - `"flip"`: left to right, with probability `rate=0.5`; `mode` may
              also be `"vertical"` or `"horizontal_and_vertical"`.
            - `"crop"`: a crop of the image's own size after padding it by
              `padding` pixels (default an eighth of the side) in `fill_mode`
              (`"reflect"`, `"constant"`, `"nearest"` or `"wrap"`).
            - `"jitter"`: a crop of the image's own size after enlarging it by
              `factor=286/256`, as pix2pix has it.
            - `"translate"`: a shift of up to `factor=0.1` of each side.
            - `"rotate"`: a turn of up to `factor=0.05` full turns.
            - `"zoom"`: a magnification by up to `factor=0.1` in or out.
            - `"brightness"`, `"contrast"`: by up to `factor=0.2`.
            - `"saturation"`: by `factor=(0.4, 0.6)`, where 0 makes gray, 0.5
              changes nothing and 1 saturates fully.
            - `"hue"`: a turn of up to `factor=0.05` half circles.
            - `"color_jitter"`: the last four, with options `brightness`,
              `contrast`, `saturation` and `hue`.
        **options: The options of that augmentation.

    Returns:
        An `Augmentation`.

    Raises:
        ValueError: If the name is unknown.
        ImportError: If KerasCV is missing.

    Example:

    >>> crop = augmentation("crop", padding=2)
    >>> images = tf.zeros((8, 28, 28, 1))
    >>> crop.apply(images, crop.draw(8, seed=(0, 1))).shape
    TensorShape([8, 28, 28, 1])
    """
    if name not in _NAMED:
        raise ValueError(
            f"`name` must be one of {', '.join(_NAMED)}. Received: "
            f"name={name!r}. For another change, pass a callable "
            "`fn(images, seed)` to `pipeline()`."
        )
    try:
        import keras_cv
    except ImportError as error:
        raise ImportError(
            f"The augmentation {name!r} is applied by KerasCV, which is not "
            "installed. Install it with `pip install -e '.[recipes]'` in the "
            "checkout."
        ) from error
    return _NAMED[name](keras_cv.layers, **options)


def _draw(seed, stream, shape, low=0.0, high=1.0):
    return seeds.uniform(seeds.fold_in(seed, stream), shape, low, high)


def _pair(factor):
    return factor if isinstance(factor, (tuple, list)) else (-factor, factor)


def _deterministic(layer):
    """Returns the deterministic part of a KerasCV layer."""
    from keras_cv.src.backend.scope import TFDataScope

    def apply(images, parameters):
        # As in the layer's own `call()`: TensorFlow, on every backend.
        with TFDataScope():
            return layer.augment_images(images, parameters)

    return apply


def _flip(layers, rate=0.5, mode="horizontal"):
    layer = layers.RandomFlip(mode, rate, dtype="float32", seed=1)

    def draw(batch_size, seed):
        shape = (batch_size, 1)
        across = _draw(seed, 0, shape) if layer.horizontal else 0.0
        down = _draw(seed, 1, shape) if layer.vertical else 0.0
        return {
            "flip_horizontals": tf.broadcast_to(across, shape),
            "flip_verticals": tf.broadcast_to(down, shape),
        }

    return Augmentation(draw, _deterministic(layer))


def _crop(layers, padding=None, fill_mode="reflect"):
    # A crop from the padded image is a shift by whole pixels.
    layer = layers.RandomTranslation(
        0.5, 0.5, fill_mode, "nearest", dtype="float32", seed=1
    )

    def draw(batch_size, seed):
        return _draw(seed, 0, (batch_size, 2))

    def apply(images, parameters):
        height, width = images.shape[1:3]
        pad = max(height, width) // 8 if padding is None else padding
        pixels = tf.floor(parameters * (2 * pad + 1)) - pad
        shifts = {
            "height_translations": pixels[:, :1] / height,
            "width_translations": pixels[:, 1:] / width,
        }
        return _deterministic(layer)(images, shifts)

    return Augmentation(draw, apply)


def _jitter(layers, factor=286 / 256):
    del layers

    def draw(batch_size, seed):
        return _draw(seed, 0, (batch_size, 2))

    def apply(images, parameters):
        corners = parameters * (1.0 - 1.0 / factor)
        return tf.image.crop_and_resize(
            images,
            tf.concat([corners, corners + 1.0 / factor], axis=1),
            tf.range(tf.shape(images)[0]),
            images.shape[1:3],
        )

    return Augmentation(draw, apply)


def _translate(layers, factor=0.1, fill_mode="constant"):
    layer = layers.RandomTranslation(
        factor, factor, fill_mode=fill_mode, dtype="float32", seed=1
    )

    def draw(batch_size, seed):
        low, high = _pair(factor)
        return {
            "height_translations": _draw(seed, 0, (batch_size, 1), low, high),
            "width_translations": _draw(seed, 1, (batch_size, 1), low, high),
        }

    return Augmentation(draw, _deterministic(layer))


def _rotate(layers, factor=0.05, fill_mode="constant"):
    del layers
    # KerasCV's layer computes the sines of a whole batch of angles, whose last
    # bit depends on the size of the batch. Here they are part of the draw.
    turns = [2 * math.pi * turn for turn in _pair(factor)]

    def draw(batch_size, seed):
        angles = _draw(seed, 0, (batch_size, 1), *turns)
        return tf.cos(angles), tf.sin(angles)

    def apply(images, parameters):
        cos, sin = parameters
        height, width = images.shape[1:3]
        x, y = (width - 1) / 2, (height - 1) / 2
        none = tf.zeros_like(cos)
        rows = [cos, -sin, x - cos * x + sin * y]
        rows += [sin, cos, y - sin * x - cos * y, none, none]
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=tf.concat(rows, axis=1),
            output_shape=[height, width],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode=fill_mode.upper(),
        )

    return Augmentation(draw, apply)


def _zoom(layers, factor=0.1, fill_mode="constant"):
    layer = layers.RandomZoom(
        factor, fill_mode=fill_mode, dtype="float32", seed=1
    )

    def draw(batch_size, seed):
        low, high = _pair(factor)
        zooms = _draw(seed, 0, (batch_size, 1), 1 + low, 1 + high)
        return {"height_zooms": zooms, "width_zooms": zooms}

    return Augmentation(draw, _deterministic(layer))


def _brightness(layers, factor=0.2):
    layer = layers.RandomBrightness(0.5, (0, 1), dtype="float32", seed=1)

    def draw(batch_size, seed):
        return _draw(seed, 0, (batch_size, 1, 1, 1), *_pair(factor))

    return Augmentation(draw, _deterministic(layer))


def _contrast(layers, factor=0.2):
    low, high = _pair(factor)
    layer = layers.RandomContrast((0, 1), 0.5, dtype="float32", seed=1)

    def draw(batch_size, seed):
        return _draw(seed, 0, (batch_size, 1, 1, 1), 1 + low, 1 + high)

    return Augmentation(draw, _deterministic(layer))


def _saturation(layers, factor=(0.4, 0.6)):
    layer = layers.RandomSaturation(factor, dtype="float32", seed=1)

    def draw(batch_size, seed):
        return _draw(seed, 0, (batch_size,), *factor)

    return Augmentation(draw, _in_color("saturation", _deterministic(layer)))


def _hue(layers, factor=0.05):
    layer = layers.RandomHue(factor, (0, 1), dtype="float32", seed=1)

    def draw(batch_size, seed):
        return _draw(seed, 0, (batch_size,), -factor / 2, factor / 2)

    return Augmentation(draw, _in_color("hue", _deterministic(layer)))


def _in_color(name, apply):
    def checked(images, parameters):
        if images.shape[-1] != 3:
            raise ValueError(
                f"The augmentation {name!r} must have images of 3 channels. "
                f"Received: images of {images.shape[-1]} channels. Use "
                "'brightness' and 'contrast' for gray images."
            )
        return apply(images, parameters)

    return checked


def _color_jitter(
    layers, brightness=0.2, contrast=0.2, saturation=(0.4, 0.6), hue=0.05
):
    parts = (
        _brightness(layers, brightness),
        _contrast(layers, contrast),
        _saturation(layers, saturation),
        _hue(layers, hue),
    )

    def draw(batch_size, seed):
        return tuple(
            part.draw(batch_size, seeds.fold_in(seed, place))
            for place, part in enumerate(parts)
        )

    def apply(images, parameters):
        for part, drawn in zip(parts, parameters, strict=True):
            images = part.apply(images, drawn)
        return images

    return Augmentation(draw, apply)


_NAMED = {
    "flip": _flip,
    "crop": _crop,
    "jitter": _jitter,
    "translate": _translate,
    "rotate": _rotate,
    "zoom": _zoom,
    "brightness": _brightness,
    "contrast": _contrast,
    "saturation": _saturation,
    "hue": _hue,
    "color_jitter": _color_jitter,
}
