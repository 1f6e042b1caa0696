"""What Keras' TensorFlow trainer calls for each batch."""

import contextlib
import functools
import threading

import tensorflow as tf


class BackendSteps:
    """The steps of Keras' TensorFlow trainer."""

    @property
    def compiles_steps(self):
        return not self.run_eagerly

    def make_train_function(self, force=False):
        made = self.train_function is not None and not force
        super().make_train_function(force)
        if self._makes_graphs and not made:
            self.train_function = _in_order(self.train_function)

    @property
    def _makes_graphs(self):
        return not (self.run_eagerly or self.jit_compile)

    def fitting_scope(self):
        if self._makes_graphs:
            return updates_in_order()
        return super().fitting_scope()

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
    """A function whose graphs keep the order of all updates."""

    @functools.wraps(function)
    def run(*args):
        with updates_in_order():
            return function(*args)

    return run


_lock, _scopes, _before = threading.Lock(), 0, True


@contextlib.contextmanager
def updates_in_order():
    """A scope in which the graphs that are called keep the order of updates.

    Grappler's dependency optimizer removes too many control dependencies: of
    two updates of a variable in one step, the second came first in a fifth of
    the graphs of a Wasserstein GAN. XLA does without it.

    Scopes may be nested: to enter the first takes longer than a small step's
    graph takes to start.
    """
    global _scopes, _before
    options, name = tf.config.optimizer, "dependency_optimization"
    with _lock:
        if not _scopes:
            _before = options.get_experimental_options().get(name, True)
            options.set_experimental_options({name: False})
        _scopes += 1
    try:
        yield
    finally:
        with _lock:
            _scopes -= 1
            if not _scopes:
                options.set_experimental_options({name: _before})
