"""Variational models whose latents are a class and a vector."""

import math

from keras import ops

from keras_gen.backend.precision import at_least_float32
from keras_gen.distributions import Bernoulli, Normal
from keras_gen.models.bounds import Bound
from keras_gen.models.classification import Classifier
from keras_gen.models.vaes.semi_vae.bounds import ClassFirst, LatentFirst
from keras_gen.models.vaes.semi_vae.features import codes_of, decode
from keras_gen.models.variational import VariationalModel, outputs_of


class ClassLatentModel(Classifier, VariationalModel):
    """The distributions of a class `y` and a vector `z`, and their bound.

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

    def class_logits_of_draws(self, x, z, training=False):
        """The logits of `q(y|x, z)` for draws of `z`, `(S, n, K)`."""
        draws, n = ops.shape(z)[:2]
        each = ops.broadcast_to(x, (draws, *ops.shape(x)))
        inputs = [
            ops.reshape(each, (-1, *self.modeled_shape)),
            ops.reshape(z, (-1, self.latent_dim)),
        ]
        logits = self.class_logits(inputs, training)
        return ops.reshape(logits, (draws, n, self.num_classes))

    def likelihood_of_classes(self, z, training=False):
        """The distribution `p(x|y, z)` of each class, for its own `z`."""
        k = self.num_classes
        classes = ops.cast(self._one_hot(ops.arange(k)), z.dtype)
        classes = ops.broadcast_to(classes, (*ops.shape(z)[:-1], k))
        joined = ops.concatenate([classes, z], axis=-1)
        return self.likelihood(joined, training)

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

    def bound(self, batch, num_samples=1, training=False):
        """The bound of a batch; classes that are not given are summed out."""
        x, k = self.modeled(batch.x, drawn=True), self.num_classes
        n, labels = ops.shape(x)[0], batch.y
        if labels is None:
            labels = ops.full((n,), -1, "int32")
        class_first = self.factorization == "class_first"
        if class_first:
            log_q = ops.log_softmax(self.class_logits(x, training), axis=-1)
            # Examples first, as workers share them.
            each = ops.repeat(x, k, axis=0)
            classes = ops.tile(self._one_hot(ops.arange(k)), (n, 1))
            q = self.posterior_given([each, classes], training)
        else:
            q = self.posterior_given(x, training)
        z = q.sample(num_samples, seed=self.posterior_seed)
        shape = (num_samples, n, k, self.latent_dim)
        if class_first:
            z_each = ops.reshape(z, shape)
        else:
            logits = self.class_logits_of_draws(x, z, training)
            log_q = ops.log_softmax(logits, axis=-1)
            z_each = ops.broadcast_to(z[:, :, None, :], shape)
        likelihood = self.likelihood_of_classes(z_each, training)
        log_p = likelihood.log_prob(x[:, None])
        of_z = (q, self.prior, None)
        latents = Bound(batch, z, *of_z, self.estimator, training)
        kind = ClassFirst if class_first else LatentFirst
        return kind(latents, log_p, log_q, labels)
