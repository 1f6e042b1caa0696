"""The steps of the trainer of the backend that Keras runs on."""

import keras

if keras.backend.backend() == "tensorflow":
    from keras_gen.engine.tensorflow import BackendSteps
elif keras.backend.backend() == "jax":
    from keras_gen.engine.jax import BackendSteps
else:
    from keras_gen.engine.torch import BackendSteps

__all__ = ["BackendSteps"]
