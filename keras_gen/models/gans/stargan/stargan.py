"""One generator for the translation between many domains.

Y. Choi, M. Choi, M. Kim, J.-W. Ha, S. Kim and J. Choo, "StarGAN: Unified
Generative Adversarial Networks for Multi-Domain Image-to-Image Translation",
CVPR 2018, https://arxiv.org/abs/1711.09020

A generator `G(x, c')` translates an image `x` of the domain label `c` to the
target label `c'`. The discriminator returns a map of scores `D`, over which `E`
is a mean too, and the logits of a classifier of labels, whose cross-entropy is
`L_cls`:

    L_D = E[D(G(x, c'))] - E[D(x)] + L_cls(x, c) + 10 L_gp,
    L_G = -E[D(G(x, c'))] + L_cls(G(x, c'), c') + 10 E|x - G(G(x, c'), c)|,
    L_gp = E[(||grad sum D(y)|| - 1)^2],  y = x + alpha (G(x, c') - x),

with `alpha` from U(0, 1) for each image. The target labels are those of the
batch in random order, so that each is one that occurs. The discriminator is
updated five times for each update of the generator.
"""

import keras
import numpy as np
from keras import ops

from keras_gen.backend import noise
from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_count, check_not_negative
from keras_gen.engine import Batch, Examples, Signature
from keras_gen.layers import InstanceNormalization
from keras_gen.losses import adversarial, penalties
from keras_gen.models.gans.stargan.labels import LabelSets
from keras_gen.models.gans.stargan.networks import stargan_discriminator
from keras_gen.models.translation import TranslationModel
from keras_gen.networks.conv import fan_in_uniform
from keras_gen.networks.translation import resnet_generator


@keras.saving.register_keras_serializable(package="keras_gen")
class StarGAN(TranslationModel):
    """StarGAN, the translation between the domains that labels describe.

    `fit(x, y)` takes images and their labels: `y` is an array of zeros and
    ones for `num_attributes`, of integers for `num_classes`. For both, which
    joins two data sets, it is a dictionary of `"attributes"` and `"labels"`,
    with -1 for what the data set of an image does not say; a mask vector tells
    the generator which of the two is meant. Target labels are those of images
    of the same set.

    A batch is divided over the discriminator's updates in a step; the
    generator is updated on the last part.

    Args:
        image_shape: Tuple `(height, width, channels)` of images with values in
            [-1, 1].
        num_attributes: Integer or `None`. The number of binary attributes; by
            default 5, if there are no classes.
        num_classes: Integer or `None`. The number of classes, of which an
            image has one. The paper's experiments have 5 attributes, 8
            classes, or both.
        base_filters: Integer. The filters of the generator's first layer.
        num_blocks: Integer. Its residual blocks.
        discriminator_filters: Integer. The filters of the discriminator's
            first layer, which double from layer to layer.
        discriminator_layers: Integer. Its strided convolutions: 6 for images
            of 128x128, which leave maps of 2x2.
        class_weight: Float. The weight of `L_cls` in both losses.
        reconstruction_weight: Float. The weight of the reconstruction.
        penalty_weight: Float. The weight of `L_gp`.
        discriminator_steps: Integer. The discriminator's updates in a step.
        generator: `keras.Model` from a list of images and label vectors to
            images.
        discriminator: `keras.Model` from images to a list of a map of scores
            of shape `(batch, height, width, 1)` and logits. It must not couple
            the examples of a batch (no batch normalization).

    Example:

    ```python
    model = keras_gen.StarGAN((64, 64, 3), num_attributes=3, base_filters=16)
    model.compile()
    model.fit(images, attributes, batch_size=5 * 16, epochs=10)
    blond = model.translate(x, labels=[0, 1, 0])
    ```

    A bare `compile()` uses the Adam of the paper, without its decay.
    """

    players = {"discriminator": ["discriminator"], "generator": ["generator"]}
    directions = {"ab": "generator"}
    logged = (
        "wasserstein_estimate",
        "gradient_penalty",
        "class_loss_real",
        "class_loss_fake",
        "reconstruction_loss",
    )
    value_range = (-1.0, 1.0)
    presets = {
        "paper": {},
        "small": {
            "base_filters": 16,
            "num_blocks": 3,
            "discriminator_filters": 16,
            "discriminator_layers": 3,
            # Small shapes on a plain ground hardly count in a mean of pixels.
            "reconstruction_weight": 100.0,
            "discriminator_steps": 2,
        },
        "smoke": {
            "base_filters": 4,
            "num_blocks": 1,
            "discriminator_filters": 4,
            "discriminator_layers": 2,
            "discriminator_steps": 2,
        },
    }

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (128, 128, 3),
        num_attributes: int | None = None,
        num_classes: int | None = None,
        base_filters: int = 64,
        num_blocks: int = 6,
        discriminator_filters: int = 64,
        discriminator_layers: int = 6,
        class_weight: float = 1.0,
        reconstruction_weight: float = 10.0,
        penalty_weight: float = 10.0,
        discriminator_steps: int = 5,
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if num_attributes is None and num_classes is None:
            num_attributes = 5
        for name, count in (
            ("num_attributes", num_attributes),
            ("num_classes", num_classes),
        ):
            if count is not None:
                check_count(1, **{name: count})
        check_count(
            1,
            base_filters=base_filters,
            discriminator_filters=discriminator_filters,
            discriminator_steps=discriminator_steps,
        )
        check_not_negative(
            num_blocks=num_blocks,
            discriminator_layers=discriminator_layers,
            class_weight=class_weight,
            reconstruction_weight=reconstruction_weight,
            penalty_weight=penalty_weight,
        )
        self.image_shape = shape = tuple(image_shape)
        self.label_sets = LabelSets(num_attributes or 0, num_classes or 0)
        self.condition = self.label_sets.condition
        self.batch_parts = discriminator_steps
        self.class_weight = class_weight
        self.reconstruction_weight = reconstruction_weight
        self.penalty_weight = penalty_weight
        label_dim = self.label_sets.size
        num_logits = self.label_sets.num_logits
        self.generator = self.network_of(
            "generator",
            generator,
            lambda: resnet_generator(
                shape,
                shape[-1],
                base_filters,
                num_blocks,
                norm=lambda: InstanceNormalization(affine=True),
                condition_dim=label_dim,
                kernel_size=4,
                padding="zero",
                use_bias=False,
                initializer=fan_in_uniform,
            ),
            inputs=[shape, (label_dim,)],
            outputs=[shape],
        )
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            lambda: stargan_discriminator(
                shape, discriminator_filters, discriminator_layers, num_logits
            ),
            inputs=[shape],
            outputs=[(None, None, 1), (num_logits,)],
            logits=2,
        )
        self.label_seed = self.seed_generator("labels")
        self.interpolation_seed = self.seed_generator("interpolation")

    def data_spec(self):
        x = Examples(self.image_shape, "image_shape", self.value_range)
        return Batch(x, self.label_sets.spec)

    def default_optimizer(self):
        return keras.optimizers.Adam(1e-4, beta_1=0.5, epsilon=1e-8)

    def label_vector(self, attributes=None, labels=None) -> np.ndarray:
        """What `translate` takes as `labels` where there are two sets of them.

        Args:
            attributes: Array of shape `(n, num_attributes)`; or
            labels: Integer array of shape `(n,)`.

        Returns:
            Array of shape `(n, size)`, with the mask vector.
        """
        return self.label_sets.vector_of_one(attributes, labels)

    def translate_step(
        self, x, direction, condition=None, training=False, noise=None
    ):
        if not self.label_sets.are_two:
            condition = self.label_sets.vector(condition)
        return self._generated(x, condition, training)

    def _generated(self, x, vector, training):
        """Images of the labels of a vector."""
        inputs = [x, vector]
        return at_least_float32(self.generator(inputs, training=training))

    def discriminate_step(self, x, training=False):
        """The map of scores, and the logits of attributes and of classes."""
        outputs = self.discriminator(x, training=training)
        return [at_least_float32(output) for output in outputs]

    def discriminator_loss(self, batch, training):
        (x, y), sets = batch, self.label_sets
        target = noise.permuted(y, self.label_seed, sets.groups(y))
        fake = ops.stop_gradient(
            self._generated(x, sets.vector(target), training)
        )
        scores, logits = self.discriminate_step(x, training)
        fake_scores, _ = self.discriminate_step(fake, training)
        wasserstein = adversarial.wasserstein_critic(scores, fake_scores)

        alpha = noise.uniform(ops.shape(x)[:1], self.interpolation_seed)
        norms = penalties.norms_between(
            self.gradient,
            lambda x: self.discriminate_step(x, training)[0],
            at_least_float32(x),
            fake,
            alpha,
        )
        penalty = penalties.gradient_penalty(norms)
        class_loss = sets.loss(y, logits)
        self.log(
            wasserstein_estimate=-wasserstein,
            gradient_penalty=penalty,
            class_loss_real=class_loss,
        )
        loss = wasserstein + self.penalty_weight * penalty
        return loss + self.class_weight * class_loss

    def generator_loss(self, batch, training):
        (x, y), sets = batch, self.label_sets
        target = noise.permuted(y, self.label_seed, sets.groups(y))
        fake = self._generated(x, sets.vector(target), training)
        scores, logits = self.discriminate_step(fake, training)
        class_loss = sets.loss(target, logits)
        again = self._generated(fake, sets.vector(y), training)
        reconstruction = ops.mean(ops.abs(at_least_float32(x) - again))
        self.log(class_loss_fake=class_loss, reconstruction_loss=reconstruction)
        return (
            adversarial.wasserstein_generator(scores)
            + self.class_weight * class_loss
            + self.reconstruction_weight * reconstruction
        )

    def training_step(self, batch):
        parts = self.split(batch, self.batch_parts)
        for part in parts:
            self.minimize("discriminator", part)
        self.minimize("generator", parts[-1])

    def probabilities_step(self, x):
        """The probabilities of each attribute, and of the classes."""
        return self.label_sets.probabilities(self.discriminate_step(x)[1])

    def class_probabilities(self, x, *, batch_size: int = 256) -> np.ndarray:
        """The probability of each attribute, and of each class.

        Returns:
            Array of shape `(n, num_attributes + num_classes)`.
        """
        return self.run(self.probabilities_step, x, batch_size=batch_size)

    def signatures(self):
        x = {"x": self.data_spec().x}
        classify = Signature(self.probabilities_step, x, ("probabilities",))
        return {**super().signatures(), "classify": classify}

    def served_networks(self):
        return [self.generator, self.discriminator]
