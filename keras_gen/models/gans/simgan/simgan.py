"""Synthetic images that are refined to look real.

A. Shrivastava, T. Pfister, O. Tuzel, J. Susskind, W. Wang and R. Webb,
"Learning from Simulated and Unsupervised Images through Adversarial Training",
CVPR 2017, https://arxiv.org/abs/1612.07828

A refiner `R` makes synthetic images `x` look like real ones `y`, without
changing what they show. The discriminator returns a map of the logits `D` of
being refined, and `psi` are features of an image, by default the image itself:

    L_R = E[sum softplus(D(R(x))) + w ||psi(R(x)) - psi(x)||_1],
    L_D = E[sum softplus(-D(R(x)))] + E[sum softplus(D(y))].

The sums are over the positions of the map. The discriminator is shown refined
images half of which are new, and half from a history of earlier ones. As in
Algorithm 1, the refiner is updated `K_g` times and then the discriminator `K_d`
times, after `R` was trained with the second term alone, and then `D` alone.
"""

from functools import partial

import keras
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import (
    check_count,
    check_not_negative,
    check_option,
    check_positive,
)
from keras_gen.engine import Batch, Examples
from keras_gen.layers import ImagePool
from keras_gen.losses.reconstruction import sum_by_example
from keras_gen.models.gans.simgan.networks import (
    ARCHITECTURES,
    local_discriminator,
    refiner_network,
)
from keras_gen.models.translation import TranslationModel

# The refined images that are kept, and the refiner's updates of pretraining.
SIZES = {"gaze": (25_600, 1000), "hand": (1024, 500)}


@keras.saving.register_keras_serializable(package="keras_gen")
class SimGAN(TranslationModel):
    """SimGAN, which refines synthetic images.

    `fit(x, y)` takes synthetic and real images that do not belong together;
    `keras_gen.data.zipped` makes batches of sets that are not as large. A
    batch is divided over the updates of a step. What a synthetic image is
    labeled with holds for the refined one: `model.translate(x)`.

    The paper gives no weight and no size of the history; both are those of
    public ports of it, with a smaller history of large images. The networks
    have no normalization.

    Args:
        image_shape: Tuple `(height, width, channels)` of images with values in
            [-1, 1].
        architecture: String. `"gaze"` for the networks of eyes of 35x55, or
            `"hand"` for those of hands of 224x224.
        num_blocks: Integer or `None`. The residual blocks of the refiner, by
            default 4 or 10.
        base_filters: Integer. The filters of the refiner.
        discriminator_filters: Integer. The filters of the discriminator's
            first layer; the others have two thirds and a third of them.
        regularization_weight: Float, `w`.
        history_size: Integer or `None`. The refined images that are kept; 0
            for none. At least the refined images of an update. By default
            25,600, of hands 1,024.
        refiner_steps: Integer, `K_g`. The refiner's updates in a step.
        discriminator_steps: Integer, `K_d`. The discriminator's.
        refiner_pretraining: Integer or `None`. The first updates of the
            refiner, which teach it to leave images as they are, while the
            discriminator is not updated. By default 1,000, of hands 500.
        discriminator_pretraining: Integer. The updates after them, of the
            discriminator alone. Losses are logged as 0 where there are none.
        refiner: `keras.Model` from images to images.
        discriminator: `keras.Model` from images to a map of logits of shape
            `(batch, height, width, 1)`.
        features: `keras.Model` from images to features, `psi`, or `None`.

    Example:

    ```python
    model = keras_gen.SimGAN((32, 32, 1), base_filters=16)
    model.compile()
    train = keras_gen.data.zipped(synthetic, real, 3 * 64, value_range=(-1, 1))
    model.fit(train.dataset, steps_per_epoch=train.steps_per_epoch, epochs=10)
    refined = model.translate(synthetic_images)
    ```

    A bare `compile()` uses Adam with the paper's rate and gradients clipped at
    the norm 50, as a port has it. The paper's stochastic gradient descent at
    this rate, on losses that are sums, ends with refined images that are black
    and white.
    """

    players = {"refiner": ["refiner"], "discriminator": ["discriminator"]}
    directions = {"ab": "refiner"}
    logged = ("adversarial_loss", "regularization_loss")
    value_range = (-1.0, 1.0)
    presets = {
        "paper": {},
        "small": {
            "num_blocks": 2,
            "base_filters": 16,
            "discriminator_filters": 24,
            "history_size": 1024,
            "refiner_pretraining": 400,
            "discriminator_pretraining": 100,
        },
        "smoke": {
            "num_blocks": 1,
            "base_filters": 4,
            "discriminator_filters": 6,
            "history_size": 64,
            "refiner_pretraining": 8,
            "discriminator_pretraining": 2,
        },
    }

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (35, 55, 1),
        architecture: str = "gaze",
        num_blocks: int | None = None,
        base_filters: int = 64,
        discriminator_filters: int = 96,
        regularization_weight: float = 0.5,
        history_size: int | None = None,
        refiner_steps: int = 2,
        discriminator_steps: int = 1,
        refiner_pretraining: int | None = None,
        discriminator_pretraining: int = 200,
        refiner: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        features: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("architecture", architecture, ARCHITECTURES)
        kernel_size, blocks, *kinds = ARCHITECTURES[architecture]
        sizes = SIZES[architecture]
        num_blocks = blocks if num_blocks is None else num_blocks
        if history_size is None:
            history_size = sizes[0]
        if refiner_pretraining is None:
            refiner_pretraining = sizes[1]
        check_positive(
            base_filters=base_filters,
            discriminator_filters=discriminator_filters,
        )
        check_count(
            least=1,
            refiner_steps=refiner_steps,
            discriminator_steps=discriminator_steps,
        )
        check_count(
            num_blocks=num_blocks,
            history_size=history_size,
            refiner_pretraining=refiner_pretraining,
            discriminator_pretraining=discriminator_pretraining,
        )
        check_not_negative(regularization_weight=regularization_weight)
        self.image_shape = shape = tuple(image_shape)
        self.regularization_weight = regularization_weight
        self.refiner_steps = refiner_steps
        self.batch_parts = refiner_steps + discriminator_steps
        # In steps.
        self.refiner_pretraining = -(-refiner_pretraining // refiner_steps)
        self.pretraining = self.refiner_pretraining - (
            -discriminator_pretraining // discriminator_steps
        )
        self.refiner = self.network_of(
            "refiner",
            refiner,
            lambda: refiner_network(
                shape, base_filters, kernel_size, num_blocks
            ),
            inputs=[shape],
            outputs=[shape],
        )
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            lambda: local_discriminator(shape, discriminator_filters, *kinds),
            inputs=[shape],
            outputs=[(None, None, 1)],
            logits=1,
        )
        self.features = None
        if features is not None:
            self.features = self.network_of(
                "features", features, None, inputs=[shape]
            )
        history_seed = self.seed_generator("history")
        with self.building_scope():
            self.pool = ImagePool(
                history_size, shape, half=True, seed=history_seed
            )

    def data_spec(self):
        images = Examples(self.image_shape, "image_shape", self.value_range)
        return Batch(x=images, y=images)

    def default_optimizer(self):
        return keras.optimizers.Adam(1e-3, clipnorm=50.0)

    def discriminate_step(self, x, training=False):
        """The map of logits of being refined."""
        return at_least_float32(self.discriminator(x, training=training))

    def refine_step(self, x, training=False):
        """Refined images."""
        return self.translate_step(x, "ab", training=training)

    def regularization_loss(self, x, refined):
        """`||psi(R(x)) - psi(x)||_1`, a mean over the images."""
        x = at_least_float32(x)
        if self.features is not None:
            x, refined = (
                at_least_float32(self.features(images))
                for images in (x, refined)
            )
        return ops.mean(sum_by_example(ops.abs(refined - x)))

    def refiner_loss(self, batch, training):
        refined = self.refine_step(batch.x, training)
        logits = self.discriminate_step(refined, training)
        adversarial = ops.mean(sum_by_example(ops.softplus(logits)))
        distance = self.regularization_loss(batch.x, refined)
        self.log(adversarial_loss=adversarial, regularization_loss=distance)
        return adversarial + self.regularization_weight * distance

    def pretraining_loss(self, batch):
        """The regularization alone."""
        refined = self.refine_step(batch.x, training=True)
        distance = self.regularization_loss(batch.x, refined)
        return self.regularization_weight * distance

    def loss_of_discriminator(self, batch, fake, training):
        """`L_D`, of images that were refined."""
        refined = self.discriminate_step(fake, training)
        real = self.discriminate_step(batch.y, training)
        return ops.mean(sum_by_example(ops.softplus(-refined))) + ops.mean(
            sum_by_example(ops.softplus(real))
        )

    def discriminator_loss(self, batch, training):
        refined = ops.stop_gradient(self.refine_step(batch.x, training))
        return self.loss_of_discriminator(batch, refined, training)

    def training_step(self, batch):
        parts = self.split(batch, self.batch_parts)

        def pretrain_refiner():
            for part in parts[: self.refiner_steps]:
                self.minimize("refiner", partial(self.pretraining_loss, part))

        def update_refiner():
            for part in parts[: self.refiner_steps]:
                self.minimize("refiner", part)

        def update_discriminator():
            for part in parts[self.refiner_steps :]:
                refined = self.refine_step(part.x, training=True)
                shown = self.pool(refined, training=True)
                self.minimize(
                    "discriminator",
                    partial(self.loss_of_discriminator, part, shown, True),
                )

        if not self.pretraining:
            update_refiner()
            update_discriminator()
            return
        step = ops.convert_to_tensor(self.steps_seen)
        first = step < self.refiner_pretraining
        self.when(first, pretrain_refiner)
        self.when(step >= self.pretraining, update_refiner)
        self.when(ops.logical_not(first), update_discriminator)
