"""Variational models whose latents are a class and a vector."""

import math

from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.distributions import Bernoulli, Normal
from keras_gen.models.classification import Classifier
from keras_gen.models.vaes.semi_vae.features import codes_of, decode
from keras_gen.models.variational import VariationalModel, outputs_of


class ClassLatentModel(Classifier, VariationalModel):
    """The distributions of a class `y` and a vector `z`, and inference by them.

    A subclass has `classifier`, `encoder` and `decoder`, `num_classes`,
    `latent_dim`, `factorization`, `features` and `feature_dims`, which may be
    `None`, `modeled_shape`, the shape of what is modeled, and `binary`.
    """

    infers_condition = True

    def modeled(self, x, drawn=False):
        """What is modeled of a batch: itself, or M1's codes, means or draws."""
        if self.features is None:
            return x
        seed = self.feature_seed
        return codes_of(self.features, self.feature_dims, x, drawn, seed)

    def _one_hot(self, labels):
        """One-hot vectors of classes."""
        return ops.one_hot(labels, self.num_classes, dtype="float32")

    def class_logits(self, inputs, training=False):
        """The logits of `q(y|x)`, or of `q(y|x, z)` for both."""
        return at_least_float32(self.classifier(inputs, training=training))

    def posterior_given(self, inputs, training=False):
        """The distribution `q(z|x)`, or `q(z|x, y)` for both."""
        return Normal.learned(*self.encoder(inputs, training=training))

    def likelihood(self, z, training=False):
        """The distribution `p(x|y, z)`, of one-hot classes and `z`, joined."""
        shape = self.modeled_shape
        outputs = outputs_of(self.decoder, z, shape, training)
        if self.binary:
            return Bernoulli(*outputs, len(shape))
        return Normal.learned(*outputs, len(shape))

    @property
    def draw_size(self):
        return self.num_classes * math.prod(self.modeled_shape)

    def logits_step(self, x):
        x = self.modeled(x)
        if self.factorization == "latent_first":
            return self.class_logits([x, self.posterior_given(x).mean])
        return self.class_logits(x)

    def inferred_step(self, x):
        """The most probable classes of a batch."""
        return ops.argmax(self.logits_step(x), axis=-1)

    def posterior(self, x, training=False):
        """The distribution `q(z|x, y)`, of the most probable class `y`.

        Where `z` is first, `q(z|x)`.
        """
        modeled = self.modeled(x)
        if self.factorization == "latent_first":
            return self.posterior_given(modeled, training)
        logits = self.class_logits(modeled)
        classes = self._one_hot(ops.argmax(logits, axis=-1))
        return self.posterior_given([modeled, classes], training)

    def decode_step(self, z, labels):
        joined = ops.concatenate([self._one_hot(labels), z], axis=-1)
        mean = self.likelihood(joined).mean
        if self.features is None:
            return mean
        return decode(self.features, self.feature_dims, mean)

    def reconstruct_step(self, x, labels=None):
        if labels is None:
            labels = self.inferred_step(x)
        return self.decode_step(self.encode_step(x), labels)

    def inferred_labels(self, x):
        return self.classify(x)
