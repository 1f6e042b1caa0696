"""The information maximizing generative adversarial network.

X. Chen, Y. Duan, R. Houthooft, J. Schulman, I. Sutskever and P. Abbeel,
"InfoGAN: Interpretable Representation Learning by Information Maximizing
Generative Adversarial Nets", NIPS 2016, https://arxiv.org/abs/1606.03657

The generator is given noise `z` and codes `c`. A network `Q`, which shares the
discriminator's layers but the last, bounds their mutual information:

    L_I(G, Q) = E_(z,c)[log Q(c|G(z, c))] + H(c) <= I(c; G(z, c)).

With the discriminator's logit `l`, the players minimize

    L_D = E_x[softplus(-l(x))] + E[softplus(l(G(z, c)))] - lambda L_I,
    L_G = E[softplus(-l(G(z, c)))] - lambda L_I;

the first over the discriminator and `Q`, the second over the generator.
"""

import math
from functools import partial

import keras
import numpy as np
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_not_negative, check_positive
from keras_gen.distributions import Categorical, Joint, Normal, Uniform
from keras_gen.engine import Signature
from keras_gen.losses.classification import cross_entropy
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.models.gans.infogan.networks import (
    infogan_discriminator,
    infogan_generator,
)


@keras.saving.register_keras_serializable(package="keras_gen")
class InfoGAN(AdversarialModel):
    """Information maximizing generative adversarial network.

    The defaults are the paper's model of MNIST. Latents are a tuple: the noise,
    a one-hot vector for each categorical code, and the continuous codes.

    Args:
        image_shape: Tuple `(height, width, channels)`, with sides that 4
            divides. Values in [0, 1].
        noise_dim: Integer. The size of the noise, uniform on [-1, 1].
        categorical_dims: Tuple of integers. The categories of each categorical
            code.
        continuous_dim: Integer. The number of continuous codes, uniform on
            [-1, 1]; 0 for none.
        categorical_weight: Float. The weight `lambda` of categorical codes.
        continuous_weight: Float. That of continuous ones.
        fixed_std: Boolean. Whether `Q`'s normal distribution of a continuous
            code has a standard deviation of 1, as the official code has it for
            MNIST, or a learned one.
        width: Integer. The filters of the first convolution; the others, and
            the dense layers, have 2, 2 and 16 times as many.
        negative_slope: Float. The slope of the leaky ReLU units; 0.01 in the
            official code.
        discriminator: `keras.Model` from images to a list: the logit, the
            logits of each categorical code, and, if there are continuous
            codes, their means and, without `fixed_std`, log-variances.

    Example:

    ```python
    model = keras_gen.InfoGAN((28, 28, 1))
    model.compile()
    model.fit(images, batch_size=128, epochs=50)
    rows = model.traverse_code(1)  # The first continuous code.
    categories, means = model.infer_codes(images)
    ```

    A bare `compile()` uses the paper's Adam.
    """

    logged = ("categorical_information", "continuous_information")
    value_range = (0.0, 1.0)
    fixed = {"prior": "uniform", "latent_dim": 100}
    presets = {
        "small": {"width": 32, "ema_decay": 0.999},
        "smoke": {"width": 4, "noise_dim": 8},
    }

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        noise_dim: int = 62,
        categorical_dims: tuple[int, ...] = (10,),
        continuous_dim: int = 2,
        categorical_weight: float = 1.0,
        continuous_weight: float = 1.0,
        fixed_std: bool = True,
        width: int = 64,
        negative_slope: float = 0.1,
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        check_positive(noise_dim=noise_dim, width=width)
        check_not_negative(
            continuous_dim=continuous_dim,
            categorical_weight=categorical_weight,
            continuous_weight=continuous_weight,
        )
        dims = tuple(categorical_dims)
        parts = [Uniform(noise_dim), *map(Categorical, dims)]
        if continuous_dim:
            parts.append(Uniform(continuous_dim))
        super().__init__(**{**kwargs, "prior": Joint(parts)})
        self.image_shape = shape = tuple(image_shape)
        self.categorical_dims = dims
        self.continuous_dim = continuous_dim
        self.categorical_weight = categorical_weight
        self.continuous_weight = continuous_weight
        self.fixed_std = fixed_std
        sizes = [part.latent_dim for part in parts]
        self.generator = self.network_of(
            "generator",
            generator,
            partial(infogan_generator, shape, sizes, width),
            outputs=[shape],
        )
        codes = list(dims)
        if continuous_dim:
            codes += [continuous_dim] * (1 if fixed_std else 2)
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            partial(infogan_discriminator, shape, codes, width, negative_slope),
            [shape],
            [(1,), *[(size,) for size in codes]],
            logits=1 + len(dims),
        )

    def default_optimizers(self):
        return {
            "discriminator": keras.optimizers.Adam(
                2e-4, beta_1=0.5, epsilon=1e-8
            ),
            "generator": keras.optimizers.Adam(1e-3, beta_1=0.5, epsilon=1e-8),
        }

    # ---- The codes ----------------------------------------------------------

    def source_and_codes(self, x, training=False):
        """The logit, and what `Q` says of the codes: logits of categories, and
        the normal distribution of continuous codes, or `None`."""
        logit, *codes = self.discriminator(x, training=training)
        counts, normal = len(self.categorical_dims), None
        logits, continuous = codes[:counts], codes[counts:]
        if continuous and self.fixed_std:
            normal = Normal(at_least_float32(continuous[0]), 0.0)
        elif continuous:
            normal = Normal.learned(*map(at_least_float32, continuous))
        return self.scalar_outputs(logit), logits, normal

    def discriminate_step(self, x, condition=None, training=False):
        return self.source_and_codes(x, training)[0]

    def information(self, z, logits, normal):
        """The bounds `L_I` of categorical and of continuous codes, in nats."""
        count = len(self.categorical_dims)
        categorical = sum(
            math.log(size) - cross_entropy(ops.argmax(code, axis=-1), found)
            for size, code, found in zip(
                self.categorical_dims, z[1 : 1 + count], logits, strict=True
            )
        )
        continuous = 0.0
        if normal is not None:
            entropy = self.continuous_dim * math.log(2.0)
            continuous = entropy + ops.mean(normal.log_prob(z[-1]))
        return categorical, continuous

    def weighted_information(self, z, logits, normal):
        """The bounds, weighted; they are logged."""
        categorical, continuous = self.information(z, logits, normal)
        self.log(
            categorical_information=categorical,
            continuous_information=continuous,
        )
        weighted = self.categorical_weight * categorical
        return weighted + self.continuous_weight * continuous

    # ---- Training -----------------------------------------------------------

    def discriminator_loss(self, batch, training):
        z = self.draw_latents(ops.shape(batch.x)[0])
        fake = ops.stop_gradient(self.generate_step(z, training=training))
        real = self.discriminate_step(batch.x, training=training)
        fake, *codes = self.source_and_codes(fake, training)
        loss = self.objective.discriminator(real, fake)
        return loss - self.weighted_information(z, *codes)

    def generator_loss(self, batch, training):
        z = self.draw_latents(ops.shape(batch.x)[0])
        fake = self.generate_step(z, training=training)
        fake, *codes = self.source_and_codes(fake, training)
        loss = self.objective.generator(fake)
        return loss - self.weighted_information(z, *codes)

    # ---- Inference ----------------------------------------------------------

    def codes_step(self, x):
        """The codes of a batch by `Q`."""
        _, logits, normal = self.source_and_codes(x)
        found = [ops.softmax(at_least_float32(part)) for part in logits]
        return tuple(found if normal is None else [*found, normal.mean])

    def infer_codes(self, x, *, batch_size: int = 256) -> tuple:
        """The codes of images by `Q`.

        Returns:
            Tuple of arrays: the probabilities of each categorical code, of
            shape `(n, categories)`, then, if there are continuous codes, their
            means, of shape `(n, continuous_dim)`.
        """
        return tuple(self.run(self.codes_step, x, batch_size=batch_size))

    def signatures(self):
        names = [f"category_{i}" for i in range(len(self.categorical_dims))]
        names += ["continuous"] if self.continuous_dim else []
        x = {"x": self.data_spec().x}
        codes = Signature(self.codes_step, x, tuple(names))
        return {**super().signatures(), "infer_codes": codes}

    def served_networks(self):
        return [*super().served_networks(), self.discriminator]

    def traverse_code(
        self,
        code: int,
        *,
        num_samples: int = 10,
        values: np.ndarray | None = None,
        seed: int | None = None,
    ) -> np.ndarray:
        """Samples of which one code varies, each with its other latents.

        Args:
            code: Integer. The place of the code: categorical ones come first,
                then each continuous one.
            values: Array. The values of a continuous code, by default 10 from
                -2 to 2, or the categories of a categorical one.

        Returns:
            Array of shape `(num_samples, len(values), ...)`.
        """
        counts = len(self.categorical_dims)
        if not 0 <= code < counts + self.continuous_dim:
            raise ValueError(
                f"`code` must be from 0 to {counts + self.continuous_dim - 1}. "
                f"Received: code={code}."
            )
        z = self.draw_latents(num_samples, seed)
        z = [ops.convert_to_numpy(part) for part in z]
        categories = self.categorical_dims[code] if code < counts else None
        if values is None:
            continuous = np.linspace(-2.0, 2.0, 10)
            values = np.arange(categories) if categories else continuous
        z = [np.repeat(part, len(values), axis=0) for part in z]
        values = np.tile(values, num_samples)
        if categories:
            z[1 + code] = np.eye(categories, dtype="float32")[values]
        else:
            z[-1][:, code - counts] = values
        images = self.generate(tuple(z))
        return images.reshape(num_samples, -1, *images.shape[1:])
