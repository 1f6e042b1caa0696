"""The conditional generative adversarial network.

M. Mirza and S. Osindero, "Conditional Generative Adversarial Nets", 2014,
https://arxiv.org/abs/1411.1784

Both players are given a condition `y`, such as a class. With the
discriminator's logit `l` they minimize

    L_D = E_(x,y)[softplus(-l(x, y))] + E_(z,y)[softplus(l(G(z, y), y))],
    L_G = E_(z,y)[softplus(-l(G(z, y), y))],

with the conditions of the data's batch for generated examples, too: it is the
game of the pairs `(x, y)` and `(G(z, y), y)`.
"""

import math
from functools import partial

import keras
from keras import layers

from keras_gen.checks import check_option, check_positive
from keras_gen.engine import Labels, Vector
from keras_gen.layers import BatchNormalization, DropoutNoise, Maxout
from keras_gen.losses.adversarial import OBJECTIVES
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.models.gans.gan import RANGES, decaying_sgd
from keras_gen.networks.conditioning import condition_input, with_condition
from keras_gen.networks.conv import divided, strided_conv, transposed_conv


@keras.saving.register_keras_serializable(package="keras_gen")
class CGAN(AdversarialModel):
    """Conditional generative adversarial network.

    The defaults are the paper's model of MNIST. It does not say where its
    dropout of 0.5 is: here, after each hidden layer of both networks.

    Args:
        input_shape: Tuple. The shape of an example.
        num_classes: Integer. The number of classes; `fit(x, labels)`.
        condition_dim: Integer or `None`. If given, conditions are vectors of
            this size in place of classes, such as embeddings of texts; both
            `fit(x, vectors)` and `sample(n, labels=vectors)` take them.
        architecture: String. `"mlp"`, the paper's networks, or `"conv"`, the
            convolutional ones of the DCGAN's authors, with the condition at
            each layer, for images whose sides are even.
        width: Integer or `None`. For `"mlp"`, the generator's units of the
            latents, 200; its other layers have 5 and 6 times as many, and the
            discriminator's 1.2 and 0.25. For `"conv"`, the filters of the
            smallest convolutions, 64.
        output_activation: String or `None`. That of the generator:
            `"sigmoid"` for examples in [0, 1], `"tanh"` for [-1, 1], or `None`
            for any.
        objective: String. `"non_saturating"` or `"minimax"`.

    Example:

    ```python
    model = keras_gen.CGAN((28, 28, 1), num_classes=10, architecture="conv")
    model.compile()
    model.fit(images, labels, batch_size=128, epochs=10)
    sevens = model.sample(16, labels=7)
    ```

    A bare `compile()` uses the paper's gradient descent with momentum for
    `"mlp"`, where momentum rises to 0.7 in the paper, and Adam for `"conv"`,
    without the L2 regularization of 2.5e-5 of the authors' code.
    """

    shape_argument = "input_shape"
    defaults = {"prior": "uniform_unit_interval"}
    presets = {
        "conv": {"architecture": "conv", "prior": "uniform"},
        "small": {
            "architecture": "conv",
            "width": 32,
            "prior": "uniform",
            "ema_decay": 0.999,
        },
        "smoke": {"width": 20},
    }

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        num_classes: int = 10,
        condition_dim: int | None = None,
        architecture: str = "mlp",
        width: int | None = None,
        output_activation: str | None = "sigmoid",
        objective: str = "non_saturating",
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("architecture", architecture, NETWORKS)
        check_option("output_activation", output_activation, RANGES)
        check_option("objective", objective, ("non_saturating", "minimax"))
        default_width, build_generator, build_discriminator = NETWORKS[
            architecture
        ]
        width = width or default_width
        check_positive(width=width, num_classes=num_classes)
        self.input_shape = shape = tuple(input_shape)
        self.architecture = architecture
        self.objective = OBJECTIVES[objective]
        self.value_range = RANGES[output_activation]
        self.condition, condition = Labels(num_classes), (num_classes, None)
        if condition_dim is not None:
            check_positive(condition_dim=condition_dim)
            self.condition = Vector(condition_dim, "condition_dim")
            condition = (None, condition_dim)
        self.generator = self.network_of(
            "generator",
            generator,
            partial(
                build_generator,
                shape,
                self.latent_dim,
                width,
                condition,
                output_activation,
            ),
            outputs=[shape],
        )
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            partial(build_discriminator, shape, width, condition),
            [shape, self.condition.shape],
            [(1,)],
            logits=1,
        )

    def default_optimizer(self):
        if self.architecture == "mlp":
            return decaying_sgd(1.00004)
        return keras.optimizers.Adam(2e-4, beta_1=0.5, epsilon=1e-8)


def hidden(x, units):
    """A hidden layer of ReLU units, with dropout."""
    return DropoutNoise(0.5)(layers.Dense(units, "relu")(x))


def maxout(x, units, pieces=5):
    """A hidden layer of maxout units, with dropout."""
    return DropoutNoise(0.5)(Maxout(units, pieces)(x))


def mlp_generator(shape, latent_dim, width, condition, activation):
    """Hidden layers of the latents, of the condition, and of both."""
    z = keras.Input((latent_dim,))
    inputs, y = condition_input(*condition)
    x = with_condition(hidden(z, width), hidden(y, 5 * width))
    x = layers.Dense(math.prod(shape), activation)(hidden(x, 6 * width))
    x = layers.Reshape(shape)(x)
    return keras.Model([z, inputs], x, name="generator")


def mlp_discriminator(shape, width, condition):
    """Maxout layers of the example, of the condition, and of both."""
    x = keras.Input(shape)
    inputs, y = condition_input(*condition)
    units = 6 * width // 5
    h = maxout(layers.Flatten()(x), units)
    h = maxout(with_condition(h, maxout(y, width // 4)), units, pieces=4)
    return keras.Model([x, inputs], layers.Dense(1)(h), name="discriminator")


def _kernel():
    return {"kernel_initializer": keras.initializers.RandomNormal(0.0, 0.02)}


def _norm():
    return BatchNormalization(center=False, scale=False)


def conv_generator(shape, latent_dim, width, condition, activation):
    """Two dense layers and two transposed convolutions."""
    smallest = (*divided(shape, 4), 2 * width)
    z = keras.Input((latent_dim,))
    inputs, y = condition_input(*condition)

    def relu(x):
        return layers.ReLU()(_norm()(x))

    x = relu(layers.Dense(16 * width, **_kernel())(with_condition(z, y)))
    x = layers.Dense(math.prod(smallest), **_kernel())(with_condition(x, y))
    x = layers.Reshape(smallest)(relu(x))
    x = relu(transposed_conv(width, 5, **_kernel())(with_condition(x, y)))
    x = transposed_conv(shape[-1], 5, **_kernel())(with_condition(x, y))
    images = layers.Activation(activation, dtype="float32")(x)
    return keras.Model([z, inputs], images, name="generator")


def conv_discriminator(shape, width, condition):
    """Two strided convolutions and a dense layer."""
    divided(shape, 4)
    images = keras.Input(shape)
    inputs, y = condition_input(*condition)

    def leaky_relu(x):
        return layers.LeakyReLU(0.2)(x)

    x = strided_conv(width, 5, **_kernel())(with_condition(images, y))
    x = with_condition(leaky_relu(x), y)
    x = leaky_relu(_norm()(strided_conv(2 * width, 5, **_kernel())(x)))
    x = with_condition(layers.Flatten()(x), y)
    x = leaky_relu(_norm()(layers.Dense(16 * width, **_kernel())(x)))
    logits = layers.Dense(1, **_kernel())(with_condition(x, y))
    return keras.Model([images, inputs], logits, name="discriminator")


NETWORKS = {
    "mlp": (200, mlp_generator, mlp_discriminator),
    "conv": (64, conv_generator, conv_discriminator),
}
