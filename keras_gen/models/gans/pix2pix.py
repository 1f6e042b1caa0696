"""Image-to-image translation with conditional adversarial networks.

P. Isola, J.-Y. Zhu, T. Zhou and A. A. Efros, "Image-to-Image Translation with
Conditional Adversarial Networks", CVPR 2017, https://arxiv.org/abs/1611.07004

A generator `G` carries an image `a` to the image `b` that belongs to it. The
discriminator `D(a, b)` returns the logits of a map of patches, and `E` is a
mean over these too:

    L_D = 1/2 (E[softplus(-D(a, b))] + E[softplus(D(a, G(a)))]),
    L_G = E[softplus(-D(a, G(a)))] + 100 E|b - G(a)|.

The noise of `G` is dropout, which stays on when it translates. Both players
are updated from the same generated images, as in the official code: `G`
against the discriminator before its update.
"""

from functools import partial

import keras
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import (
    check_decay,
    check_not_negative,
    check_option,
    check_positive,
)
from keras_gen.layers import InstanceNormalization
from keras_gen.losses.adversarial import OBJECTIVES, least_squares_objective
from keras_gen.models.paired import PairedTranslationModel
from keras_gen.networks.translation import (
    batch_norm,
    common_halvings,
    encoder_decoder,
    noise_shapes,
    patch_discriminator,
)

# As batch normalization of a batch of one.
instance_norm = partial(InstanceNormalization, affine=True)
GAMES = {
    "non_saturating": OBJECTIVES["non_saturating"],
    "least_squares": least_squares_objective(),
}
NORMALIZATIONS = {
    # Of the images that are translated, each has its own statistics.
    "batch": (partial(batch_norm, moving_statistics=False), batch_norm),
    "instance": (instance_norm, instance_norm),
}


@keras.saving.register_keras_serializable(package="keras_gen")
class Pix2Pix(PairedTranslationModel):
    """pix2pix, the translation of images in pairs.

    `fit(a, b)` takes images and what they are to become. The defaults are the
    paper's U-Net and its 70x70 PatchGAN for images of 256x256.

    Batch normalization of the generator uses the statistics of the batch in
    training, and those of each image when it translates, as the official code
    does with its test batches of one.

    Args:
        image_shape: Tuple `(height, width, channels)` of `a`, with values in
            [-1, 1]. The sides are multiples of 2 to the power of `depth`.
        output_channels: Integer or `None`. The channels of `b`, by default
            those of `a`.
        base_filters: Integer. The filters of the generator's first layer.
        depth: Integer or `None`. How often the generator halves the sides. By
            default as often as 2 divides both.
        skips: Boolean. Whether the generator is a U-Net, or an encoder and a
            decoder without skip connections.
        dropout: Float in [0, 1). The rate in the first three layers of the
            decoder.
        discriminator_filters: Integer. The filters of the discriminator's
            first layer.
        discriminator_layers: Integer. Its strided convolutions: with 1, 3 and
            5 its patches have sides of 16, 70 and 286 pixels; with 0 of one.
        conditional: Boolean. Whether the discriminator sees `a` too.
        normalization: String. `"batch"`, or `"instance"`, which does not depend
            on the batch: for the paper's batches of one the same, up to the
            initial scales.
        objective: String. `"non_saturating"`, or `"least_squares"` for the
            losses of `LSGAN`, halves of squares, in place of the softplus.
        l1_weight: Float. The weight of the mean absolute error.
        adversarial_weight: Float. The weight of the generator's adversarial
            loss. With 0, it is a regression.
        generator: `keras.Model` from images to images in [-1, 1]; from a list
            of images and of dropout masks, if it has them.
        discriminator: `keras.Model` from a list of `a` and `b`, or from `b`
            alone if it is not conditional, to a map of logits of shape
            `(batch, height, width, 1)`.

    Example:

    ```python
    model = keras_gen.Pix2Pix((64, 64, 3), base_filters=16)
    model.compile()
    model.fit(a, b, batch_size=4, epochs=10)
    translated = model.translate(a_test, seed=0)
    ```

    A bare `compile()` uses the Adam of the paper. What is served, and
    `model(a)`, has no dropout. The factor 1/2 of `L_D` is the paper's; its
    code has it in what it logs alone.
    """

    logged = ("adversarial_loss", "l1_loss")
    presets = {
        "paper": {},
        "small": {
            "base_filters": 16,
            "discriminator_filters": 16,
            "discriminator_layers": 2,
            "normalization": "instance",
        },
        "smoke": {
            "base_filters": 4,
            "depth": 3,
            "discriminator_filters": 4,
            "discriminator_layers": 1,
        },
    }

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (256, 256, 3),
        output_channels: int | None = None,
        base_filters: int = 64,
        depth: int | None = None,
        skips: bool = True,
        dropout: float = 0.5,
        discriminator_filters: int = 64,
        discriminator_layers: int = 3,
        conditional: bool = True,
        normalization: str = "batch",
        objective: str = "non_saturating",
        l1_weight: float = 100.0,
        adversarial_weight: float = 1.0,
        generator: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("objective", objective, GAMES)
        check_option("normalization", normalization, NORMALIZATIONS)
        check_not_negative(
            l1_weight=l1_weight,
            adversarial_weight=adversarial_weight,
            discriminator_layers=discriminator_layers,
        )
        check_decay(dropout=dropout)
        if depth is None:
            depth = common_halvings(image_shape)
        check_positive(depth=depth)
        self.shape_a = a = tuple(image_shape)
        self.shape_b = b = (*a[:2], output_channels or a[-1])
        self.dropout = dropout
        self.conditional = conditional
        self.game = GAMES[objective]
        self.l1_weight = l1_weight
        self.adversarial_weight = adversarial_weight
        of_generator, of_discriminator = NORMALIZATIONS[normalization]
        if generator is None:
            masks = noise_shapes(a, base_filters, depth)
        else:
            inputs = getattr(generator, "inputs", None) or [None]
            masks = [mask.shape[1:] for mask in inputs[1:]]
        self.masks = tuple(masks)
        self.generator = self.network_of(
            "generator",
            generator,
            partial(
                encoder_decoder,
                a,
                b[-1],
                base_filters,
                depth,
                skips,
                of_generator,
            ),
            inputs=[a, *masks],
            outputs=[b],
        )
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            partial(
                patch_discriminator,
                [a, b] if conditional else [b],
                discriminator_filters,
                discriminator_layers,
                of_discriminator,
            ),
            inputs=[a, b] if conditional else [b],
            outputs=[(None, None, 1)],
            logits=1,
        )

    def noise_shapes(self, direction):
        return list(self.masks) if self.dropout else []

    def dropout_masks(self, noise, n):
        """Masks of mean 1, from U(0, 1), or of ones."""
        if not noise:
            return [ops.ones((n, *shape)) for shape in self.masks]
        keep = 1.0 - self.dropout
        return [ops.cast(u < keep, "float32") / keep for u in noise]

    def translate_step(
        self, x, direction, condition=None, training=False, noise=None
    ):
        """The translation, under dropout if noise is given."""
        masks = self.dropout_masks(noise, ops.shape(x)[0])
        inputs = [x, *masks] if masks else x
        return at_least_float32(self.generator(inputs, training=training))

    def discriminate_step(self, a, b, training=False):
        """The map of logits, of shape `(batch, height, width, 1)`."""
        inputs = [a, b] if self.conditional else b
        return at_least_float32(self.discriminator(inputs, training=training))

    def generated(self, batch, training):
        noise = self.draw_noise(batch.x, "ab") if training else None
        return self.translate_step(
            batch.x, "ab", training=training, noise=noise
        )

    def loss_of_generator(self, batch, training):
        """`L_G`, and the generated images."""
        fake = self.generated(batch, training)
        logits = self.discriminate_step(batch.x, fake, training)
        adversarial = self.game.generator(logits)
        l1 = ops.mean(ops.abs(at_least_float32(batch.y) - fake))
        self.log(adversarial_loss=adversarial, l1_loss=l1)
        loss = self.adversarial_weight * adversarial + self.l1_weight * l1
        return loss, fake

    def loss_of_discriminator(self, batch, fake, training):
        """`L_D`, of images that were generated."""
        real = self.discriminate_step(batch.x, batch.y, training)
        fake = self.discriminate_step(batch.x, fake, training)
        return 0.5 * self.game.discriminator(real, fake)
