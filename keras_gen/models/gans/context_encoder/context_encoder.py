"""Inpainting by an encoder of the context of what is missing.

D. Pathak, P. Krahenbuhl, J. Donahue, T. Darrell and A. A. Efros, "Context
Encoders: Feature Learning by Inpainting", CVPR 2016,
https://arxiv.org/abs/1604.07379

An encoder and a decoder, together `F`, predict the pixels of an image `x` that
a mask `M` hides. With the context `c = (1 - M) x + M fill`, the discriminator's
logits `D` of what is predicted, and weights `W` of its pixels,

    L_D = E[softplus(-D(x))] + E[softplus(D(F(c)))],
    L_F = 0.999 E[W (x - F(c))^2] + 0.001 E[softplus(-D(F(c)))],

where the first mean is over the predicted pixels and channels too. If `M` is
the center of the image, `F` predicts it and a border that the context overlaps,
in which `W` is 10; elsewhere it is 1. The discriminator does not see the
context. It is updated first, then the encoder and the decoder.
"""

import keras
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_not_negative, check_option, check_positive
from keras_gen.engine import Batch
from keras_gen.losses.adversarial import (
    logistic_discriminator,
    non_saturating_generator,
)
from keras_gen.models.gans.context_encoder.inpainting import InpaintingModel
from keras_gen.models.gans.context_encoder.masks import (
    block_masks,
    center_mask,
    fill_values,
    hole_side,
    region_masks,
)
from keras_gen.models.gans.context_encoder.networks import (
    context_decoder,
    context_discriminator,
    context_encoder,
)

MASKS = {"random_block": block_masks, "random_region": region_masks}


@keras.saving.register_keras_serializable(package="keras_gen")
class ContextEncoder(InpaintingModel):
    """Context encoder, which inpaints images.

    `fit(x)` takes whole images, of which the model hides parts itself.

    Args:
        image_shape: Tuple `(height, width, channels)` of images with values in
            [-1, 1].
        mask: String. `"center"` hides a square in the middle, which is
            predicted alone. With `"random_block"`, four squares that cover at
            most a quarter of the image, and with `"random_region"`, regions of
            20 to 30 %, drawn for each image, all of the image is predicted.
        hole_size: Integer or `None`. The side of the predicted center. By
            default half of the image's shorter side.
        overlap: Integer. The width of the border of the predicted center that
            stays visible: 4 in the official code, 7 in the paper.
        bottleneck: String. `"dense"`, or `"channelwise"` for a fully connected
            layer within each feature map and a convolution of 1x1. The paper
            has that in AlexNet, where it learns features.
        latent_dim: Integer. The units of a dense bottleneck.
        base_filters: Integer. The filters of the encoder's first layer, of the
            decoder's last and of the discriminator's first.
        reconstruction_weight: Float. The weight of the squared error.
        adversarial_weight: Float. The weight of the adversarial loss.
        visible_weight: Float or `None`. `W` of predicted pixels that are
            visible. By default 10 in the border of a center, and 1 outside of
            random masks. With 0, the error is of hidden pixels alone, as in
            the paper.
        fill: Float, tuple of floats for the channels, or `None`. What hidden
            pixels are in the context. By default the color of the official
            code for three channels, else 0.
        encoder: `keras.Model` from images to codes.
        decoder: `keras.Model` from codes to the predicted pixels.
        discriminator: `keras.Model` from predicted pixels to logits of shape
            `(batch, 1)`.

    Example:

    ```python
    model = keras_gen.ContextEncoder((32, 32, 3), latent_dim=128, overlap=2)
    model.compile()
    model.fit(images, batch_size=64, epochs=10)
    whole = model.inpaint(images_with_holes)
    ```

    A bare `compile()` uses the Adam of the official code, whose rate is ten
    times as large for the encoder and the decoder. Bottlenecks of the center's
    official code have 100 units by default and 4,000 in its instructions.
    """

    players = {
        "discriminator": ["discriminator"],
        "generator": ["encoder", "decoder"],
    }
    logged = ("adversarial_loss", "reconstruction_loss")
    value_range = (-1.0, 1.0)
    presets = {
        "paper": {},
        "small": {"base_filters": 16, "latent_dim": 128, "overlap": 2},
        "smoke": {"base_filters": 4, "latent_dim": 16, "overlap": 1},
    }

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (128, 128, 3),
        mask: str = "center",
        hole_size: int | None = None,
        overlap: int = 4,
        bottleneck: str = "dense",
        latent_dim: int = 4000,
        base_filters: int = 64,
        reconstruction_weight: float = 0.999,
        adversarial_weight: float = 0.001,
        visible_weight: float | None = None,
        fill: float | tuple[float, ...] | None = None,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("mask", mask, ("center", *MASKS))
        check_option("bottleneck", bottleneck, ("dense", "channelwise"))
        self.image_shape = shape = tuple(image_shape)
        self.mask = mask
        centered = mask == "center"
        if visible_weight is None:
            visible_weight = 10.0 if centered else 1.0
        check_positive(latent_dim=latent_dim, base_filters=base_filters)
        check_not_negative(
            reconstruction_weight=reconstruction_weight,
            adversarial_weight=adversarial_weight,
            visible_weight=visible_weight,
            overlap=overlap,
        )
        self.reconstruction_weight = reconstruction_weight
        self.adversarial_weight = adversarial_weight
        self.visible_weight = visible_weight
        self.fill = fill_values(fill, shape[-1])
        self.hole = None
        predicted = shape
        if centered:
            self.hole = hole_side(hole_size, overlap, shape)
            predicted = (self.hole, self.hole, shape[-1])
            self.center = center_mask(shape[:2], self.hole, overlap)
        self.encoder = self.network_of(
            "encoder",
            encoder,
            lambda: context_encoder(
                shape, base_filters, bottleneck, latent_dim
            ),
            inputs=[shape],
        )
        (code_shape,) = self.output_shapes("encoder", self.encoder, [shape])
        self.decoder = self.network_of(
            "decoder",
            decoder,
            lambda: context_decoder(code_shape, predicted, base_filters),
            inputs=[code_shape],
            outputs=[predicted],
        )
        self.discriminator = self.network_of(
            "discriminator",
            discriminator,
            lambda: context_discriminator(predicted, base_filters),
            inputs=[predicted],
            outputs=[(1,)],
            logits=1,
        )
        self.mask_seed = self.seed_generator("masks")

    def default_optimizers(self):
        return {
            player: keras.optimizers.Adam(rate, beta_1=0.5, epsilon=1e-8)
            for player, rate in (("discriminator", 2e-4), ("generator", 2e-3))
        }

    # ---- Training -----------------------------------------------------------

    def draw_masks(self, x, seed=None):
        """What is hidden of each image of a batch, as Booleans.

        Args:
            seed: `keras.random.SeedGenerator`, by default the model's.
        """
        if self.hole:
            return ops.convert_to_tensor(self.center)
        return MASKS[self.mask](
            ops.shape(x)[0], self.image_shape[:2], seed or self.mask_seed
        )

    def discriminate_step(self, x, training):
        return at_least_float32(self.discriminator(x, training=training))

    def masked(self, batch):
        """Images, and masks that are drawn unless the batch has them."""
        x, mask = batch
        return x, self.draw_masks(x) if mask is None else mask

    def discriminator_loss(self, batch, training):
        x, mask = self.masked(batch)
        fake = self.predict_hidden_step(x, mask, training)
        return logistic_discriminator(
            self.discriminate_step(self.predicted_part(x), training),
            self.discriminate_step(ops.stop_gradient(fake), training),
        )

    def generator_loss(self, batch, training):
        x, mask = self.masked(batch)
        fake = self.predict_hidden_step(x, mask, training)
        adversarial = non_saturating_generator(
            self.discriminate_step(fake, training)
        )
        errors = ops.square(at_least_float32(self.predicted_part(x)) - fake)
        hidden = ops.cast(self.predicted_part(mask), errors.dtype)
        weights = hidden + self.visible_weight * (1.0 - hidden)
        self.log(
            adversarial_loss=adversarial, reconstruction_loss=ops.mean(errors)
        )
        return (
            self.reconstruction_weight * ops.mean(weights * errors)
            + self.adversarial_weight * adversarial
        )

    def training_step(self, batch):
        batch = Batch(*self.masked(batch))
        self.minimize("discriminator", batch)
        self.minimize("generator", batch)
