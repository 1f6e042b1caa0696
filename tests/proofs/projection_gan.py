"""A class-conditional GAN with a projection discriminator.

It draws labels for the generated images, looks embeddings up in both
networks, and accumulates the gradients of an update over parts of a batch.
"""

import keras
from keras import layers, ops

from keras_gen.engine import Labels
from keras_gen.layers import BatchNormalization
from keras_gen.models.adversarial import AdversarialModel


@keras.saving.register_keras_serializable(package="keras_gen_tests")
class ProjectionGAN(AdversarialModel):
    players = {"critic": ["critic"], "generator": ["generator"]}
    shape_argument = "input_shape"

    def __init__(
        self, input_shape=(5,), num_classes=3, accumulated=2, **kwargs
    ):
        super().__init__(**kwargs)
        self.input_shape = tuple(input_shape)
        self.batch_parts = accumulated
        self.condition = Labels(num_classes)
        self.generator = self.network_of("generator", None, self._generator)
        self.critic = self.network_of("critic", None, self._critic)

    def _generator(self):
        z = keras.Input((self.latent_dim,))
        label = keras.Input((), dtype="int32")
        embedded = layers.Embedding(self.condition.num_classes, 3)(label)
        x = layers.Concatenate()([z, embedded])
        x = BatchNormalization()(layers.Dense(6, activation="relu")(x))
        return keras.Model([z, label], layers.Dense(self.input_shape[0])(x))

    def _critic(self):
        x = keras.Input(self.input_shape)
        label = keras.Input((), dtype="int32")
        features = layers.Dense(6, activation="tanh")(x)
        embedded = layers.Embedding(self.condition.num_classes, 6)(label)
        projection = layers.Dot(axes=-1)([features, embedded])
        score = layers.Add()([layers.Dense(1)(features), projection])
        return keras.Model([x, label], score)

    def default_optimizers(self):
        return {player: keras.optimizers.Adam(1e-3) for player in self.players}

    def discriminate_step(self, x, condition=None, training=False):
        return self.scalar_outputs(
            self.critic([x, condition], training=training)
        )

    def fakes(self, n, training):
        labels = self.draw_condition(n)
        return self.generate_step(
            self.draw_latents(n), labels, training
        ), labels

    def critic_loss(self, batch, training):
        fake, labels = self.fakes(ops.shape(batch.x)[0], training)
        fake = self.discriminate_step(ops.stop_gradient(fake), labels, training)
        real = self.discriminate_step(batch.x, batch.y, training)
        return ops.mean(ops.relu(1 - real)) + ops.mean(ops.relu(1 + fake))

    def generator_loss(self, batch, training):
        fake, labels = self.fakes(ops.shape(batch.x)[0], training)
        return -ops.mean(self.discriminate_step(fake, labels, training))

    def training_step(self, batch):
        self.minimize("critic", over=self.split(batch, self.batch_parts))
        self.minimize("generator", batch)
