"""The deep autoencoder.

G. E. Hinton and R. R. Salakhutdinov, "Reducing the Dimensionality of Data with
Neural Networks", Science 313, 2006, https://doi.org/10.1126/science.1127647

An encoder of logistic layers ends in a linear bottleneck, the decoder is its
mirror image, and training minimizes the cross-entropy of each image,

    L = -sum_i [x_i log r_i + (1 - x_i) log(1 - r_i)],

or half its squared error. Deep stacks of logistic units were first trained so:
each layer as a restricted Boltzmann machine on the one below (`pretrain`), the
stack then unrolled into encoder and decoder, whose weights are untied during
fine-tuning.
"""

import keras
from keras import ops

from keras_gen.layers.dense_chain import dense_chain
from keras_gen.models.autoencoders.autoencoder import DeterministicAutoencoder
from keras_gen.models.autoencoders.layerwise import LayerwisePretraining
from keras_gen.models.autoencoders.rbm import RBM
from keras_gen.networks.mlp import dense_layers
from keras_gen.optimizers import MomentumSGD

__all__ = ["AE", "RBM"]


@keras.saving.register_keras_serializable(package="keras_gen")
class AE(LayerwisePretraining, DeterministicAutoencoder):
    """Deep autoencoder, with or without pretraining.

    `pretrain(x)` trains each layer as a restricted Boltzmann machine on the
    probabilities of the one below, by default for 50 epochs in batches of 100,
    with a momentum that rises after five epochs. Encoder and decoder are then
    the stack's pass upwards and downwards, and `fit` continues from there. A
    bernoulli likelihood has binary visible units in the lowest layer; a
    gaussian one has linear units, for data of mean 0 and variance 1. The code
    is linear.

    Example:

    ```python
    model = keras_gen.AE((28, 28, 1), latent_dim=30)
    model.compile()
    model.pretrain(images, epochs=10)  # may be left out
    model.fit(images, batch_size=128, epochs=20)
    codes = model.encode(images)
    ```

    A bare `compile()` uses Adam at 1e-3, where the paper has conjugate
    gradients with line searches.
    """

    defaults = {"hidden_units": (1000, 500, 250)}
    presets = {
        "small": dict(hidden_units=(512, 256), activation="relu"),
        "smoke": dict(hidden_units=(64, 32), latent_dim=10, activation="relu"),
    }
    pretraining = (50, 100)

    def layer_models(self):
        up = logistic_kernels("encoder", self.encoder)
        if not self.tied:
            down = logistic_kernels("decoder", self.decoder)
            if down != [shape[::-1] for shape in up[::-1]]:
                raise ValueError(
                    "`decoder` must be the mirror image of the encoder for "
                    f"pretraining, whose kernels have the shapes {up}. "
                    f"Received: one with the shapes {down}. Build the model "
                    "without a `decoder`, or train it with `fit` alone."
                )
        kinds = ["binary"] * len(up) + ["gaussian"]
        if self.likelihood == "gaussian":
            kinds[0] = "gaussian"
        return [
            RBM((inputs,), units, *kinds[i : i + 2], seed=self.layer_seed(i))
            for i, (inputs, units) in enumerate(up)
        ]

    def layer_optimizer(self, model, steps):
        return MomentumSGD(model.learning_rate, switch_step=5 * steps)

    def unroll(self, models):
        """Gives encoder and decoder the weights of a stack of machines."""
        stack = [machine.rbm_layer for machine in models]
        for layer, rbm in zip(dense_layers(self.encoder), stack, strict=True):
            layer.set_weights([rbm.kernel, rbm.hidden_bias])
        stack.reverse()
        if self.tied:
            self.decoder.set_weights([rbm.visible_bias for rbm in stack])
            return
        for layer, rbm in zip(dense_layers(self.decoder), stack, strict=True):
            layer.set_weights([ops.transpose(rbm.kernel), rbm.visible_bias])


def logistic_kernels(name, network):
    """The kernels' shapes of a network that machines can be unrolled to."""
    layers = dense_chain(network, also=(keras.layers.Dropout,)) or []
    names = [keras.activations.serialize(layer.activation) for layer in layers]
    expected = ["sigmoid"] * (len(layers) - 1) + ["linear"]
    biased = all(layer.use_bias for layer in layers)
    if not layers or names != expected or not biased:
        raise ValueError(
            f"`{name}` must be a chain of logistic dense layers with biases "
            f"and a linear output for pretraining: activations {expected}. "
            f"Received: one with {names or 'other layers'}"
            f"{'' if biased else ', without biases'}. Build the model with "
            "`activation='sigmoid'`, or train it with `fit` alone."
        )
    return [tuple(layer.kernel.shape) for layer in layers]
