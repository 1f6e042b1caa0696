"""Optimizers of the papers that Keras does not have."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_gen")
class MomentumSGD(keras.optimizers.Optimizer):
    """Gradient descent whose momentum changes once in training.

    `velocity = momentum * velocity - learning_rate * gradient`.

    Args:
        learning_rate: Float or schedule.
        initial_momentum: Float. The momentum of the first updates.
        momentum: Float. That of the others.
        switch_step: Integer. The number of the first updates.
        name: String.

    Example:

    >>> optimizer = MomentumSGD(0.1, switch_step=5 * 600)
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
