"""A discriminator of `K + 1` classes, from labels of some of the examples.

The logit of the generated class is 0, and the generator matches features.
"""

import keras
from keras import layers, ops

from keras_gen.backend import replica_mean
from keras_gen.backend.precision import at_least_float32
from keras_gen.engine import Batch, Labels
from keras_gen.models.adversarial import AdversarialModel
from keras_gen.models.classification import Classifier


@keras.saving.register_keras_serializable(package="keras_gen_tests")
class SemiClassifier(Classifier, AdversarialModel):
    players = {
        "discriminator": ["features", "head"],
        "generator": ["generator"],
    }
    logged = ("accuracy",)
    shape_argument = "input_shape"

    def __init__(self, input_shape=(5,), num_classes=3, **kwargs):
        super().__init__(**kwargs)
        self.input_shape = shape = tuple(input_shape)
        self.num_classes = num_classes
        self.generator = self._network("generator", self.latent_dim, *shape)
        self.features = self._network("features", *shape, 6)
        self.head = self._network("head", 6, num_classes)

    def _network(self, name, inputs, outputs):
        return self.network_of(
            name,
            None,
            lambda: keras.Sequential(
                [
                    keras.Input((inputs,)),
                    layers.Dense(6, activation="tanh"),
                    layers.Dense(outputs),
                ]
            ),
        )

    def data_spec(self):
        labels = Labels(self.num_classes, missing="allowed")
        return Batch(x=super().data_spec().x, y=labels)

    def default_optimizers(self):
        return {player: keras.optimizers.Adam(1e-3) for player in self.players}

    def logits_step(self, x, training=False):
        features = self.features(x, training=training)
        return at_least_float32(self.head(features, training=training))

    def discriminate_step(self, x, condition=None, training=False):
        return ops.logsumexp(self.logits_step(x, training), axis=-1)

    def discriminator_loss(self, batch, training):
        z = self.draw_latents(ops.shape(batch.x)[0])
        fake = ops.stop_gradient(self.generate_step(z, training=training))
        logits = self.logits_step(batch.x, training)
        real = ops.logsumexp(logits, axis=-1)
        fake = self.discriminate_step(fake, training=training)
        return (
            self.classification_loss(batch.y, logits)
            + ops.mean(ops.softplus(-real))
            + ops.mean(ops.softplus(fake))
        )

    def generator_loss(self, batch, training):
        z = self.draw_latents(ops.shape(batch.x)[0])
        with self.frozen(self.features):
            fake = self.features(self.generate_step(z, training=training))
            real = self.features(batch.x)
        fake, real = at_least_float32(fake), at_least_float32(real)
        # A function of the means: of those over all workers.
        gap = replica_mean(ops.mean(real - fake, axis=0))
        return ops.mean(gap**2)

    def signatures(self):
        return {**super().signatures(), "classify": self.classify_signature()}

    def served_networks(self):
        return [self.sampler, self.features, self.head]
