"""The contractive autoencoder.

S. Rifai, P. Vincent, X. Muller, X. Glorot and Y. Bengio, "Contractive
Auto-Encoders: Explicit Invariance During Feature Extraction", ICML 2011,
https://icml.cc/2011/papers/455_icmlpaper.pdf; with the last term, S. Rifai et
al., "Higher Order Contractive Auto-Encoder", ECML 2011

An autoencoder whose code moves little with its input. With the Jacobian `J` of
the encoder at the examples,

    L = E[l(x, r(x))] + lambda E[||J(x)||_F^2]
        + gamma E[||J(x) - J(x + e)||_F^2],   e ~ N(0, s^2 I).
"""

import keras
import numpy as np
from keras import ops

from keras_gen.engine import noise
from keras_gen.models.autoencoders.autoencoder import (
    Autoencoder,
    as_tuple,
    four_times_glorot,
)
from keras_gen.models.autoencoders.jacobian import (
    AutomaticJacobian,
    DenseJacobian,
    has_closed_form,
    tangents,
)
from keras_gen.models.autoencoders.stacked import StackedAutoencoder
from keras_gen.models.networks import dense_layers
from keras_gen.models.reconstructing import require_option
from keras_gen.precision import at_least_float32

ESTIMATORS = ("exact", "hutchinson", "finite_difference")


@keras.saving.register_keras_serializable(package="keras_gen")
class CAE(Autoencoder):
    """Contractive autoencoder.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: Integer or tuple. The units of the encoder's layers,
            the code's last.
        contraction: Float. The weight of the squared norm of the Jacobian.
        estimator: `"exact"`: the closed form for dense layers with sigmoid,
            tanh, relu or linear units, one after the other, else one
            backward pass for each unit of the code. `"hutchinson"`: `||J^T
            v||^2` for one normal draw of `v`. `"finite_difference"`: `||f(x +
            s e) - f(x)||^2 / s^2` for one normal draw of `e`, `s =
            difference_step`; not in half precision.
        difference_step: Float. The step of the finite difference.
        hessian_weight: Float. The weight of the squared change of the
            Jacobian nearby. It takes the exact Jacobian.
        hessian_std: Float. The standard deviation of the steps to there.
        hessian_samples: Integer. The number of steps for each example.
        tied: Boolean. Whether the decoder has the encoder's kernels,
            transposed. Without it a decoder can undo the contraction.
        activation: Name of the activation of the hidden layers and of the
            code.
        likelihood: `"bernoulli"` for the cross-entropy of `x` in [0, 1], or
            `"gaussian"` for half the squared error of any `x`.
        encoder: `keras.Model` from `x` to the code.
        decoder: `keras.Model` from the code to the logits (`"bernoulli"`)
            or the values (`"gaussian"`) of `x`. Needs `tied=False`.
        seed: Integer or `None`.

    Example:

    ```python
    model = keras_gen.CAE((28, 28, 1), hidden_units=1000, contraction=0.1)
    model.compile()
    model.fit(images, batch_size=100, epochs=20)
    directions, lengths = model.tangents(images[:10])
    ```

    A bare `compile()` uses gradient descent at 0.01. The paper chooses rate
    and contraction by validation and does not state them.

    Reference:

    - [Rifai et al., 2011](https://icml.cc/2011/papers/455_icmlpaper.pdf)
    """

    logged = ("reconstruction_loss", "squared_error", "jacobian_norm")

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: int | tuple[int, ...] = 1000,
        contraction: float = 0.1,
        estimator: str = "exact",
        difference_step: float = 1e-3,
        hessian_weight: float = 0.0,
        hessian_std: float = 0.1,
        hessian_samples: int = 4,
        tied: bool = True,
        activation: str = "sigmoid",
        likelihood: str = "bernoulli",
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(input_shape, likelihood, seed=seed, **kwargs)
        require_option("estimator", estimator, ESTIMATORS)
        self.contraction = contraction
        self.estimator = estimator
        self.difference_step = difference_step
        self.hessian_weight = hessian_weight
        self.hessian_std = hessian_std
        self.hessian_samples = hessian_samples
        self.build_mlp(
            encoder,
            decoder,
            as_tuple(hidden_units),
            tied,
            activation,
            activation,
            four_times_glorot if activation == "sigmoid" else None,
        )
        self.check_precision()
        self.closed_form = has_closed_form(self.encoder)
        self.direction_seed = self.seed_generator("directions")

    def check_precision(self):
        """Raises if differences would be lost in half precision."""
        half = {layer.compute_dtype for layer in self.encoder.layers}
        half &= {"float16", "bfloat16"}
        if half and self.estimator == "finite_difference":
            raise ValueError(
                "Small differences of codes are lost in half precision. "
                "Received: estimator='finite_difference' and an encoder that "
                f"computes in {', '.join(sorted(half))}. Use 'hutchinson' or "
                "`dtype='float32'`."
            )

    def default_optimizers(self):
        return {"model": keras.optimizers.SGD(0.01)}

    # ---- The penalties ----------------------------------------------------

    def jacobian_at(self, training):
        """How the Jacobian of the encoder is computed."""
        if self.closed_form:
            return DenseJacobian(dense_layers(self.encoder))
        return AutomaticJacobian(
            lambda x: self.code(x, training), self.gradient, self.latent_dim
        )

    def jacobian_norms(self, x, training):
        """`||J(x)||_F^2` of each example, or an estimate of it."""
        if self.estimator == "exact":
            jacobian = self.jacobian_at(training)
            return jacobian.squared_norm(jacobian.factor(x))
        if self.estimator == "hutchinson":
            shape = (ops.shape(x)[0], self.latent_dim)
            v = noise.normal(shape, self.direction_seed)
            rows = self.gradient(
                lambda x: at_least_float32(self.code(x, training)) * v, x
            )
            return ops.sum(ops.square(rows), axis=tuple(range(1, x.ndim)))
        step = self.difference_step * noise.normal(
            ops.shape(x), self.direction_seed
        )
        change = self.code(x + step, training) - self.code(x, training)
        squares = ops.square(at_least_float32(change) / self.difference_step)
        return ops.sum(squares, axis=-1)

    def jacobian_changes(self, x, training):
        """`||J(x) - J(x + e)||_F^2` of each example, a mean over draws."""
        jacobian = self.jacobian_at(training)
        here = jacobian.factor(x)
        total = 0.0
        for _ in range(self.hessian_samples):
            step = noise.normal(ops.shape(x), self.direction_seed)
            there = jacobian.factor(x + self.hessian_std * step)
            total = total + jacobian.squared_norm(here - there)
        return total / self.hessian_samples

    def contractive_loss(self, batch, training):
        """The objective of a batch."""
        loss = self.plain_loss(batch, training)
        norm = ops.mean(self.jacobian_norms(batch.x, training))
        self.log(jacobian_norm=norm)
        loss = loss + self.contraction * norm
        if self.hessian_weight:
            changes = ops.mean(self.jacobian_changes(batch.x, training))
            loss = loss + self.hessian_weight * changes
        return loss

    def training_step(self, batch):
        self.minimize("model", lambda: self.contractive_loss(batch, True))

    def evaluation_step(self, batch):
        self.log(loss=self.contractive_loss(batch, False))

    # ---- Inference --------------------------------------------------------

    def jacobian(self, x, batch_size: int = 64) -> np.ndarray:
        """The Jacobian of the encoder at each example.

        Args:
            x: Array of shape `(n, *input_shape)`.
            batch_size: Integer.

        Returns:
            Array of shape `(n, latent_dim, entries)`.
        """
        jacobian = self.jacobian_at(False)
        x = self.checked(x)
        if self.closed_form:
            return self.run_batched(
                lambda x: jacobian.full(jacobian.factor(x)),
                x,
                batch_size=batch_size,
            )
        # Derivatives are needed, which `run_batched` does not record.
        parts = [
            ops.convert_to_numpy(
                jacobian.factor(
                    ops.convert_to_tensor(x[start : start + batch_size])
                )
            )
            for start in range(0, len(x), batch_size)
        ]
        return np.concatenate(parts)

    def tangents(
        self, x, count: int = 8, batch_size: int = 64
    ) -> tuple[np.ndarray, np.ndarray]:
        """The directions at each example in which the code moves most.

        Args:
            x: Array of shape `(n, *input_shape)`.
            count: Integer. The number of directions.
            batch_size: Integer.

        Returns:
            Array of shape `(n, count, *input_shape)` of directions of
            length 1, and the `(n, count)` lengths of the code's motion, the
            largest first.
        """
        x = self.checked(x)
        found = [
            tangents(self.jacobian(x[start : start + batch_size]), count)
            for start in range(0, len(x), batch_size)
        ]
        vectors, values = map(np.concatenate, zip(*found, strict=True))
        return vectors.reshape(*vectors.shape[:2], *self.input_shape), values

    def contraction_curve(self, x, radii, seed: int = 0) -> np.ndarray:
        """How much distances shrink on the way from examples to codes.

        Args:
            x: Array of shape `(n, *input_shape)`.
            radii: Sequence of distances from the examples.
            seed: Integer, of the directions.

        Returns:
            Array of shape `(len(radii),)`: the mean of `||f(x + r u) -
            f(x)|| / r` over the examples, for unit directions `u`.
        """
        x = self.checked(x)
        codes = self.encode(x)
        rng = np.random.default_rng(seed)
        directions = rng.normal(size=(len(x), x[0].size))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        directions = directions.reshape(x.shape).astype("float32")
        curve = []
        for radius in radii:
            moved = self.encode(x + np.float32(radius) * directions) - codes
            curve.append(np.mean(np.linalg.norm(moved, axis=1)) / radius)
        return np.array(curve)


@keras.saving.register_keras_serializable(package="keras_gen")
class StackedCAE(StackedAutoencoder):
    """Classifier of several layers, each first a contractive autoencoder.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: Tuple. The units of the layers, the lowest first.
        num_classes: Integer.
        contraction: Float. As in `CAE`.
        likelihood: As in `CAE`, for the lowest layer. The codes of the others
            lie in [0, 1].
        seed: Integer or `None`.

    Example:

    ```python
    model = keras_gen.StackedCAE((28, 28, 1), hidden_units=(1000, 1000))
    model.compile()
    model.pretrain(images, epochs=20, batch_size=10)
    model.fit(images, labels, batch_size=20, epochs=30)
    ```

    A bare `compile()` uses gradient descent at 0.1.

    Reference:

    - [Rifai et al., 2011](https://icml.cc/2011/papers/455_icmlpaper.pdf)
    """

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: tuple[int, ...] = (1000, 1000),
        num_classes: int = 10,
        contraction: float = 0.1,
        likelihood: str = "bernoulli",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(
            input_shape, hidden_units, num_classes, seed=seed, **kwargs
        )
        self.contraction = contraction
        self.likelihood = likelihood

    def layer_autoencoder(self, index):
        encoder = self.encoders[index]
        return CAE(
            encoder.input_shape[1:],
            encoder.output_shape[-1],
            self.contraction,
            likelihood=self.likelihood if index == 0 else "bernoulli",
            encoder=encoder,
            seed=self.layer_seed(index),
        )
