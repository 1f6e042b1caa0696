"""The denoising autoencoder, and the stack of them.

P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol, "Extracting and
Composing Robust Features with Denoising Autoencoders", ICML 2008,
https://doi.org/10.1145/1390156.1390294; extended in "Stacked Denoising
Autoencoders", JMLR 11, 2010, https://jmlr.org/papers/v11/vincent10a.html

The example `x` is corrupted, and reconstructed as it was before:

    x~ ~ q(x~|x),   r = decoder(encoder(x~)),   L = sum_i w_i l(x_i, r_i),

with the cross-entropy or half the squared error as `l`. The weights `w_i` are
`alpha` for the entries that the noise has chosen and `beta` for the others.
"""

import keras
import numpy as np

from keras_gen.layers.corruption import (
    AdditiveNoise,
    DropoutNoise,
    MaskingNoise,
    SaltAndPepperNoise,
)
from keras_gen.models.autoencoders.autoencoder import (
    Autoencoder,
    as_tuple,
    four_times_glorot,
)
from keras_gen.models.autoencoders.stacked import StackedAutoencoder
from keras_gen.models.reconstructing import require_option

NOISES = ("masking", "salt_and_pepper", "gaussian", "dropout")


def corruption(noise, level, exact, seed):
    """The corruption of a name, or the user's own layer.

    Args:
        noise: One of `NOISES`, or a layer with the method `corrupt`.
        level: Float. The share of the entries, or the standard deviation.
        exact: Boolean. Whether masking noise chooses an exact number.
        seed: `keras.random.SeedGenerator`.
    """
    if isinstance(noise, keras.layers.Layer):
        if not callable(getattr(noise, "corrupt", None)):
            raise ValueError(
                "A corruption of your own is a layer whose method "
                "`corrupt(x)` returns the corrupted tensor and a tensor of "
                f"ones where it was chosen. Received: {noise}. Subclass "
                "`keras_gen.layers.Corruption`."
            )
        return noise
    require_option("noise", noise, NOISES)
    if noise == "masking":
        return MaskingNoise(level, exact, seed=seed)
    if noise == "salt_and_pepper":
        return SaltAndPepperNoise(level, seed=seed)
    if noise == "gaussian":
        return AdditiveNoise(level, seed=seed)
    return DropoutNoise(level, seed=seed)


@keras.saving.register_keras_serializable(package="keras_gen")
class DAE(Autoencoder):
    """Denoising autoencoder.

    `fit(x)` corrupts `x` anew in each step. `fit(noisy, clean)` takes pairs
    of your own instead, and corrupts nothing. Which entries the noise of such
    pairs has chosen is not known: all have the weight 1, whatever `emphasis`.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: Integer or tuple. The units of the encoder's layers,
            the code's last.
        noise: `"masking"` (entries become 0), `"salt_and_pepper"` (0 or 1),
            `"gaussian"` (noise is added) or `"dropout"` (masking, and the
            other entries rescaled), or a `keras_gen.layers.Corruption`.
        noise_level: Float. The share of the entries, or for `"gaussian"`
            the standard deviation.
        exact: Boolean. Whether masking chooses exactly `round(noise_level *
            entries)` of each example, as the paper of 2008 does, or each
            entry by itself.
        emphasis: Pair of floats. The weights of the loss of the entries
            that the noise has chosen, and of the others.
        tied: Boolean. Whether the decoder has the encoder's kernels,
            transposed.
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
    model = keras_gen.DAE((28, 28, 1), hidden_units=1000, noise_level=0.25)
    model.compile()
    model.fit(images, batch_size=20, epochs=15)
    cleaned = model.denoise(noisy_images)
    ```

    A bare `compile()` uses gradient descent at 0.1, within the range from
    which the paper chooses by validation.

    Reference:

    - [Vincent et al., 2008](https://doi.org/10.1145/1390156.1390294)
    """

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: int | tuple[int, ...] = 1000,
        noise: str | keras.layers.Layer = "masking",
        noise_level: float = 0.25,
        exact: bool = True,
        emphasis: tuple[float, float] = (1.0, 1.0),
        tied: bool = True,
        activation: str = "sigmoid",
        likelihood: str = "bernoulli",
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(input_shape, likelihood, seed=seed, **kwargs)
        self.emphasis = tuple(emphasis)
        if len(self.emphasis) != 2 or min(self.emphasis) < 0:
            raise ValueError(
                "`emphasis` is a pair of weights, not negative: of the "
                "entries that the noise has chosen, and of the others. "
                f"Received: emphasis={emphasis}."
            )
        self.noise_level = noise_level
        seeds = self.seed_generator("corruption")
        with self.building_scope():
            self.corruption = corruption(noise, noise_level, exact, seeds)
        self.build_mlp(
            encoder,
            decoder,
            as_tuple(hidden_units),
            tied,
            activation,
            activation,
            four_times_glorot if activation == "sigmoid" else None,
        )

    def default_optimizers(self):
        return {"model": keras.optimizers.SGD(0.1)}

    def training_step(self, batch):
        noisy, weights = batch.x, None
        if batch.y is None:
            noisy, chosen = self.corruption.corrupt(batch.x)
            alpha, beta = self.emphasis
            if alpha != 1.0 or beta != 1.0:
                weights = alpha * chosen + beta * (1.0 - chosen)

        def denoising_loss():
            outputs = self.decoder(self.code(noisy, True), training=True)
            return self.reconstruction_loss(
                self.target(batch), outputs, weights
            )

        self.minimize("model", denoising_loss)

    # ---- Inference --------------------------------------------------------

    def denoise(self, x, batch_size: int = 256) -> np.ndarray:
        """Reconstructs examples that are noisy already.

        Args:
            x: Array of shape `(n, *input_shape)`.
            batch_size: Integer.

        Returns:
            Array of shape `(n, *input_shape)`.
        """
        return self.reconstruct(x, batch_size)

    def corrupt(self, x, batch_size: int = 256) -> np.ndarray:
        """Examples with the model's noise.

        Args:
            x: Array of shape `(n, *input_shape)`.
            batch_size: Integer.

        Returns:
            Array of shape `(n, *input_shape)`.
        """
        return self.run_batched(
            lambda x: self.corruption.corrupt(x)[0],
            self.checked(x),
            batch_size=batch_size,
        )

    def score(self, x, batch_size: int = 256) -> np.ndarray:
        """Estimates the gradient of the log-density of the noisy examples.

        `(r(x) - x) / sigma^2`, for Gaussian noise of standard deviation
        `sigma`.

        Args:
            x: Array of shape `(n, *input_shape)`.
            batch_size: Integer.

        Returns:
            Array of shape `(n, *input_shape)`.

        Reference:

        - [Vincent, 2011](https://doi.org/10.1162/NECO_a_00142)
        """
        if not isinstance(self.corruption, AdditiveNoise):
            raise ValueError(
                "The score follows from the reconstruction for Gaussian "
                f"noise. Received: {type(self.corruption).__name__}. Build "
                "the model with `noise='gaussian'`."
            )
        x = self.checked(x)
        return (self.reconstruct(x, batch_size) - x) / (
            self.corruption.stddev**2
        )

    def chain(self, x, steps: int = 100, seed: int = 0) -> np.ndarray:
        """Walks through the data: corrupts, reconstructs, draws, and again.

        The draws are from the Bernoulli distributions of the reconstruction
        or, for the Gaussian likelihood, from normal ones of variance one.

        Args:
            x: Array of shape `(n, *input_shape)`, where the walks begin.
            steps: Integer.
            seed: Integer, of the draws. The corruption draws from the
                model's own seed.

        Returns:
            Array of shape `(steps, n, *input_shape)`: the reconstructions.

        Reference:

        - [Bengio et al., 2013](https://arxiv.org/abs/1305.6663)
        """
        rng = np.random.default_rng(seed)
        x = self.checked(x)
        visited = []
        for _ in range(steps):
            mean = self.reconstruct(self.corrupt(x))
            visited.append(mean)
            if self.likelihood == "bernoulli":
                x = (rng.random(mean.shape) < mean).astype("float32")
            else:
                x = mean + rng.normal(size=mean.shape).astype("float32")
        return np.stack(visited)


@keras.saving.register_keras_serializable(package="keras_gen")
class StackedDAE(StackedAutoencoder):
    """Classifier of several layers, each first a denoising autoencoder.

    `pretrain(x)` trains each layer to denoise the codes of the layers below,
    which see clean examples; `fit(x, y)` then trains all of it to classify.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: Tuple. The units of the layers, the lowest first.
        num_classes: Integer.
        noise: As in `DAE`.
        noise_levels: Tuple. The level of noise of each layer, or one float
            for all.
        exact: As in `DAE`.
        likelihood: As in `DAE`, for the lowest layer. The codes of the others
            lie in [0, 1].
        seed: Integer or `None`.

    Example:

    ```python
    model = keras_gen.StackedDAE((28, 28, 1), num_classes=10)
    model.compile()
    model.pretrain(images, epochs=15, batch_size=20)
    model.fit(images, labels, batch_size=20, epochs=30)
    classes = model.classify(test_images)
    ```

    A bare `compile()` uses gradient descent at 0.1.

    Reference:

    - [Vincent et al., 2010](https://jmlr.org/papers/v11/vincent10a.html)
    """

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: tuple[int, ...] = (1000, 1000, 1000),
        num_classes: int = 10,
        noise: str = "masking",
        noise_levels: float | tuple[float, ...] = (0.1, 0.2, 0.3),
        exact: bool = True,
        likelihood: str = "bernoulli",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(
            input_shape, hidden_units, num_classes, seed=seed, **kwargs
        )
        require_option("noise", noise, NOISES)
        if isinstance(noise_levels, int | float):
            noise_levels = (noise_levels,) * len(self.encoders)
        if len(noise_levels) != len(self.encoders):
            raise ValueError(
                "Each layer has a level of noise. Received: hidden_units="
                f"{hidden_units}, noise_levels={noise_levels}."
            )
        self.noise = noise
        self.noise_levels = tuple(noise_levels)
        self.exact = exact
        self.likelihood = likelihood

    def layer_autoencoder(self, index):
        encoder = self.encoders[index]
        return DAE(
            encoder.input_shape[1:],
            encoder.output_shape[-1],
            self.noise,
            self.noise_levels[index],
            self.exact,
            likelihood=self.likelihood if index == 0 else "bernoulli",
            encoder=encoder,
            seed=self.layer_seed(index),
        )
