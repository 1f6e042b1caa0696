"""Users' arrays: their values, and what is wrong with them."""

import numpy as np
from keras import ops

# The elements that are looked at together.
BLOCK = 2**24


def as_numpy(x) -> np.ndarray:
    """An array or a tensor as an array: not copied if it is one.

    A tensor of PyTorch may require gradients, be bfloat16, or lie elsewhere.
    """
    if np.ma.is_masked(x):
        raise ValueError(
            "Arrays must not be masked: what is under the mask would be used. "
            "Received: a masked array. Pass `x.filled(value)`."
        )
    if isinstance(x, np.ndarray):
        return np.ma.getdata(x)
    if type(x).__module__.startswith("scipy.sparse"):
        raise ValueError(
            "Arrays must be dense. Received: a sparse one. Pass `x.toarray()`."
        )
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        x = x.float() if str(x.dtype) == "torch.bfloat16" else x
    return ops.convert_to_numpy(x)


def extremes(array: np.ndarray) -> tuple[float, float]:
    """The smallest and the largest value: NaN if any value is.

    They are looked for in blocks of rows, so that an array that is mapped
    from a file is never in memory as a whole.
    """
    rows = max(1, BLOCK * len(array) // max(array.size, 1))
    blocks = [array[i : i + rows] for i in range(0, len(array), rows)]
    return (
        float(np.min([block.min() for block in blocks])),
        float(np.max([block.max() for block in blocks])),
    )


def check_finite(owner: str, name: str, values: tuple) -> None:
    """Raises unless values are finite."""
    if not np.all(np.isfinite(values)):
        raise ValueError(
            f"`{name}` of {owner} must be finite. Received: {name} with NaN "
            "or infinity. Clean the data."
        )
