"""The sparse autoencoder.

A. Ng, "Sparse autoencoder", CS294A lecture notes, Stanford, 2011,
https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf

A wide layer of logistic units, of which each is driven to a small mean
activation `rho`. With `rho_j = E[h_j(x)]` over the examples,

    J = E[||r - x||^2 / 2] + lambda / 2 sum_l ||W_l||^2
        + beta sum_j KL(rho || rho_j),
    KL(rho || rho_j) = rho log(rho / rho_j)
                       + (1 - rho) log((1 - rho) / (1 - rho_j)).
"""

import math

import keras
from keras import layers, ops

from keras_gen.backend import replica_mean
from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_decay, check_option
from keras_gen.distributions import bernoulli_kl
from keras_gen.engine.own_networks import last_operation
from keras_gen.models.autoencoders.autoencoder import ShallowAutoencoder
from keras_gen.models.autoencoders.k_sparse_ae import KSparseAE

__all__ = ["SAE", "KSparseAE"]

# Activations whose values lie in [0, 1], and layers whose values do not.
UNIT_INTERVAL = ("sigmoid", "hard_sigmoid", "sparse_sigmoid", "softmax")
UNBOUNDED = (layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU)


@keras.saving.register_keras_serializable(package="keras_gen")
class SAE(ShallowAutoencoder):
    """Sparse autoencoder with a penalty on the mean activation of each unit.

    Args:
        input_shape: Tuple. The shape of an example, with values in [0, 1]
            unless the `decoder` is yours.
        sparsity: Float in (0, 1). The target `rho` of each mean activation.
        sparsity_weight: Float. The weight `beta` of the KL divergence, which
            is summed over the units.
        weight_decay: Float. The weight `lambda` of half the squared kernels.
            Biases are not decayed; in your own networks all kernels are.
        sparsity_estimator: String. `"batch"` for the means over the batch, of
            100 examples or more; or `"ema"` for moving averages of them,
            through whose newest term gradients pass.
        sparsity_decay: Float in [0, 1). The decay of the moving averages,
            which begin at `sparsity`.
        encoder: `keras.Model` from `x` to a code in (0, 1).
        decoder: `keras.Model` from the code to `x`.

    Example:

    ```python
    model = keras_gen.SAE((28, 28, 1), latent_dim=196, sparsity=0.1)
    model.compile()
    model.fit(images, batch_size=200, epochs=10)
    pictures = model.filters()
    ```

    The defaults are those of the notes for patches of 8x8 pixels, scaled to
    [0.1, 0.9]. A bare `compile()` uses Adam at 1e-3, where the notes have
    L-BFGS on all patches at once.
    """

    defaults = {"input_shape": (8, 8, 1), "latent_dim": 25}
    fixed = dict(activation="sigmoid", latent_activation="sigmoid", tied=False)
    output_activation = "sigmoid"
    logged = (
        *ShallowAutoencoder.logged,
        "sparsity_divergence",
        "mean_activation",
    )
    presets = {
        "small": {"latent_dim": 196, "sparsity": 0.1, "weight_decay": 3e-3},
        "smoke": {"latent_dim": 64, "sparsity": 0.1, "weight_decay": 3e-3},
    }

    def __init__(
        self,
        *args,
        sparsity: float = 0.01,
        sparsity_weight: float = 3.0,
        weight_decay: float = 1e-4,
        sparsity_estimator: str = "batch",
        sparsity_decay: float = 0.9,
        decoder: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(*args, decoder=decoder, **kwargs)
        check_option("sparsity_estimator", sparsity_estimator, ("batch", "ema"))
        if not 0.0 < sparsity < 1.0:
            raise ValueError(
                "`sparsity` must lie between 0 and 1, as the mean activation "
                f"of a logistic unit does. Received: sparsity={sparsity}."
            )
        check_decay(sparsity_decay=sparsity_decay)
        # The model's own outputs are logistic.
        self.value_range = (0.0, 1.0) if decoder is None else None
        self.sparsity = sparsity
        self.sparsity_weight = sparsity_weight
        self.weight_decay = weight_decay
        self.sparsity_estimator = sparsity_estimator
        self.sparsity_decay = sparsity_decay
        if sparsity_weight:
            check_unit_interval(self.encoder)
        if sparsity_estimator == "ema":
            self.activations = self.add_state(
                "mean_activations", sparsity, (self.latent_dim,)
            )

    def initializer(self):
        # U(-a, a), a = sqrt(6 / (fan_in + fan_out + 1)), as in the notes.
        fans = math.prod(self.input_shape) + self.latent_dim
        limit = math.sqrt(6.0 / (fans + 1))
        return keras.initializers.RandomUniform(-limit, limit)

    def mean_activations(self, codes, training):
        """`rho_j`, the mean activation of each unit."""
        means = replica_mean(ops.mean(at_least_float32(codes), axis=0))
        if self.sparsity_estimator == "batch" or not training:
            return means
        decay = self.sparsity_decay
        means = decay * self.activations.value + (1.0 - decay) * means
        self.activations.assign(ops.stop_gradient(means))
        return means

    def model_loss(self, batch, training):
        codes = self.code(batch.x, training)
        outputs = self.decoder(codes, training=training)
        loss = self.reconstruction_loss(self.target(batch), outputs)
        means = self.mean_activations(codes, training)
        kl = ops.sum(bernoulli_kl(self.sparsity, means))
        self.log(sparsity_divergence=kl, mean_activation=ops.mean(means))
        weights = self.trainable_variables
        kernels = [w for w in weights if w.name.endswith("kernel")]
        decay = sum(ops.sum(ops.square(kernel)) for kernel in kernels)
        loss = loss + 0.5 * self.weight_decay * decay
        return loss + self.sparsity_weight * kl


def check_unit_interval(encoder):
    """Raises if the codes are known not to be Bernoulli parameters.

    Only activations of Keras are known; others are taken on trust.
    """
    outputs = getattr(encoder, "outputs", None)
    if outputs is None:
        return
    layer, name = last_operation(outputs[0])
    activation = getattr(layer, "activation", layer)
    known = activation is getattr(keras.activations, name, None)
    if isinstance(layer, UNBOUNDED) or (known and name not in UNIT_INTERVAL):
        raise ValueError(
            "`encoder` of SAE must return codes in (0, 1), the Bernoulli "
            "parameters of the sparsity penalty. Received: an encoder that "
            f"ends in {type(layer).__name__} with the activation {name!r}. "
            "Use 'sigmoid', or pass `sparsity_weight=0.0`."
        )
