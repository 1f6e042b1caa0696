"""Base classes of the autoencoders: losses and networks."""

import math
import typing

import keras
import numpy as np
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import as_units, check_option, check_positive
from keras_gen.engine import Batch
from keras_gen.layers import TiedDecoder
from keras_gen.losses import reconstruction
from keras_gen.models.encoder_decoder import EncoderDecoderModel
from keras_gen.networks.conv import conv_decoder, conv_encoder
from keras_gen.networks.mlp import (
    dense_layers,
    four_times_glorot,
    mlp_decoder,
    mlp_encoder,
)


class Autoencoder(EncoderDecoderModel):
    """An encoder to a code and a decoder back.

    The reconstruction loss is summed over the components of an example and
    averaged over the batch. `fit(x)` reconstructs `x`; `fit(x, y)` makes `y`
    out of `x`.

    Args:
        likelihood: String. `"bernoulli"` for the cross-entropy of `x` in
            [0, 1], the decoder returning logits; or `"gaussian"` for half the
            squared error of any `x`, the decoder returning it.
    """

    logged = ("reconstruction_loss", "squared_error")
    must_set = ("latent_dim", "encoder", "decoder")

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        likelihood: str = "bernoulli",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("likelihood", likelihood, ("bernoulli", "gaussian"))
        self.input_shape = tuple(input_shape)
        self.likelihood = likelihood
        # The range of the decoder's output, to which data must be scaled.
        self.value_range = (0.0, 1.0) if likelihood == "bernoulli" else None

    def data_spec(self):
        x = self.examples_spec(value_range=None)
        return Batch(x, y=self.examples_spec(optional=True))

    def target(self, batch):
        """What a batch is to be reconstructed as."""
        return batch.x if batch.y is None else batch.y

    def code(self, x, training=False):
        """The codes of a batch."""
        return self.encoder(x, training=training)

    def mean(self, outputs):
        """The reconstruction, for the outputs of the decoder."""
        mean = at_least_float32(outputs)
        return ops.sigmoid(mean) if self.likelihood == "bernoulli" else mean

    def reconstruction_terms(self, target, outputs):
        """The loss of each component, for the outputs of the decoder."""
        if self.likelihood == "bernoulli":
            return reconstruction.binary_crossentropy(target, outputs)
        return reconstruction.half_squared_error(target, outputs)

    def reconstruction_loss(self, target, outputs, weights=1.0):
        """The loss of a batch, logged, with weights of the components."""
        terms = self.reconstruction_terms(target, outputs)
        terms = ops.multiply(weights, terms)
        errors = reconstruction.squared_error(target, self.mean(outputs))
        loss, error = (
            ops.mean(reconstruction.sum_by_example(x)) for x in (terms, errors)
        )
        self.log(reconstruction_loss=loss, squared_error=error)
        return loss

    def model_loss(self, batch, training):
        outputs = self.decoder(self.code(batch.x, training), training=training)
        return self.reconstruction_loss(self.target(batch), outputs)

    def encode_step(self, x):
        return at_least_float32(self.code(x))

    def decode_step(self, z):
        return self.mean(self.decoder(z, training=False))

    def filters(self) -> np.ndarray:
        """The input of norm 1 that most activates each unit of the first layer.

        Returns:
            Array `(units, *input_shape)`: the normalized columns of the
            encoder's first kernel.
        """
        dense = dense_layers(self.encoder)
        size = math.prod(self.input_shape)
        if not dense or dense[0].kernel.shape[0] != size:
            names = [type(layer).__name__ for layer in self.encoder.layers]
            raise ValueError(
                "`encoder` must begin with a dense layer to have filters. "
                f"Received: an encoder of the layers {names}."
            )
        kernel = ops.convert_to_numpy(dense[0].kernel).astype("float32")
        columns = kernel / np.maximum(np.linalg.norm(kernel, axis=0), 1e-12)
        return columns.T.reshape(-1, *self.input_shape)


class DeterministicAutoencoder(Autoencoder):
    """An autoencoder of a code without noise, with its networks.

    Args:
        latent_dim: Integer. The size of the code; with an `encoder` of your
            own, it is the encoder's.
        activation: String. The activation of the hidden layers.
        latent_activation: String or `None`. That of the code; `None` for a
            linear code.
        architecture: String. `"mlp"`, the paper's, or `"conv"`, two strided
            convolutions, for images whose sides are multiples of 4.
        tied: Boolean. Whether the decoder has the encoder's kernels,
            transposed.
        encoder: `keras.Model` from `x` to the code.
        decoder: `keras.Model` from the code to the logits (`"bernoulli"`)
            or the values (`"gaussian"`) of `x`. Needs `tied=False`.
    """

    output_activation: typing.ClassVar[str | None] = None

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        latent_dim: int = 30,
        hidden_units: int | tuple[int, ...] = (),
        activation: str = "sigmoid",
        latent_activation: str | None = None,
        architecture: str = "mlp",
        tied: bool = False,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(input_shape, **kwargs)
        check_option("architecture", architecture, ("mlp", "conv"))
        check_positive(latent_dim=latent_dim)
        if tied and (decoder is not None or architecture == "conv"):
            raise ValueError(
                "`tied=True` must go with dense layers and without a "
                "`decoder`: it is made from the encoder. Received: "
                f"tied=True, architecture={architecture!r}, "
                f"decoder={decoder}. Pass `tied=False`."
            )
        self.latent_dim = latent_dim
        self.activation = activation
        self.tied = tied
        hidden = as_units("hidden_units", hidden_units)
        shape, last = self.input_shape, self.output_activation

        def build_encoder():
            code, end = {"code": latent_dim}, latent_activation
            if architecture == "conv":
                return conv_encoder(shape, code, head_activation=end)
            ends = (activation, end, self.initializer)
            return mlp_encoder(shape, hidden, code, *ends)

        def build_decoder():
            if architecture == "conv":
                return conv_decoder(shape, self.latent_dim)
            if tied:
                return TiedDecoder(self.encoder, last)
            ends = (activation, last, self.initializer)
            return mlp_decoder(shape, hidden[::-1], self.latent_dim, *ends)

        self.encoder = self.network_of(
            "encoder", encoder, build_encoder, [shape], [(None,)]
        )
        (self.latent_dim,) = self.output_sizes("encoder", self.encoder, [shape])
        code, logits = [(self.latent_dim,)], self.likelihood == "bernoulli"
        self.decoder = self.network_of(
            "decoder", decoder, build_decoder, code, [shape], int(logits)
        )

    def initializer(self):
        """A new initializer of kernels, or its name."""
        return "glorot_uniform"

    def default_optimizer(self):
        return keras.optimizers.Adam(1e-3)


class LogisticAutoencoder(DeterministicAutoencoder):
    """One layer of logistic units, by default, with tied kernels."""

    defaults = dict(latent_dim=1000, latent_activation="sigmoid", tied=True)

    def initializer(self):
        wide = self.activation == "sigmoid"
        return four_times_glorot() if wide else super().initializer()


class ShallowAutoencoder(DeterministicAutoencoder):
    """An autoencoder of one layer, with the squared error."""

    fixed = dict(likelihood="gaussian", hidden_units=(), architecture="mlp")
