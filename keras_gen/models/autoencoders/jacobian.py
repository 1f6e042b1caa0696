"""The Jacobian of an encoder, `J = d code / d x`, and its Frobenius norm.

For dense layers `h_l = s_l(h_{l-1} W_l + c_l)` it has a closed form,

    J = D_L W_L^T D_{L-1} W_{L-1}^T ... D_1 W_1^T,

with the derivatives of the activations on the diagonals `D_l`. It is kept as
the factor `J W_1^{-T}`, so that no tensor of the size batch x code x
components is needed: with one layer the factor is the diagonal of `D_1`, and
`||J||^2 = sum_j d_j^2 ||W_j||^2`.
"""

import dataclasses
from collections.abc import Callable

import keras
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.layers.dense_chain import dense_chain
from keras_gen.losses.reconstruction import sum_by_example

# The derivative of an activation, given its output.
DERIVATIVES = {
    "sigmoid": lambda h: h * (1.0 - h),
    "tanh": lambda h: 1.0 - ops.square(h),
    "relu": lambda h: ops.cast(h > 0.0, h.dtype),
    "linear": ops.ones_like,
}


def jacobian_of(encoder, encode, gradient):
    """The Jacobian of an encoder: in closed form for dense layers, else from
    `gradient(fn, x)`, the derivative of `sum(fn(x))`, of `encode(x)`.
    """
    dense = dense_chain(encoder) or []
    names = [keras.activations.serialize(layer.activation) for layer in dense]
    if dense and set(names) <= set(DERIVATIVES):
        return DenseJacobian(dense)
    return AutomaticJacobian(encode, gradient, encoder.output_shape[-1])


@dataclasses.dataclass(frozen=True)
class DenseJacobian:
    """The Jacobian of a list of dense layers, the lowest first."""

    layers: list

    def factor(self, x):
        """The factor `A` of `J = A W_1^T`, of shape `(batch, latent_dim, units
        of the lowest layer)`; of one layer, its diagonal `(batch, latent_dim)`.
        """
        h, slopes = ops.reshape(x, (ops.shape(x)[0], -1)), []
        for layer in self.layers:
            h = layer(h)
            slope = DERIVATIVES[keras.activations.serialize(layer.activation)]
            slopes.append(slope(at_least_float32(h)))
        factor = slopes.pop()
        for layer in self.layers[:0:-1]:
            factor = times(factor, layer.kernel) * slopes.pop()[:, None]
        return factor

    def squared_norm(self, factor):
        """`||J||_F^2` of each example, given its factor."""
        kernel = ops.convert_to_tensor(self.layers[0].kernel)
        if len(factor.shape) == 2:
            norms = ops.sum(ops.square(kernel), axis=0)
            return ops.sum(ops.square(factor) * norms, axis=-1)
        products = ops.matmul(ops.transpose(kernel), kernel)
        return sum_by_example(ops.matmul(factor, products) * factor)

    def full(self, x):
        """`J`, of shape `(batch, latent_dim, components)`."""
        return times(self.factor(x), self.layers[0].kernel)


def times(factor, kernel):
    """`A W^T`, where `A` may be a diagonal of shape `(batch, units)`."""
    kernel = ops.transpose(kernel)
    if len(factor.shape) == 2:
        return factor[:, :, None] * kernel
    return ops.matmul(factor, kernel)


@dataclasses.dataclass(frozen=True)
class AutomaticJacobian:
    """The Jacobian of any encoder, one backward pass for each unit."""

    encode: Callable
    gradient: Callable
    latent_dim: int

    def factor(self, x):
        """`J`, of shape `(batch, latent_dim, components)`."""
        rows = [
            self.gradient(lambda x, j=j: self.encode(x)[:, j], x)
            for j in range(self.latent_dim)
        ]
        rows = [ops.reshape(row, (ops.shape(x)[0], -1)) for row in rows]
        return at_least_float32(ops.stack(rows, axis=1))

    def squared_norm(self, factor):
        """`||J||_F^2` of each example."""
        return sum_by_example(ops.square(factor))

    full = factor
