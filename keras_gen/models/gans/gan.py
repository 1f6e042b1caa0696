"""The generative adversarial network.

I. Goodfellow, J. Pouget-Abadie, M. Mirza, B. Xu, D. Warde-Farley, S. Ozair,
A. Courville and Y. Bengio, "Generative Adversarial Nets", NIPS 2014,
https://arxiv.org/abs/1406.2661

The discriminator `D` and the generator `G` play a minimax game with the value

    V(D, G) = E_x[log D(x)] + E_z[log(1 - D(G(z)))].

With `D = sigmoid(l)` and `softplus(t) = log(1 + exp(t))`, they minimize

    L_D = -V = E_x[softplus(-l(x))] + E_z[softplus(l(G(z)))],
    L_G = E_z[softplus(-l(G(z)))]   (non-saturating), or
    L_G = -E_z[softplus(l(G(z)))]   (minimax).

A step is Algorithm 1: `k` updates of the discriminator and one of the
generator.
"""

from functools import partial

import keras
import numpy as np
from keras import layers
from keras.initializers import RandomUniform

from keras_gen.checks import (
    as_units,
    check_not_negative,
    check_option,
    check_positive,
)
from keras_gen.layers import DropoutNoise, Maxout
from keras_gen.losses.adversarial import OBJECTIVES
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.networks.mlp import dense_layers, mlp_decoder

RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), None: None}


@keras.saving.register_keras_serializable(package="keras_gen")
class GAN(AdversarialModel):
    """Generative adversarial network of fully connected networks.

    The defaults are the official code's model of MNIST: a generator of ReLU
    units, a discriminator of maxout units with dropout, uniform latents of
    unit variance.

    Args:
        input_shape: Tuple. The shape of an example.
        hidden_units: Integer or tuple. The units of the generator's hidden
            layers.
        discriminator_units: Integer or tuple. The maxout units of the
            discriminator's hidden layers.
        pieces: Integer. The affine functions of each maxout unit.
        output_activation: String or `None`. That of the generator:
            `"sigmoid"` for examples in [0, 1], `"tanh"` for [-1, 1], or `None`
            for any.
        objective: String. `"non_saturating"`, which the paper's experiments
            have, or `"minimax"`.
        discriminator_steps: Integer, the paper's `k`. Updates of the
            discriminator for each update of the generator, each on its own
            part of the batch.
        discriminator_weight: Float. The factor of the discriminator's loss;
            0.5 in the official code.

    Example:

    ```python
    model = keras_gen.GAN(input_shape=(28, 28, 1))
    model.initialize_output_bias(images)
    model.compile()
    model.fit(images, batch_size=100, epochs=50)
    samples = model.sample(64, seed=0)
    ```

    A bare `compile()` uses the official code's gradient descent with momentum
    0.5, whose rate of 0.1 decays with each update. There momentum rises to
    0.7, and both players are updated at the same time, on one draw of latents;
    here each has its own draw, as in the paper.
    """

    shape_argument = "input_shape"
    defaults = {"prior": "uniform_unit_variance"}
    presets = {
        "small": {
            "hidden_units": (512, 512),
            "discriminator_units": (128, 128),
            "ema_decay": 0.999,
        },
        "smoke": {"hidden_units": 32, "discriminator_units": 16, "pieces": 2},
    }

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        hidden_units: int | tuple[int, ...] = (1200, 1200),
        discriminator_units: int | tuple[int, ...] = (240, 240),
        pieces: int = 5,
        output_activation: str | None = "sigmoid",
        objective: str = "non_saturating",
        discriminator_steps: int = 1,
        discriminator_weight: float = 1.0,
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("output_activation", output_activation, RANGES)
        check_option("objective", objective, ("non_saturating", "minimax"))
        check_positive(discriminator_steps=discriminator_steps)
        check_not_negative(discriminator_weight=discriminator_weight)
        self.input_shape = shape = tuple(input_shape)
        self.objective = OBJECTIVES[objective]
        self.batch_parts = discriminator_steps
        self.discriminator_weight = discriminator_weight
        self.value_range = RANGES[output_activation]
        build = partial(
            mlp_decoder,
            shape,
            as_units("hidden_units", hidden_units),
            self.latent_dim,
            "relu",
            output_activation,
            partial(RandomUniform, -0.05, 0.05),
            name="generator",
        )
        self.has_own_generator = generator is None
        self.generator = self.network_of(
            "generator", generator, build, outputs=[shape]
        )
        units = as_units("discriminator_units", discriminator_units)
        build = partial(maxout_discriminator, shape, units, pieces)
        self.discriminator = self.network_of(
            "discriminator", discriminator, build, [shape], [(1,)], logits=1
        )

    def default_optimizer(self):
        return decaying_sgd(1.000004)

    def discriminator_loss(self, batch, training):
        loss = super().discriminator_loss(batch, training)
        return self.discriminator_weight * loss

    def initialize_output_bias(self, x) -> None:
        """Starts the generator from the mean example, as the official code.

        The bias of its last layer becomes what the activation maps to the
        mean of `x`.
        """
        if not self.has_own_generator:
            raise ValueError(
                "`generator` of GAN must be None for `initialize_output_bias`. "
                "Received: a keras.Model. Set the bias of its last layer."
            )
        self.check_data(x)
        mean = np.mean(x, axis=0, dtype="float64").reshape(-1)
        if self.value_range is not None:
            low, high = self.value_range
            fraction = np.clip((mean - low) / (high - low), 1e-3, 1.0 - 1e-3)
            mean = np.log(fraction / (1.0 - fraction)) / (high - low)
        networks = {self.generator, self.sampler}
        for network in networks:
            dense_layers(network)[-1].bias.assign(mean.astype("float32"))


def decaying_sgd(factor):
    """Gradient descent with momentum, whose rate each update divides.

    In the papers the rate stays at 1e-6 once it is there, after 2.9 million
    updates of a factor of 1.000004 and a tenth of that of 1.00004.
    """
    rate = keras.optimizers.schedules.ExponentialDecay(
        0.1, decay_steps=1, decay_rate=1.0 / factor
    )
    return keras.optimizers.SGD(rate, momentum=0.5)


def maxout_discriminator(shape, hidden_units, pieces):
    """Maxout layers, with dropout of 0.2 before the first, else of 0.5."""
    images = keras.Input(shape)
    x = DropoutNoise(0.2)(layers.Flatten()(images))
    for units in hidden_units:
        x = Maxout(units, pieces, RandomUniform(-0.005, 0.005))(x)
        x = DropoutNoise(0.5)(x)
    initializer = RandomUniform(-0.005, 0.005)
    logits = layers.Dense(1, kernel_initializer=initializer)(x)
    return keras.Model(images, logits, name="discriminator")
