"""The primitives of the backend that Keras runs on.

Each of `tensorflow.py`, `jax.py` and `torch.py` offers the same names:

- `BackendSteps`: what the backend's trainer calls for a batch.
- `differentiate(objective, variables)`: a loss and its gradients.
- `apply_gradients(optimizer, gradients, variables)`: one update.
- `gradient(fn, x)`: a derivative that can be differentiated again.
- `replica()` and `replica_mean(x)`: this worker among the workers that
  share a global batch.
- `fused_batch_norm(x, scale, offset, epsilon)`: what the backend's kernel
  makes of a batch, its mean and its variance, or `None` where there is no
  kernel whose second derivatives are right.
- `synchronise(variables)`: the first worker's values for all workers.
- `inference()`: a context in which no gradient is recorded.
- `require_at_least(size, minimum, message)`: a check of a batch's size,
  also where the size is known only when the step runs.
"""

import keras

if keras.backend.backend() == "tensorflow":
    from keras_gen.engine import tensorflow as module
elif keras.backend.backend() == "jax":
    from keras_gen.engine import jax as module
elif keras.backend.backend() == "torch":
    from keras_gen.engine import torch as module
else:
    raise ImportError(
        "keras_gen trains on the 'tensorflow', 'jax' and 'torch' backends of "
        f"Keras. Received: backend={keras.backend.backend()!r}. Set the "
        "environment variable KERAS_BACKEND to one of them before Keras is "
        "imported."
    )

BackendSteps = module.BackendSteps
differentiate = module.differentiate
apply_gradients = module.apply_gradients
gradient = module.gradient
replica = module.replica
replica_mean = module.replica_mean
fused_batch_norm = module.fused_batch_norm
synchronise = module.synchronise
inference = module.inference
require_at_least = module.require_at_least
