"""The primitives that differ between TensorFlow, JAX and PyTorch.

Each of `tensorflow.py`, `jax.py` and `torch.py` offers the same names:

- `differentiate(objective, variables)`: a loss and its gradients.
- `gradient(fn, x)`: a derivative that can be differentiated again.
- `apply_gradients(optimizer, gradients, variables)`: one update.
- `when(condition, fn)`: state changes under a condition, also in a compiled
  step.
- `replica()`, `replica_mean(x)` and `gather(x)`: this worker among the workers
  that share a global batch, the mean over them, and the rows of all.
- `conv(x, kernel, **options)`: that of `keras.ops`, with its derivatives for
  one filter of one image.
- `conv_transpose(x, kernel, **options)`: that of `keras.ops`, by the fastest
  kernels for its derivatives.
- `fused_batch_norm(x, scale, bias, epsilon)`: what the backend's kernel
  makes of a batch, its mean and its variance, or `None` where there is no
  kernel whose second derivatives are right.
- `synchronize(variables)`: the first worker's values for all workers.
- `inference()`: a context in which no gradient is recorded.
- `require_at_least(size, minimum, message)`: a check of a batch's size,
  also where the size is known only when the step runs.
"""

import keras

if keras.backend.backend() == "tensorflow":
    from keras_gen.backend import tensorflow as module
elif keras.backend.backend() == "jax":
    from keras_gen.backend import jax as module
elif keras.backend.backend() == "torch":
    from keras_gen.backend import torch as module
else:
    raise ImportError(
        "The backend of Keras must be 'tensorflow', 'jax' or 'torch'. "
        f"Received: backend={keras.backend.backend()!r}. Set the environment "
        "variable KERAS_BACKEND to one of them before Keras is imported."
    )

differentiate = module.differentiate
gradient = module.gradient
apply_gradients = module.apply_gradients
when = module.when
replica = module.replica
replica_mean = module.replica_mean
gather = module.gather
conv = module.conv
conv_transpose = module.conv_transpose
fused_batch_norm = module.fused_batch_norm
synchronize = module.synchronize
inference = module.inference
require_at_least = module.require_at_least
