"""Restricted Boltzmann machines, the layers of a stack.

G. E. Hinton, "Training Products of Experts by Minimizing Contrastive
Divergence", Neural Computation 14, 2002; for the stack, G. E. Hinton and R. R.
Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks",
Science 313, 2006, https://doi.org/10.1126/science.1127647

With visible units `v` and hidden units `h`, the energy of binary units is

    E(v, h) = -b v - c h - v W h.

Gaussian hidden units (linear, of unit variance) have `(h - c)^2 / 2` in place
of `-c h`, Gaussian visible units `(v - b)^2 / 2` in place of `-b v`. The hidden
units can be summed out, `exp(-F(v)) = sum_h exp(-E(v, h))`, and contrastive
divergence (CD-1) lowers the free energy difference `F(v0) - F(v1)`, where `v1`
is the reconstruction of `v0` from a sample of its hidden units.
"""

import math
from functools import partial

import keras
import numpy as np
from keras import ops

from keras_gen.backend import noise
from keras_gen.checks import check_option, check_positive
from keras_gen.models.encoder_decoder import EncoderDecoderModel
from keras_gen.optimizers import MomentumSGD

UNITS = ("binary", "gaussian")


class RBMLayer(keras.layers.Layer):
    """The weights and the biases of a restricted Boltzmann machine."""

    def __init__(self, visible_units, hidden_units, **kwargs):
        super().__init__(**kwargs)
        self.kernel = self.add_weight(
            shape=(visible_units, hidden_units),
            initializer=keras.initializers.RandomNormal(stddev=0.1),
            name="kernel",
        )
        self.visible_bias = self.add_weight(
            shape=(visible_units,), initializer="zeros", name="visible_bias"
        )
        self.hidden_bias = self.add_weight(
            shape=(hidden_units,), initializer="zeros", name="hidden_bias"
        )
        self.built = True

    def up(self, visible):
        """Pre-activations of the hidden units."""
        return ops.matmul(visible, self.kernel) + self.hidden_bias

    def down(self, hidden):
        """Pre-activations of the visible units."""
        kernel = ops.transpose(self.kernel)
        return ops.matmul(hidden, kernel) + self.visible_bias


@keras.saving.register_keras_serializable(package="keras_gen")
class RBM(EncoderDecoderModel):
    """Restricted Boltzmann machine, trained by contrastive divergence.

    Args:
        input_shape: Tuple. The shape of an example, which is flattened.
        latent_dim: Integer. The number of hidden units.
        visible: String. `"binary"` for `x` in [0, 1], or `"gaussian"` for
            data of mean 0 and variance 1.
        hidden: String. `"binary"` or `"gaussian"`. Not both kinds of units
            can be Gaussian.
        weight_decay: Float. The weights, not the biases, decay at this
            multiple of the learning rate.

    Example:

    ```python
    model = keras_gen.RBM((28, 28, 1), latent_dim=500)
    model.compile()
    model.fit(images, batch_size=100, epochs=10)
    codes = model.encode(images)
    ```

    A bare `compile()` uses the paper's learning rate, 0.1 (0.001 with
    Gaussian units), and momentum: 0.5 at first, 0.9 after 3,000 updates, five
    epochs of MNIST. It computes in the precision of its weights, not in half
    precision.
    """

    players = {"model": ["rbm_layer"]}
    logged = ("squared_error",)

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        latent_dim: int = 500,
        visible: str = "binary",
        hidden: str = "binary",
        weight_decay: float = 2e-4,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("visible", visible, UNITS)
        check_option("hidden", hidden, UNITS)
        check_positive(latent_dim=latent_dim)
        if visible == hidden == "gaussian":
            raise ValueError(
                "`visible` or `hidden` must be 'binary': of Gaussian units "
                "alone the energy is not bounded below. Received: "
                "visible='gaussian', hidden='gaussian'."
            )
        self.input_shape = tuple(input_shape)
        self.latent_dim = latent_dim
        self.visible = visible
        self.hidden = hidden
        self.weight_decay = weight_decay
        self.value_range = (0.0, 1.0) if visible == "binary" else None
        sizes = (math.prod(input_shape), latent_dim)
        new = partial(RBMLayer, *sizes, dtype=self.variable_dtype)
        self.rbm_layer = self.network_of("rbm_layer", None, new)
        self.hidden_seed = self.seed_generator("hidden")

    @property
    def learning_rate(self) -> float:
        """The paper's; machines with Gaussian units diverge at larger ones."""
        return 0.001 if "gaussian" in (self.visible, self.hidden) else 0.1

    def default_optimizer(self):
        return MomentumSGD(self.learning_rate)

    def flat(self, x):
        """Examples as vectors."""
        x = ops.cast(x, self.variable_dtype)
        return ops.reshape(x, (-1, math.prod(self.input_shape)))

    def hidden_mean(self, v):
        """`E[h|v]`: probabilities of binary units, means of Gaussian ones."""
        h = self.rbm_layer.up(v)
        return ops.sigmoid(h) if self.hidden == "binary" else h

    def visible_mean(self, h):
        """`E[v|h]`."""
        v = self.rbm_layer.down(h)
        return ops.sigmoid(v) if self.visible == "binary" else v

    def sample_hidden(self, mean):
        """A sample of the hidden units, given their means."""
        if self.hidden == "binary":
            draw = noise.uniform(ops.shape(mean), self.hidden_seed)
            return ops.cast(ops.less(draw, mean), mean.dtype)
        return ops.add(mean, noise.normal(ops.shape(mean), self.hidden_seed))

    def energies(self, x):
        """The free energy `F(v)` of each of a batch of examples."""
        b, c = self.rbm_layer.visible_bias, self.rbm_layer.hidden_bias
        v = self.flat(x)
        h = self.rbm_layer.up(v)
        visible, hidden = -v * b, ops.softplus(h)
        if self.visible == "gaussian":
            visible = 0.5 * ops.square(v - b)
        if self.hidden == "gaussian":
            hidden = 0.5 * (ops.square(h) - ops.square(c))
        return ops.sum(visible, axis=-1) - ops.sum(hidden, axis=-1)

    def contrastive_divergence(self, v0, v1):
        """`E[F(v0)] - E[F(v1)]`, and the decay of the weights."""
        decay = ops.sum(ops.square(self.rbm_layer.kernel))
        difference = ops.mean(self.energies(v0) - self.energies(v1))
        return difference + 0.5 * self.weight_decay * decay

    def model_loss(self, batch, training):
        v0 = self.flat(batch.x)
        h = self.sample_hidden(self.hidden_mean(v0))
        # Probabilities, not samples, and no gradient through the chain.
        v1 = ops.stop_gradient(self.visible_mean(h))
        errors = ops.sum(ops.square(v0 - v1), axis=-1)
        self.log(squared_error=ops.mean(errors))
        return self.contrastive_divergence(v0, v1)

    def encode_step(self, x):
        return self.hidden_mean(self.flat(x))

    def decode_step(self, z):
        return ops.reshape(self.visible_mean(z), (-1, *self.input_shape))

    def free_energy(self, x, *, batch_size: int = 256) -> np.ndarray:
        """The free energy of each example; lower is more probable."""
        return self.run(self.energies, x, batch_size=batch_size)
