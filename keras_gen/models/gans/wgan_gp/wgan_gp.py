"""The Wasserstein GAN with gradient penalty.

I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin and A. Courville, "Improved
Training of Wasserstein GANs", NIPS 2017, https://arxiv.org/abs/1704.00028

With the critic `D`, `x^ = x + a (G(z) - x)` and one `a ~ U[0, 1]` for each
example, the players minimize

    L_D = E[D(G(z))] - E[D(x)] + lambda E[(||grad_x^ D(x^)||_2 - 1)^2],
    L_G = -E[D(G(z))].

Each generator update follows several critic updates on fresh data. With
labels, the critic has an auxiliary classifier head (AC-GAN): the cross-entropy
of real images is added to `L_D`, and a tenth of that of generated ones to
`L_G`.
"""

from functools import partial

import keras
from keras import ops

from keras_gen.backend import noise
from keras_gen.checks import check_option, check_positive
from keras_gen.engine import Labels
from keras_gen.losses import adversarial, penalties
from keras_gen.losses.classification import cross_entropy
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.models.gans.wgan_gp.networks import ARCHITECTURES
from keras_gen.networks.architectures import discriminator_of, generator_of


@keras.saving.register_keras_serializable(package="keras_gen")
class WGANGP(AdversarialModel):
    """Wasserstein GAN with gradient penalty.

    Each training step is `critic_steps` updates of the critic, each on its
    own part of the batch, and one of the generator. With `batch_size=64` for
    each update, call `fit(..., batch_size=64 * critic_steps)`.

    Args:
        architecture: String. The networks of one of the paper's experiments:
            `"resnet"` (32x32), `"deep_resnet"` (64x64; both make images in
            [-1, 1]), `"conv"` (28x28, values in [0, 1]), `"mlp"` (points),
            for which the paper sets `latent_dim=2, penalty_weight=0.1`, or
            `"text"` (one-hot characters), with `critic_steps=10`.
        width: Integer or `None`. Filters or units of the narrowest hidden
            layers. Defaults to the paper's.
        num_classes: Integer or `None`. If given, the model is trained by
            `fit(images, labels)`, has conditional batch normalization in the
            generator, and an auxiliary classifier in the critic.
        critic_steps: Integer. Critic updates for each generator update.
        generator_batch_factor: Integer. The generator's update draws so many
            times the examples of a critic's update; 2 in the paper's run on
            CIFAR-10.
        penalty_weight: Float. The weight of the gradient penalty.
        penalty_target: Float. The target gradient norm.
        one_sided: Boolean. Whether to penalize only norms above the target
            (one-sided penalty).
        critic_class_weight: Float. The weight of the cross-entropy of real
            images in the critic's loss.
        generator_class_weight: Float. The weight of the cross-entropy of
            generated images in the generator's loss.
        critic: `keras.Model` from examples to scores of shape `(batch, 1)`
            (and class logits). It must not couple the examples of a batch (no
            batch normalization).

    Example:

    ```python
    model = keras_gen.WGANGP((28, 28, 1), architecture="conv", width=32)
    model.compile()
    model.fit(images, batch_size=5 * 50, epochs=10)
    samples = model.sample(64, seed=0)
    ```

    A bare `compile()` uses the Adam of the paper's Algorithm 1.
    """

    players = {"critic": ["critic"], "generator": ["generator"]}
    adversary = "critic"
    logged = ("wasserstein_estimate", "gradient_penalty", "gradient_norm")
    shape_argument = "input_shape"
    defaults = {"latent_dim": 128}
    presets = {
        "paper": {"generator_batch_factor": 2},
        "small": {"architecture": "conv", "width": 24, "critic_steps": 2},
        "smoke": {"architecture": "conv", "width": 8},
    }

    def __init__(
        self,
        input_shape: tuple[int, ...] = (32, 32, 3),
        architecture: str = "resnet",
        width: int | None = None,
        num_classes: int | None = None,
        critic_steps: int = 5,
        generator_batch_factor: int = 1,
        penalty_weight: float = 10.0,
        penalty_target: float = 1.0,
        one_sided: bool = False,
        critic_class_weight: float = 1.0,
        generator_class_weight: float = 0.1,
        generator: keras.Model | None = None,
        critic: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("architecture", architecture, ARCHITECTURES)
        check_positive(critic_steps=critic_steps, penalty_target=penalty_target)
        check_positive(generator_batch_factor=generator_batch_factor)
        self.input_shape = shape = tuple(input_shape)
        self.critic_steps = self.batch_parts = critic_steps
        self.generator_batch_factor = generator_batch_factor
        self.penalty_weight = penalty_weight
        self.penalty_target = penalty_target
        self.one_sided = one_sided
        self.critic_class_weight = critic_class_weight
        self.generator_class_weight = generator_class_weight
        self.value_range = ARCHITECTURES[architecture].value_range
        if num_classes:
            self.condition = Labels(num_classes)
            self.logged = (*self.logged, "class_loss_real", "class_loss_fake")
        chosen = (ARCHITECTURES, architecture, shape)
        sizes = (width, num_classes)
        build = partial(generator_of, *chosen, self.latent_dim, *sizes)
        self.generator = self.network_of(
            "generator", generator, build, outputs=[shape]
        )
        build = partial(discriminator_of, *chosen, *sizes)
        outputs = [(1,), (num_classes,)] if num_classes else [(1,)]
        self.critic = self.network_of(
            "critic", critic, build, [shape], outputs, logits=len(outputs)
        )
        self.interpolation_seed = self.seed_generator("interpolation")

    def default_optimizer(self):
        return keras.optimizers.Adam(1e-4, beta_1=0.0, beta_2=0.9, epsilon=1e-8)

    def critic_outputs(self, x, training):
        """The critic's scores, of shape `(batch,)`, and its class logits."""
        outputs = self.critic(x, training=training)
        score, logits = outputs if self.condition else (outputs, None)
        return self.scalar_outputs(score), logits

    def discriminate_step(self, x, condition=None, training=False):
        return self.critic_outputs(x, training)[0]

    def critic_loss(self, batch, training):
        real, fake = batch.x, self.generate_for(batch, training)
        fake = ops.stop_gradient(fake)
        score, logits = self.critic_outputs(real, training)
        fake_score = self.discriminate_step(fake, training=training)
        wasserstein = adversarial.wasserstein_critic(score, fake_score)

        alpha = noise.uniform(ops.shape(score), seed=self.interpolation_seed)
        norms = penalties.norms_between(
            self.gradient,
            lambda x: self.discriminate_step(x, training=training),
            real,
            fake,
            alpha,
        )
        target, one_sided = self.penalty_target, self.one_sided
        penalty = penalties.gradient_penalty(norms, target, one_sided)
        self.log(wasserstein_estimate=-wasserstein, gradient_penalty=penalty)
        self.log(gradient_norm=ops.mean(norms))
        class_loss = self.class_loss("real", batch.y, logits)
        loss = wasserstein + self.penalty_weight * penalty
        return loss + self.critic_class_weight * class_loss

    def generator_loss(self, batch, training):
        # Of the batch, the size alone counts: no real image takes part.
        size = self.generator_batch_factor * ops.shape(batch.x)[0]
        fake, labels = self.generate_batch(size, training)
        score, logits = self.critic_outputs(fake, training)
        loss = adversarial.wasserstein_generator(score)
        class_loss = self.class_loss("fake", labels, logits)
        return loss + self.generator_class_weight * class_loss

    def class_loss(self, kind, labels, logits):
        """The cross-entropy of real or fake images, 0 without classes."""
        if not self.condition:
            return 0.0
        loss = cross_entropy(labels, logits)
        self.log(**{f"class_loss_{kind}": loss})
        return loss
