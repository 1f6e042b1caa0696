"""Data with known factors of variation, as disentanglement metrics need it.

A factor is a property of an image that takes a few numbered values: a shape,
a size, a position. The metrics draw factors, hold some of them fixed, and
compare the codes of the resulting images.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_gen.data.sprites import SPRITE_FACTORS, render_sprites


class FactorData:
    """Examples for every combination of factors, generated on demand.

    A metric uses `factor_sizes`, `factor_names` and the three methods below;
    any object that has them will do.

    Args:
        factor_sizes: Sequence of integers. The number of values of each
            factor.
        images: Function from factors, an integer array `(num, factors)`, to
            examples `(num, ...)`. Defaults to the rows of factors
            themselves, as float64: what a perfect encoder would return.
        factor_names: Sequence of strings. The name of each factor; defaults
            to `factor_0` and so on.

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
                "`factor_sizes` must name at least one factor of at least one "
                f"value. Received: factor_sizes={self.factor_sizes}."
            )
        if factor_names is None:
            factor_names = [f"factor_{i}" for i in range(self.num_factors)]
        self.factor_names = tuple(factor_names)
        if len(self.factor_names) != self.num_factors:
            raise ValueError(
                "`factor_names` must hold one name for each of the "
                f"{self.num_factors} `factor_sizes`. Received: "
                f"factor_names={self.factor_names}."
            )
        self._images = images

    @property
    def num_factors(self) -> int:
        """The number of factors."""
        return len(self.factor_sizes)

    def sample_factors(self, num: int, rng: np.random.Generator) -> np.ndarray:
        """Draws factors uniformly and independently.

        Args:
            num: Integer. The number of examples.
            rng: NumPy generator.

        Returns:
            int64 array of shape `(num, factors)`.
        """
        return rng.integers(self.factor_sizes, size=(num, self.num_factors))

    def sample_matching(
        self, factors: np.ndarray, columns: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Draws partners that agree with given examples in one factor each.

        Args:
            factors: Integer array of shape `(num, factors)`.
            columns: Integer array of shape `(num,)`. The factor that partner
                n has in common with example n; the others are redrawn.
            rng: NumPy generator.

        Returns:
            int64 array of shape `(num, factors)`.
        """
        partners = self.sample_factors(len(factors), rng)
        rows = np.arange(len(factors))
        partners[rows, columns] = factors[rows, columns]
        return partners

    def images(self, factors: np.ndarray) -> Any:
        """The examples of given factors.

        Args:
            factors: Integer array of shape `(num, factors)`.

        Returns:
            Array of shape `(num, ...)`.
        """
        if self._images is None:
            return np.asarray(factors, dtype=np.float64)
        return self._images(factors)


class FactorArrays(FactorData):
    """Examples in one array, their factors in another.

    The array need not hold every combination. Examples are drawn uniformly
    from those that it holds; of several with equal factors, the first is
    used.

    Args:
        images: Array of shape `(num, ...)`. Images, or codes.
        factors: Integer array of shape `(num, factors)`, counted from 0.
        factor_names: Sequence of strings. The name of each factor; defaults
            to `factor_0` and so on.

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
        factors = _integer_factors(factors)
        if len(factors) != len(images):
            raise ValueError(
                "`images` and `factors` must have the same length. Received: "
                f"len(images)={len(images)}, len(factors)={len(factors)}."
            )
        if factors.min() < 0:
            raise ValueError(
                "`factors` must be counted from 0. Received: a factor of "
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
        uniform = rng.random(len(factors))
        for column in range(self.num_factors):
            of = columns == column
            counts = self._counts[column]
            values = factors[of, column]
            starts = np.cumsum(counts) - counts
            places = starts[values] + (uniform[of] * counts[values]).astype(int)
            partners[of] = self._factors[self._orders[column][places]]
        return partners

    def images(self, factors):
        factors = _integer_factors(factors)
        try:
            keys = np.ravel_multi_index(factors.T, self.factor_sizes)
        except ValueError as error:
            raise ValueError(
                f"`factors` must lie below the sizes {self.factor_sizes}. "
                f"Received: factors.shape={factors.shape} with values from "
                f"{factors.min()} to {factors.max()}."
            ) from error
        places = np.searchsorted(self._keys, keys)
        places = np.minimum(places, len(self._keys) - 1)
        missing = self._keys[places] != keys
        if missing.any():
            raise ValueError(
                "`factors` must be among those of the array. Received: "
                f"{missing.sum()} of {len(keys)} that are not, such as "
                f"{factors[missing][0].tolist()}."
            )
        return self._array[self._rows[places]]


def sprite_factor_data(image_size: int = 64) -> FactorData:
    """The sprites of `keras_gen.data`, rendered on demand.

    Args:
        image_size: Integer. The height and width of the images.

    Returns:
        `FactorData` of 3 shapes, 6 scales, 40 orientations and 32 x 32
        positions, with float32 images of shape
        `(num, image_size, image_size, 1)` in [0, 1].

    Example:

    ```python
    data = sprite_factor_data(image_size=32)
    data.images(np.array([[0, 5, 0, 16, 16]])).shape  # (1, 32, 32, 1)
    ```
    """

    def images(factors):
        return render_sprites(factors, image_size).astype("float32") / 255.0

    return FactorData(
        tuple(SPRITE_FACTORS.values()), images, tuple(SPRITE_FACTORS)
    )


def _integer_factors(factors):
    if not isinstance(factors, np.ndarray | list | tuple):
        factors = keras.ops.convert_to_numpy(factors)
    values = np.asarray(factors, dtype=np.float64)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(
            "`factors` must have the shape (num, factors). Received: "
            f"factors.shape={values.shape}."
        )
    broken = ~np.isfinite(values) | (values != np.floor(values))
    if broken.any():
        raise ValueError(
            f"`factors` must be integers. Received: {values[broken][0]}."
        )
    return values.astype(np.int64)
