"""A decoder that uses the encoder's kernels, transposed."""

import keras
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.layers.dense_chain import dense_chain


@keras.saving.register_keras_serializable(package="keras_gen")
class TiedDecoder(keras.layers.Layer):
    """The mirror image of an encoder of dense layers, with its kernels.

    For an encoder `h_l = s_l(h_{l-1} W_l + c_l)` it computes `r_{l-1} =
    s_{l-1}(r_l W_l^T + b_l)`, from the code down to the example. The kernels
    belong to the encoder; only the biases `b_l` are the decoder's own. The
    gradients of both uses of a kernel add up.

    Args:
        encoder: `keras.Model` of dense layers, one after the other.
        output_activation: Name of the activation of the example, or `None`.

    Call arguments:
        inputs: Tensor of shape `(batch, latent_dim)`.

    Example:

    ```python
    encoder = keras.Sequential(
        [keras.Input((784,)), keras.layers.Dense(500, activation="sigmoid")]
    )
    logits = TiedDecoder(encoder)(encoder(x))
    ```
    """

    def __init__(self, encoder, output_activation=None, **kwargs):
        super().__init__(**kwargs)
        dense = dense_chain(encoder, also=(keras.layers.Dropout,))
        if dense is None:
            names = [type(layer).__name__ for layer in encoder.layers]
            raise ValueError(
                "`encoder` must be a chain of dense layers for tied weights, "
                "each used once and with its own `activation`; only Flatten, "
                "Reshape and Dropout may stand between them. Received: one "
                f"with the layers {names} and {len(encoder.outputs)} outputs. "
                "Pass `tied=False`."
            )
        # Past Keras' tracking: the layers belong to the encoder.
        object.__setattr__(self, "mirrored", dense[::-1])
        self.example_shape = tuple(encoder.input_shape[1:])
        self.activations = [
            *(layer.activation for layer in self.mirrored[1:]),
            keras.activations.get(output_activation),
        ]
        self.biases = [
            self.add_weight(
                shape=(layer.kernel.shape[0],),
                initializer="zeros",
                name=f"bias_{index}",
            )
            for index, layer in enumerate(self.mirrored)
        ]
        self.built = True

    def call(self, inputs):
        h = inputs
        for layer, bias, activation in zip(
            self.mirrored, self.biases, self.activations, strict=True
        ):
            kernel = ops.cast(layer.kernel, h.dtype)
            h = ops.matmul(h, ops.transpose(kernel))
            h = activation(h + ops.cast(bias, h.dtype))
        return ops.reshape(at_least_float32(h), (-1, *self.example_shape))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.example_shape)
