"""What Keras' PyTorch trainer calls for each batch."""

from keras_gen.backend import replica
from keras_gen.backend.torch_tracing import TracedStep


class BackendSteps:
    """The steps of Keras' PyTorch trainer."""

    @property
    def compiles_steps(self):
        return self.jit_compile and not self.run_eagerly

    def train_step(self, data):
        if self._traced_step is not None:
            return self._traced_step(data)
        return self.run_training_step(data)

    def test_step(self, data):
        return self.run_evaluation_step(data)

    def make_train_function(self, force=False):
        if self.train_function is not None and not force:
            return
        self._traced_step = None
        alone = replica()[1] == 1
        if not self.run_eagerly and (alone or self.jit_compile):
            self._traced_step = TracedStep(
                self, self.run_training_step, compiled=self.jit_compile
            )
        self._without_torch_compile(super().make_train_function, force)

    def make_test_function(self, force=False):
        self._without_torch_compile(super().make_test_function, force)

    def _without_torch_compile(self, make_function, force):
        jit_compile = self.jit_compile
        self.jit_compile = False
        try:
            make_function(force=force)
        finally:
            self.jit_compile = jit_compile
