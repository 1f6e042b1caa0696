"""Semi-supervised variational autoencoders: M2, M1+M2 and structured.

D. P. Kingma, D. J. Rezende, S. Mohamed and M. Welling, "Semi-supervised
Learning with Deep Generative Models", NIPS 2014,
https://arxiv.org/abs/1406.5298

N. Siddharth et al., "Learning Disentangled Representations with
Semi-Supervised Deep Generative Models", NIPS 2017,
https://arxiv.org/abs/1706.00400

The class `y` and the rest `z` of an example are latents of `p(y) p(z) p(x|y,
z)`, with a uniform `p(y)`. For an example with a label, and for one without,
whose class is summed out, the negative bounds are

    L(x, y) = -E_q(z|x, y)[log p(x|y, z)] + KL(q(z|x, y) || p(z)) - log p(y),
    U(x)    = sum_y q(y|x) (L(x, y) + log q(y|x)).

Training minimizes their mean over all examples, and a classification loss,

    E[L or U] + alpha E_labeled[-log q(y|x)].

M1+M2 models the codes of a `VAE` in place of `x`: fresh draws in the bound, the
mean to classify. A structured posterior may also be `q(z|x) q(y|x, z)`: then
`q(z|x, y)` is known up to a constant, and with draws `z_s ~ q(z|x)`

    L(x, y) = -sum_s w_s log(p(x, y, z_s) / q(y, z_s|x)) - log q(y|x),
    w_s = q(y|x, z_s) / sum_r q(y|x, z_r),  q(y|x) = mean_s q(y|x, z_s).
"""

from functools import partial

import keras
import numpy as np
from keras import ops

from keras_gen.backend import replica_mean
from keras_gen.backend.precision import at_least_float32
from keras_gen.checks import (
    as_units,
    check_not_negative,
    check_option,
    check_positive,
)
from keras_gen.distributions import Bernoulli, Normal
from keras_gen.engine import Batch, Labels
from keras_gen.models.classification import Classifier
from keras_gen.models.vaes.semi_vae.bounds import ClassFirst, LatentFirst
from keras_gen.models.vaes.vae import VAE
from keras_gen.models.variational import Bound, VariationalModel, outputs_of
from keras_gen.networks.mlp import mlp_decoder, mlp_encoder

FACTORIZATIONS = ("class_first", "latent_first")


@keras.saving.register_keras_serializable(package="keras_gen")
class SemiVAE(Classifier, VariationalModel):
    """Semi-supervised variational autoencoder: M2, M1+M2 or structured.

    It is trained by `fit(x, labels)`, where examples without a label have -1.

    Args:
        num_classes: Integer.
        latent_dim: Integer. The size of `z`.
        hidden_units: Integer or tuple. The units of the softplus layers of the
            classifier and the encoder; the decoder has them in reverse.
        alpha: Float. The weight of the classification loss.
        labeled_fraction: Float or `None`. The fraction of examples with a
            label. If given, each labeled example counts `alpha /
            labeled_fraction` in the mean over the batch, as in the paper;
            otherwise the mean is that over the labeled examples of the batch.
        factorization: String, of the posterior: `"class_first"`, `q(y|x)
            q(z|x, y)` as in M2, or `"latent_first"`, `q(z|x) q(y|x, z)`, for
            which `num_samples=8` is usual. Classes are summed out in both, in
            place of the relaxed draws of Siddharth et al.
        likelihood: String, `p(x|y, z)`: `"bernoulli"` for `x` in [0, 1], or
            `"gaussian_learned"`, whose variance the decoder computes too.
        features: A trained `keras_gen.VAE` (M1) or `None`. If given, its codes
            are modeled, by `"gaussian_learned"`, and bounds are those of codes.
            It is frozen.
        feature_dims: Tuple of integers or `None`. The latents of `features`
            that are used, by default all. The official code uses those whose
            posterior mean has a standard deviation above 0.1, the active units
            of `keras_gen.metrics.active_units`.
        initial_std: Float or `None`. The standard deviation of the initial
            kernels, or `None` for Glorot's.
        classifier: `keras.Model` from `x`, and from `z` if that is first, to
            the class logits.
        encoder: `keras.Model` from `x`, and from the one-hot class if that is
            first, to mean and log-variance of `z`.
        decoder: `keras.Model` from the one-hot class and `z`, concatenated, to
            the logits of `x`, or its mean and log-variance.

    Example:

    ```python
    m1 = keras_gen.VAE(latent_dim=50, hidden_units=(500, 500))
    m1.compile(keras.optimizers.Adam(1e-3))
    m1.fit(images, batch_size=100, epochs=8)
    used = keras_gen.metrics.active_units(m1.encode(images)).active
    model = keras_gen.SemiVAE(
        features=m1, feature_dims=np.flatnonzero(used), labeled_fraction=0.01
    )
    model.compile()
    train = keras_gen.data.partly_labeled(
        images, labels, 100, batch_size=600, labeled_fraction=0.01
    )  # 100 labels, 6 examples with one in each batch.
    model.fit(train.dataset, steps_per_epoch=100, epochs=25)
    classes = model.classify(test_images)
    sevens = model.sample(16, labels=7)
    ```

    A bare `compile()` uses Adam with the official code's rate of 3e-4. Its
    prior on the parameters is left out.
    """

    players = {"model": ["classifier", "encoder", "decoder"]}
    infers_condition = True
    logged = (
        *VariationalModel.logged,
        "class_kl",
        "classification_loss",
        "accuracy",
    )
    presets = {
        "small": dict(hidden_units=300, initial_std=None),
        "smoke": dict(hidden_units=64, latent_dim=8, initial_std=None),
    }

    def __init__(
        self,
        input_shape: tuple[int, ...] = (28, 28, 1),
        num_classes: int = 10,
        latent_dim: int = 50,
        hidden_units: int | tuple[int, ...] = 500,
        alpha: float = 0.1,
        labeled_fraction: float | None = None,
        factorization: str = "class_first",
        likelihood: str = "bernoulli",
        features: VAE | None = None,
        feature_dims: tuple[int, ...] | None = None,
        initial_std: float | None = 1e-3,
        classifier: keras.Model | None = None,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option(
            "likelihood", likelihood, ("bernoulli", "gaussian_learned")
        )
        check_option("factorization", factorization, FACTORIZATIONS)
        check_not_negative(alpha=alpha)
        check_positive(num_classes=num_classes, latent_dim=latent_dim)
        if labeled_fraction is not None and not 0.0 < labeled_fraction <= 1.0:
            raise ValueError(
                "`labeled_fraction` must be above 0 and at most 1. Received: "
                f"labeled_fraction={labeled_fraction}."
            )
        self.input_shape = tuple(input_shape)
        self.num_classes = num_classes
        self.condition = Labels(num_classes)
        self.latent_dim = latent_dim
        self.alpha = alpha
        self.factorization = factorization
        self.labeled_fraction = labeled_fraction
        if features is not None:
            features = self.network_of("features", features, None)
        self.features = features
        self.feature_seed = self.seed_generator("features")
        self.value_range = (0.0, 1.0) if likelihood == "bernoulli" else None
        x, binary = self.input_shape, likelihood == "bernoulli"
        if features is not None:
            features.trainable = False
            if feature_dims is None:
                feature_dims = range(features.latent_dim)
            feature_dims = tuple(int(dim) for dim in feature_dims)
            check_features(self, features, feature_dims)
            x, binary = (len(feature_dims),), False
            self.value_range = features.value_range
        self.feature_dims = feature_dims
        self.modeled_shape, self.binary = x, binary

        units, normal = as_units("hidden_units", hidden_units), None
        if initial_std is not None:
            normal = partial(keras.initializers.RandomNormal, 0.0, initial_std)
        options = {"activation": "softplus", "initializer": normal}
        y, z = (num_classes,), (latent_dim,)
        first = factorization == "class_first"
        # What the classifier and the encoder are given.
        of_class, of_latent = ([x], [x, y]) if first else ([x, z], [x])
        new = partial(
            mlp_encoder,
            x if first else of_class,
            units,
            {"logits": num_classes},
            name="classifier",
            **options,
        )
        self.classifier = self.network_of(
            "classifier", classifier, new, of_class, [y], logits=1
        )
        heads = {"mean": latent_dim, "log_variance": latent_dim}
        new = partial(
            mlp_encoder, of_latent if first else x, units, heads, **options
        )
        self.encoder = self.network_of(
            "encoder", encoder, new, of_latent, [z, z]
        )
        size, count = num_classes + latent_dim, 1 if binary else 2
        new = partial(mlp_decoder, x, units[::-1], size, heads=count, **options)
        self.decoder = self.network_of(
            "decoder", decoder, new, [(size,)], [x] * count, int(binary)
        )

    def default_optimizer(self):
        return keras.optimizers.Adam(3e-4)

    def data_spec(self):
        labels = Labels(self.num_classes, missing="allowed")
        return Batch(x=self.examples_spec(), y=labels)

    # ---- Distributions ------------------------------------------------------

    def modeled(self, x, drawn=False):
        """What is modeled of a batch: itself, or M1's codes, means or draws."""
        if self.features is None:
            return x
        q = self.features.posterior(x)
        z = q.mean
        if drawn:
            z = q.sample(1, seed=self.feature_seed)[0]
        z = ops.take(z, ops.array(self.feature_dims), axis=-1)
        return ops.stop_gradient(z)

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

    def bound(self, batch, num_samples=1, training=False):
        """The bound of a batch, of which labels are given, are -1 or `None`."""
        x = self.modeled(batch.x, drawn=True)
        first = self.factorization == "class_first"
        new = self.class_first if first else self.latent_first
        return new(x, batch.y, num_samples, training)

    def class_first(self, x, labels, num_samples, training):
        """The bound for `q(y|x) q(z|x, y)`."""
        logits = self.class_logits(x, training)
        log_q = ops.log_softmax(logits, axis=-1)
        q = ops.exp(log_q)
        if labels is not None:
            labeled = (labels >= 0)[:, None]
            given = ops.cast(self._one_hot(ops.maximum(labels, 0)), q.dtype)
            q = ops.where(labeled, given, q)
            log_q = ops.where(labeled, ops.zeros_like(log_q), log_q)
        # Each example with each class; examples first, as workers share them.
        eye = ops.cast(ops.eye(self.num_classes), q.dtype)
        classes = ops.tile(eye, (ops.shape(q)[0], 1))
        x = ops.repeat(x, self.num_classes, axis=0)
        posterior = self.posterior_given([x, classes], training)
        z = posterior.sample(num_samples, seed=self.posterior_seed)
        tiled = ops.broadcast_to(classes, (num_samples, *ops.shape(classes)))
        joined = ops.concatenate([ops.cast(tiled, z.dtype), z], axis=-1)
        likelihood = self.likelihood(joined, training)
        inner = Bound(
            Batch(x), z, posterior, self.prior, likelihood, self.estimator
        )
        return ClassFirst(inner, q, log_q, logits, labels)

    def latent_first(self, x, labels, num_samples, training):
        """The bound for `q(z|x) q(y|x, z)`."""
        posterior = self.posterior_given(x, training)
        z = posterior.sample(num_samples, seed=self.posterior_seed)
        draws = ops.broadcast_to(x, (num_samples, *ops.shape(x)))
        inputs = [ops.reshape(draws, (-1, *x.shape[1:]))]
        inputs.append(ops.reshape(z, (-1, self.latent_dim)))
        logits = self.class_logits(inputs, training)
        shape = (*ops.shape(z)[:2], self.num_classes)
        log_q = ops.log_softmax(ops.reshape(logits, shape), axis=-1)
        # Each draw with each class.
        eye = ops.cast(ops.eye(self.num_classes), z.dtype)
        z_each = ops.broadcast_to(z[:, :, None, :], (*shape, self.latent_dim))
        classes = ops.broadcast_to(eye, (*shape, self.num_classes))
        joined = ops.concatenate([classes, z_each], axis=-1)
        log_p = self.likelihood(joined, training).log_prob(x[:, None])
        latents = Bound(
            Batch(x), z, posterior, self.prior, None, self.estimator
        )
        return LatentFirst(latents, log_p, log_q, labels)

    def terms(self, bound):
        terms = {
            "reconstruction_loss": -ops.mean(bound.log_likelihood),
            "kl_divergence": ops.mean(bound.latent_kl),
            "class_kl": ops.mean(bound.class_kl),
        }
        loss = self.classification_loss(bound.labels, bound.logits)
        # Held-out data have other fractions.
        if self.labeled_fraction is not None and not self.is_evaluating:
            labeled = ops.cast(bound.labels >= 0, loss.dtype)
            fraction = replica_mean(ops.mean(labeled))
            loss = loss * fraction / self.labeled_fraction
        return {**terms, "classification_loss": loss}

    def term_weights(self):
        return {"classification_loss": self.alpha}

    # ---- Inference ----------------------------------------------------------

    @property
    def decoded_shape(self):
        return (self.num_classes, *self.modeled_shape)

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
        # What M1 does not use is as in its prior's mean.
        place = np.eye(self.features.latent_dim)[list(self.feature_dims)]
        place = ops.cast(place, mean.dtype)
        return self.features.decode_step(ops.matmul(mean, place))

    def reconstruct_step(self, x, labels=None):
        if labels is None:
            labels = self.inferred_step(x)
        return self.decode_step(self.encode_step(x), labels)

    # Without labels, the classes are those of the examples.
    def interpolate(self, a, b, *, steps: int = 10, labels=None) -> np.ndarray:
        """Decodes what lies between the codes of pairs of examples.

        Args:
            labels: As in `EncoderDecoderModel.interpolate`. Defaults to the
                most probable classes of `a`.
        """
        labels = self.classify(a) if labels is None else labels
        return super().interpolate(a, b, steps=steps, labels=labels)

    def traverse(self, x, dims=None, values=None, *, labels=None) -> np.ndarray:
        if labels is None:
            labels = self.classify(np.asarray(x)[None])[0]
        return super().traverse(x, dims, values, labels=labels)


def check_features(model, features, dims):
    """Raises unless M1 and its latents fit."""
    if tuple(features.input_shape) != model.input_shape:
        raise ValueError(
            f"`input_shape` must be {features.input_shape}, as `features` has "
            f"it. Received: input_shape={model.input_shape}."
        )
    if not dims or not 0 <= min(dims) <= max(dims) < features.latent_dim:
        raise ValueError(
            "`feature_dims` must be latents of `features`, from 0 to "
            f"{features.latent_dim - 1}, and one at least. Received: "
            f"feature_dims={dims}. Train `features` for longer, if none is "
            "active."
        )
