"""The k-sparse autoencoder.

A. Makhzani and B. Frey, "k-Sparse Autoencoders", ICLR 2014,
https://arxiv.org/abs/1312.5663

A linear code of which only the `k` largest entries are kept:

    z = W^T x + b,   Gamma = supp_k(z),   r = W z_Gamma + b',
    E = ||x - r||^2,

with derivatives through the entries in `Gamma` alone.
"""

import keras
import numpy as np
from keras import ops

from keras_gen.engine.records import check_positive
from keras_gen.layers.k_sparse import KSparse, check_count
from keras_gen.losses import reconstruction
from keras_gen.models.autoencoders.autoencoder import Autoencoder, as_tuple
from keras_gen.precision import at_least_float32


@keras.saving.register_keras_serializable(package="keras_gen")
class KSparseAE(Autoencoder):
    """k-sparse autoencoder.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: Integer. The units of the code.
        k: Integer. How many of them are kept for each example.
        alpha: Float of at least 1. In inference, `round(alpha * k)` are kept.
        initial_k: Integer or `None`. If given, training begins with so many
            and lowers them linearly to `k`; a small `k` from the beginning
            may leave units dead.
        schedule_epochs: Integer. The epochs until `k` is reached; the paper
            has half of all epochs. Needed with `initial_k`.
        tied: Boolean. Whether the decoder has the encoder's kernel,
            transposed.
        encoder: `keras.Model` from `x` to the whole linear code.
        decoder: `keras.Model` from the code to `x`. Needs `tied=False`.
        seed: Integer or `None`.

    Example:

    ```python
    model = keras_gen.KSparseAE((28, 28, 1), hidden_units=1000, k=25)
    model.compile()
    model.fit(images, batch_size=100, epochs=5)
    features = model.encode(images)
    ```

    A bare `compile()` uses Adam at 1e-3; the paper has gradient descent with
    momentum up to 0.9 and a falling rate that it does not state. The kernel
    starts from N(0, 0.01^2).

    Reference:

    - [Makhzani and Frey, 2014](https://arxiv.org/abs/1312.5663)
    """

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: int = 1000,
        k: int = 25,
        alpha: float = 1.0,
        initial_k: int | None = None,
        schedule_epochs: int | None = None,
        tied: bool = True,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(input_shape, "gaussian", seed=seed, **kwargs)
        if alpha < 1.0:
            raise ValueError(
                "Inference keeps at least as many units as training: `alpha` "
                f"is at least 1. Received: alpha={alpha}."
            )
        if (initial_k is None) != (schedule_epochs is None):
            raise ValueError(
                "A schedule has a beginning and a length. Received: "
                f"initial_k={initial_k}, schedule_epochs={schedule_epochs}. "
                "Pass both or neither."
            )
        if initial_k is not None:
            check_count("initial_k", initial_k)
            check_positive(schedule_epochs=schedule_epochs)
        self.k = k
        self.alpha = alpha
        self.initial_k = initial_k
        self.schedule_epochs = schedule_epochs
        with self.building_scope():
            self.sparsity = KSparse(k)
        self.build_mlp(
            encoder,
            decoder,
            as_tuple(hidden_units),
            tied,
            activation="linear",
            code_activation="linear",
            initializer=lambda: keras.initializers.RandomNormal(stddev=0.01),
        )
        if not 0 <= k <= self.latent_dim:
            raise ValueError(
                f"A code of {self.latent_dim} units has `k` from 0 to "
                f"{self.latent_dim}. Received: k={k}."
            )
        if initial_k is not None and initial_k > self.latent_dim:
            raise ValueError(
                f"A code of {self.latent_dim} units has `initial_k` up to "
                f"{self.latent_dim}. Received: initial_k={initial_k}."
            )

    def kept(self, training):
        """How many units are kept, as an integer or a tensor."""
        if not training:
            return min(round(self.alpha * self.k), self.latent_dim)
        if self.initial_k is None:
            return self.k
        share = ops.cast(self.epochs_seen, "float32") / self.schedule_epochs
        share = ops.minimum(share, 1.0)
        kept = self.initial_k + share * (self.k - self.initial_k)
        return ops.cast(ops.round(kept), "int32")

    def code(self, x, training=False):
        codes = at_least_float32(super().code(x, training))
        return self.sparsity(codes, k=self.kept(training))

    def reconstruction_terms(self, target, outputs):
        return reconstruction.squared_error(target, outputs)

    def usage(self, x, batch_size: int = 256) -> np.ndarray:
        """How often each unit is kept; dead units have 0.

        Args:
            x: Array of shape `(n, *input_shape)`.
            batch_size: Integer.

        Returns:
            Array of shape `(hidden_units,)` with shares of the examples.
        """
        return np.mean(self.encode(x, batch_size) != 0.0, axis=0)
