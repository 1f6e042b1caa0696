"""Images as data sets hold them: channels last, in the range of their type."""

import tensorflow as tf

_BYTES = (tf.uint8, tf.uint16)
_CATEGORICAL = ("mask", "segmentation", "label")


def is_image(name: str, spec: tf.TensorSpec) -> bool:
    """Whether a feature of an example holds an image or a video.

    Tensors of rank 3, `(height, width, channels)`, and 4, `(frames, height,
    width, channels)`, do. So do those of rank 2 if they are of bytes or
    Booleans, or named after an image. Class indices in a mask, a segmentation
    or labels do not, except as bytes with a channel axis.

    Args:
        name: String. The name of the feature.
        spec: `tf.TensorSpec` of one example.

    Returns:
        Boolean.

    Example:

    >>> is_image("image", tf.TensorSpec((28, 28), "int64"))
    True
    """
    if not isinstance(spec, tf.TensorSpec):
        return False
    rank, dtype = spec.shape.rank, spec.dtype
    if not (dtype.is_integer or dtype.is_floating or dtype.is_bool):
        return False
    categorical = any(word in name for word in _CATEGORICAL)
    if rank in (3, 4):
        return dtype in _BYTES or not categorical
    if rank != 2 or categorical:
        return False
    return dtype in _BYTES or dtype.is_bool or "image" in name


def natural_maximum(dtype: tf.DType) -> int:
    """The value of white in images of a type, whose black is 0.

    Args:
        dtype: `tf.DType` of integers, floats or Booleans.

    Returns:
        Integer: 65535 for uint16, 1 for floats and Booleans, else 255.
    """
    if dtype == tf.uint16:
        return 65535
    return 1 if dtype.is_floating or dtype.is_bool else 255


def range_message(name: str, dtype: tf.DType) -> str:
    """The sentence that says which values a feature's images must have."""
    return (
        f"The feature {name!r} must lie in [0, {natural_maximum(dtype)}], the "
        f"range of images of {dtype.name}."
    )


def normalize_type(
    name: str, images: tf.Tensor, spec: tf.TensorSpec
) -> tf.Tensor:
    """Brings images to a channel axis and to uint8, uint16 or float32.

    uint8 and uint16 are kept, other integers and Booleans become uint8, where
    white is 255, and floats float32.

    Args:
        name: String. The name of the feature, for the error.
        images: Tensor of one example, or of a batch of them.
        spec: `tf.TensorSpec` of one example.

    Returns:
        Tensor. Its values are checked when it is computed.
    """
    if spec.shape.rank == 2:
        images = images[..., tf.newaxis]
    dtype = images.dtype
    if dtype in _BYTES:
        return images
    if dtype.is_bool:
        return 255 * tf.cast(images, "uint8")
    values = tf.cast(images, "float32" if dtype.is_floating else "int64")
    high = tf.cast(natural_maximum(dtype), values.dtype)
    inside = tf.reduce_all((values >= 0) & (values <= high))
    check = tf.debugging.Assert(inside, [range_message(name, dtype)])
    with tf.control_dependencies([] if check is None else [check]):
        return tf.cast(values, "float32" if dtype.is_floating else "uint8")


def as_size(image_size: int | tuple[int, int]) -> tuple[int, int]:
    """Reads an image size given as an integer or as `(height, width)`.

    Args:
        image_size: Integer or pair `(height, width)`.

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
            "`image_size` must be a positive integer or a pair (height, "
            f"width) of them. Received: image_size={image_size!r}."
        )
    return tuple(pair)


def resize_images(
    images: tf.Tensor,
    image_size: int | tuple[int, int],
    method: str = "bilinear",
) -> tf.Tensor:
    """Resizes images and center-crops them, keeping their proportions.

    The largest central part with the target's proportions is cropped, then
    resized with antialiasing. Integers are rounded.

    Args:
        images: Tensor or array of shape `(..., height, width, channels)` and
            rank 3, 4 or 5, of integers or floats.
        image_size: Integer or pair `(height, width)`.
        method: String. `"bilinear"`, or `"nearest"` for images of class
            indices.

    Returns:
        Tensor of shape `(..., height, width, channels)` and the same dtype.

    Raises:
        ValueError: If `image_size` is not a positive size.

    Example:

    >>> resize_images(tf.zeros((28, 28, 1), "uint8"), 32).shape
    TensorShape([32, 32, 1])
    """
    images = tf.convert_to_tensor(images)
    height, width = as_size(image_size)
    static, dynamic = images.shape, tf.shape(images)
    if static[-3:-1] == (height, width):
        return images
    old_height, old_width = dynamic[-3], dynamic[-2]
    crop_height = tf.minimum(old_height, _divide(old_width * height, width))
    crop_width = tf.minimum(old_width, _divide(old_height * width, height))
    top = (old_height - crop_height) // 2
    left = (old_width - crop_width) // 2
    cropped = images[..., top : top + crop_height, left : left + crop_width, :]
    flat = tf.reshape(
        cropped, tf.stack([-1, crop_height, crop_width, dynamic[-1]])
    )
    resized = tf.image.resize(
        flat, (height, width), method=method, antialias=method != "nearest"
    )
    resized = tf.cast(resized, "float32")
    if not images.dtype.is_floating:
        resized = tf.round(resized)
    resized = tf.reshape(
        tf.cast(resized, images.dtype),
        tf.concat([dynamic[:-3], [height, width], dynamic[-1:]], axis=0),
    )
    resized.set_shape((*static[:-3], height, width, static[-1]))
    return resized


def _divide(numerator, denominator):
    """The quotient, rounded to a positive integer."""
    return tf.maximum(1, (2 * numerator + denominator) // (2 * denominator))


def resize_feature(
    name: str, images: tf.Tensor, image_size: int | tuple[int, int]
) -> tf.Tensor:
    """Resizes the images of a feature.

    Features whose name speaks of a mask, a segmentation or labels hold class
    indices, and are resized to the nearest pixel.

    Args:
        name: String. The name of the feature.
        images: Tensor of shape `(..., height, width, channels)`.
        image_size: Integer or pair `(height, width)`.

    Returns:
        Tensor of shape `(..., height, width, channels)` and the same dtype.
    """
    categorical = any(word in name for word in _CATEGORICAL)
    return resize_images(
        images, image_size, "nearest" if categorical else "bilinear"
    )


def resize_features(
    example: dict[str, tf.Tensor], image_size: int | tuple[int, int]
) -> dict[str, tf.Tensor]:
    """Resizes every image and video of bytes among an example's features.

    Args:
        example: Dict of features.
        image_size: Integer or pair `(height, width)`.

    Returns:
        The dict, with images of the new size.
    """
    return {
        name: resize_feature(name, feature, image_size)
        if isinstance(feature, tf.Tensor)
        and feature.dtype in _BYTES
        and feature.shape.rank in (3, 4)
        else feature
        for name, feature in example.items()
    }
