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


@keras.saving.register_keras_serializable(package="keras_gen")
class ConstantThenLinear(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that stays, and then falls linearly to 0.

    Args:
        initial_learning_rate: Float.
        constant_steps: Integer. The updates at that rate.
        decay_steps: Integer. The updates in which it falls.

    Example:

    >>> ConstantThenLinear(2e-4, 100, 100)(150)  # 1e-4

    Reference:

    - [Zhu et al., 2017](https://arxiv.org/abs/1703.10593)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        constant_steps: int,
        decay_steps: int,
    ):
        super().__init__()
        self.initial_learning_rate = initial_learning_rate
        self.constant_steps = constant_steps
        self.decay_steps = decay_steps

    def __call__(self, step):
        done = ops.cast(step, "float32") - self.constant_steps
        left = ops.clip(1.0 - done / self.decay_steps, 0.0, 1.0)
        return self.initial_learning_rate * left

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "constant_steps": self.constant_steps,
            "decay_steps": self.decay_steps,
        }
