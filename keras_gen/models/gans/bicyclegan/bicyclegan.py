"""Image-to-image translation from one image to many.

J.-Y. Zhu, R. Zhang, D. Pathak, T. Darrell, A. A. Efros, O. Wang and E.
Shechtman, "Toward Multimodal Image-to-Image Translation", NIPS 2017,
https://arxiv.org/abs/1711.11586

A generator `G(a, z)` translates an image `a` to one of the images that may
belong to it, of which `z` chooses one; the encoder returns the normal
distribution `q(z | b)` with the mean `m(b)`. Two cycles are learned together,
`b -> z -> b'` (cVAE-GAN) and `z -> b' -> z` (cLR-GAN), the latter with `z` from
`p = N(0, I)`:

    L_GE = E[(D(G(a, z_q)) - 1)^2] + E[(D'(G(a, z_p)) - 1)^2]
         + 10 E|b - G(a, z_q)| + 0.01 KL(q(z | b) || p),
    L_z  = 0.5 E|m(G(a, z_p)) - z_p|,
    L_D  = E[(D(b) - 1)^2] + E[D(G(a, z_q))^2]
         + E[(D'(b') - 1)^2] + E[D'(G(a, z_p))^2].

`L_GE` is minimized over the generator and the encoder, and `L_z` over the
generator alone: else both would hide `z` in the image. The discriminators
return maps of scores at two sizes; `E` is a mean over a map, and maps add up.
The first half of a batch is what is encoded and translated, the second has the
real images `b'` of `D'`.
"""

import contextlib
import math

import keras
from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import (
    check_count,
    check_not_negative,
    check_option,
    check_positive,
)
from keras_gen.distributions import Normal
from keras_gen.layers import InstanceNormalization
from keras_gen.losses.adversarial import least_squares
from keras_gen.models.gans.bicyclegan.multimodal import (
    MultimodalTranslationModel,
)
from keras_gen.models.gans.bicyclegan.networks import resnet_encoder, xavier
from keras_gen.networks.translation import (
    common_halvings,
    encoder_decoder,
    multi_scale_discriminator,
)

# Of what is encoded from real images, and of what is drawn from the prior.
DISCRIMINATORS = ("discriminator", "latent_discriminator")


@keras.saving.register_keras_serializable(package="keras_gen")
class BicycleGAN(MultimodalTranslationModel):
    """BicycleGAN, the translation of an image to many.

    `fit(a, b)` takes images and one of what each may become. A batch is
    divided in two: pass twice the size that is wanted; in the paper, two.

    Args:
        image_shape: Tuple `(height, width, channels)` of `a`, with values in
            [-1, 1]. The sides are multiples of 2 to the power of `depth`.
        output_channels: Integer or `None`. The channels of `b`, by default
            those of `a`.
        latent_dim: Integer. The size of `z`.
        inject: String. `z` is concatenated to the inputs of `"all"` layers of
            the U-Net that halve the sides, or of the first alone: `"input"`.
        base_filters: Integer. The filters of the first layers of the generator
            and of the encoder.
        depth: Integer or `None`. How often the generator halves the sides. By
            default as often as 2 divides both.
        encoder_blocks: Integer or `None`. The residual blocks of the encoder,
            each of which halves the sides. By default as many as leave 8
            pixels of the shorter side.
        discriminator_filters: Integer. The filters of the first layer of the
            discriminators at full size.
        discriminator_layers: Integer. Their strided convolutions: 3 for images
            of 256x256, 2 for 128x128.
        conditional: Boolean. Whether the discriminators see `a` too.
        shared_discriminator: Boolean. Whether `D'` is `D`.
        vae_adversarial_weight: Float. The weight of the generator's adversarial
            loss under `D`.
        latent_adversarial_weight: Float. That of its loss under `D'`.
        l1_weight: Float. The weight of the mean absolute error.
        kl_weight: Float. The weight of the KL divergence.
        latent_weight: Float. The weight of the latent regression. The model is
            a cVAE-GAN if this and `latent_adversarial_weight` are 0. It is a
            cLR-GAN if the other three are: then `L_z` is minimized over the
            encoder as well.
        generator: `keras.Model` from a list of images and latents to images in
            [-1, 1].
        encoder: `keras.Model` from images `b` to the mean and the log-variance
            of the latents.
        discriminator: `keras.Model` from images `b`, or from a list of `a` and
            `b` if it is conditional, to two maps of scores of shape `(batch,
            height, width, 1)`.
        latent_discriminator: The same, `D'`.

    Example:

    ```python
    model = keras_gen.BicycleGAN((64, 64, 3), base_filters=16)
    model.compile()
    model.fit(a, b, batch_size=2 * 8, epochs=10)
    some = model.translate(a_test, seed=0)
    like_another = model.translate_latents(a_test, model.encode_target(b_test))
    ```

    A bare `compile()` uses the Adam of the paper, without its decay. The KL
    divergence is a mean over the batch, where the official code has a sum over
    its half of one image. What is served takes `z` as well.
    """

    players = {
        "generator": ["generator", "encoder"],
        "discriminator": ["discriminator", "latent_discriminator"],
    }
    logged = ("adversarial_loss", "l1_loss", "kl_divergence", "latent_loss")
    batch_parts = 2
    presets = {
        "paper": {},
        "small": {
            "base_filters": 16,
            "latent_dim": 2,
            "discriminator_filters": 16,
            "discriminator_layers": 2,
        },
        "smoke": {
            "base_filters": 4,
            "latent_dim": 2,
            "depth": 3,
            "discriminator_filters": 4,
            "discriminator_layers": 1,
        },
    }

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (256, 256, 3),
        output_channels: int | None = None,
        latent_dim: int = 8,
        inject: str = "all",
        base_filters: int = 64,
        depth: int | None = None,
        encoder_blocks: int | None = None,
        discriminator_filters: int = 64,
        discriminator_layers: int = 3,
        conditional: bool = False,
        shared_discriminator: bool = False,
        vae_adversarial_weight: float = 1.0,
        latent_adversarial_weight: float = 1.0,
        l1_weight: float = 10.0,
        kl_weight: float = 0.01,
        latent_weight: float = 0.5,
        generator: keras.Model | None = None,
        encoder: keras.Model | None = None,
        discriminator: keras.Model | None = None,
        latent_discriminator: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("inject", inject, ("all", "input"))
        check_positive(latent_dim=latent_dim)
        check_count(1, discriminator_filters=discriminator_filters)
        check_not_negative(
            vae_adversarial_weight=vae_adversarial_weight,
            latent_adversarial_weight=latent_adversarial_weight,
            l1_weight=l1_weight,
            kl_weight=kl_weight,
            latent_weight=latent_weight,
            discriminator_layers=discriminator_layers,
        )
        self.shape_a = a = tuple(image_shape)
        self.shape_b = b = (*a[:2], output_channels or a[-1])
        self.latent_dim = latent_dim
        self.conditional = conditional
        self.vae_adversarial_weight = vae_adversarial_weight
        self.latent_adversarial_weight = latent_adversarial_weight
        self.l1_weight = l1_weight
        self.kl_weight = kl_weight
        self.latent_weight = latent_weight
        self.is_clr_gan = not (l1_weight or kl_weight or vae_adversarial_weight)
        if depth is None:
            depth = common_halvings(a)
        check_positive(depth=depth)
        if encoder_blocks is None:
            encoder_blocks = max(int(math.log2(min(a[:2]) / 16)), 1)
        check_count(1, encoder_blocks=encoder_blocks)
        self.generator = self.network_of(
            "generator",
            generator,
            lambda: encoder_decoder(
                a,
                b[-1],
                base_filters,
                depth,
                norm=InstanceNormalization,
                noisy=0,
                latent_dim=latent_dim,
                inject=inject,
                use_bias=True,
                initializer=xavier,
            ),
            inputs=[a, (latent_dim,)],
            outputs=[b],
        )
        self.encoder = self.network_of(
            "encoder",
            encoder,
            lambda: resnet_encoder(b, latent_dim, base_filters, encoder_blocks),
            inputs=[b],
            outputs=[(latent_dim,), (latent_dim,)],
        )
        seen = [a, b] if conditional else [b]
        given = (discriminator, latent_discriminator)
        for name, network in zip(DISCRIMINATORS, given, strict=True):
            network = self.network_of(
                name,
                network,
                lambda name=name: multi_scale_discriminator(
                    seen,
                    discriminator_filters,
                    discriminator_layers,
                    InstanceNormalization,
                    all_biases=True,
                    initializer=xavier,
                    name=name,
                ),
                inputs=seen,
                outputs=[(None, None, 1)] * 2,
                logits=2,
                used=name == "discriminator" or not shared_discriminator,
            )
            setattr(self, name, network)
        if shared_discriminator:
            self.players = {**self.players, "discriminator": ["discriminator"]}
        self.posterior_seed = self.seed_generator("posterior")

    # ---- Training -----------------------------------------------------------

    def scores(self, name, a, b, training):
        """The maps of scores of a discriminator."""
        network = getattr(self, name) or self.discriminator
        maps = network([a, b] if self.conditional else b, training=training)
        return [at_least_float32(scores) for scores in maps]

    def cycles(self, batch, training):
        """`q(z | b)`, `z_p`, and the images `G(a, z_q)` and `G(a, z_p)`."""
        q = self.posterior_step(batch.y, training)
        latents = q.draw(1, None, self.posterior_seed)[0]
        (z,) = self.draw_noise(batch.x, "ab")
        encoded, random = (
            self.translate_step(batch.x, "ab", training=training, noise=[each])
            for each in (latents, z)
        )
        return q, z, (encoded, random)

    def generated(self, batch, training):
        first, _ = self.split(batch, 2)
        return self.cycles(first, training)[-1]

    def loss_of_generator(self, batch, training):
        """`L_GE + L_z`, and the generated images of both cycles."""
        batch, _ = self.split(batch, 2)
        q, z, fakes = self.cycles(batch, training)
        encoded, random = fakes
        adversarial = [
            self.squared_error(self.scores(name, batch.x, fake, training), 1.0)
            for name, fake in zip(DISCRIMINATORS, fakes, strict=True)
        ]
        l1 = ops.mean(ops.abs(at_least_float32(batch.y) - encoded))
        prior = Normal(ops.zeros_like(z), ops.zeros_like(z))
        kl = ops.mean(q.kl_divergence(prior))
        learned = contextlib.nullcontext()
        with learned if self.is_clr_gan else self.frozen(self.encoder):
            found = self.posterior_step(random, training).mean
        latent = ops.mean(ops.abs(at_least_float32(found) - z))
        self.log(
            adversarial_loss=sum(adversarial),
            l1_loss=l1,
            kl_divergence=kl,
            latent_loss=latent,
        )
        loss = (
            self.vae_adversarial_weight * adversarial[0]
            + self.latent_adversarial_weight * adversarial[1]
            + self.l1_weight * l1
            + self.kl_weight * kl
            + self.latent_weight * latent
        )
        return loss, fakes

    def loss_of_discriminator(self, batch, fake, training):
        """`L_D`, of images that were generated."""
        first, second = self.split(batch, 2)
        loss = 0.0
        for name, real, images in zip(
            DISCRIMINATORS, (first, second), fake, strict=True
        ):
            of_real = self.scores(name, real.x, real.y, training)
            of_fake = self.scores(name, first.x, images, training)
            loss += self.squared_error(of_real, 1.0) + self.squared_error(
                of_fake, 0.0
            )
        return loss

    @staticmethod
    def squared_error(maps, target):
        """`E[(D - target)^2]`, added up over maps of scores."""
        return 2.0 * sum(least_squares(scores, target) for scores in maps)
