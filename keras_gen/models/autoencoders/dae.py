"""The denoising autoencoder, and the stack of them.

P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol, "Extracting and
Composing Robust Features with Denoising Autoencoders", ICML 2008,
https://doi.org/10.1145/1390156.1390294; extended in "Stacked Denoising
Autoencoders", JMLR 11, 2010, https://jmlr.org/papers/v11/vincent10a.html

The example `x` is corrupted, and reconstructed as it was before:

    x~ ~ q(x~|x),   r = decoder(encoder(x~)),   L = sum_i w_i l(x_i, r_i),

with the cross-entropy or half the squared error as `l`. The weights `w_i` are
`alpha` for the corrupted components and `beta` for the others (emphasized
denoising).
"""

from functools import partial

import keras
import numpy as np

from keras_gen.checks import check_option
from keras_gen.layers import corruption
from keras_gen.models.autoencoders.autoencoder import LogisticAutoencoder
from keras_gen.models.autoencoders.stacked import StackedAutoencoder

NOISES = {
    "masking": corruption.MaskingNoise,
    "salt_and_pepper": corruption.SaltAndPepperNoise,
    "gaussian": corruption.AdditiveNoise,
    "dropout": corruption.DropoutNoise,
}


def corruption_layer(noise, level, exact, seed):
    """The corruption of a name, or the user's own layer."""
    if isinstance(noise, keras.layers.Layer):
        if not callable(getattr(noise, "corrupt", None)):
            raise ValueError(
                "`noise` must be a layer with a method `corrupt(x)`, which "
                "returns the corrupted tensor and a tensor of ones where it "
                f"was corrupted. Received: noise={noise}. Subclass "
                "`keras_gen.layers.Corruption`."
            )
        return noise
    check_option("noise", noise, NOISES)
    options = {"exact": exact} if noise == "masking" else {}
    return NOISES[noise](level, seed=seed, **options)


@keras.saving.register_keras_serializable(package="keras_gen")
class DAE(LogisticAutoencoder):
    """Denoising autoencoder.

    `fit(x)` corrupts `x` again in each step. `fit(noisy, clean)` takes pairs
    of your own instead, and corrupts nothing. Which components the noise of
    such pairs has corrupted is not known: all have the weight 1, whatever
    `emphasis`. Held-out data are corrupted like the training data.

    Args:
        noise: String or layer. `"masking"` (components become 0),
            `"salt_and_pepper"` (0 or 1), `"gaussian"` (noise is added),
            `"dropout"` (masking, and the other components rescaled), or a
            `keras_gen.layers.Corruption`.
        noise_level: Float. The corruption level: the fraction of the
            components, or for `"gaussian"` the standard deviation.
        exact: Boolean. Whether masking corrupts exactly `round(noise_level *
            components)` of each example, as the paper of 2008 does, or each
            component independently.
        emphasis: Pair of floats. The weights of the loss of the corrupted
            components, and of the others.

    Example:

    ```python
    model = keras_gen.DAE((28, 28, 1), latent_dim=1000, noise_level=0.25)
    model.compile()
    model.fit(images, batch_size=20, epochs=15)
    cleaned = model.denoise(noisy_images)
    ```

    A bare `compile()` uses gradient descent at 0.1, within the range from
    which the paper chooses by validation.
    """

    presets = {"small": {"latent_dim": 500}, "smoke": {"latent_dim": 64}}

    def __init__(
        self,
        *args,
        noise: str | keras.layers.Layer = "masking",
        noise_level: float = 0.25,
        exact: bool = True,
        emphasis: tuple[float, float] = (1.0, 1.0),
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.emphasis = tuple(emphasis)
        if len(self.emphasis) != 2 or min(self.emphasis) < 0:
            raise ValueError(
                "`emphasis` must be a pair of weights, not negative: of the "
                "corrupted components, and of the others. Received: "
                f"emphasis={emphasis}."
            )
        given = (noise, noise_level, exact, self.seed_generator("corruption"))
        new = partial(corruption_layer, *given)
        self.corruption = self.network_of("noise", None, new)

    def default_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def model_loss(self, batch, training):
        noisy, weights = batch.x, 1.0
        if batch.y is None:
            noisy, corrupted = self.corruption.corrupt(batch.x)
            alpha, beta = self.emphasis
            weights = alpha * corrupted + beta * (1.0 - corrupted)
        outputs = self.decoder(self.code(noisy, training), training=training)
        return self.reconstruction_loss(self.target(batch), outputs, weights)

    def denoise(self, x, *, batch_size: int = 256) -> np.ndarray:
        """Reconstructs examples that are noisy already."""
        return self.reconstruct(x, batch_size=batch_size)

    def corrupt(self, x, *, batch_size: int = 256) -> np.ndarray:
        """Examples with the model's noise."""
        return self.run(self.corruption.corrupt, x, batch_size=batch_size)[0]

    def score(self, x, *, batch_size: int = 256) -> np.ndarray:
        """Estimates the score of the noisy data, the gradient of log-density.

        `(r(x) - x) / sigma^2`, for Gaussian noise of standard deviation
        `sigma` (denoising score matching).

        Reference:

        - [Vincent, 2011](https://doi.org/10.1162/NECO_a_00142)
        """
        if not isinstance(self.corruption, corruption.AdditiveNoise):
            raise ValueError(
                "`noise` must be 'gaussian' for the score. Received: "
                f"{type(self.corruption).__name__}. Build the model with "
                "`noise='gaussian'`."
            )
        x = self.as_examples(x)
        change = self.reconstruct(x, batch_size=batch_size) - x
        return change / self.corruption.stddev**2

    def chain(self, x, *, steps: int = 100, seed: int = 0) -> np.ndarray:
        """Runs the pseudo-Gibbs sampling chain (walkback).

        Each step corrupts, reconstructs, and samples from the Bernoulli
        distributions of the reconstruction or, for the Gaussian likelihood,
        from normal ones of unit variance.

        Args:
            x: Array of `n` examples, where the chains begin.
            steps: Integer.
            seed: Integer, of the samples. The corruption draws from the
                model's own seed.

        Returns:
            Array of shape `(steps, n, ...)`: the reconstructions.

        Reference:

        - [Bengio et al., 2013](https://arxiv.org/abs/1305.6663)
        """
        rng, visited = np.random.default_rng(seed), []
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
        noise: String. As in `DAE`.
        noise_levels: Float or tuple. The corruption level of all layers, or
            of each.
        exact: Boolean. As in `DAE`.

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

    presets = {
        "small": {"hidden_units": (500, 500), "noise_levels": 0.25},
        "smoke": {"hidden_units": (64, 32), "noise_levels": 0.25},
    }

    def __init__(
        self,
        *args,
        noise: str = "masking",
        noise_levels: float | tuple[float, ...] = (0.1, 0.2, 0.3),
        exact: bool = True,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        check_option("noise", noise, NOISES)
        if isinstance(noise_levels, int | float):
            noise_levels = (noise_levels,) * len(self.encoders)
        if len(noise_levels) != len(self.encoders):
            raise ValueError(
                "`noise_levels` must be one level, or one for each layer. "
                f"Received: {len(self.encoders)} layers, "
                f"noise_levels={noise_levels}."
            )
        self.noise = noise
        self.noise_levels = tuple(noise_levels)
        self.exact = exact

    def layer_autoencoder(self, index):
        level = self.noise_levels[index]
        noise = dict(noise=self.noise, noise_level=level, exact=self.exact)
        return DAE(**noise, **self.layer_options(index))
