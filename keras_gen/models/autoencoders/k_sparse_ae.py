"""The k-sparse autoencoder.

A. Makhzani and B. Frey, "k-Sparse Autoencoders", ICLR 2014,
https://arxiv.org/abs/1312.5663

A linear code of which only the `k` largest units are kept:

    z = W^T x + b,   Gamma = supp_k(z),   r = W z_Gamma + b',
    E = ||x - r||^2,

with gradients through the units in `Gamma` alone.
"""

from functools import partial

import keras
import numpy as np
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_at_least, check_count
from keras_gen.layers import KSparse
from keras_gen.losses import reconstruction
from keras_gen.models.autoencoders.autoencoder import ShallowAutoencoder
from keras_gen.schedules import Schedule, check_scheduled


@keras.saving.register_keras_serializable(package="keras_gen")
class KSparseAE(ShallowAutoencoder):
    """k-sparse autoencoder.

    Args:
        k: Integer or `keras_gen.Schedule`. How many units are kept for each
            example. A schedule that lowers `k` from a larger one, in the
            paper over half of all epochs, avoids dead units.
        alpha: Float of at least 1. In inference, `round(alpha * k)` are kept.

    Example:

    ```python
    k = keras_gen.Schedule(100, 25, over=10)  # epochs
    model = keras_gen.KSparseAE((28, 28, 1), latent_dim=1000, k=k)
    model.compile()
    model.fit(images, batch_size=100, epochs=20)
    codes = model.encode(images)
    ```

    A bare `compile()` uses Adam at 1e-3; the paper has gradient descent with
    momentum up to 0.9 and a falling rate that it does not state. The kernel
    starts from N(0, 0.01^2).

    Reference:

    - [Makhzani and Frey, 2014](https://arxiv.org/abs/1312.5663)
    """

    defaults = {"latent_dim": 1000, "tied": True}
    fixed = {"activation": "linear", "latent_activation": "linear"}
    presets = {
        "paper": {"k": Schedule(100, 25, over=100)},
        "small": {},
        "smoke": {"latent_dim": 100, "k": 10},
    }

    def __init__(
        self, *args, k: int | Schedule = 25, alpha: float = 1.0, **kwargs
    ):
        super().__init__(*args, **kwargs)
        check_at_least(1, alpha=alpha)
        check_scheduled("k", k, self.check_kept)
        self.k = k
        self.alpha = alpha
        self.final_k = k.end if isinstance(k, Schedule) else k
        new = partial(KSparse, self.final_k)
        self.sparsity = self.network_of("sparsity", None, new)

    def initializer(self):
        return keras.initializers.RandomNormal(stddev=0.01)

    def check_kept(self, k):
        """Raises unless `k` units can be kept."""
        check_count(k=k)
        if k > self.latent_dim:
            raise ValueError(
                f"`k` must be at most {self.latent_dim}, the size of the "
                f"code. Received: k={k}."
            )

    def kept(self, training):
        """How many units are kept, as an integer or a tensor."""
        if not training:
            return min(round(self.alpha * self.final_k), self.latent_dim)
        if not isinstance(self.k, Schedule):
            return self.k
        return ops.cast(ops.round(self.scheduled(self.k)), "int32")

    def code(self, x, training=False):
        codes = at_least_float32(super().code(x, training))
        return self.sparsity(codes, k=self.kept(training))

    def reconstruction_terms(self, target, outputs):
        return reconstruction.squared_error(target, outputs)

    def usage(self, x, *, batch_size: int = 256) -> np.ndarray:
        """The fraction of the examples that keep each unit; 0 if it is dead."""
        return np.mean(self.encode(x, batch_size=batch_size) != 0.0, axis=0)
