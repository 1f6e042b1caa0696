"""The Wasserstein GAN with gradient penalty.

I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin and A. Courville, "Improved
Training of Wasserstein GANs", NIPS 2017, https://arxiv.org/abs/1704.00028

With the critic `D`, `x^ = x + a (G(z) - x)` and one `a ~ U[0, 1]` for each
example, the players minimise

    L_D = E[D(G(z))] - E[D(x)] + lambda E[(||grad_x^ D(x^)||_2 - 1)^2],
    L_G = -E[D(G(z))].

Each generator update follows several critic updates on fresh data. With
classes, the critic also names the class of an image: it adds the
cross-entropy of real images to `L_D`, and a tenth of that of generated ones
to `L_G`.
"""

import keras
from keras import ops

from keras_gen.engine import noise
from keras_gen.engine.records import check_positive
from keras_gen.losses import adversarial, penalties
from keras_gen.models.gans.adversarial import AdversarialModel, check_generator
from keras_gen.models.gans.wgan_gp_networks import WIDTHS, networks
from keras_gen.precision import at_least_float32


@keras.saving.register_keras_serializable(package="keras_gen")
class WGANGP(AdversarialModel):
    """Wasserstein GAN with gradient penalty.

    Each training step is `critic_steps` updates of the critic, each on its
    own part of the batch, and one of the generator. With `batch_size=64` for
    each update, call `fit(..., batch_size=64 * critic_steps)`.

    Args:
        image_shape: Tuple. The shape of an example.
        latent_dim: Integer. The number of latent variables.
        architecture: The networks of one of the paper's experiments:
            `"resnet"` (32x32), `"deep_resnet"` (64x64; both make images in
            [-1, 1]), `"conv"` (28x28, values in [0, 1]), `"mlp"` (points),
            for which the paper sets `latent_dim=2, penalty_weight=0.1`, or
            `"text"` (one-hot characters), with `critic_steps=10`.
        width: Integer. Filters or units of the narrowest hidden layers.
            Defaults to the paper's.
        num_classes: Integer or `None`. If given, the model is trained with
            `fit(images, labels)`, has batch normalization by class in the
            generator, and a classifier beside the critic's score.
        critic_steps: Integer. Critic updates for each generator update.
        generator_batch_factor: Integer. The generator's update draws so many
            times the examples of a critic's update; 2 in the paper's run on
            CIFAR-10.
        penalty_weight: Float. The weight of the gradient penalty.
        penalty_target: Float. The gradient norm that costs nothing.
        one_sided: Boolean. Whether smaller norms cost nothing either.
        critic_class_weight: Float. The weight of the cross-entropy of real
            images in the critic's loss.
        generator_class_weight: Float. The weight of the cross-entropy of
            generated images in the generator's loss.
        ema_decay: Float in [0, 1) or `None`. If given, samples come from an
            exponential moving average of the generator's weights.
        generator: `keras.Model` from latents (and labels) to examples.
        critic: `keras.Model` from examples to scores of shape `(batch, 1)`
            (and class logits). It must not mix the examples of a batch, as
            batch normalization does.
        seed: Integer or `None`.

    Example:

    ```python
    model = keras_gen.WGANGP((28, 28, 1), architecture="conv", width=32)
    model.compile()
    model.fit(images, batch_size=5 * 50, epochs=10)
    samples = model.sample(64, seed=0)
    ```

    A bare `compile()` uses the Adam of the paper's Algorithm 1.

    Reference:

    - [Gulrajani et al., 2017](https://arxiv.org/abs/1704.00028)
    """

    players = {"critic": ["critic"], "generator": ["generator"]}

    def __init__(
        self,
        image_shape: tuple[int, ...] = (32, 32, 3),
        latent_dim: int = 128,
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
        ema_decay: float | None = None,
        generator: keras.Model | None = None,
        critic: keras.Model | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(latent_dim, ema_decay=ema_decay, seed=seed, **kwargs)
        if architecture not in WIDTHS:
            raise ValueError(
                f"`architecture` must be one of {list(WIDTHS)}. Received: "
                f"architecture={architecture!r}."
            )
        check_positive(
            critic_steps=critic_steps,
            generator_batch_factor=generator_batch_factor,
            penalty_target=penalty_target,
        )
        self.image_shape = tuple(image_shape)
        self.num_classes = num_classes
        self.critic_steps = critic_steps
        self.generator_batch_factor = generator_batch_factor
        self.penalty_weight = penalty_weight
        self.penalty_target = penalty_target
        self.one_sided = one_sided
        self.critic_class_weight = critic_class_weight
        self.generator_class_weight = generator_class_weight
        unit = architecture in ("conv", "text")
        self.value_range = (0.0, 1.0) if unit else (-1.0, 1.0)
        if generator is not None or architecture == "mlp":
            # Points have no range; a user's own network, one of its own.
            self.value_range = None
        if generator is None or critic is None:
            with self.building_scope():
                built = networks(
                    architecture,
                    self.image_shape,
                    latent_dim,
                    width or WIDTHS[architecture],
                    num_classes,
                )
            generator, critic = generator or built[0], critic or built[1]
        self.generator = generator
        self.critic = critic
        check_generator(self.generator, self.image_shape)
        self.interpolation_seed = self.seed_generator("interpolation")
        self.label_seed = self.seed_generator("labels")
        self.average_generator()

    @property
    def logged(self):
        classes = self._arguments["num_classes"]
        return (
            "wasserstein_estimate",
            "gradient_penalty",
            "gradient_norm",
            *(("class_loss_real", "class_loss_fake") if classes else ()),
        )

    def check_arrays(self, x, y):
        super().check_arrays(x, y)
        if self.num_classes and y is not None:
            if y.min() < 0 or y.max() >= self.num_classes:
                raise ValueError(
                    f"Labels must be from 0 to {self.num_classes - 1}, as "
                    f"`num_classes={self.num_classes}` says. Received labels "
                    f"from {y.min()} to {y.max()}."
                )

    def default_optimizers(self):
        return {
            player: keras.optimizers.Adam(1e-4, beta_1=0.0, beta_2=0.9)
            for player in self.players
        }

    # ---- The losses -------------------------------------------------------

    def generated(self, z, labels, training):
        inputs = [z, labels] if self.num_classes else z
        return self.generator(inputs, training=training)

    def judged(self, examples, training):
        """The critic's scores, of shape `(batch,)`, and class logits."""
        outputs = self.critic(examples, training=training)
        score, logits = outputs if self.num_classes else (outputs, None)
        return at_least_float32(ops.squeeze(score, axis=-1)), logits

    def scores(self, examples, training):
        return self.judged(examples, training)[0]

    def critic_loss(self, real, labels, training):
        """The critic's loss on one part of the batch, with fresh latents."""
        size = ops.shape(real)[0]
        fake = self.generated(self.draw_latents(size), labels, training)
        fake = ops.stop_gradient(at_least_float32(fake))
        score_real, logits = self.judged(real, training)
        score_fake = self.scores(fake, training)

        position = noise.uniform((size,), seed=self.interpolation_seed)
        points = penalties.interpolates(real, fake, position)
        gradients = self.gradient(lambda x: self.scores(x, training), points)
        norms = penalties.gradient_norm(at_least_float32(gradients))
        penalty = penalties.gradient_penalty(
            norms, self.penalty_target, self.one_sided
        )
        loss = adversarial.wasserstein_critic(score_real, score_fake)
        self.log(
            wasserstein_estimate=-loss,
            gradient_penalty=penalty,
            gradient_norm=ops.mean(norms),
        )
        loss = loss + self.penalty_weight * penalty
        if self.num_classes:
            class_loss = cross_entropy(labels, logits)
            self.log(class_loss_real=class_loss)
            loss = loss + self.critic_class_weight * class_loss
        return loss

    def generator_loss(self, size, training):
        labels = None
        if self.num_classes:
            labels = noise.labels((size,), self.num_classes, self.label_seed)
        fake = self.generated(self.draw_latents(size), labels, training)
        score, logits = self.judged(fake, training)
        loss = adversarial.wasserstein_generator(score)
        if self.num_classes:
            class_loss = cross_entropy(labels, logits)
            self.log(class_loss_fake=class_loss)
            loss = loss + self.generator_class_weight * class_loss
        return loss

    def training_step(self, batch):
        for part in self.split((batch.x, batch.y), self.critic_steps):
            self.minimize(
                "critic", lambda part=part: self.critic_loss(*part, True)
            )
        size = self.generator_batch_factor * ops.shape(part[0])[0]
        self.minimize("generator", lambda: self.generator_loss(size, True))
        self.update_generator_average()

    def evaluation_step(self, batch):
        self.log(
            critic_loss=self.critic_loss(*batch, False),
            generator_loss=self.generator_loss(ops.shape(batch.x)[0], False),
        )

    def prepare_batch(self, batch):
        batch = super().prepare_batch(batch)
        if (batch.y is not None) != bool(self.num_classes):
            raise ValueError(
                "Labels go with classes. Received: num_classes="
                f"{self.num_classes} and data "
                f"{'without' if batch.y is None else 'with'} labels. Build "
                "the model with `num_classes` and train it with "
                "`fit(images, labels)`, or do neither."
            )
        if self.num_classes:
            labels = ops.cast(ops.reshape(batch.y, (-1,)), "int32")
            batch = batch._replace(y=labels)
        return batch


def cross_entropy(labels, logits):
    """Mean cross-entropy of class logits, in nats."""
    return ops.mean(
        keras.losses.sparse_categorical_crossentropy(
            labels, at_least_float32(logits), from_logits=True
        )
    )
