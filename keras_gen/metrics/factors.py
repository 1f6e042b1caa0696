"""Data with known factors of variation, as disentanglement metrics need it.

A factor is a property of an image that takes a few numbered values: a shape,
a size, a position. The metrics draw factors, hold some of them fixed, and ask
how an encoder's codes follow.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_gen.metrics.factor_checks import (
    check_codes,
    check_factors,
    check_log_variance,
)


class FactorData:
    """Examples for every setting of some factors, made when asked for.

    A metric uses `factor_sizes`, `factor_names` and the three methods below;
    any object that has them will do.

    Args:
        factor_sizes: Number of values of each factor.
        images: Callable that turns factors, integers `(num, factors)`, into
            examples `(num, ...)`. By default the example is the row of
            factors itself, as float64: what a perfect encoder would see.
        factor_names: Name of each factor; by default `factor_0` and so on.

    Raises:
        ValueError: If a size is below 1 or the names do not fit the sizes.

    Example:

    ```python
    data = FactorData((3, 6, 8, 8), factor_names=("shape", "scale", "x", "y"))
    factors = data.sample_factors(10, np.random.default_rng(0))
    data.images(factors).shape  # (10, 4)
    ```
    """

    def __init__(
        self,
        factor_sizes: Sequence[int],
        images: Callable[[np.ndarray], Any] | None = None,
        factor_names: Sequence[str] | None = None,
    ):
        self.factor_sizes = tuple(int(size) for size in factor_sizes)
        if not self.factor_sizes or min(self.factor_sizes) < 1:
            raise ValueError(
                "Expected at least one factor of at least one value, received "
                f"factor_sizes={self.factor_sizes}."
            )
        if factor_names is None:
            factor_names = [f"factor_{i}" for i in range(self.num_factors)]
        self.factor_names = tuple(factor_names)
        if len(self.factor_names) != self.num_factors:
            raise ValueError(
                f"Expected {self.num_factors} factor names, one for each of "
                f"factor_sizes={self.factor_sizes}; received "
                f"{self.factor_names}."
            )
        self._images = images

    @property
    def num_factors(self) -> int:
        """The number of factors."""
        return len(self.factor_sizes)

    def sample_factors(self, num: int, rng: np.random.Generator) -> np.ndarray:
        """Draws the factors of `num` examples, each evenly and for itself.

        Args:
            num: Number of examples.
            rng: NumPy generator.

        Returns:
            int64 array `(num, factors)`.
        """
        return rng.integers(self.factor_sizes, size=(num, self.num_factors))

    def sample_matching(
        self, factors: np.ndarray, columns: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Draws partners that agree with given examples in one factor each.

        Args:
            factors: Integers `(num, factors)`.
            columns: Integers `(num,)`: the factor that partner n shares with
                example n. The others are drawn anew.
            rng: NumPy generator.

        Returns:
            int64 array `(num, factors)`.
        """
        partners = self.sample_factors(len(factors), rng)
        rows = np.arange(len(factors))
        partners[rows, columns] = factors[rows, columns]
        return partners

    def images(self, factors: np.ndarray) -> Any:
        """The examples of given factors.

        Args:
            factors: Integers `(num, factors)`.

        Returns:
            Array `(num, ...)`.
        """
        if self._images is None:
            return np.asarray(factors, dtype=np.float64)
        return self._images(factors)


class FactorArrays(FactorData):
    """Examples in an array, with their factors in another.

    The array need not hold every combination. Examples are drawn evenly from
    those that it holds; of examples with equal factors, the first is used.

    Args:
        images: Array `(num, ...)` of images, or of codes.
        factors: Integers `(num, factors)`, counted from 0.
        factor_names: Name of each factor; by default `factor_0` and so on.

    Raises:
        ValueError: If the lengths differ or factors are not integers from 0.

    Example:

    ```python
    factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    codes = factors @ [[2.0, 0.0], [0.0, -1.0]]
    data = FactorArrays(codes, factors)
    data.images([[1, 1]])  # [[2.0, -1.0]]
    ```
    """

    def __init__(
        self,
        images: Any,
        factors: Any,
        factor_names: Sequence[str] | None = None,
    ):
        factors = check_factors(factors, len(images))
        if factors.min() < 0:
            raise ValueError(
                "Factors are counted from 0; received a factor of "
                f"{factors.min()}. Number the values of each by "
                "`np.unique(column, return_inverse=True)[1]`."
            )
        super().__init__(factors.max(axis=0) + 1, None, factor_names)
        self._array = images
        self._factors = factors
        keys = np.ravel_multi_index(factors.T, self.factor_sizes)
        self._keys, self._rows = np.unique(keys, return_index=True)
        # Of each column, the rows in the order of its values.
        self._orders = np.argsort(factors, axis=0, kind="stable").T
        self._counts = [
            np.bincount(column, minlength=size)
            for column, size in zip(factors.T, self.factor_sizes, strict=True)
        ]

    def sample_factors(self, num, rng):
        return self._factors[rng.integers(len(self._factors), size=num)]

    def sample_matching(self, factors, columns, rng):
        partners = np.empty_like(factors)
        shares = rng.random(len(factors))
        for column in range(self.num_factors):
            of = columns == column
            counts = self._counts[column]
            values = factors[of, column]
            starts = np.cumsum(counts) - counts
            places = starts[values] + (shares[of] * counts[values]).astype(int)
            partners[of] = self._factors[self._orders[column][places]]
        return partners

    def images(self, factors):
        factors = check_factors(factors)
        try:
            keys = np.ravel_multi_index(factors.T, self.factor_sizes)
        except ValueError as error:
            raise ValueError(
                f"Expected factors of sizes {self.factor_sizes}, received "
                f"shape {factors.shape} with values from "
                f"{factors.min()} to {factors.max()}."
            ) from error
        places = np.searchsorted(self._keys, keys)
        places = np.minimum(places, len(self._keys) - 1)
        missing = self._keys[places] != keys
        if missing.any():
            raise ValueError(
                f"{missing.sum()} of {len(keys)} settings of the factors are "
                f"not in the array, such as {factors[missing][0].tolist()}."
            )
        return self._array[self._rows[places]]


def sprite_factor_data(image_size: int = 64) -> FactorData:
    """The sprites of `keras_gen.data`, rendered when a metric asks for them.

    Args:
        image_size: Height and width of the images.

    Returns:
        `FactorData` of 3 shapes, 6 scales, 40 orientations and 32 x 32
        positions, with float32 images `(num, image_size, image_size, 1)` in
        [0, 1].

    Example:

    ```python
    data = sprite_factor_data(image_size=32)
    data.images(np.array([[0, 5, 0, 16, 16]])).shape  # (1, 32, 32, 1)
    ```
    """
    from keras_gen.data.sprites import SPRITE_FACTORS, render_sprites

    def images(factors):
        return render_sprites(factors, image_size).astype("float32") / 255.0

    return FactorData(
        tuple(SPRITE_FACTORS.values()), images, tuple(SPRITE_FACTORS)
    )


def encode_factors(
    data: FactorData,
    encoder: Any,
    factors: np.ndarray,
    batch_size: int = 1024,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Encodes the examples of given factors, some at a time.

    Args:
        data: `FactorData`.
        encoder: Callable that turns examples into codes `(num, dim)` or into
            a tuple of means and log-variances; a model with such a method
            `encode`; or None if the examples are codes already.
        factors: Integers `(num, factors)`.
        batch_size: Number of examples encoded at a time.

    Returns:
        Means or codes, float64 `(num, dim)`, and log-variances of the same
        shape, or None if the encoder gives none.

    Raises:
        ValueError: If the encoder cannot be called, or its codes are not
            finite or of another shape.

    Example:

    ```python
    data = FactorData((3, 6))
    codes, _ = encode_factors(data, np.square, np.array([[2, 5]]))
    codes  # [[4.0, 25.0]]
    ```
    """
    encode = getattr(encoder, "encode", encoder)
    if encode is not None and not callable(encode):
        raise ValueError(
            "Expected an encoder that turns images into codes, or a model "
            f"with a method `encode`; received {encoder!r}."
        )
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1: {batch_size}.")
    means, log_variances = [], []
    for start in range(0, len(factors), batch_size):
        codes = data.images(factors[start : start + batch_size])
        codes = codes if encode is None else encode(codes)
        if isinstance(codes, tuple) and len(codes) == 2:
            codes, log_variance = codes
            log_variances.append(keras.ops.convert_to_numpy(log_variance))
        elif isinstance(codes, list | tuple):
            raise ValueError(
                "Expected codes (num, dim), or a tuple of means and "
                f"log-variances; received a {type(codes).__name__} of "
                f"{len(codes)}. Pass a function that picks one of them."
            )
        means.append(keras.ops.convert_to_numpy(codes))
    codes = check_codes(np.concatenate(means), len(factors))
    if not log_variances:
        return codes, None
    log_variance = np.concatenate(log_variances)
    return codes, check_log_variance(log_variance, codes)


def bin_factors(
    factors: Any, factor_sizes: Sequence[int], max_values: int
) -> np.ndarray:
    """Joins neighbouring values of factors that have many of them.

    Classifiers of 40 classes are slow, and few samples leave some classes
    nearly empty. The values of a factor that has more than `max_values` are
    divided into `max_values` runs, as even as can be.

    Args:
        factors: Integers `(num, factors)`, counted from 0.
        factor_sizes: Number of values of each factor.
        max_values: The most values that a factor may keep, at least 2.

    Returns:
        int64 array `(num, factors)`.

    Raises:
        ValueError: If factors are out of range or `max_values` is below 2.

    Example:

    ```python
    bin_factors([[2, 39], [0, 4]], (3, 40), max_values=8)  # [[2, 7], [0, 0]]
    ```
    """
    factors = check_factors(factors)
    sizes = np.asarray(factor_sizes)
    if max_values < 2:
        raise ValueError(f"`max_values` must be at least 2: {max_values}.")
    if (
        sizes.shape != factors.shape[1:]
        or not ((factors >= 0) & (factors < sizes)).all()
    ):
        raise ValueError(
            f"Expected factors (num, {len(sizes)}) from 0 to below "
            f"{sizes.tolist()}, received shape {factors.shape} with values "
            f"from {factors.min()} to {factors.max()}."
        )
    return np.where(sizes > max_values, factors * max_values // sizes, factors)
