"""The deep convolutional inverse graphics network.

T. D. Kulkarni, W. F. Whitney, P. Kohli and J. B. Tenenbaum, "Deep
Convolutional Inverse Graphics Network", NIPS 2015,
https://arxiv.org/abs/1503.03167

A variational autoencoder learns from batches in each of which one factor of
the scene alone varies, and that factor's group of code entries is the only
one that may tell the examples of the batch apart. For both heads `a` of the
encoder, mean and log-variance, with the mean over the batch as `m`:

    clamped a = a for the entries of the active group, m for the others,
    L = -E_q[log p(x|z)] + KL(q(z|x) || N(0, I))          at the clamped heads
        + (s / 2) sum_a sum_inactive (a - m)^2.

No gradient passes through `m` in the bound. So the heads of the active group
get the gradient of the bound, and the others, in its place, `s (a - m)`,
which makes them invariant to the factor that varies. All is averaged over the
batch.
"""

import keras
import numpy as np
from keras import ops

from keras_gen.distributions import bernoulli, normal
from keras_gen.engine import noise, replica, replica_mean
from keras_gen.engine.records import check_range
from keras_gen.models.autoencoders import dc_ign_networks
from keras_gen.models.autoencoders.dc_ign_groups import (
    ALL_ACTIVE,
    GROUPS,
    check_numbers,
    group_sizes,
)
from keras_gen.models.reconstructing import class_labels, require_option
from keras_gen.models.vaes.variational import Terms, VariationalModel
from keras_gen.precision import at_least_float32


def first_of_all(head):
    """The first row of the batch that all workers share."""
    index, count = replica()
    if count == 1:
        return head[0]
    first = ops.where(ops.equal(index, 0), head[0], ops.zeros_like(head[0]))
    return replica_mean(first) * count


def invariance(head, active):
    """`sum (a - m)^2 / 2` over inactive entries, averaged over the batch.

    Args:
        head: Tensor of shape `(batch, latent_dim)`.
        active: Boolean tensor of the same shape.

    Returns:
        Scalar. `m` is the mean over the batch. Its gradient by the head of an
        example is `(a - m) / batch`, which the mean takes no part in: the
        deviations from it add up to zero.
    """
    mean = ops.stop_gradient(replica_mean(ops.mean(head, axis=0)))
    deviations = ops.where(active, 0.0, head - mean)
    return 0.5 * ops.mean(ops.sum(ops.square(deviations), axis=-1))


@keras.saving.register_keras_serializable(package="keras_gen")
class DCIGN(VariationalModel):
    """Deep convolutional inverse graphics network.

    `fit` takes images in [0, 1] and, for each image, the number of the active
    group in the order of `groups`: the factor that varies in the batch. It is
    the same for all images of a batch, so that batches must stay as they are:
    `keras_gen.data.one_factor_batches()` makes such batches, and of arrays
    `fit` takes consecutive slices of `batch_size`, without shuffling. The
    number -1 makes all groups active. That is the plain variational
    autoencoder, to start from: with it, any batch will do.

    Args:
        input_shape: Tuple. Height, width and channels of the images: 150 x
            150, or sides that are multiples of 4.
        latent_dim: Integer. The number of code entries; with an `encoder`
            of your own, it is the encoder's.
        groups: Dictionary from the names of the groups of code entries, in
            their order, to their sizes. One size may be `None`: the rest.
        invariance_scale: Float. The scale `s` of the gradient that makes
            inactive entries invariant.
        initial_scale: Float or `None`. If given, `s` begins here and is
            multiplied by the same number after each epoch, until it is
            `invariance_scale`. Where that is large, entries need time to find
            their factors first.
        schedule_epochs: Integer. The epochs until then. Needed with
            `initial_scale`.
        clamp: What inactive entries are set to: their `"mean"` over the
            batch, as in the paper, or those of the `"first"` image, as in
            the authors' code.
        filters: Integer. The maps of the widest convolution. Images of 150
            x 150 get the paper's networks; others get two strided
            convolutions, or three if they are larger than 32 and their
            sides multiples of 8.
        encoder: `keras.Model` from `x` to mean and log-variance of `z`.
        decoder: `keras.Model` from `z` to the logits of `x`.
        seed: Integer or `None`.

    Example:

    ```python
    batches = keras_gen.data.one_factor_batches(20, image_size=32)
    model = keras_gen.DCIGN((32, 32, 1), latent_dim=20, filters=32)
    model.compile()
    model.fit(batches, steps_per_epoch=500, epochs=10)
    views = model.rerender(images, "azimuth", [-2.0, 0.0, 2.0])
    ```

    A bare `compile()` uses Adam at 0.0005 with decay rates of 0.9 and 0.99,
    which is the authors' RMSprop with momentum. They sum the loss over the
    batch where this model averages it; but for its epsilon, Adam's step is
    the same.

    Reference:

    - [Kulkarni et al., 2015](https://arxiv.org/abs/1503.03167)
    """

    logged = ("reconstruction_loss", "kl_divergence", "invariance_loss")

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (150, 150, 1),
        latent_dim: int = 200,
        groups: dict[str, int | None] = GROUPS,
        invariance_scale: float = 0.01,
        initial_scale: float | None = None,
        schedule_epochs: int | None = None,
        clamp: str = "mean",
        filters: int = 96,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(seed=seed, **kwargs)
        require_option("clamp", clamp, ("mean", "first"))
        if invariance_scale < 0.0:
            raise ValueError(
                "A negative scale would push the inactive entries apart. "
                f"Received: invariance_scale={invariance_scale}."
            )
        if (initial_scale is None) != (schedule_epochs is None):
            raise ValueError(
                "A schedule has a beginning and a length. Received: "
                f"initial_scale={initial_scale}, "
                f"schedule_epochs={schedule_epochs}. Pass both or neither."
            )
        if initial_scale is not None and (
            min(initial_scale, invariance_scale) <= 0.0 or schedule_epochs < 1
        ):
            raise ValueError(
                "A schedule leads from one positive scale to another in one "
                f"epoch or more. Received: initial_scale={initial_scale}, "
                f"invariance_scale={invariance_scale}, "
                f"schedule_epochs={schedule_epochs}."
            )
        self.input_shape = tuple(input_shape)
        self.invariance_scale = invariance_scale
        self.initial_scale = initial_scale
        self.schedule_epochs = schedule_epochs
        self.clamp = clamp
        with self.building_scope():
            self.encoder, self.decoder = dc_ign_networks.pair(
                self.input_shape, latent_dim, filters, encoder, decoder
            )
        self.latent_dim = self.encoder.outputs[0].shape[-1]
        self.groups = group_sizes(groups, self.latent_dim)
        self.posterior_seed = self.seed_generator("posterior")
        self.prior_seed = self.seed_generator("prior")

    def default_optimizers(self):
        return {"model": keras.optimizers.Adam(5e-4, beta_1=0.9, beta_2=0.99)}

    # ---- Groups -----------------------------------------------------------

    def group_slice(self, name: str) -> slice:
        """Where the entries of a group stand in the code.

        Args:
            name: String. A key of `groups`.

        Returns:
            `slice`.
        """
        require_option("name", name, self.groups)
        names = list(self.groups)
        sizes = list(self.groups.values())
        start = sum(sizes[: names.index(name)])
        return slice(start, start + self.groups[name])

    def active_entries(self, numbers):
        """Which code entries are active, for numbers of groups.

        Args:
            numbers: Integer tensor of shape `(batch,)`.

        Returns:
            Boolean tensor of shape `(batch, latent_dim)`.
        """
        sizes = list(self.groups.values())
        owner = np.repeat(np.arange(len(sizes)), sizes).astype("int32")
        numbers = numbers[:, None]
        return ops.logical_or(
            ops.equal(numbers, owner), ops.equal(numbers, ALL_ACTIVE)
        )

    # ---- Data -------------------------------------------------------------

    def check_arrays(self, x, y):
        check_range(type(self).__name__, x, 0.0, 1.0)

    def prepare_batch(self, batch):
        batch = super().prepare_batch(batch)
        if batch.y is None:
            raise ValueError(
                f"{type(self).__name__} learns from batches in which one "
                "factor varies. Received data without labels. Call `fit(x, "
                "y)` with the number of the active group for each image, or "
                "with -1 to train all groups alike."
            )
        return batch._replace(y=class_labels(type(self).__name__, batch.y))

    def fit(
        self,
        x=None,
        y=None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose="auto",
        callbacks=None,
        shuffle: bool = False,
        **kwargs,
    ) -> keras.callbacks.History:
        """Trains the model, as `keras.Model.fit` does.

        Arrays are taken in their order, since shuffled images would be
        batches in which everything varies. They may be shuffled where all
        numbers are -1.
        """
        if isinstance(y, np.ndarray):
            if shuffle and np.any(y != ALL_ACTIVE):
                raise ValueError(
                    "Shuffling the images would break up the batches, in each "
                    "of which one factor varies. Received: shuffle="
                    f"{shuffle}. Pass `shuffle=False`, and shuffle whole "
                    "batches beforehand."
                )
            check_numbers(y, self.groups, batch_size or 32)
        return super().fit(
            x,
            y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            shuffle=shuffle,
            **kwargs,
        )

    def evaluate(self, x=None, y=None, batch_size: int | None = None, **kwargs):
        """Evaluates on batches of the same kind as those of `fit`."""
        if isinstance(y, np.ndarray):
            check_numbers(y, self.groups, batch_size or 32)
        return super().evaluate(x, y, batch_size=batch_size, **kwargs)

    # ---- Training ---------------------------------------------------------

    def terms(self, x, num_samples, training):
        heads = self.posterior(x, training)
        return self.bound_terms(x, *heads, num_samples, training)

    def posterior(self, x, training=False):
        """Mean and log-variance of `q(z|x)`, as tensors."""
        mean, log_variance = self.encoder(x, training=training)
        return at_least_float32(mean), at_least_float32(log_variance)

    def bound_terms(self, x, mean, log_variance, num_samples=1, training=False):
        """The terms of the bound for these heads of the encoder."""
        shape = (ops.shape(x)[0], num_samples, self.latent_dim)
        eps = noise.normal(shape, seed=self.posterior_seed)
        z = normal.sample(mean, log_variance, ops.swapaxes(eps, 0, 1))
        flat = ops.reshape(z, (-1, self.latent_dim))
        logits = at_least_float32(self.decoder(flat, training=training))
        logits = ops.reshape(logits, (num_samples, *ops.shape(x)))
        log_prior = normal.standard_log_prob(z)
        divergence = normal.kl_divergence(mean, log_variance)[None]
        return Terms(
            bernoulli.log_prob(x, logits, event_rank=len(self.input_shape)),
            log_prior,
            normal.log_prob(z, mean, log_variance),
            ops.broadcast_to(divergence, ops.shape(log_prior)),
        )

    def scale(self):
        """The scale `s` of the present epoch."""
        if self.initial_scale is None:
            return self.invariance_scale
        epochs = ops.cast(self.epochs_seen, "float32")
        share = ops.minimum(epochs / self.schedule_epochs, 1.0)
        growth = self.invariance_scale / self.initial_scale
        return self.initial_scale * ops.power(growth, share)

    def clamped(self, head, active):
        """A head whose inactive entries do not tell examples apart."""
        if self.clamp == "mean":
            common = replica_mean(ops.mean(head, axis=0))
        else:
            common = first_of_all(head)
        return ops.where(active, head, ops.stop_gradient(common))

    def clamped_loss(self, batch, heads, training):
        """The logged loss of a batch, for the two heads of the encoder."""
        active = self.active_entries(batch.y)
        terms = self.bound_terms(
            batch.x,
            *(self.clamped(head, active) for head in heads),
            training=training,
        )
        parts = {
            "reconstruction_loss": -ops.mean(terms.log_likelihood),
            "kl_divergence": ops.mean(terms.kl_divergence),
            "invariance_loss": self.scale()
            * sum(invariance(head, active) for head in heads),
        }
        self.log(**parts)
        return sum(parts.values())

    def training_step(self, batch):
        def loss():
            heads = self.posterior(batch.x, training=True)
            return self.clamped_loss(batch, heads, training=True)

        self.minimize("model", loss)

    def evaluation_step(self, batch):
        heads = self.posterior(batch.x)
        self.log(loss=self.clamped_loss(batch, heads, training=False))

    # ---- Inference --------------------------------------------------------

    def encode_step(self, x):
        return self.posterior(x)

    def decode_step(self, z):
        return ops.sigmoid(at_least_float32(self.decoder(z)))

    def rerender(self, x, name: str, values) -> np.ndarray:
        """Renders what images show with one group of the code replaced.

        Args:
            x: Array of shape `(n, *input_shape)`.
            name: String. A key of `groups`.
            values: Sequence of the values that the group takes: numbers, or
                vectors of its size.

        Returns:
            Array of shape `(n, len(values), *input_shape)`.
        """
        entries = self.group_slice(name)
        values = np.asarray(values, "float32")
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or values.shape[1] != self.groups[name]:
            raise ValueError(
                f"The group {name!r} has {self.groups[name]} entries: "
                "`values` holds vectors of this size. Received: shape="
                f"{values.shape}."
            )
        codes = np.repeat(self.codes(x)[:, None], len(values), axis=1)
        codes[:, :, entries] = values
        images = self.decode(codes.reshape(-1, self.latent_dim))
        return images.reshape(*codes.shape[:2], *self.input_shape)

    def factor_correlations(self, x, factors: dict) -> dict[str, float]:
        """How well the groups of the code predict the true factors.

        Args:
            x: Array of shape `(n, *input_shape)`.
            factors: Dictionary from the names of groups to arrays of shape
                `(n,)`, the true values of their factors.

        Returns:
            Dictionary from these names to the correlation of the factor with
            its linear regression on the group's means, from 0 to 1. For a
            group of one entry, this is the absolute correlation of the two.
        """
        codes = self.codes(x).astype("float64")
        codes -= codes.mean(axis=0)
        result = {}
        for name, values in factors.items():
            values = np.asarray(values, "float64")
            values = values - values.mean()
            inputs = codes[:, self.group_slice(name)]
            fitted = inputs @ np.linalg.lstsq(inputs, values, rcond=None)[0]
            spread = np.linalg.norm(values)
            result[name] = float(np.linalg.norm(fitted) / (spread or 1.0))
        return result
