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
from keras import ops

from keras_gen.backend import replica_mean
from keras_gen.checks import (
    as_units,
    check_not_negative,
    check_option,
    check_positive,
)
from keras_gen.engine import Labels
from keras_gen.models.vaes.semi_vae.classes import ClassLatentModel
from keras_gen.models.vaes.semi_vae.features import checked_dims
from keras_gen.models.vaes.vae import VAE
from keras_gen.networks.mlp import mlp_decoder, mlp_encoder

FACTORIZATIONS = ("class_first", "latent_first")


@keras.saving.register_keras_serializable(package="keras_gen")
class SemiVAE(ClassLatentModel):
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
    logged = (
        *ClassLatentModel.logged,
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
        self.labels_spec = Labels(num_classes, missing="allowed")
        self.latent_dim = latent_dim
        self.alpha = alpha
        self.factorization = factorization
        self.labeled_fraction = labeled_fraction
        self.features, self.feature_dims = features, feature_dims
        self.feature_seed = self.seed_generator("features")
        x, binary = self.input_shape, likelihood == "bernoulli"
        self.value_range = (0.0, 1.0) if binary else None
        if features is not None:
            features.trainable = False
            self.features = self.network_of("features", features, None)
            self.feature_dims = checked_dims(features, x, feature_dims)
            self.value_range = features.value_range
            x, binary = (len(self.feature_dims),), False
        self.modeled_shape, self.binary = x, binary

        units, normal = as_units("hidden_units", hidden_units), None
        if initial_std is not None:
            normal = partial(keras.initializers.RandomNormal, 0.0, initial_std)
        options = {"activation": "softplus", "initializer": normal}
        y, z, options["hidden_units"] = (num_classes,), (latent_dim,), units
        # What the classifier and the encoder are given.
        of_class, of_latent = [x], [x, y]
        if factorization == "latent_first":
            of_class, of_latent = [x, z], [x]
        new = partial(
            mlp_encoder,
            of_class,
            heads={"logits": num_classes},
            name="classifier",
            **options,
        )
        self.classifier = self.network_of(
            "classifier", classifier, new, of_class, [y], logits=1
        )
        heads = {"mean": latent_dim, "log_variance": latent_dim}
        new = partial(mlp_encoder, of_latent, heads=heads, **options)
        self.encoder = self.network_of(
            "encoder", encoder, new, of_latent, [z, z]
        )
        size, count = num_classes + latent_dim, 1 if binary else 2
        options["hidden_units"] = units[::-1]
        new = partial(mlp_decoder, x, latent_dim=size, heads=count, **options)
        self.decoder = self.network_of(
            "decoder", decoder, new, [(size,)], [x] * count, int(binary)
        )

    def default_optimizer(self):
        return keras.optimizers.Adam(3e-4)

    def terms(self, bound):
        terms = {
            "reconstruction_loss": -ops.mean(bound.log_likelihood),
            "kl_divergence": ops.mean(bound.latent_kl),
            "class_kl": ops.mean(bound.class_kl),
        }
        x = bound.latents.batch.x
        loss = self.classification_loss(bound.labels, bound.logits, x)
        # Held-out data have other fractions.
        if self.labeled_fraction is not None and not self.is_evaluating:
            labeled = ops.cast(bound.labels >= 0, loss.dtype)
            fraction = replica_mean(ops.mean(labeled))
            loss = loss * fraction / self.labeled_fraction
        return {**terms, "classification_loss": loss}

    def term_weights(self):
        return {"classification_loss": self.alpha}
