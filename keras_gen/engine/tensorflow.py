"""What Keras' TensorFlow trainer calls for each batch."""

import functools

import tensorflow as tf


class BackendSteps:
    """The steps of Keras' TensorFlow trainer."""

    @property
    def compiles_steps(self):
        return not self.run_eagerly

    def make_train_function(self, force=False):
        made = self.train_function is not None and not force
        super().make_train_function(force)
        if not (made or self.run_eagerly or self.jit_compile):
            self.train_function = _in_order(self.train_function)

    def train_step(self, data):
        with _after(data):
            return self.run_training_step(data)

    def test_step(self, data):
        with _after(data):
            return self.run_evaluation_step(data)


def _after(data):
    """A context in which all operations wait for the data.

    Keras asks an iterator for a batch more than it has. What needs no data,
    such as counting steps, must not run in that step.
    """
    tensors = [x for x in tf.nest.flatten(data) if tf.is_tensor(x)]
    return tf.control_dependencies(tensors)


def _in_order(function):
    """A function whose graphs keep the order of all updates.

    The pass of TensorFlow that removes dependencies removes too many: of two
    updates of a variable in one step, the second came first in a fifth of the
    graphs of a Wasserstein GAN. XLA does without that pass.
    """
    options = tf.config.optimizer

    @functools.wraps(function)
    def run(*args):
        name = "dependency_optimization"
        before = options.get_experimental_options().get(name, True)
        options.set_experimental_options({name: False})
        try:
            return function(*args)
        finally:
            options.set_experimental_options({name: before})

    return run
