"""Restricted Boltzmann machines, the layers of a stack.

G. E. Hinton, "Training Products of Experts by Minimizing Contrastive
Divergence", Neural Computation 14, 2002; for the stack, G. E. Hinton and R. R.
Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks",
Science 313, 2006, https://doi.org/10.1126/science.1127647

With visible units `v` and hidden units `h`, the energy of binary units is

    E(v, h) = -b v - c h - v W h.

Linear hidden units of variance one have `(h - c)^2 / 2` in place of `-c h`,
linear visible units `(v - b)^2 / 2` in place of `-b v`. The hidden units can be
summed out, `exp(-F(v)) = sum_h exp(-E(v, h))`, and contrastive divergence
lowers `F(v0) - F(v1)`, where `v1` is the reconstruction of `v0` from a draw of
its hidden units.
"""

import math

import keras
import numpy as np
from keras import ops

from keras_gen.engine import noise
from keras_gen.engine.records import check_range
from keras_gen.models.reconstructing import ReconstructingModel, require_option

UNITS = ("binary", "gaussian")


@keras.saving.register_keras_serializable(package="keras_gen")
class MomentumSGD(keras.optimizers.Optimizer):
    """Gradient descent whose momentum changes once in training.

    `velocity = momentum * velocity - learning_rate * gradient`.

    Args:
        learning_rate: Float or schedule.
        initial_momentum: Float. The momentum of the first updates.
        momentum: Float. That of the others.
        switch_step: Integer. The number of the first updates.
    """

    def __init__(
        self,
        learning_rate=0.1,
        initial_momentum: float = 0.5,
        momentum: float = 0.9,
        switch_step: int = 3000,
        name: str = "momentum_sgd",
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.initial_momentum = initial_momentum
        self.momentum = momentum
        self.switch_step = switch_step

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.velocities = [
            self.add_variable_from_reference(variable, name="velocity")
            for variable in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        velocity = self.velocities[self._get_variable_index(variable)]
        momentum = ops.where(
            self.iterations < self.switch_step,
            self.initial_momentum,
            self.momentum,
        )
        value = ops.cast(momentum, variable.dtype) * velocity - (
            ops.cast(learning_rate, variable.dtype)
            * ops.cast(gradient, variable.dtype)
        )
        self.assign(velocity, value)
        self.assign_add(variable, value)

    def get_config(self):
        return {
            **super().get_config(),
            "initial_momentum": self.initial_momentum,
            "momentum": self.momentum,
            "switch_step": self.switch_step,
        }


class Connections(keras.layers.Layer):
    """The weights and the offsets of a restricted Boltzmann machine."""

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
        """What the hidden units receive."""
        return ops.matmul(visible, self.kernel) + self.hidden_bias

    def down(self, hidden):
        """What the visible units receive."""
        kernel = ops.transpose(self.kernel)
        return ops.matmul(hidden, kernel) + self.visible_bias


@keras.saving.register_keras_serializable(package="keras_gen")
class RBM(ReconstructingModel):
    """Restricted Boltzmann machine, trained by contrastive divergence.

    Args:
        input_shape: Tuple. The shape of an example, which is flattened.
        hidden_units: Integer. The number of hidden units.
        visible: `"binary"` for `x` in [0, 1], or `"gaussian"` for linear
            visible units of variance one, for data of mean 0 and variance 1.
        hidden: `"binary"`, or `"gaussian"` for linear hidden units of
            variance one. Not both kinds of units can be linear.
        weight_decay: Float. The weights, not the offsets, decay at this
            multiple of the learning rate.
        seed: Integer or `None`.

    Example:

    ```python
    model = keras_gen.RBM((28, 28, 1), hidden_units=500)
    model.compile()
    model.fit(images, batch_size=100, epochs=10)
    features = model.encode(images)
    ```

    A bare `compile()` uses the paper's learning rate, 0.1 (0.001 with linear
    units), and momentum: 0.5 at first, 0.9 after 3,000 updates, five epochs
    of MNIST. It computes in the precision of its weights, not in
    half of it.

    Reference:

    - [Hinton and Salakhutdinov, 2006](https://doi.org/10.1126/science.1127647)
    """

    players = {"model": ["connections"]}
    logged = ("squared_error",)

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: int = 500,
        visible: str = "binary",
        hidden: str = "binary",
        weight_decay: float = 2e-4,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(seed=seed, **kwargs)
        require_option("visible", visible, UNITS)
        require_option("hidden", hidden, UNITS)
        if visible == hidden == "gaussian":
            raise ValueError(
                "A machine of linear units alone has no energy that is "
                "bounded below. Received: visible='gaussian', "
                "hidden='gaussian'. Make one of them 'binary'."
            )
        self.input_shape = tuple(input_shape)
        self.latent_dim = hidden_units
        self.visible = visible
        self.hidden = hidden
        self.weight_decay = weight_decay
        with self.building_scope():
            self.connections = Connections(
                math.prod(self.input_shape),
                hidden_units,
                dtype=self.variable_dtype,
            )
        self.hidden_seed = self.seed_generator("hidden")

    def default_optimizers(self):
        linear = "gaussian" in (self.visible, self.hidden)
        return {"model": MomentumSGD(0.001 if linear else 0.1)}

    def check_arrays(self, x, y):
        if self.visible == "binary":
            check_range(type(self).__name__, x, 0.0, 1.0)

    # ---- The distributions ------------------------------------------------

    def flat(self, x):
        """Examples as vectors."""
        x = ops.cast(x, self.variable_dtype)
        return ops.reshape(x, (-1, math.prod(self.input_shape)))

    def hidden_mean(self, v):
        """`E[h|v]`: probabilities of binary units, values of linear ones."""
        received = self.connections.up(v)
        binary = self.hidden == "binary"
        return ops.sigmoid(received) if binary else received

    def visible_mean(self, h):
        """`E[v|h]`."""
        received = self.connections.down(h)
        binary = self.visible == "binary"
        return ops.sigmoid(received) if binary else received

    def draw_hidden(self, mean):
        """A draw of the hidden units, given their means."""
        if self.hidden == "binary":
            draw = noise.uniform(ops.shape(mean), self.hidden_seed)
            return ops.cast(draw < mean, mean.dtype)
        return mean + noise.normal(ops.shape(mean), self.hidden_seed)

    def energies(self, v):
        """The free energy `F(v)` of each of a batch of vectors."""
        bias = self.connections.visible_bias
        received = self.connections.up(v)
        if self.visible == "binary":
            energy = -ops.sum(v * bias, axis=-1)
        else:
            energy = 0.5 * ops.sum(ops.square(v - bias), axis=-1)
        if self.hidden == "binary":
            return energy - ops.sum(ops.softplus(received), axis=-1)
        offsets = self.connections.hidden_bias
        return (
            energy
            - 0.5 * ops.sum(ops.square(received), axis=-1)
            + 0.5 * ops.sum(ops.square(offsets))
        )

    # ---- Training ---------------------------------------------------------

    def contrastive_divergence(self, v0, v1):
        """`E[F(v0)] - E[F(v1)]`, and the decay of the weights."""
        decay = ops.sum(ops.square(self.connections.kernel))
        return (
            ops.mean(self.energies(v0))
            - ops.mean(self.energies(v1))
            + 0.5 * self.weight_decay * decay
        )

    def training_step(self, batch):
        v0 = self.flat(batch.x)
        h = self.draw_hidden(self.hidden_mean(v0))
        # Probabilities, not draws, and no derivative through the chain.
        v1 = ops.stop_gradient(self.visible_mean(h))
        self.minimize("model", lambda: self.contrastive_divergence(v0, v1))
        errors = ops.sum(ops.square(v0 - v1), axis=-1)
        self.log(squared_error=ops.mean(errors))

    def evaluation_step(self, batch):
        v0 = self.flat(batch.x)
        v1 = self.visible_mean(self.hidden_mean(v0))
        errors = ops.sum(ops.square(v0 - v1), axis=-1)
        self.log(
            loss=self.contrastive_divergence(v0, v1),
            squared_error=ops.mean(errors),
        )

    # ---- Inference --------------------------------------------------------

    def encode_step(self, x):
        return self.hidden_mean(self.flat(x))

    def decode_step(self, z):
        return ops.reshape(self.visible_mean(z), (-1, *self.input_shape))

    def free_energy(self, x, batch_size: int = 256) -> np.ndarray:
        """The free energy of examples: low is probable.

        Args:
            x: Array of shape `(n, *input_shape)`.
            batch_size: Integer.

        Returns:
            Array of shape `(n,)`.
        """
        return self.run_batched(
            lambda x: self.energies(self.flat(x)),
            self.checked(x),
            batch_size=batch_size,
        )

    def served_networks(self):
        return [self.connections]
