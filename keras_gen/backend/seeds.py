"""Seeds derived from a model's own."""

import zlib


def derived_seed(seed: int, purpose: str) -> int:
    """A seed for one purpose, far from those for others.

    Generators of neighboring seeds overlap on PyTorch, where Keras adds the
    seed and the number of the draw.

    Args:
        seed: Integer.
        purpose: String.

    Returns:
        Integer from 0 to `2**31 - 2`.
    """
    return zlib.crc32(f"{seed}/{purpose}".encode()) % (2**31 - 1)
