"""The Jacobian of an encoder, `J = d code / d x`, and its Frobenius norm.

For dense layers `h_l = s_l(h_{l-1} W_l + c_l)` it has a closed form,

    J = D_L W_L^T D_{L-1} W_{L-1}^T ... D_1 W_1^T,

with the derivatives of the activations on the diagonals `D_l`. It is kept as
the factor `J W_1^{-T}`, so that no tensor of the size batch x code x entries is
needed: with one layer the factor is the diagonal of `D_1`, and `||J||^2 = sum_j
d_j^2 ||W_j||^2`.
"""

import keras
import numpy as np
from keras import ops

from keras_gen.layers.dense_chain import dense_chain
from keras_gen.precision import at_least_float32

# The derivative of an activation, given its output.
DERIVATIVES = {
    "sigmoid": lambda h: h * (1.0 - h),
    "tanh": lambda h: 1.0 - ops.square(h),
    "relu": lambda h: ops.cast(h > 0.0, h.dtype),
    "linear": ops.ones_like,
}


def has_closed_form(encoder) -> bool:
    """Whether an encoder is a chain of dense layers of known derivatives."""
    dense = dense_chain(encoder) or []
    names = [keras.activations.serialize(layer.activation) for layer in dense]
    return bool(dense) and set(names) <= set(DERIVATIVES)


class DenseJacobian:
    """The Jacobian of dense layers, one after the other.

    Args:
        layers: List of `keras.layers.Dense`, the lowest first.
    """

    def __init__(self, layers):
        self.layers = layers

    def outputs(self, x):
        """The outputs of all layers, the lowest first."""
        h = ops.reshape(x, (ops.shape(x)[0], -1))
        outputs = []
        for layer in self.layers:
            h = layer(h)
            outputs.append(h)
        return outputs

    def factor(self, x, outputs=None):
        """What stands before the lowest kernel, transposed, in `J`.

        Args:
            x: Tensor of shape `(batch, ...)`.
            outputs: What `outputs(x)` returned, if it is there already.

        Returns:
            Tensor of shape `(batch, latent_dim)` for one layer: a diagonal.
            Else `(batch, latent_dim, units of the lowest layer)`.
        """
        outputs = self.outputs(x) if outputs is None else outputs
        slopes = [
            DERIVATIVES[keras.activations.serialize(layer.activation)](
                at_least_float32(h)
            )
            for layer, h in zip(self.layers, outputs, strict=True)
        ]
        result = slopes[-1]
        if len(self.layers) == 1:
            return result
        kernel = ops.convert_to_tensor(self.layers[-1].kernel)
        result = result[:, :, None] * ops.transpose(kernel)
        for layer, slope in zip(
            self.layers[-2:0:-1], slopes[-2:0:-1], strict=True
        ):
            result = result * slope[:, None, :]
            result = ops.matmul(result, ops.transpose(layer.kernel))
        return result * slopes[0][:, None, :]

    def squared_norm(self, factor):
        """`||J||_F^2` of each example, given its factor."""
        kernel = ops.convert_to_tensor(self.layers[0].kernel)
        if len(self.layers) == 1:
            norms = ops.sum(ops.square(kernel), axis=0)
            return ops.sum(ops.square(factor) * norms, axis=-1)
        products = ops.matmul(ops.transpose(kernel), kernel)
        terms = ops.matmul(factor, products) * factor
        return ops.sum(terms, axis=(1, 2))

    def full(self, factor):
        """`J`, of shape `(batch, latent_dim, entries)`."""
        kernel = ops.transpose(self.layers[0].kernel)
        if len(self.layers) == 1:
            return factor[:, :, None] * kernel
        return ops.matmul(factor, kernel)


class AutomaticJacobian:
    """The Jacobian of any encoder, one backward pass for each unit.

    Args:
        encode: Function from a batch to codes `(batch, latent_dim)`.
        gradient: Function of `fn` and `x`, the derivative of `sum(fn(x))`.
        latent_dim: Integer.
    """

    def __init__(self, encode, gradient, latent_dim):
        self.encode = encode
        self.gradient = gradient
        self.latent_dim = latent_dim

    def factor(self, x, outputs=None):
        """`J`, of shape `(batch, latent_dim, entries)`."""
        rows = [
            self.gradient(lambda x, j=j: self.encode(x)[:, j], x)
            for j in range(self.latent_dim)
        ]
        rows = [ops.reshape(row, (ops.shape(x)[0], -1)) for row in rows]
        return at_least_float32(ops.stack(rows, axis=1))

    def squared_norm(self, factor):
        """`||J||_F^2` of each example."""
        return ops.sum(ops.square(factor), axis=(1, 2))

    def full(self, factor):
        """`J` itself."""
        return factor


def tangents(jacobian: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The directions in which codes move most, and how much.

    Args:
        jacobian: Array of shape `(n, latent_dim, entries)`.
        count: Integer. The number of directions.

    Returns:
        The leading right singular vectors, `(n, count, entries)`, and the
        singular values, `(n, count)`, the largest first.
    """
    _, values, vectors = np.linalg.svd(jacobian, full_matrices=False)
    return vectors[:, :count], values[:, :count]
