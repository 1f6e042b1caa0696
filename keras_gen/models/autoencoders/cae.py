"""The contractive autoencoder.

S. Rifai, P. Vincent, X. Muller, X. Glorot and Y. Bengio, "Contractive
Auto-Encoders: Explicit Invariance During Feature Extraction", ICML 2011,
https://icml.cc/2011/papers/455_icmlpaper.pdf; with the last term, S. Rifai et
al., "Higher Order Contractive Auto-Encoder", ECML 2011

An autoencoder whose code is insensitive to small changes of the input. With
the Jacobian `J` of the encoder at the examples,

    L = E[l(x, r(x))] + lambda E[||J(x)||_F^2]
        + gamma E[||J(x) - J(x + e)||_F^2],   e ~ N(0, s^2 I).
"""

from functools import partial

import keras
import numpy as np
from keras import ops

from keras_gen.backend import noise
from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_option
from keras_gen.losses.reconstruction import sum_by_example
from keras_gen.models.autoencoders.autoencoder import LogisticAutoencoder
from keras_gen.models.autoencoders.jacobian import jacobian_of
from keras_gen.models.autoencoders.stacked import StackedAutoencoder

ESTIMATORS = ("exact", "hutchinson", "finite_difference")


@keras.saving.register_keras_serializable(package="keras_gen")
class CAE(LogisticAutoencoder):
    """Contractive autoencoder.

    Args:
        contraction_weight: Float. The weight of the squared Frobenius norm
            of the Jacobian.
        estimator: String. `"exact"`: the closed form for a chain of dense
            layers with sigmoid, tanh, relu or linear units, else one backward
            pass for each unit of the code. `"hutchinson"`: `||J^T v||^2` for
            one normal draw of `v`. `"finite_difference"`: `||f(x + s e) -
            f(x)||^2 / s^2` for one normal draw of `e`, `s =
            difference_step`; not in half precision.
        difference_step: Float. The step of the finite difference.
        hessian_weight: Float. The weight of the squared change of the
            Jacobian nearby. It takes the exact Jacobian.
        hessian_std: Float. The standard deviation of the steps to there.
        hessian_samples: Integer. The number of steps for each example.
        tied: Boolean. Whether the decoder has the encoder's kernels,
            transposed. Without it a decoder can undo the contraction.

    Example:

    ```python
    model = keras_gen.CAE((28, 28, 1), contraction_weight=0.1)
    model.compile()
    model.fit(images, batch_size=100, epochs=20)
    directions, lengths = model.tangents(images[:10])
    ```

    A bare `compile()` uses gradient descent at 0.01. The paper chooses rate
    and contraction weight by validation and does not state them.
    """

    logged = (*LogisticAutoencoder.logged, "jacobian_norm")
    presets = {
        "small": {"latent_dim": 500, "contraction_weight": 1.0},
        "smoke": {"latent_dim": 64, "contraction_weight": 1.0},
    }

    def __init__(
        self,
        *args,
        contraction_weight: float = 0.1,
        estimator: str = "exact",
        difference_step: float = 1e-3,
        hessian_weight: float = 0.0,
        hessian_std: float = 0.1,
        hessian_samples: int = 4,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        check_option("estimator", estimator, ESTIMATORS)
        self.contraction_weight = contraction_weight
        self.estimator = estimator
        self.difference_step = difference_step
        self.hessian_weight = hessian_weight
        self.hessian_std = hessian_std
        self.hessian_samples = hessian_samples
        self.direction_seed = self.seed_generator("directions")
        half = {layer.compute_dtype for layer in self.encoder.layers}
        half &= {"float16", "bfloat16"}
        if half and estimator == "finite_difference":
            raise ValueError(
                "`estimator` must not be 'finite_difference' in half "
                "precision, in which small differences are lost. Received: an "
                f"encoder that computes in {', '.join(sorted(half))}. Use "
                "'hutchinson' or `dtype='float32'`."
            )

    def default_optimizer(self):
        return keras.optimizers.SGD(0.01)

    def jacobian_at(self, training):
        """How the Jacobian of the encoder is computed."""
        code = partial(self.code, training=training)
        return jacobian_of(self.encoder, code, self.gradient)

    def jacobian_norms(self, x, training):
        """`||J(x)||_F^2` of each example, or an estimate of it."""
        if self.estimator == "exact":
            jacobian = self.jacobian_at(training)
            return jacobian.squared_norm(jacobian.factor(x))
        if self.estimator == "hutchinson":
            shape = (ops.shape(x)[0], self.latent_dim)
            v = noise.normal(shape, self.direction_seed)

            def projection(x):
                return ops.multiply(v, at_least_float32(self.code(x, training)))

            product = self.gradient(projection, x)
            return sum_by_example(ops.square(product))
        step = self.difference_step
        e = noise.normal(ops.shape(x), self.direction_seed)
        change = self.code(x + step * e, training) - self.code(x, training)
        return sum_by_example(ops.square(at_least_float32(change) / step))

    def jacobian_changes(self, x, training):
        """`||J(x) - J(x + e)||_F^2` of each example, a mean over draws."""
        jacobian = self.jacobian_at(training)
        here, changes = jacobian.factor(x), []
        for _ in range(self.hessian_samples):
            e = noise.normal(ops.shape(x), self.direction_seed)
            there = jacobian.factor(x + self.hessian_std * e)
            changes.append(jacobian.squared_norm(here - there))
        return sum(changes) / self.hessian_samples

    def model_loss(self, batch, training):
        loss = super().model_loss(batch, training)
        norm = ops.mean(self.jacobian_norms(batch.x, training))
        self.log(jacobian_norm=norm)
        loss = ops.add(loss, self.contraction_weight * norm)
        if self.hessian_weight:
            changes = ops.mean(self.jacobian_changes(batch.x, training))
            loss = ops.add(loss, self.hessian_weight * changes)
        return loss

    def jacobian(self, x, *, batch_size: int = 64) -> np.ndarray:
        """The Jacobian of the encoder, `(n, latent_dim, components)`."""
        return self.run(self.jacobian_at(False).full, x, batch_size=batch_size)

    def tangents(
        self, x, *, count: int = 8, batch_size: int = 64
    ) -> tuple[np.ndarray, np.ndarray]:
        """Tangent directions: leading right singular vectors of the Jacobian.

        Args:
            count: Integer. The number of directions.

        Returns:
            Array of shape `(n, count, *input_shape)` of unit vectors, and the
            `(n, count)` singular values, the largest first.
        """

        def step(x):
            jacobian = ops.convert_to_numpy(self.jacobian_at(False).full(x))
            _, values, vectors = np.linalg.svd(jacobian, full_matrices=False)
            vectors = vectors[:, :count].reshape(len(x), -1, *x.shape[1:])
            return vectors, values[:, :count]

        return self.run(step, x, batch_size=batch_size)

    def contraction_curve(self, x, radii, *, seed: int = 0) -> np.ndarray:
        """Contraction ratio as a function of the distance.

        Args:
            radii: Sequence of distances from the examples.
            seed: Integer, of the directions.

        Returns:
            Array of shape `(len(radii),)`: the mean of `||f(x + r u) -
            f(x)|| / r` over the examples, for unit directions `u`.
        """
        x = self.as_examples(x)
        codes, rng = self.encode(x), np.random.default_rng(seed)
        directions = rng.normal(size=(len(x), x[0].size))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        directions = directions.reshape(x.shape)
        moved = [self.encode(x + r * directions) - codes for r in radii]
        lengths = np.linalg.norm(moved, axis=-1)
        return lengths.mean(axis=-1) / np.asarray(radii)


@keras.saving.register_keras_serializable(package="keras_gen")
class StackedCAE(StackedAutoencoder):
    """Classifier of several layers, each first a contractive autoencoder.

    Args:
        contraction_weight: Float. As in `CAE`.

    Example:

    ```python
    model = keras_gen.StackedCAE((28, 28, 1), hidden_units=(1000, 1000))
    model.compile()
    model.pretrain(images, epochs=20, batch_size=10)
    model.fit(images, labels, batch_size=20, epochs=30)
    ```

    A bare `compile()` uses gradient descent at 0.1.
    """

    defaults = {"hidden_units": (1000, 1000)}
    presets = {
        "small": {"hidden_units": (500, 500)},
        "smoke": {"hidden_units": (64, 32)},
    }

    def __init__(self, *args, contraction_weight: float = 0.1, **kwargs):
        super().__init__(*args, **kwargs)
        self.contraction_weight = contraction_weight

    def layer_autoencoder(self, index):
        options = self.layer_options(index)
        return CAE(contraction_weight=self.contraction_weight, **options)
