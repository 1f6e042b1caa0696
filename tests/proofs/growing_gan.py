"""A Wasserstein GAN whose networks grow from 2x2 to 8x8."""

import keras
from keras import layers, ops

from keras_gen.losses import adversarial
from keras_gen.models.growing import GrowingModel, enlarge, head_weight

WIDTH = 4


@keras.saving.register_keras_serializable(package="keras_gen_tests")
class Generator(keras.layers.Layer):
    """Blocks that double the size, with a head for each."""

    def __init__(self, first_size, sizes, channels, **kwargs):
        super().__init__(**kwargs)
        self.arguments = (first_size, sizes, channels)
        self.sizes = sizes
        self.first = layers.Dense(first_size**2 * WIDTH)
        self.reshape = layers.Reshape((first_size, first_size, WIDTH))
        self.blocks = [
            layers.Conv2D(WIDTH, 3, padding="same", activation="relu")
            for _ in sizes
        ]
        self.heads = [layers.Conv2D(channels, 1) for _ in sizes]

    def build(self, input_shape):
        self.first.build(input_shape)
        for block, head in zip(self.blocks, self.heads, strict=True):
            block.build((None, None, None, WIDTH))
            head.build((None, None, None, WIDTH))

    def call(self, z, level, stage=None, training=False):
        last = len(self.sizes) - 1 if stage is None else stage
        x = self.reshape(self.first(z))
        images = 0.0
        for s in range(last + 1):
            x = enlarge(x, 2) if s else x
            x = self.blocks[s](x)
            if stage is None or s >= stage - 1:
                head = enlarge(self.heads[s](x), 2 ** (last - s))
                images += ops.cast(head_weight(level, s), head.dtype) * head
        return images

    def stage_variables(self, stage):
        used = [*self.blocks[: stage + 1]]
        used += self.heads[max(stage - 1, 0) : stage + 1]
        return [v for layer in (self.first, *used) for v in layer.weights]

    def get_config(self):
        names = ("first_size", "sizes", "channels")
        arguments = dict(zip(names, self.arguments, strict=True))
        return {**super().get_config(), **arguments}


@keras.saving.register_keras_serializable(package="keras_gen_tests")
class Critic(keras.layers.Layer):
    """The generator's mirror image."""

    def __init__(self, sizes, **kwargs):
        super().__init__(**kwargs)
        self.sizes = sizes
        self.stems = [layers.Conv2D(WIDTH, 1) for _ in sizes]
        self.blocks = [
            layers.Conv2D(WIDTH, 3, padding="same", activation="relu")
            for _ in sizes
        ]
        self.last = layers.Dense(1)

    def build(self, input_shape):
        for stem, block in zip(self.stems, self.blocks, strict=True):
            stem.build((None, None, None, input_shape[-1]))
            block.build((None, None, None, WIDTH))
        self.last.build((None, WIDTH))

    def call(self, x, level, stage, training=False):
        h = self.blocks[stage](self.stems[stage](x))
        if stage:
            h = ops.average_pool(h, 2, 2)
            coarse = self.stems[stage - 1](ops.average_pool(x, 2, 2))
            weight = ops.cast(head_weight(level, stage), h.dtype)
            h = coarse + weight * (h - coarse)
            for s in reversed(range(stage)):
                h = self.blocks[s](h)
                h = ops.average_pool(h, 2, 2) if s else h
        return self.last(ops.mean(h, axis=(1, 2)))

    def stage_variables(self, stage):
        used = [*self.blocks[: stage + 1], self.last]
        used += self.stems[max(stage - 1, 0) : stage + 1]
        return [v for layer in used for v in layer.weights]

    def get_config(self):
        return {**super().get_config(), "sizes": self.sizes}


@keras.saving.register_keras_serializable(package="keras_gen_tests")
class GrowingGAN(GrowingModel):
    players = {"critic": ["critic"], "generator": ["generator"]}
    logged = ("gradient_penalty",)

    def __init__(self, image_shape=(8, 8, 1), first_size=2, **kwargs):
        super().__init__(image_shape, first_size, **kwargs)
        channels = self.image_shape[-1]

        def generator():
            network = Generator(first_size, self.sizes, channels)
            network.build((None, self.latent_dim))
            return network

        def critic():
            network = Critic(self.sizes)
            network.build((None, None, None, channels))
            return network

        self.generator = self.network_of("generator", None, generator)
        self.critic = self.network_of("critic", None, critic)

    def default_optimizers(self):
        return {
            player: keras.optimizers.Adam(1e-3, beta_1=0.0, beta_2=0.99)
            for player in self.players
        }

    def discriminate_step(self, x, condition=None, training=False):
        level = ops.convert_to_tensor(self.growth.level)
        scores = self.critic(x, level=level, stage=self.stage)
        return self.scalar_outputs(scores)

    def critic_loss(self, batch, training):
        z = self.draw_latents(ops.shape(batch.x)[0])
        fake = ops.stop_gradient(self.generate_step(z, training=training))
        slopes = self.gradient(self.discriminate_step, fake)
        norm = ops.sqrt(ops.sum(slopes**2, axis=(1, 2, 3)) + 1e-8)
        penalty = ops.mean((norm - 1) ** 2)
        self.log(gradient_penalty=penalty)
        return (
            adversarial.wasserstein_critic(
                self.discriminate_step(batch.x), self.discriminate_step(fake)
            )
            + 10.0 * penalty
        )

    def generator_loss(self, batch, training):
        z = self.draw_latents(ops.shape(batch.x)[0])
        fake = self.generate_step(z, training=training)
        return adversarial.wasserstein_generator(self.discriminate_step(fake))

    def stage_variables(self, player):
        network = getattr(self, self.players[player][0])
        return network.stage_variables(self.stage)

    def training_step(self, batch):
        for part in self.updates_of(batch):
            self.minimize("critic", part)
            self.minimize("generator", part)
