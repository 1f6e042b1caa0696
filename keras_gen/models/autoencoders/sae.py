"""The sparse autoencoder.

A. Ng, "Sparse autoencoder", CS294A lecture notes, Stanford, 2011,
https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf

A wide layer of logistic units, of which each is pulled towards a small mean
activation `rho`. With `rho_j = E[h_j(x)]` over the examples,

    J = E[||r - x||^2 / 2] + lambda / 2 sum_l ||W_l||^2
        + beta sum_j KL(rho || rho_j),
    KL(rho || rho_j) = rho log(rho / rho_j)
                       + (1 - rho) log((1 - rho) / (1 - rho_j)).
"""

import math

import keras
from keras import layers, ops

from keras_gen.distributions import bernoulli
from keras_gen.engine import replica_mean
from keras_gen.models.autoencoders.autoencoder import (
    Autoencoder,
    as_tuple,
    size_of,
)
from keras_gen.models.reconstructing import require_option
from keras_gen.precision import at_least_float32

# Activations whose values lie in [0, 1], and layers whose values do not.
COINS = ("sigmoid", "hard_sigmoid", "sparse_sigmoid", "softmax")
UNBOUNDED = (layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU)


@keras.saving.register_keras_serializable(package="keras_gen")
class SAE(Autoencoder):
    """Sparse autoencoder with a penalty on the mean activation of each unit.

    Args:
        input_shape: Tuple. The shape of an example, with values in [0, 1]
            unless the `decoder` is yours.
        hidden_units: Integer. The units of the code.
        sparsity: Float in (0, 1). The mean activation `rho` of a unit.
        sparsity_weight: Float. The weight `beta` of the divergence, which is
            summed over the units.
        weight_decay: Float. The weight `lambda` of half the squared kernels.
            Offsets do not decay; of your own networks, all kernels do.
        sparsity_estimator: `"batch"` for the means over the batch, of 100
            examples or more; or `"ema"` for moving averages of them, in
            which the derivative is that of the batch's share.
        sparsity_decay: Float in [0, 1). The share of the past in the moving
            averages, which begin at `sparsity`.
        encoder: `keras.Model` from `x` to a code in (0, 1).
        decoder: `keras.Model` from the code to `x`.
        seed: Integer or `None`.

    Example:

    ```python
    model = keras_gen.SAE((28, 28, 1), hidden_units=196, sparsity=0.1)
    model.compile()
    model.fit(images, batch_size=200, epochs=10)
    pictures = model.features()
    ```

    The defaults are those of the notes for patches of 8x8 pixels, scaled to
    [0.1, 0.9]. A bare `compile()` uses Adam at 1e-3, where the notes have
    L-BFGS on all patches at once.

    Reference:

    - [Ng, 2011](https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf)
    """

    logged = (
        "reconstruction_loss",
        "squared_error",
        "sparsity_divergence",
        "mean_activation",
    )

    def __init__(
        self,
        input_shape: tuple[int, ...] = (8, 8, 1),
        hidden_units: int = 25,
        sparsity: float = 0.01,
        sparsity_weight: float = 3.0,
        weight_decay: float = 1e-4,
        sparsity_estimator: str = "batch",
        sparsity_decay: float = 0.9,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(input_shape, "gaussian", seed=seed, **kwargs)
        require_option(
            "sparsity_estimator", sparsity_estimator, ("batch", "ema")
        )
        if not 0.0 < sparsity < 1.0:
            raise ValueError(
                "The mean activation of a logistic unit lies between 0 and "
                f"1. Received: sparsity={sparsity}."
            )
        # The model's own outputs are logistic.
        self.value_range = (0.0, 1.0) if decoder is None else None
        self.sparsity = sparsity
        self.sparsity_weight = sparsity_weight
        self.weight_decay = weight_decay
        self.sparsity_estimator = sparsity_estimator
        self.sparsity_decay = sparsity_decay
        # U(-a, a), a = sqrt(6 / (fan_in + fan_out + 1)), as in the notes.
        fans = size_of(self.input_shape) + as_tuple(hidden_units)[0]
        limit = math.sqrt(6.0 / (fans + 1))
        self.build_mlp(
            encoder,
            decoder,
            as_tuple(hidden_units),
            tied=False,
            activation="sigmoid",
            code_activation="sigmoid",
            initializer=lambda: keras.initializers.RandomUniform(-limit, limit),
            output_activation="sigmoid",
        )
        if sparsity_weight:
            check_unit_interval(self.encoder)
        if sparsity_estimator == "ema":
            self.activations = self.add_weight(
                shape=(self.latent_dim,),
                initializer=keras.initializers.Constant(sparsity),
                trainable=False,
                dtype=self.variable_dtype,
                name="mean_activations",
            )

    # ---- Training ---------------------------------------------------------

    def mean_activations(self, codes, training):
        """`rho_j`, the mean activation of each unit."""
        means = replica_mean(ops.mean(at_least_float32(codes), axis=0))
        if self.sparsity_estimator == "batch" or not training:
            return means
        means = self.sparsity_decay * self.activations.value + (
            (1.0 - self.sparsity_decay) * means
        )
        self.activations.assign(ops.stop_gradient(means))
        return means

    def penalised_loss(self, batch, training):
        """The objective `J` of a batch."""
        codes = self.code(batch.x, training)
        outputs = self.decoder(codes, training=training)
        loss = self.reconstruction_loss(self.target(batch), outputs)
        means = self.mean_activations(codes, training)
        divergence = ops.sum(bernoulli.kl_divergence(self.sparsity, means))
        self.log(
            sparsity_divergence=divergence, mean_activation=ops.mean(means)
        )
        decay = sum(
            ops.sum(ops.square(variable))
            for network in (self.encoder, self.decoder)
            for variable in network.trainable_variables
            if variable.name.endswith("kernel")
        )
        return (
            loss
            + 0.5 * self.weight_decay * decay
            + self.sparsity_weight * divergence
        )

    def training_step(self, batch):
        self.minimize("model", lambda: self.penalised_loss(batch, True))

    def evaluation_step(self, batch):
        self.log(loss=self.penalised_loss(batch, False))


def check_unit_interval(encoder):
    """Raises if the codes are known not to be means of coins.

    Only activations of Keras are known; others are taken on trust.
    """
    layer = encoder
    while isinstance(layer, keras.Model):
        layer = layer.outputs[0]._keras_history[0]
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", type(layer).__name__)
    known = activation is not None and activation is getattr(
        keras.activations, name, None
    )
    if isinstance(layer, UNBOUNDED) or (known and name not in COINS):
        raise ValueError(
            "The divergence compares the codes with the mean of a coin: they "
            "must lie in (0, 1). Received an encoder that ends in "
            f"{type(layer).__name__} with the activation {name!r}. Use "
            "'sigmoid', or pass `sparsity_weight=0.0`."
        )
