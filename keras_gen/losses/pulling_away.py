"""The pulling-away term of energy-based GANs."""

from keras import ops

from keras_gen.backend import gather
from keras_gen.backend.precision import at_least_float32


def pulling_away(codes):
    """Mean squared cosine of the angles between the codes of a batch.

    `1 / (N (N - 1)) sum_(i != j) (s_i . s_j / (|s_i| |s_j|))^2`, over the batch
    that all workers share.

    Args:
        codes: Tensor of shape `(batch, size)`.

    Returns:
        Scalar in [0, 1]; 0 of orthogonal codes, and of a single one.

    Reference:

    - [Zhao et al., 2017](https://arxiv.org/abs/1609.03126)
    """
    codes = at_least_float32(codes)
    squares = ops.sum(ops.square(codes), axis=-1, keepdims=True)
    unit = codes * ops.rsqrt(squares + 1e-12)
    every = gather(unit)
    cosines = ops.square(ops.matmul(unit, ops.transpose(every)))
    # Each code is in the sum once with itself.
    itself = ops.square(ops.sum(ops.square(unit), axis=-1))
    others = ops.sum(cosines, axis=-1) - itself
    count = ops.cast(ops.shape(every)[0], others.dtype) - 1.0
    return ops.mean(others) / ops.maximum(count, 1.0)
