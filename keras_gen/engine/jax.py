"""The engine's primitives on JAX.

Keras' JAX trainer is functional: a step gets all variables as lists and
returns their new values. Here the step runs as if everything were stateful,
inside a scope that holds the values; each differentiation opens a scope of
its own and hands the values that it changed back to the scope around it.
"""

import contextlib

import jax
import keras


class Scope(keras.StatelessScope):
    """A stateless scope that reads through to the scope around it."""

    def __init__(self, state_mapping=()):
        super().__init__(state_mapping=state_mapping)
        self.written = {}

    def get_current_value(self, variable):
        value = super().get_current_value(variable)
        if value is None and self.original_scope is not None:
            value = self.original_scope.get_current_value(variable)
        return value

    def add_update(self, update):
        super().add_update(update)
        self.written[id(update[0])] = update[0]

    def changes(self):
        """The variables that were assigned, and their values."""
        variables = list(self.written.values())
        return variables, [self.get_current_value(v) for v in variables]


class BackendSteps:
    """The steps that Keras' JAX trainer calls for each batch."""

    def train_step(self, state, data):
        groups = (
            self.trainable_variables,
            self.non_trainable_variables,
            self.optimizer.variables,
            self.metrics_variables,
        )
        return self._stateless_step(self.training_step, groups, state, data)

    def test_step(self, state, data):
        groups = (
            self.trainable_variables,
            self.non_trainable_variables,
            self.metrics_variables,
        )
        return self._stateless_step(self.evaluation_step, groups, state, data)

    def evaluate(self, *args, **kwargs):
        try:
            return super().evaluate(*args, **kwargs)
        finally:
            self.jax_state_sync()

    def predict(self, *args, **kwargs):
        try:
            return super().predict(*args, **kwargs)
        finally:
            self.jax_state_sync()

    # Keras hands over the values of all variables after each step. Tracked,
    # as other attributes are, they would be searched for layers each time.
    def __setattr__(self, name, value):
        if name == "_jax_state":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    # Keras takes the values out of the variables before the first step. Here
    # they are kept, so that they are put back if that step fails.
    def _get_jax_state(self, purge_model_variables=False, **groups):
        state = super()._get_jax_state(
            purge_model_variables=purge_model_variables, **groups
        )
        if purge_model_variables:
            names = [name for name, taken in groups.items() if taken]
            self._jax_state = dict(zip(names, state, strict=True))
        return state

    def _stateless_step(self, step, groups, state, data):
        mapping = [
            pair
            for variables, values in zip(groups, state, strict=True)
            for pair in zip(variables, values, strict=True)
        ]
        with Scope(mapping) as scope:
            logs = self.run_step(step, data)
        state = tuple(
            [scope.get_current_value(variable) for variable in variables]
            for variables in groups
        )
        return logs, state


def _carrying_state(function):
    """Makes `function` pure: its state changes become an output.

    Returns the pure function, and a function that writes the changes of its
    last call to the variables.
    """
    variables = []

    def pure(*args, mapping=()):
        with Scope(mapping) as scope:
            value, outputs = function(*args)
        variables[:], changes = scope.changes()
        return value, (outputs, changes)

    def write(changes):
        for variable, value in zip(variables, changes, strict=True):
            variable.assign(value)

    return pure, write


def differentiate(objective, variables):
    """Returns `objective()`'s outputs and the gradients of its loss."""
    pure, write = _carrying_state(objective)

    def loss_of(values):
        return pure(mapping=list(zip(variables, values, strict=True)))

    values = [variable.value for variable in variables]
    (_, (outputs, changes)), gradients = jax.value_and_grad(
        loss_of, has_aux=True
    )(values)
    write(changes)
    return outputs, gradients


def apply_gradients(optimizer, gradients, variables):
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        new_values, new_state = optimizer.stateless_apply(
            [variable.value for variable in optimizer.variables],
            gradients,
            [variable.value for variable in variables],
        )
        for variable, value in zip(
            [*variables, *optimizer.variables],
            [*new_values, *new_state],
            strict=True,
        ):
            variable.assign(value)
    else:
        optimizer.apply(gradients, variables)


def gradient(fn, x):
    pure, write = _carrying_state(lambda x: (fn(x).sum(), None))
    result, (_, changes) = jax.grad(pure, has_aux=True)(
        keras.ops.convert_to_tensor(x)
    )
    write(changes)
    return result


def replica():
    # A program over several devices computes on the global batch.
    return 0, 1


def replica_mean(x):
    return x


def fused_batch_norm(x, scale, offset, epsilon):
    return None


def synchronise(variables):
    """Processes that start from one seed hold the same values."""


def inference():
    return contextlib.nullcontext()


def require_at_least(size, minimum, message):
    if size < minimum:
        raise ValueError(message.format(size=size))
