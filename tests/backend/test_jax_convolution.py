"""Convolutions on JAX, by the derivatives that XLA is quick at on a CPU."""

import jax
import numpy as np

from keras_gen import backend


def test_the_gradient_by_the_kernel_is_of_a_convolution():
    """Nothing in it is dilated in its inputs, for which XLA is slow."""
    x, kernel = np.ones((2, 7, 7, 3)), np.ones((5, 5, 2, 3))

    def loss(kernel):
        y = backend.conv_transpose(x, kernel, strides=[2, 2], padding="same")
        return y.sum()

    jaxpr = str(jax.make_jaxpr(jax.grad(loss))(kernel))
    backward = jaxpr.split("conv_general_dilated")[2:]
    assert backward
    assert all("lhs_dilation=(1, 1)" in part for part in backward)
