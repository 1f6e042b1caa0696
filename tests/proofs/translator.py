"""An unpaired translator: two domains, pools, two signatures.

The discriminators are updated in every second step, and the cycle teaches
only the network that comes first.
"""

import keras
from keras import layers, ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.engine import Batch, Examples
from keras_gen.layers import ImagePool
from keras_gen.models.translation import TranslationModel

SHAPES = {"a": (4, 4, 3), "b": (4, 4, 2)}


@keras.saving.register_keras_serializable(package="keras_gen_tests")
class Translator(TranslationModel):
    players = {
        "discriminator": ["discriminator_a", "discriminator_b"],
        "generator": ["generator_ab", "generator_ba"],
    }
    directions = {"ab": "generator_ab", "ba": "generator_ba"}

    def __init__(self, pool_size=8, cycle_weight=10.0, **kwargs):
        super().__init__(**kwargs)
        self.cycle_weight = cycle_weight
        self.generator_ab = self._network("a", SHAPES["b"])
        self.generator_ba = self._network("b", SHAPES["a"])
        self.discriminator_a = self._network("a", (1,))
        self.discriminator_b = self._network("b", (1,))
        self.pool_a = self._pool("a", pool_size)
        self.pool_b = self._pool("b", pool_size)

    def _network(self, source, outputs):
        def build():
            return keras.Sequential(
                [
                    keras.Input(SHAPES[source]),
                    layers.Conv2D(3, 3, padding="same", activation="relu"),
                    layers.Conv2D(outputs[-1], 3, padding="same")
                    if len(outputs) == 3
                    else layers.GlobalAveragePooling2D(),
                    *([] if len(outputs) == 3 else [layers.Dense(1)]),
                ]
            )

        return self.network_of(f"from_{source}", None, build)

    def _pool(self, domain, size):
        seed = self.seed_generator(f"pool_{domain}")
        with self.building_scope():
            return ImagePool(size, SHAPES[domain], seed=seed)

    def data_spec(self):
        return Batch(
            x=Examples(SHAPES["a"], "image_shape_a"),
            y=Examples(SHAPES["b"], "image_shape_b"),
        )

    def default_optimizers(self):
        return {player: keras.optimizers.Adam(1e-3) for player in self.players}

    def judge(self, domain, x):
        return at_least_float32(getattr(self, f"discriminator_{domain}")(x))

    def discriminator_loss(self, batch, training):
        fake_b = self.translate_step(batch.x, "ab", training=training)
        fake_a = self.translate_step(batch.y, "ba", training=training)
        loss = 0.0
        for real, fake, domain in (
            (batch.x, self.pool_a(fake_a, training=training), "a"),
            (batch.y, self.pool_b(fake_b, training=training), "b"),
        ):
            loss += ops.mean((self.judge(domain, real) - 1) ** 2)
            loss += ops.mean(self.judge(domain, fake) ** 2)
        return loss

    def generator_loss(self, batch, training):
        fake_b = self.translate_step(batch.x, "ab", training=training)
        fake_a = self.translate_step(batch.y, "ba", training=training)
        with self.frozen(self.generator_ab, self.generator_ba):
            back_a = self.translate_step(fake_b, "ba", training=training)
            back_b = self.translate_step(fake_a, "ab", training=training)
        cycle = ops.mean(ops.abs(back_a - ops.cast(batch.x, back_a.dtype)))
        cycle += ops.mean(ops.abs(back_b - ops.cast(batch.y, back_b.dtype)))
        return (
            ops.mean((self.judge("b", fake_b) - 1) ** 2)
            + ops.mean((self.judge("a", fake_a) - 1) ** 2)
            + self.cycle_weight * cycle
        )

    def training_step(self, batch):
        self.when(
            self.steps_seen % 2 == 0,
            lambda: self.minimize("discriminator", batch),
        )
        self.minimize("generator", batch)
