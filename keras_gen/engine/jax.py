"""What Keras' JAX trainer calls for each batch.

The trainer is functional: a step gets all variables as lists and returns
their new values.
"""

from keras_gen.backend.scope import Scope


class BackendSteps:
    """The steps of Keras' JAX trainer."""

    @property
    def compiles_steps(self):
        return not self.run_eagerly

    def train_step(self, state, data):
        groups = (
            self.trainable_variables,
            self.non_trainable_variables,
            self.optimizer.variables,
            self.metrics_variables,
        )
        return self._stateless_step(self.run_training_step, groups, state, data)

    def test_step(self, state, data):
        groups = (
            self.trainable_variables,
            self.non_trainable_variables,
            self.metrics_variables,
        )
        return self._stateless_step(
            self.run_evaluation_step, groups, state, data
        )

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
            logs = step(data)
        state = tuple(
            [scope.get_current_value(variable) for variable in variables]
            for variables in groups
        )
        return logs, state
