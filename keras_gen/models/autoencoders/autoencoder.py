"""What the autoencoders share: networks, losses, codes and errors."""

import math

import keras
import numpy as np
from keras import ops

from keras_gen.engine.records import check_range
from keras_gen.layers.tied_decoder import TiedDecoder
from keras_gen.losses import reconstruction
from keras_gen.models.networks import (
    check_network,
    conv_decoder,
    conv_encoder,
    dense_layers,
    mlp_decoder,
    mlp_encoder,
)
from keras_gen.models.reconstructing import ReconstructingModel, require_option
from keras_gen.precision import at_least_float32

LIKELIHOODS = ("bernoulli", "gaussian")


class Autoencoder(ReconstructingModel):
    """An encoder to one code and a decoder back, without noise between.

    The reconstruction loss is summed over the entries of an example and
    averaged over the batch. `fit(x)` reconstructs `x`; `fit(x, y)` makes `y`
    out of `x`.

    Args:
        input_shape: Tuple. The shape of an example.
        likelihood: `"bernoulli"` for the cross-entropy of `x` in [0, 1],
            the decoder giving logits; or `"gaussian"` for half the squared
            error, the decoder giving the reconstruction.
        seed: Integer or `None`.
    """

    logged = ("reconstruction_loss", "squared_error")

    def __init__(
        self,
        input_shape: tuple[int, ...],
        likelihood: str,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(seed=seed, **kwargs)
        require_option("likelihood", likelihood, LIKELIHOODS)
        self.input_shape = tuple(input_shape)
        self.likelihood = likelihood
        # What the reconstructions cannot leave, and data should not.
        self.value_range = (0.0, 1.0) if likelihood == "bernoulli" else None

    def set_networks(self, encoder, decoder):
        """Takes the networks, and the size of the code from the encoder."""
        self.latent_dim = self.code_size(encoder)
        self.encoder = self.fitting("encoder", encoder, [self.input_shape])
        self.decoder = self.fitting(
            "decoder", decoder, [(self.latent_dim,)], [self.input_shape]
        )

    def fitting(self, name, network, takes, makes=None):
        """`network`, if its inputs and outputs have these shapes."""
        check_network(type(self).__name__, name, network, takes, makes)
        return network

    def code_size(self, encoder):
        """The size of an encoder's one output."""
        if len(encoder.outputs) > 1 or len(encoder.outputs[0].shape) != 2:
            shapes = [tuple(output.shape) for output in encoder.outputs]
            raise ValueError(
                f"The encoder of {type(self).__name__} returns one tensor of "
                "shape (batch, latent_dim). Received one of "
                f"{', '.join(map(str, shapes))}."
            )
        return encoder.outputs[0].shape[-1]

    def build_mlp(
        self,
        encoder,
        decoder,
        units,
        tied,
        activation,
        code_activation,
        initializer=None,
        output_activation=None,
    ):
        """Builds the fully connected networks that were not given.

        Args:
            encoder: `keras.Model` or `None`.
            decoder: `keras.Model` or `None`.
            units: Tuple. The units of the encoder's layers, the code's last.
            tied: Boolean. Whether the decoder has the encoder's kernels.
            activation: Name of the activation of the hidden layers.
            code_activation: Name of that of the code, or `None`.
            initializer: Function that makes an initializer of kernels.
            output_activation: Name of the activation of the example.
        """
        if tied and decoder is not None:
            raise ValueError(
                "A decoder with tied weights is made from the encoder. "
                "Received: tied=True and a `decoder`. Pass one of them."
            )
        *hidden, latent_dim = units
        with self.building_scope():
            encoder = encoder or mlp_encoder(
                self.input_shape,
                hidden,
                {"code": latent_dim},
                activation,
                code_activation,
                initializer,
            )
            if tied:
                decoder = TiedDecoder(encoder, output_activation)
            decoder = decoder or mlp_decoder(
                self.input_shape,
                hidden[::-1],
                self.code_size(encoder),
                activation,
                output_activation,
                initializer,
            )
        self.set_networks(encoder, decoder)

    def build_conv(self, encoder, decoder, latent_dim, code_activation=None):
        """Builds the convolutional networks that were not given."""
        with self.building_scope():
            encoder = encoder or conv_encoder(
                self.input_shape,
                {"code": latent_dim},
                head_activation=code_activation,
            )
            decoder = decoder or conv_decoder(
                self.input_shape, self.code_size(encoder)
            )
        self.set_networks(encoder, decoder)

    def default_optimizers(self):
        return {"model": keras.optimizers.Adam(1e-3)}

    # ---- Data -------------------------------------------------------------

    def check_arrays(self, x, y):
        if y is not None:
            self.check_targets(y.shape)
        if self.value_range is not None:
            target = x if y is None else y
            check_range(type(self).__name__, target, *self.value_range)

    def check_targets(self, shape):
        """Raises unless targets of this shape are examples."""
        if tuple(shape[1:]) != self.input_shape:
            raise ValueError(
                f"{type(self).__name__} reconstructs examples: the targets "
                f"have the shape {(None, *self.input_shape)}. Received data "
                f"with labels or targets of shape {tuple(shape)}. "
                "Call `fit(x)`, or `fit(x, y)` with examples as `y`."
            )

    def prepare_batch(self, batch):
        batch = super().prepare_batch(batch)
        if batch.y is None:
            return batch
        self.check_targets(batch.y.shape)
        return batch._replace(y=ops.cast(batch.y, "float32"))

    def target(self, batch):
        """What a batch is to be reconstructed as."""
        return batch.x if batch.y is None else batch.y

    # ---- Losses -----------------------------------------------------------

    def code(self, x, training=False):
        """The codes of a batch."""
        return self.encoder(x, training=training)

    def reconstruction_terms(self, target, outputs):
        """The loss of each entry, for the outputs of the decoder."""
        if self.likelihood == "bernoulli":
            return reconstruction.binary_crossentropy(target, outputs)
        return reconstruction.half_squared_error(target, outputs)

    def reconstruction_loss(self, target, outputs, weights=None):
        """The logged loss of a batch, with a weight for each entry or none.

        Args:
            target: Tensor of shape `(batch, *input_shape)`.
            outputs: The decoder's, a tensor of the same shape.
            weights: Tensor of the same shape or `None`.
        """
        terms = self.reconstruction_terms(target, outputs)
        errors = reconstruction.squared_error(target, self.mean(outputs))
        if weights is not None:
            terms = weights * terms
        loss = ops.mean(reconstruction.sum_by_example(terms))
        self.log(
            reconstruction_loss=loss,
            squared_error=ops.mean(reconstruction.sum_by_example(errors)),
        )
        return loss

    def mean(self, outputs):
        """The reconstruction, for the outputs of the decoder."""
        outputs = at_least_float32(outputs)
        if self.likelihood == "bernoulli":
            outputs = ops.sigmoid(outputs)
        return outputs

    def plain_loss(self, batch, training):
        """The reconstruction loss of a batch as it is."""
        codes = self.code(batch.x, training)
        outputs = self.decoder(codes, training=training)
        return self.reconstruction_loss(self.target(batch), outputs)

    def training_step(self, batch):
        self.minimize("model", lambda: self.plain_loss(batch, True))

    def evaluation_step(self, batch):
        self.log(loss=self.plain_loss(batch, False))

    # ---- Inference --------------------------------------------------------

    def encode_step(self, x):
        return at_least_float32(self.code(x))

    def decode_step(self, z):
        return self.mean(self.decoder(z, training=False))

    def features(self) -> np.ndarray:
        """The example of norm 1 that excites each unit of the lowest layer.

        Returns:
            Array of shape `(units, *input_shape)`: the columns `W_j /
            ||W_j||` of the encoder's first kernel.
        """
        dense = dense_layers(self.encoder)
        size = math.prod(self.input_shape)
        if not dense or dense[0].kernel.shape[0] != size:
            raise ValueError(
                "The features are those of a dense layer on the examples. "
                "Received an encoder that does not begin with one: "
                f"{[type(layer).__name__ for layer in self.encoder.layers]}."
            )
        kernel = ops.convert_to_numpy(dense[0].kernel).astype("float32")
        norms = np.linalg.norm(kernel, axis=0, keepdims=True)
        columns = kernel / np.maximum(norms, 1e-12)
        return columns.T.reshape(-1, *self.input_shape)

    def reconstruction_error(self, x, batch_size: int = 256) -> np.ndarray:
        """The squared error of each example: high is unusual.

        Args:
            x: Array of shape `(n, *input_shape)`.
            batch_size: Integer.

        Returns:
            Array of shape `(n,)`, the sum over the entries of an example.
        """
        x = self.checked(x)
        errors = (x - self.reconstruct(x, batch_size)) ** 2
        return errors.reshape(len(x), -1).sum(axis=1)


def as_tuple(units):
    """The sizes of layers, given one by itself or several."""
    units = (units,) if isinstance(units, int) else tuple(units)
    if not units or min(units) < 1:
        raise ValueError(
            "The sizes of layers are positive integers, at least one. "
            f"Received: {units}."
        )
    return units


def four_times_glorot():
    """`U(-a, a)`, `a = 4 sqrt(6 / (fan_in + fan_out))`, for sigmoid units."""
    return keras.initializers.VarianceScaling(16.0, "fan_avg", "uniform")


def size_of(input_shape):
    """The number of entries of an example."""
    return math.prod(input_shape)
