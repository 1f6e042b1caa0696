"""The deep convolutional inverse graphics network.

T. D. Kulkarni, W. F. Whitney, P. Kohli and J. B. Tenenbaum, "Deep
Convolutional Inverse Graphics Network", NIPS 2015,
https://arxiv.org/abs/1503.03167

A variational autoencoder is trained on batches in each of which one factor of
the scene alone varies, and that factor's group of latents is the only one that
may tell the examples of the batch apart. For both outputs `a` of the encoder,
mean and log-variance, with the mean over the batch as `m`:

    clamped a = a for the latents of the active group, m for the others,
    L = -E_q[log p(x|z)] + KL(q(z|x) || N(0, I))          at the clamped outputs
        + (s / 2) sum_a sum_inactive (a - m)^2.

No gradient passes through `m` in the bound. So the active outputs get the
gradient of the bound, and the others, in its place, `s (a - m)`, which makes
them invariant to the factor that varies. All is averaged over the batch.
"""

import dataclasses
from functools import partial

import keras
import numpy as np
from keras import ops

from keras_gen.backend import replica, replica_mean
from keras_gen.checks import check_not_negative, check_option
from keras_gen.distributions import Bernoulli, Normal
from keras_gen.engine import Batch, Labels
from keras_gen.models.vaes.dc_ign.networks import dc_ign_decoder, dc_ign_encoder
from keras_gen.models.variational import VariationalModel
from keras_gen.schedules import Schedule, check_scheduled

GROUPS = {"azimuth": 1, "elevation": 1, "light": 1, "intrinsic": None}


@dataclasses.dataclass(frozen=True)
class ActiveGroup(Labels):
    """The active group of each batch, counted from 0; -1 for all groups."""

    missing: str = "allowed"
    argument: str = "groups"

    def expected(self):
        return (
            f"integers of shape (None,) from 0 to {self.num_classes - 1}, the "
            "active group of each image in the order of `groups`, or -1 for "
            "all groups"
        )

    def check_order(self, owner, name, array, batch_size, shuffle):
        groups = np.asarray(array).reshape(-1)
        if shuffle and np.any(groups != -1):
            raise ValueError(
                "`shuffle` must be False: it would break up the batches, in "
                f"each of which one factor varies. Received: {shuffle=}. "
                "Shuffle whole batches beforehand."
            )
        for start in range(0, len(groups), batch_size):
            found = np.unique(groups[start : start + batch_size])
            if len(found) > 1:
                end = min(start + batch_size, len(groups)) - 1
                raise ValueError(
                    f"`{name}` of {owner} must have one active group for all "
                    f"images of a batch. Received: groups {found.tolist()} in "
                    f"images {start} to {end}, a batch of {batch_size=}. Order "
                    "the images by batches, and pass their `batch_size`."
                )

    def draw(self, rng, n, batch_size=8):
        batches = rng.integers(self.num_classes) + np.arange(n) // batch_size
        return (batches % self.num_classes).astype(self.dtype)


class ClampedNormal(Normal):
    """A posterior with mean and log-variance as `clamp(output, active)`."""

    def __init__(self, unclamped, active, clamp):
        outputs = (unclamped.mean, unclamped.log_variance)
        super().__init__(*(clamp(output, active) for output in outputs))
        self.unclamped, self.active = unclamped, active


@keras.saving.register_keras_serializable(package="keras_gen")
class DCIGN(VariationalModel):
    """Deep convolutional inverse graphics network.

    `fit` takes images in [0, 1] and, for each image, the index of the active
    group in the order of `groups`: the factor that varies in the batch, the
    same for all of its images. `keras_gen.data.one_factor_batches()` makes
    such batches; of arrays, `fit` takes consecutive slices of `batch_size`,
    without shuffling. -1 makes all groups active. That is the plain
    variational autoencoder, to start from: with it, any batch will do.

    Args:
        image_shape: Tuple. The shape of images, of sides 150 or multiples of 4.
        latent_dim: Integer. The size of the code; with an `encoder` of your
            own, it is the encoder's.
        groups: Dictionary from the names of the groups of latents, in their
            order, to their sizes. One size may be `None`: the rest.
        invariance_weight: Float or `keras_gen.Schedule`. The scale `s` of the
            gradient that makes inactive latents invariant. Where it is large
            in the end, latents need time to find their factors first:
            `Schedule(0.1, 1000.0, over=38, interpolation="exponential")`.
        clamp: String. What inactive latents are set to: their `"mean"` over
            the batch, as in the paper, or those of the `"first"` image, as in
            the authors' code.
        filters: Integer. The filters of the widest convolution. Images of 150
            x 150 get the paper's networks, others two strided convolutions,
            or three if their sides are above 32 and multiples of 8.
        encoder: `keras.Model` from `x` to mean and log-variance of `z`.
        decoder: `keras.Model` from `z` to the logits of `x`.

    Example:

    ```python
    batches = keras_gen.data.one_factor_batches(20, image_size=32)
    model = keras_gen.DCIGN((32, 32, 1), latent_dim=20, filters=32)
    model.compile()
    model.fit(batches, steps_per_epoch=500, epochs=10)
    views = model.rerender(images, "azimuth", [-2.0, 0.0, 2.0])
    ```

    A bare `compile()` uses Adam at 0.0005 with decay rates of 0.9 and 0.99, the
    authors' RMSprop with momentum. They sum the loss over the batch where this
    model averages it; except for epsilon, Adam's step is the same.
    """

    fixed = {"estimator": "analytic"}
    shape_argument = "image_shape"
    ordered_batches = True
    logged = (*VariationalModel.logged, "invariance_loss")
    value_range = (0.0, 1.0)
    presets = {
        "small": dict(
            latent_dim=20,
            filters=48,
            invariance_weight=Schedule(0.1, 1e3, 38, "epochs", "exponential"),
        ),
        "smoke": dict(latent_dim=20, filters=16),
    }

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (150, 150, 1),
        latent_dim: int = 200,
        groups: dict[str, int | None] = GROUPS,
        invariance_weight: float | Schedule = 0.01,
        clamp: str = "mean",
        filters: int = 96,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_option("clamp", clamp, ("mean", "first"))
        check_scheduled(
            "invariance_weight", invariance_weight, check_not_negative
        )
        self.image_shape = shape = tuple(image_shape)
        self.invariance_weight = invariance_weight
        self.clamp = clamp
        if encoder is not None:
            latent_dim = self.output_sizes("encoder", encoder, [shape])[0]
        self.latent_dim = latent_dim
        sizes, code = (shape, latent_dim, filters), (latent_dim,)
        new, heads = partial(dc_ign_encoder, *sizes), [code, code]
        self.encoder = self.network_of("encoder", encoder, new, [shape], heads)
        new = partial(dc_ign_decoder, *sizes)
        self.decoder = self.network_of(
            "decoder", decoder, new, [code], [shape], logits=1
        )
        self.groups = group_sizes(groups, latent_dim)

    def data_spec(self):
        return Batch(x=self.examples_spec(), y=ActiveGroup(len(self.groups)))

    def default_optimizer(self):
        return keras.optimizers.Adam(5e-4, beta_1=0.9, beta_2=0.99)

    def group_slice(self, name: str) -> slice:
        """Where the latents of the group `name` stand in the code."""
        check_option("name", name, self.groups)
        names, sizes = list(self.groups), list(self.groups.values())
        start = sum(sizes[: names.index(name)])
        return slice(start, start + self.groups[name])

    def active_latents(self, group_ids):
        """Which latents are active, `(batch, latent_dim)`, by `(batch,)`."""
        sizes = list(self.groups.values())
        owner = np.repeat(range(len(sizes)), sizes).astype("int32")
        given = group_ids[:, None]
        return ops.equal(given, owner) | ops.equal(given, -1)

    # ---- The bound --------------------------------------------------------

    def likelihood(self, z, training=False):
        return Bernoulli(*self.decoded(z, training), event_rank=3)

    def clamped(self, output, active):
        """The encoder's output with the inactive latents clamped."""
        if self.clamp == "mean":
            common = replica_mean(ops.mean(output, axis=0))
        else:
            # The first row of the batch that all workers share.
            index, count = replica()
            first = ops.where(ops.equal(index, 0), output[0], 0.0)
            common = replica_mean(first) * count
        return ops.where(active, output, ops.stop_gradient(common))

    def posterior_of(self, batch, training=False):
        q = super().posterior_of(batch, training)
        if batch.y is None:
            return q
        return ClampedNormal(q, self.active_latents(batch.y), self.clamped)

    def terms(self, bound):
        q, active = bound.posterior.unclamped, bound.posterior.active
        loss = invariance(q.mean, active) + invariance(q.log_variance, active)
        return {**super().terms(bound), "invariance_loss": loss}

    def term_weights(self):
        return {"invariance_loss": self.scheduled(self.invariance_weight)}

    # ---- Inference --------------------------------------------------------

    def rerender(self, x, name: str, values) -> np.ndarray:
        """Renders what images show with one group of latents replaced.

        Args:
            name: String. A key of `groups`.
            values: Sequence of scalars, or of vectors of the group's size.

        Returns:
            Array of shape `(n, len(values), *image_shape)`.
        """
        latents = self.group_slice(name)
        values = np.asarray(values, "float32")
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or values.shape[1] != self.groups[name]:
            raise ValueError(
                f"`values` must be vectors of {self.groups[name]} latents, the "
                f"size of the group {name!r}. Received: shape={values.shape}."
            )
        codes = np.repeat(self.encode(x)[:, None], len(values), axis=1)
        codes[:, :, latents] = values
        return self.decode_rows(codes)

    def factor_correlations(self, x, factors: dict) -> dict[str, float]:
        """How well the groups of latents predict the true factors.

        Args:
            factors: Dictionary from names of groups to `n` true values each.

        Returns:
            Dictionary from these names to the correlation, from 0 to 1, of
            the factor with its linear regression on the group's means; for
            one latent, the absolute correlation with it.
        """
        codes = self.encode(x).astype("float64")
        codes -= codes.mean(axis=0)
        result = {}
        for name, values in factors.items():
            values = np.array(values, "float64")
            values -= values.mean()
            inputs = codes[:, self.group_slice(name)]
            fitted = inputs @ np.linalg.lstsq(inputs, values, rcond=None)[0]
            spread = np.linalg.norm(values)
            result[name] = float(np.linalg.norm(fitted) / (spread or 1.0))
        return result


def group_sizes(groups, latent_dim):
    """The number of latents of each group, the rest in place of `None`."""
    rest = latent_dim - sum(size or 0 for size in groups.values())
    sizes = {n: rest if size is None else size for n, size in groups.items()}
    if min(sizes.values(), default=0) < 1 or sum(sizes.values()) != latent_dim:
        raise ValueError(
            "`groups` must give each group of latents a positive size, and one "
            "of them at most `None` for the rest of `latent_dim`. Received: "
            f"groups={dict(groups)}, latent_dim={latent_dim}."
        )
    return sizes


def invariance(output, active):
    """`sum (a - m)^2 / 2` over inactive latents, averaged over the batch.

    The gradient is `(a - m) / batch`, in which the mean `m` over the batch
    takes no part: the deviations from it add up to zero.
    """
    mean = ops.stop_gradient(replica_mean(ops.mean(output, axis=0)))
    deviations = ops.where(active, 0.0, output - mean)
    return 0.5 * ops.mean(ops.sum(ops.square(deviations), axis=-1))
