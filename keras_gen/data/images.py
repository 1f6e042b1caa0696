"""Images as data sets hold them: integers, channels last."""

import tensorflow as tf

_CATEGORICAL = ("mask", "segmentation", "label")


def is_image(spec: tf.TensorSpec, batched: bool = False) -> bool:
    """Tells whether a feature holds images or video.

    Args:
        spec: The feature, or its `tf.TensorSpec`.
        batched: Boolean, whether it has a leading axis for a batch.

    Returns:
        `True` for uint8 and uint16 tensors `(height, width, channels)` or
        `(frames, height, width, channels)`.
    """
    if spec.dtype not in (tf.uint8, tf.uint16) or spec.shape.rank is None:
        return False
    return spec.shape.rank - batched in (3, 4)


def as_size(image_size: int | tuple[int, int]) -> tuple[int, int]:
    """Reads an image size given as an integer or as `(height, width)`.

    Args:
        image_size: Integer, or pair of integers.

    Returns:
        The tuple `(height, width)`.

    Raises:
        ValueError: If it is neither, or not positive.
    """
    pair = (
        (image_size, image_size) if isinstance(image_size, int) else image_size
    )
    valid = isinstance(pair, (tuple, list)) and len(pair) == 2
    if not valid or not all(isinstance(n, int) and n > 0 for n in pair):
        raise ValueError(
            "`image_size` should be a positive integer or a pair (height, "
            f"width) of them. Received: image_size={image_size!r}"
        )
    return tuple(pair)


def resize_images(
    images: tf.Tensor,
    image_size: int | tuple[int, int],
    method: str = "bilinear",
) -> tf.Tensor:
    """Resizes integer images, keeping their proportions.

    The largest central part with the target's proportions is cut out, then
    resized with antialiasing and rounded back to integers.

    Args:
        images: uint8 or uint16 tensor `(..., height, width, channels)` of
            rank 3, 4 or 5.
        image_size: Integer or `(height, width)`.
        method: `"bilinear"`, or `"nearest"` for images of class numbers.

    Returns:
        Tensor `(..., height, width, channels)` of the same dtype.

    Example:

    >>> resize_images(tf.zeros((28, 28, 1), "uint8"), 32).shape
    TensorShape([32, 32, 1])
    """
    height, width = as_size(image_size)
    static, dynamic = images.shape, tf.shape(images)
    if static[-3:-1] == (height, width):
        return images
    old_height, old_width = dynamic[-3], dynamic[-2]
    crop_height = tf.minimum(old_height, _share(old_width * height, width))
    crop_width = tf.minimum(old_width, _share(old_height * width, height))
    top = (old_height - crop_height) // 2
    left = (old_width - crop_width) // 2
    cropped = images[..., top : top + crop_height, left : left + crop_width, :]
    flat = tf.reshape(
        cropped, tf.stack([-1, crop_height, crop_width, dynamic[-1]])
    )
    resized = tf.image.resize(
        flat, (height, width), method=method, antialias=method != "nearest"
    )
    resized = tf.cast(tf.round(tf.cast(resized, "float32")), images.dtype)
    resized = tf.reshape(
        resized,
        tf.concat([dynamic[:-3], [height, width], dynamic[-1:]], axis=0),
    )
    resized.set_shape((*static[:-3], height, width, static[-1]))
    return resized


def _share(numerator, denominator):
    return tf.maximum(1, (2 * numerator + denominator) // (2 * denominator))


def resize_features(
    example: dict[str, tf.Tensor],
    image_size: int | tuple[int, int],
    batched: bool = False,
) -> dict[str, tf.Tensor]:
    """Resizes every image and video among some features.

    Features whose name speaks of a mask, a segmentation or labels hold class
    numbers, and are resized to the nearest pixel.

    Args:
        example: Dict of features.
        image_size: Integer or `(height, width)`.
        batched: Boolean, whether they have a leading axis for a batch.

    Returns:
        The dict with images of the new size.
    """

    def resize(name, feature):
        if not isinstance(feature, tf.Tensor) or not is_image(feature, batched):
            return feature
        categorical = any(word in name for word in _CATEGORICAL)
        return resize_images(
            feature, image_size, "nearest" if categorical else "bilinear"
        )

    return {name: resize(name, value) for name, value in example.items()}
