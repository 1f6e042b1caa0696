"""Variables that hold other values for a while."""

import contextlib

import keras
from keras import ops


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


@contextlib.contextmanager
def frozen(*networks):
    """A context in which the weights of networks are constants.

    No gradient of a loss computed inside reaches them, while gradients pass
    through the networks to their inputs. Other changes of state, such as the
    moving statistics of batch normalization, last.

    Args:
        *networks: `keras.Model`s or layers.

    Example:

    ```python
    with frozen(self.encoder):
        recovered = self.encoder(self.generator(z))
    ```
    """
    mapping = {
        id(variable): (variable, ops.stop_gradient(variable.value))
        for network in networks
        for variable in network.trainable_variables
    }
    with Scope(mapping.values()) as scope:
        yield
    for variable, value in zip(*scope.changes(), strict=True):
        variable.assign(value)


@contextlib.contextmanager
def fixed_statistics(*networks):
    """A context that leaves the moving statistics of networks as they are.

    Batches are still normalized by their own statistics in training. Other
    changes of state, such as those of seed generators, last.

    Args:
        *networks: `keras.Model`s or layers.

    Example:

    ```python
    with fixed_statistics(self.classifier):
        fake_logits = self.classifier(self.generator(z), training=True)
    ```
    """
    fixed = {id(v) for n in networks for v in n.non_trainable_weights}
    with Scope() as scope:
        yield
    for variable, value in zip(*scope.changes(), strict=True):
        if id(variable) not in fixed:
            variable.assign(value)
