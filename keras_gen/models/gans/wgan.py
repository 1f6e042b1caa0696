"""The Wasserstein GAN.

M. Arjovsky, S. Chintala and L. Bottou, "Wasserstein GAN", ICML 2017,
https://arxiv.org/abs/1701.07875

A critic `f` estimates the distance of data and samples, up to a factor, as long
as it is Lipschitz, which weights in `[-c, c]` make it. The players minimize

    L_D = E[f(G(z))] - E[f(x)],   then w <- clip(w, -c, c),
    L_G = -E[f(G(z))].

Each generator update follows several critic updates on fresh data. The estimate
`-L_D` falls as samples improve.
"""

from functools import partial

import keras
from keras import ops

from keras_gen.checks import check_option, check_positive
from keras_gen.losses.adversarial import OBJECTIVES
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.networks.dcgan import dcgan_discriminator, dcgan_generator
from keras_gen.networks.mlp import mlp_decoder, mlp_encoder

# The official code's: so many critic updates before each of the first updates
# of the generator, and before one of so many.
WARMUP_STEPS, WARMUP_UPDATES, WARMUP_EVERY = 100, 25, 500


@keras.saving.register_keras_serializable(package="keras_gen")
class WGAN(AdversarialModel):
    """Wasserstein GAN with weight clipping.

    Each training step is `critic_steps` updates of the critic, each on its own
    part of the batch, and one of the generator. With `batch_size=64` for each
    update, call `fit(..., batch_size=64 * critic_steps)`.

    Args:
        input_shape: Tuple. `(height, width, channels)` of images in [-1, 1],
            with even sides for `"dcgan"`; `(size,)` of points for `"mlp"`.
        architecture: String. `"dcgan"`, the networks of the DCGAN's Torch code,
            or `"mlp"`, of three hidden layers of ReLU units.
        width: Integer or `None`. Filters of the largest feature maps, 64, or
            units of a hidden layer, 512.
        batch_norm: Boolean. Whether the networks of `"dcgan"` have batch
            normalization; the paper shows that they do without.
        critic_steps: Integer. Critic updates for each generator update.
        clip: Float. The bound `c` of each weight of the critic.
        warmup: Boolean. Whether 100 critic updates come before each of the
            first 25 generator updates and before every 500th, as in the
            official code; Algorithm 1 does not have it. A step then leaves out
            the generator's update until there were enough.
        critic: `keras.Model` from examples to scores of shape `(batch, 1)`.

    Example:

    ```python
    model = keras_gen.WGAN(input_shape=(32, 32, 1), width=32)
    model.compile()
    model.fit(images, batch_size=5 * 64, epochs=10)
    samples = model.sample(64, seed=0)
    ```

    A bare `compile()` uses the RMSprop of the official code, which adds its
    epsilon of 1e-8 to the root of the mean square. Keras adds one to the mean
    square: 1e-16. Momentum makes the critic unstable.
    """

    players = {"critic": ["critic"], "generator": ["generator"]}
    adversary = "critic"
    objective = OBJECTIVES["wasserstein"]
    logged = ("wasserstein_estimate",)
    shape_argument = "input_shape"
    presets = {
        "small": {"width": 32, "critic_steps": 2, "ema_decay": 0.999},
        "smoke": {"width": 8},
    }

    def __init__(
        self,
        input_shape: tuple[int, ...] = (64, 64, 3),
        architecture: str = "dcgan",
        width: int | None = None,
        batch_norm: bool = True,
        critic_steps: int = 5,
        clip: float = 0.01,
        warmup: bool = False,
        generator: keras.Model | None = None,
        critic: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("architecture", architecture, ("dcgan", "mlp"))
        convolutional = architecture == "dcgan"
        width = width or (64 if convolutional else 512)
        check_positive(critic_steps=critic_steps, clip=clip, width=width)
        self.input_shape = shape = tuple(input_shape)
        self.critic_steps = self.batch_parts = critic_steps
        self.clip = clip
        self.warmup = warmup
        self.value_range = (-1.0, 1.0) if len(shape) == 3 else None
        if convolutional:
            sizes = (width, 4, batch_norm)
            new_generator = partial(
                dcgan_generator, shape, self.latent_dim, *sizes
            )
            new_critic = partial(
                dcgan_discriminator, shape, *sizes, name="critic"
            )
        else:
            units = (width,) * 3
            new_generator = partial(
                mlp_decoder, shape, units, self.latent_dim, name="generator"
            )
            new_critic = partial(
                mlp_encoder, shape, units, {"score": 1}, name="critic"
            )
        self.generator = self.network_of(
            "generator", generator, new_generator, outputs=[shape]
        )
        self.critic = self.network_of(
            "critic", critic, new_critic, [shape], [(1,)], logits=1
        )
        for variable in self.player_variables("critic"):
            variable.constraint = Clip(clip)
        if warmup:
            self.critic_updates = self.add_state(
                "critic_updates", 0, dtype="int32"
            )

    def default_optimizer(self):
        return keras.optimizers.RMSprop(5e-5, rho=0.99, epsilon=1e-16)

    def critic_loss(self, batch, training):
        loss = super().critic_loss(batch, training)
        self.log(wasserstein_estimate=-loss)
        return loss

    def training_step(self, batch):
        parts = self.split(batch, self.critic_steps)
        for part in parts:
            self.minimize("critic", part)
        if not self.warmup:
            self.minimize("generator", parts[-1])
            return
        self.critic_updates.assign(self.critic_updates + self.critic_steps)
        updates = self.optimizer["generator"].iterations
        early = ops.logical_or(
            updates < WARMUP_UPDATES, updates % WARMUP_EVERY == 0
        )
        needed = ops.where(early, WARMUP_STEPS, self.critic_steps)

        def update_generator():
            self.minimize("generator", parts[-1])
            self.critic_updates.assign(0 * self.critic_updates)

        self.when(self.critic_updates >= needed, update_generator)


@keras.saving.register_keras_serializable(package="keras_gen")
class Clip(keras.constraints.Constraint):
    """Holds weights between `-limit` and `limit`.

    Args:
        limit: Float.
    """

    def __init__(self, limit: float):
        self.limit = limit

    def __call__(self, w):
        return ops.clip(w, -self.limit, self.limit)

    def get_config(self):
        return {"limit": self.limit}
