"""The geometric GAN, by the hinge loss: a template of a model.

J. H. Lim and J. C. Ye, "Geometric GAN", 2017,
https://arxiv.org/abs/1705.02894

With the score `D(x)`, the players minimize

    L_D = E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))],
    L_G = -E[D(G(z))].

With labels, both networks are given the class as well.
"""

# Copy this file to keras_gen/models/<family>/<name>.py and replace its content.
# The docstring above has the citation and the objective, in the letters of the
# paper: `python -m keras_gen info <name>` prints it. What the model does
# otherwise than the paper, and why, stands in the docstring of the class.

import keras
from keras import layers, ops

from keras_gen.backend import noise
from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import as_units, check_not_negative, check_positive
from keras_gen.engine import Labels
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.networks.mlp import mlp_decoder
from keras_gen.schedules import Schedule, check_scheduled


# Pure functions of tensors, in float32. One that a second model needs moves to
# keras_gen/losses, a network that a second model builds to keras_gen/networks.
def hinge(scores, sign):
    """`E[max(0, 1 - sign * scores)]`: `sign` is 1 of real, -1 of generated."""
    return ops.mean(ops.relu(1.0 - sign * at_least_float32(scores)))


def with_label(x, num_classes, units):
    """Vectors and an embedded class, concatenated; the input of the class."""
    label = keras.Input((), dtype="int32", name="label")
    embedded = layers.Embedding(num_classes, units)(label)
    return label, layers.Concatenate()([x, embedded])


def mlp_generator(image_shape, hidden_units, latent_dim, num_classes=None):
    """From latents, and a class if there are classes, to images in [-1, 1]."""
    inputs = z = keras.Input((latent_dim,), name="z")
    if num_classes:
        label, z = with_label(z, num_classes, latent_dim)
        inputs = [inputs, label]
    trunk = mlp_decoder(
        image_shape, hidden_units, z.shape[-1], output_activation="tanh"
    )
    return keras.Model(inputs, trunk(z), name="generator")


def mlp_discriminator(image_shape, hidden_units, num_classes=None):
    """From images, and a class if there are classes, to scores."""
    inputs = images = keras.Input(image_shape)
    x = layers.Flatten()(images)
    if num_classes:
        label, x = with_label(x, num_classes, hidden_units[0])
        inputs = [images, label]
    for units in hidden_units:
        x = layers.LeakyReLU(0.2)(layers.Dense(units)(x))
    return keras.Model(inputs, layers.Dense(1)(x), name="discriminator")


# Registered, so that a saved model finds its class.
@keras.saving.register_keras_serializable(package="keras_gen")
class TemplateGAN(AdversarialModel):
    """Generative adversarial network trained by the hinge loss.

    The networks are fully connected and the optimizers those of the DCGAN.

    Args:
        image_shape: Tuple `(height, width, channels)`. Values in [-1, 1].
        hidden_units: Integer or tuple. The units of the hidden layers of each
            network.
        num_classes: Integer or `None`. If given, the model is trained by
            `fit(images, labels)` and both networks are given the class.
        discriminator_steps: Integer. Updates of the discriminator for each
            update of the generator, each on its own part of the batch.
        noise_stddev: Float or `keras_gen.Schedule`. The standard deviation of
            Gaussian noise added to all images that the discriminator sees in
            training; not in the paper. `Schedule(0.1, 0.0, over=20)` lets it
            vanish in 20 epochs.

    Example:

    ```python
    model = TemplateGAN(image_shape=(28, 28, 1))
    model.compile()
    model.fit(images, batch_size=64, epochs=10)
    samples = model.sample(64, seed=0)
    ```
    """

    # The arguments of the bases (latent_dim, prior, ema_decay, ema_warmup,
    # seed, name, dtype) follow those of `__init__` in the signature, the config
    # and the help. `defaults` changes their defaults, `fixed` removes them.
    defaults = {"latent_dim": 64}
    # From each player, which is an optimizer, to the networks that it updates.
    # `optimizer.iterations` is that of the last player.
    players = {
        "discriminator": ["discriminator"],
        "generator": ["generator"],
    }
    # The quantities that the losses log besides themselves.
    logged = ("score_real", "score_fake")
    # The range of the images: `fit` checks it, pipelines scale to it.
    value_range = (-1.0, 1.0)
    # `paper`, the constructor's defaults, is always there; `small` trains in
    # minutes on two cores, `smoke` in one.
    presets = {
        "small": {"hidden_units": (256, 256), "ema_decay": 0.999},
        "smoke": {"hidden_units": 32},
    }

    # Every argument has a default, the paper's, and a type. Every network can
    # be replaced by the user's.
    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        hidden_units: int | tuple[int, ...] = (512, 512),
        num_classes: int | None = None,
        discriminator_steps: int = 1,
        noise_stddev: float | Schedule = 0.0,
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        # "`x` must be ... Received: x=... Change ..."
        units = as_units("hidden_units", hidden_units)
        check_positive(discriminator_steps=discriminator_steps)
        check_scheduled("noise_stddev", noise_stddev, check_not_negative)
        self.image_shape = shape = tuple(image_shape)
        self.discriminator_steps = discriminator_steps
        self.noise_stddev = noise_stddev
        # The base's `data_spec()` is made from these: x are examples of
        # `image_shape` in `value_range`, y is `condition` (`None`: `fit`
        # refuses labels). A model of other data defines `data_spec`.
        if num_classes is not None:
            self.condition = Labels(num_classes)
        # The user's network, or the model's own, built in the model's dtype
        # policy and from its seed. The shapes of both are checked.
        self.generator = self.network_of(
            "generator",
            generator,
            lambda: mlp_generator(shape, units, self.latent_dim, num_classes),
            outputs=[shape],
        )
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            lambda: mlp_discriminator(shape, units, num_classes),
            inputs=[shape, ()] if num_classes else [shape],
            outputs=[(1,)],
        )
        # All state exists before training. A seed generator for each purpose
        # keeps the draws independent.
        self.noise_seed = self.seed_generator("noise")

    # What each player has in a bare `compile()`: the paper's. Where players
    # differ, define `default_optimizers`, a dictionary.
    def default_optimizer(self):
        return keras.optimizers.Adam(2e-4, beta_1=0.5)

    # A `..._step` method takes and returns tensors, in losses, inference and
    # served functions. The public methods (here `discriminate`) are the base's:
    # they take arrays, which they check, and return arrays.
    def discriminate_step(self, x, condition=None, training=False):
        if training:
            added = noise.normal(ops.shape(x), seed=self.noise_seed)
            x = x + self.scheduled(self.noise_stddev) * added
        inputs = x if condition is None else [x, condition]
        return self.scalar_outputs(
            self.discriminator(inputs, training=training)
        )

    # `{player}_loss(batch, training)`: a scalar in float32, a mean over the
    # batch. With `training=False` it is what `evaluate` logs. `minimize`
    # differentiates it with respect to the player's variables alone:
    # `stop_gradient` only saves time.
    def discriminator_loss(self, batch, training):
        fake = ops.stop_gradient(self.generate_for(batch, training))
        real = self.discriminate_step(batch.x, batch.y, training)
        fake = self.discriminate_step(fake, batch.y, training)
        self.log(score_real=ops.mean(real), score_fake=ops.mean(fake))
        return hinge(real, 1.0) + hinge(fake, -1.0)

    def generator_loss(self, batch, training):
        fake = self.generate_for(batch, training)
        return -ops.mean(self.discriminate_step(fake, batch.y, training))

    # The algorithm of the paper. Without it, a step is one update of each
    # player, in the order of `players`.
    def training_step(self, batch):
        for part in self.split(batch, self.discriminator_steps):
            self.minimize("discriminator", part)
        self.minimize("generator", part)
