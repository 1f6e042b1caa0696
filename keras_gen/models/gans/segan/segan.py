"""Enhancement of noisy speech, from waveform to waveform.

S. Pascual, A. Bonafonte and J. Serra, "SEGAN: Speech Enhancement Generative
Adversarial Network", Interspeech 2017, https://arxiv.org/abs/1703.09452

A generator `G` carries noisy speech `n` and latents `z` from N(0, I) to clean
speech `x`; the discriminator's score `D` is of a pair:

    L_D = 1/2 E[(D(x, n) - 1)^2] + 1/2 E[D(G(z, n), n)^2],
    L_G = 1/2 E[(D(G(z, n), n) - 1)^2] + 100 E|G(z, n) - x|,

where the last mean is over samples too. All signals are pre-emphasized. The
discriminator is updated first, then the generator, on the same batch.
"""

import keras
import numpy as np
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import (
    as_units,
    check_decay,
    check_not_negative,
    check_positive,
)
from keras_gen.engine import Batch, Examples
from keras_gen.losses.adversarial import least_squares
from keras_gen.models.gans.segan.emphasis import de_emphasis, pre_emphasis
from keras_gen.models.gans.segan.networks import (
    segan_discriminator,
    segan_generator,
)
from keras_gen.models.translation import TranslationModel

FILTERS = (16, 32, 32, 64, 64, 128, 128, 256, 256, 512, 1024)


@keras.saving.register_keras_serializable(package="keras_gen")
class SEGAN(TranslationModel):
    """SEGAN, which enhances speech.

    `fit(noisy, clean)` takes windows of waveforms, as `keras_gen.data` has
    them of `"speech"` and of `"recordings"`. `enhance` takes signals of any
    length.

    Args:
        input_shape: Tuple `(length, 1)` of a window with values in [-1, 1]. By
            default, about a second at 16 kHz. The length is a multiple of 2 to
            the power of the number of `filters`.
        filters: Tuple of integers. The filters of the generator's encoder and
            of the discriminator, whose convolutions halve the length.
        kernel_size: Integer. That of all of them.
        latents: Boolean. Whether the generator has latents.
        l1_weight: Float. The weight of the mean absolute error.
        pre_emphasis: Float in [0, 1). The coefficient of the filter; 0 for
            none.
        reference_size: Integer. The pairs in the reference batch of the
            discriminator's virtual batch normalization: the first pairs that
            it is trained on, repeated if a batch has fewer.
        generator: `keras.Model` from a list of pre-emphasized windows and
            latents, or from windows alone, to windows.
        discriminator: `keras.Model` from a list of two windows, the clean and
            the noisy one, to scores of shape `(batch, 1)`.

    Example:

    ```python
    speech = keras_gen.data.load("speech")
    train = keras_gen.data.pipeline(speech, 16, features=("noisy", "clean"))
    model = keras_gen.SEGAN()
    model.compile()
    model.fit(train.dataset, steps_per_epoch=train.steps_per_epoch, epochs=10)
    signal = keras_gen.data.read_wav("noisy.wav")
    keras_gen.data.write_wav("enhanced.wav", model.enhance(signal))
    ```

    A bare `compile()` uses the RMSprop of the paper. The official code has no
    factors of 1/2, and takes each batch for its own reference; here, as
    Salimans et al. (2016) define it, the reference is fixed and each example
    has its own statistics beside it. Its framework's RMSprop begins with the
    mean square 1, Keras' with 0: first updates are larger here. What is served
    and evaluated, and `model(x)`, has `z = 0`.
    """

    players = {"discriminator": ["discriminator"], "generator": ["generator"]}
    directions = {"ab": "generator"}
    logged = ("adversarial_loss", "l1_loss")
    value_range = (-1.0, 1.0)
    normal_noise = True
    presets = {
        "paper": {},
        "small": {
            "filters": (4, 8, 8, 16, 16, 32, 32, 64, 64),
            # Errors at low frequencies, which few steps leave, are amplified
            # by de-emphasis.
            "pre_emphasis": 0.7,
            "reference_size": 16,
        },
        "smoke": {
            "filters": (2, 4, 4),
            "kernel_size": 7,
            "reference_size": 4,
        },
    }

    def __init__(
        self,
        input_shape: tuple[int, int] = (16_384, 1),
        filters: tuple[int, ...] = FILTERS,
        kernel_size: int = 31,
        latents: bool = True,
        l1_weight: float = 100.0,
        pre_emphasis: float = 0.95,
        reference_size: int = 100,
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        filters = as_units("filters", filters)
        check_positive(kernel_size=kernel_size, reference_size=reference_size)
        check_not_negative(l1_weight=l1_weight)
        check_decay(pre_emphasis=pre_emphasis)
        self.input_shape = shape = tuple(input_shape)
        factor = 2 ** len(filters)
        if len(shape) != 2 or shape[1] != 1 or shape[0] % factor:
            raise ValueError(
                f"`input_shape` must be (length, 1), with a length that "
                f"{factor} divides. Received: input_shape={shape}. Pass other "
                "windows, or other `filters`."
            )
        self.l1_weight = l1_weight
        self.pre_emphasis = pre_emphasis
        self.latent_shape = None
        if latents:
            self.latent_shape = (shape[0] // factor, filters[-1])
        self.generator = self.network_of(
            "generator",
            generator,
            lambda: segan_generator(shape, filters, kernel_size, latents),
            inputs=[shape, self.latent_shape] if latents else [shape],
            outputs=[shape],
        )
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            lambda: segan_discriminator(
                shape, filters, kernel_size, reference_size
            ),
            inputs=[shape, shape],
            outputs=[(1,)],
            logits=1,
        )

    def data_spec(self):
        window = Examples(self.input_shape, "input_shape", self.value_range)
        return Batch(x=window, y=window)

    def default_optimizer(self):
        return keras.optimizers.RMSprop(2e-4, rho=0.9, epsilon=1e-10)

    def noise_shapes(self, direction):
        return [self.latent_shape] if self.latent_shape else []

    def emphasized(self, x):
        """Pre-emphasized windows."""
        return pre_emphasis(at_least_float32(x), self.pre_emphasis)

    def generate_step(self, x, noise=None, training=False):
        """`G` of pre-emphasized windows, with `z = 0` if none is given."""
        inputs = x
        if self.latent_shape:
            zeros = ops.zeros((ops.shape(x)[0], *self.latent_shape))
            (z,) = noise or [zeros]
            inputs = [x, z]
        return at_least_float32(self.generator(inputs, training=training))

    def translate_step(
        self, x, direction, condition=None, training=False, noise=None
    ):
        """Enhanced windows, which are filtered independently."""
        enhanced = self.generate_step(self.emphasized(x), noise, training)
        return de_emphasis(enhanced, self.pre_emphasis)

    def score_step(self, x, noisy, training):
        """The scores of pairs."""
        return at_least_float32(
            self.discriminator([x, noisy], training=training)
        )

    def _generated(self, noisy, training):
        """`G(z, n)`, with drawn latents."""
        noise = self.draw_noise(noisy, "ab") if training else None
        return self.generate_step(noisy, noise, training)

    def discriminator_loss(self, batch, training):
        noisy, clean = map(self.emphasized, batch)
        fake = ops.stop_gradient(self._generated(noisy, training))
        # The first pairs, the reference batch, are clean ones.
        real = least_squares(self.score_step(clean, noisy, training), 1.0)
        return real + least_squares(self.score_step(fake, noisy, training), 0.0)

    def generator_loss(self, batch, training):
        noisy, clean = map(self.emphasized, batch)
        fake = self._generated(noisy, training)
        adversarial = least_squares(self.score_step(fake, noisy, training), 1.0)
        l1 = ops.mean(ops.abs(fake - clean))
        self.log(adversarial_loss=adversarial, l1_loss=l1)
        return adversarial + self.l1_weight * l1

    def enhance(
        self, signal, *, seed: int | None = None, batch_size: int = 32
    ) -> np.ndarray:
        """Enhances a signal of any length.

        The whole signal is pre-emphasized, cut into windows that do not
        overlap, the last one padded with zeros, and put together again.

        Args:
            signal: Array of shape `(time,)` with values in [-1, 1].

        Returns:
            Array of shape `(time,)`. It may exceed [-1, 1].
        """
        signal = np.asarray(signal, "float32")
        if signal.ndim != 1 or not signal.size:
            raise ValueError(
                "`signal` must be a vector of at least one sample. Received: "
                f"shape={signal.shape}. Pass one channel."
            )
        spec, length = self.data_spec().x, self.input_shape[0]
        spec.check_values(type(self).__name__, "signal", signal)
        # In NumPy, since a backend may compile for each length.
        filtered = pre_emphasis(signal[None, :, None], self.pre_emphasis)
        windows = np.pad(filtered.ravel(), (0, -len(signal) % length))
        enhanced = self.run_noisy(
            self.generate_step,
            windows.reshape(-1, length, 1),
            seed=seed,
            batch_size=batch_size,
        )
        enhanced = enhanced.reshape(1, -1, 1)[:, : len(signal)]
        return de_emphasis(enhanced, self.pre_emphasis).ravel()
