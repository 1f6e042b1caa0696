"""Layer-wise pretraining of a classifier by autoencoders."""

from functools import partial

import keras

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import as_units
from keras_gen.engine import Batch, Examples, GenerativeModel, Labels, Signature
from keras_gen.models.autoencoders.layerwise import LayerwisePretraining
from keras_gen.models.classification import Classifier
from keras_gen.models.encoder_decoder import EncoderDecoderModel
from keras_gen.networks.mlp import four_times_glorot, mlp_encoder


class StackedAutoencoder(LayerwisePretraining, Classifier, GenerativeModel):
    """Logistic layers and a softmax, each layer first an autoencoder.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: Integer or tuple. The units of the layers, the lowest
            first.
        num_classes: Integer.
        likelihood: String. That of the lowest autoencoder, `"bernoulli"` or
            `"gaussian"`. The codes of the others lie in [0, 1].

    A subclass defines:
        layer_autoencoder: `(index)`, the autoencoder that trains
            `encoders[index]`.
    """

    players = {"model": ["encoders", "classifier"]}
    logged = ("accuracy",)
    must_define = ("layer_autoencoder",)
    pretraining = (15, 20)

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: int | tuple[int, ...] = (1000, 1000, 1000),
        num_classes: int = 10,
        likelihood: str = "bernoulli",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.input_shape = tuple(input_shape)
        self.num_classes = num_classes
        self.likelihood = likelihood
        units = as_units("hidden_units", hidden_units)
        shapes = [self.input_shape, *((size,) for size in units)]

        def layer(name, shape, size, initializer, activation=None):
            ends = dict(head_activation=activation, initializer=initializer)
            arguments = (shape, (), {name: size})
            build = partial(mlp_encoder, *arguments, name=name, **ends)
            return self.network_of(name, None, build)

        self.encoders = [
            layer(f"encoder_{index}", *sizes, four_times_glorot, "sigmoid")
            for index, sizes in enumerate(zip(shapes, units, strict=False))
        ]
        # The paper's logistic regression starts from zero.
        self.classifier = layer("classifier", shapes[-1], num_classes, "zeros")

    def data_spec(self):
        return Batch(x=Examples(self.input_shape), y=Labels(self.num_classes))

    def default_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def layer_autoencoder(self, index: int):
        """An autoencoder whose encoder is `encoders[index]`."""
        raise NotImplementedError(
            f"{type(self).__name__} needs `layer_autoencoder`."
        )

    def layer_options(self, index: int) -> dict:
        """The arguments that the autoencoders of all layers share."""
        encoder = self.encoders[index]
        return {
            "input_shape": encoder.input_shape[1:],
            "latent_dim": encoder.output_shape[-1],
            "likelihood": self.likelihood if index == 0 else "bernoulli",
            "encoder": encoder,
            "seed": self.layer_seed(index),
        }

    def layer_models(self):
        return [self.layer_autoencoder(i) for i in range(len(self.encoders))]

    def encode_step(self, x, training=False):
        """The codes of a batch, in the highest layer."""
        for encoder in self.encoders:
            x = encoder(x, training=training)
        return at_least_float32(x)

    def logits_step(self, x, training=False):
        codes = self.encode_step(x, training)
        return at_least_float32(self.classifier(codes, training=training))

    def model_loss(self, batch, training):
        logits = self.logits_step(batch.x, training)
        return self.classification_loss(batch.y, logits)

    def call(self, inputs, training=False):
        """The class probabilities."""
        return self.probabilities_step(inputs)

    encode = EncoderDecoderModel.encode
    served_networks = EncoderDecoderModel.served_networks

    def signatures(self):
        x = {"x": self.data_spec().x}
        encode = Signature(self.encode_step, x, ("code",))
        return {"serving_default": self.classify_signature(), "encode": encode}
