"""What Keras' TensorFlow trainer calls for each batch."""

import tensorflow as tf


class BackendSteps:
    """The steps of Keras' TensorFlow trainer."""

    @property
    def compiles_steps(self):
        return not self.run_eagerly

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
