"""Unpaired image-to-image translation by cycle-consistent networks.

J.-Y. Zhu, T. Park, P. Isola and A. A. Efros, "Unpaired Image-to-Image
Translation using Cycle-Consistent Adversarial Networks", ICCV 2017,
https://arxiv.org/abs/1703.10593

`G` carries images `a` to the domain of `b`, and `F` carries `b` to that of
`a`; no pairs are known. `D_A` and `D_B` return maps of scores, over which `E`
is a mean too. With weights `w` for each cycle and `w_id` for the identity,

    L_G = E[(D_B(G(a)) - 1)^2] + E[(D_A(F(b)) - 1)^2]
        + w_A E|F(G(a)) - a| + w_B E|G(F(b)) - b|
        + w_id (w_A E|F(a) - a| + w_B E|G(b) - b|),
    L_D = 1/2 (E[(D_A(a) - 1)^2] + E[D_A(F(b))^2]
             + E[(D_B(b) - 1)^2] + E[D_B(G(a))^2]).

The discriminators are shown generated images from pools of earlier ones. As
in the official PyTorch code, the generators are updated together, and then
the discriminators.
"""

import keras
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import check_not_negative
from keras_gen.layers import ImagePool, InstanceNormalization
from keras_gen.losses.adversarial import least_squares
from keras_gen.models.unpaired import UnpairedTranslationModel
from keras_gen.networks.translation import (
    patch_discriminator,
    resnet_generator,
)


@keras.saving.register_keras_serializable(package="keras_gen")
class CycleGAN(UnpairedTranslationModel):
    """CycleGAN, the translation between two domains without pairs.

    `fit` takes images of the two domains that do not belong together. Of
    arrays of as many images, `fit(a, b)`; of others, `keras_gen.data.zipped`
    makes batches. The defaults are the paper's networks for images of
    256x256.

    Args:
        image_shape: Tuple `(height, width, channels)` of `a`, with values in
            [-1, 1]. The sides are multiples of 4.
        image_shape_b: Tuple or `None`. That of `b`, if it is another: only the
            channels may differ without generators of one's own.
        base_filters: Integer. The filters of the generators' first layer.
        num_blocks: Integer. Their residual blocks: 9 for images of 256x256, 6
            for 128x128.
        discriminator_filters: Integer. The filters of the discriminators'
            first layer.
        discriminator_layers: Integer. Their strided convolutions: with 3, the
            patches have sides of 70 pixels.
        cycle_weight: Float or pair of floats, `w_A` and `w_B`.
        identity_weight: Float, `w_id`, in units of the cycles' weights. The
            paper has 0.5 for paintings; the domains must have one shape.
        pool_size: Integer. The images in each of the two pools; 0 for none. At
            least the batch size.
        generator_ab: `keras.Model` from images `a` to images `b`.
        generator_ba: `keras.Model` from images `b` to images `a`.
        discriminator_a: `keras.Model` from images `a` to a map of scores of
            shape `(batch, height, width, 1)`.
        discriminator_b: The same of images `b`.

    Example:

    ```python
    model = keras_gen.CycleGAN((64, 64, 3), base_filters=16, num_blocks=3)
    model.compile()
    train = keras_gen.data.zipped(photos, paintings, 4, value_range=(-1, 1))
    model.fit(train.dataset, steps_per_epoch=train.steps_per_epoch, epochs=10)
    paintings = model.translate(x, direction="ab")
    ```

    A bare `compile()` uses the Adam of the paper, without its decay.
    """

    logged = ("adversarial_loss", "cycle_loss", "identity_loss")
    value_range = (-1.0, 1.0)
    presets = {
        "paper": {},
        "small": {
            "base_filters": 16,
            "num_blocks": 3,
            "discriminator_filters": 16,
            "discriminator_layers": 2,
        },
        "smoke": {
            "base_filters": 2,
            "num_blocks": 1,
            "discriminator_filters": 4,
            "discriminator_layers": 1,
            "pool_size": 8,
        },
    }

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (256, 256, 3),
        image_shape_b: tuple[int, int, int] | None = None,
        base_filters: int = 64,
        num_blocks: int = 9,
        discriminator_filters: int = 64,
        discriminator_layers: int = 3,
        cycle_weight: float | tuple[float, float] = 10.0,
        identity_weight: float = 0.0,
        pool_size: int = 50,
        generator_ab: keras.Model | None = None,
        generator_ba: keras.Model | None = None,
        discriminator_a: keras.Model | None = None,
        discriminator_b: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image_shape = a = tuple(image_shape)
        self.image_shape_b = b = tuple(image_shape_b or a)
        weights = keras.tree.flatten(cycle_weight)
        if len(weights) not in (1, 2):
            raise ValueError(
                "`cycle_weight` must be a number or a pair. Received: "
                f"cycle_weight={cycle_weight}."
            )
        check_not_negative(
            cycle_weight=min(weights),
            identity_weight=identity_weight,
            discriminator_layers=discriminator_layers,
            pool_size=pool_size,
        )
        self.cycle_weights = {"a": weights[0], "b": weights[-1]}
        self.identity_weight = identity_weight
        if identity_weight and a != b:
            raise ValueError(
                "`identity_weight` must be 0 for domains of two shapes. "
                f"Received: identity_weight={identity_weight}, image_shape="
                f"{a}, image_shape_b={b}."
            )

        def new_generator(source, target, name):
            widths = (target[-1], base_filters, num_blocks)
            return resnet_generator(source, *widths, name=name)

        def new_discriminator(shape, name):
            return patch_discriminator(
                [shape],
                discriminator_filters,
                discriminator_layers,
                InstanceNormalization,
                all_biases=True,
                name=name,
            )

        given = {
            "generator_ab": generator_ab,
            "generator_ba": generator_ba,
            "discriminator_a": discriminator_a,
            "discriminator_b": discriminator_b,
        }
        self.add_networks(
            {"a": a, "b": b},
            given,
            new_generator,
            new_discriminator,
            outputs=[(None, None, 1)],
        )
        for domain, shape in self.shapes.items():
            pool_seed = self.seed_generator(f"pool_{domain}")
            with self.building_scope():
                pool = ImagePool(pool_size, shape, seed=pool_seed)
            setattr(self, f"pool_{domain}", pool)

    def loss_of_generator(self, batch, training):
        """`L_G`, and the generated images by their domains."""
        real = dict(zip("ab", map(at_least_float32, batch), strict=True))
        fake = self.generated(batch, training)
        adversarial = sum(
            2.0
            * least_squares(
                self.discriminate_step(domain, fake[domain], training), 1.0
            )
            for domain in "ab"
        )
        cycle = identity = 0.0
        for there, back in (("ab", "ba"), ("ba", "ab")):
            source, target = there
            weight = self.cycle_weights[source]
            again = self.translate_step(fake[target], back, training=training)
            cycle += weight * ops.mean(ops.abs(again - real[source]))
            if self.identity_weight:
                same = self.translate_step(
                    real[source], back, training=training
                )
                identity += weight * ops.mean(ops.abs(same - real[source]))
        identity = ops.cast(self.identity_weight * identity, cycle.dtype)
        self.log(
            adversarial_loss=adversarial,
            cycle_loss=cycle,
            identity_loss=identity,
        )
        return adversarial + cycle + identity, fake

    def loss_of_discriminator(self, batch, fake, training):
        """`L_D`, of images that were generated."""

        def scores(domain, images):
            return self.discriminate_step(domain, images, training)

        return sum(
            least_squares(scores(domain, real), 1.0)
            + least_squares(scores(domain, fake[domain]), 0.0)
            for domain, real in zip("ab", batch, strict=True)
        )

    def training_step(self, batch):
        _, fake = self.minimize(
            "generator", lambda: self.loss_of_generator(batch, training=True)
        )
        shown = {
            domain: getattr(self, f"pool_{domain}")(images, training=True)
            for domain, images in fake.items()
        }
        self.minimize(
            "discriminator",
            lambda: self.loss_of_discriminator(batch, shown, training=True),
        )
