"""The deep autoencoder.

G. E. Hinton and R. R. Salakhutdinov, "Reducing the Dimensionality of Data with
Neural Networks", Science 313, 2006, https://doi.org/10.1126/science.1127647

An encoder of logistic layers ends in a narrow, linear code, the decoder is its
mirror image, and training minimises the cross-entropy of each image,

    L = -sum_i [x_i log r_i + (1 - x_i) log(1 - r_i)],

or half its squared error. Deep stacks of logistic units were first trained so:
each layer as a restricted Boltzmann machine on the one below (`pretrain`), the
stack then unrolled into encoder and decoder, whose weights part in fine-tuning.
"""

import keras
import numpy as np

from keras_gen.models.autoencoders.autoencoder import Autoencoder, as_tuple
from keras_gen.models.autoencoders.rbm import RBM
from keras_gen.models.autoencoders.rbm_stack import (
    pretrain_rbm_stack,
    stack_sizes,
    unroll,
)
from keras_gen.models.reconstructing import require_option


@keras.saving.register_keras_serializable(package="keras_gen")
class AE(Autoencoder):
    """Deep autoencoder, with or without pretraining.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: Integer or tuple. The units of the encoder's hidden
            layers; the decoder has them in reverse.
        latent_dim: Integer. The size of the code.
        activation: Name of the activation of the hidden layers.
        latent_activation: Name of that of the code, or `None` for a linear
            code.
        architecture: `"mlp"`, the paper's, or `"conv"`, two strided
            convolutions, for images whose sides are multiples of 4.
        likelihood: `"bernoulli"` for the cross-entropy of `x` in [0, 1], or
            `"gaussian"` for half the squared error of any `x`.
        tied: Boolean. Whether the decoder keeps the encoder's kernels,
            transposed.
        encoder: `keras.Model` from `x` to the code.
        decoder: `keras.Model` from the code to the logits (`"bernoulli"`)
            or the values (`"gaussian"`) of `x`.
        seed: Integer or `None`.

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

    Reference:

    - [Hinton and Salakhutdinov, 2006](https://doi.org/10.1126/science.1127647)
    """

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: int | tuple[int, ...] = (1000, 500, 250),
        latent_dim: int = 30,
        activation: str = "sigmoid",
        latent_activation: str | None = None,
        architecture: str = "mlp",
        likelihood: str = "bernoulli",
        tied: bool = False,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(input_shape, likelihood, seed=seed, **kwargs)
        require_option("architecture", architecture, ("mlp", "conv"))
        self.activation = activation
        self.tied = tied
        if architecture == "conv":
            if tied:
                raise ValueError(
                    "Only dense layers can be tied. Received: "
                    "architecture='conv', tied=True. Pass `tied=False`."
                )
            self.build_conv(encoder, decoder, latent_dim, latent_activation)
        else:
            self.build_mlp(
                encoder,
                decoder,
                (*as_tuple(hidden_units), latent_dim),
                tied,
                activation,
                latent_activation,
            )

    def pretrain(
        self,
        x: np.ndarray,
        epochs: int = 50,
        batch_size: int = 100,
        learning_rate: float = 0.1,
        linear_learning_rate: float = 0.001,
        verbose="auto",
    ) -> list[RBM]:
        """Trains each layer as a restricted Boltzmann machine, and unrolls.

        The data of each layer are the probabilities of the one below. After
        it, encoder and decoder are the stack's pass upwards and downwards,
        and `fit` goes on from there. A bernoulli likelihood has binary
        visible units in the lowest layer; a gaussian one has linear ones,
        for data of mean 0 and variance 1. The code is linear.

        Args:
            x: Array of shape `(n, *input_shape)`.
            epochs: Integer. Passes over the data for each layer.
            batch_size: Integer.
            learning_rate: Float. That of the logistic layers.
            linear_learning_rate: Float. That of layers with linear units,
                which diverge at larger ones.
            verbose: As in `fit`.

        Returns:
            List of the trained machines, the lowest first.
        """
        machines = pretrain_rbm_stack(
            self.checked(x).reshape(len(x), -1),
            stack_sizes(self),
            visible=(
                "binary" if self.likelihood == "bernoulli" else "gaussian"
            ),
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            linear_learning_rate=linear_learning_rate,
            seed=self.seed,
            verbose=verbose,
        )
        unroll(self, machines)
        return machines
