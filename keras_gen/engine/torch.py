"""What Keras' PyTorch trainer calls for each batch."""

from keras_gen.backend.torch_compile import CompiledStep


class BackendSteps:
    """The steps of Keras' PyTorch trainer."""

    def train_step(self, data):
        if self._compiled_step is not None:
            return self._compiled_step(data)
        return self.run_training_step(data)

    def test_step(self, data):
        return self.run_evaluation_step(data)

    def make_train_function(self, force=False):
        if self.train_function is not None and not force:
            return
        self._compiled_step = None
        if self.jit_compile and not self.run_eagerly:
            self._compiled_step = CompiledStep(self, self.run_training_step)
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
