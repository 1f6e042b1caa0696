"""The multi-level variational autoencoder.

D. Bouchacourt, R. Tomioka and S. Nowozin, "Multi-Level Variational
Autoencoder: Learning Disentangled Representations from Grouped Observations",
AAAI 2018, https://arxiv.org/abs/1705.08841

Examples come in groups that share their content; each has a style of its own.
The evidence of a group `G` is accumulated: the posterior of its content is the
normalized product of those of its examples,

    q(c|x_G) = N(m_G, v_G),   1 / v_G = sum_i 1 / v_i,
                              m_G = v_G sum_i m_i / v_i,

and with the style `s_i` of each, training minimizes the mean over groups of

    sum_(i in G) { -E[log p(x_i|c_i, s_i)] + KL(q(s_i|x_i) || p(s)) }
        + KL(q(c|x_G) || p(c)),

the last once for each group. By default every example has a draw `c_i` of its
own from the content's posterior.
"""

import keras
import numpy as np
from keras import ops

from keras_gen.backend import gather, replica_mean
from keras_gen.checks import check_count, check_option
from keras_gen.distributions import IsotropicNormal, Normal
from keras_gen.engine import Batch, Groups
from keras_gen.models.vaes.vae import VAE


@keras.saving.register_keras_serializable(package="keras_gen")
class MLVAE(VAE):
    """Multi-level variational autoencoder.

    It is trained by `fit(x, groups)`, where equal integers make a group. What
    belongs together within a batch is accumulated, so that large batches of
    few groups hold more evidence.

    Args:
        latent_dim: Integer. The size of content and style together.
        content_dim: Integer, below `latent_dim`. The size of the content,
            which comes first in a code; the rest is style.
        accumulation: String. `"product"`, or `"average"` for the mean of a
            group's means and variances (the Group-VAE).
        shared_content_noise: Boolean. Whether a group has one draw of its
            content, rather than one for each example.
        likelihood: String, `p(x|z)`: `"gaussian_learned"`, as in the official
            code, whose decoder computes a mean and, as the tanh of its other
            output, a log-variance for each pixel; or others of `VAE`.

    Example:

    ```python
    model = keras_gen.MLVAE((28, 28, 1))
    model.compile()
    model.fit(images, labels, batch_size=256, epochs=5)
    grid = model.swap(images[:8], images[8:16])  # Contents, styles.
    ```

    A bare `compile()` uses Adam with the official code's rate of 1e-3. The
    loss and its terms are those of a group, not of an example.

    Reference:

    - [Hosoya, 2019](https://arxiv.org/abs/1809.02383), for `"average"`
    """

    fixed = {"estimator": "analytic"}
    defaults = dict(
        latent_dim=20,
        likelihood="gaussian_learned",
        kernel_initializer="lecun_normal",
    )
    presets = {
        "paper": {},
        # A style too small for the class.
        "small": dict(latent_dim=12),
        "smoke": dict(hidden_units=64),
    }
    logged = ("reconstruction_loss", "content_kl", "style_kl", "elbo")
    unsquashed = ("gaussian", "gaussian_learned")

    def __init__(
        self,
        *args,
        content_dim: int = 10,
        accumulation: str = "product",
        shared_content_noise: bool = False,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        check_count(1, content_dim=content_dim)
        check_option("accumulation", accumulation, ("product", "average"))
        if content_dim >= self.latent_dim:
            raise ValueError(
                "`content_dim` must be below `latent_dim`. Received: "
                f"content_dim={content_dim}, latent_dim={self.latent_dim}."
            )
        if self.likelihood_kind == "gaussian_learned":
            self.value_range = None  # That of its mean.
        self.content_dim = content_dim
        self.accumulation = accumulation
        self.shared_content_noise = shared_content_noise

    def default_optimizer(self):
        return keras.optimizers.Adam(1e-3)

    def data_spec(self):
        return Batch(x=self.examples_spec(), y=Groups())

    def likelihood(self, z, training=False):
        if self.likelihood_kind != "gaussian_learned":
            return super().likelihood(z, training)
        mean, log_variance = self.decoded(z, training)
        rank = len(self.input_shape)
        return Normal(mean, ops.tanh(log_variance), rank)

    def content_and_style(self, z):
        """The content and the style of codes."""
        return z[..., : self.content_dim], z[..., self.content_dim :]

    def part_posteriors(self, posterior: Normal) -> list[Normal]:
        """The posteriors of the content and of the style."""
        means = self.content_and_style(posterior.mean)
        log_variances = self.content_and_style(posterior.log_variance)
        return [Normal(m, v) for m, v in zip(means, log_variances, strict=True)]

    def accumulate(self, posterior: Normal, members) -> Normal:
        """The content's posterior of groups.

        Args:
            posterior: `Normal` of the contents of a batch.
            members: Boolean tensor of shape `(groups, batch)`.
        """
        if self.accumulation == "product":
            return posterior.product_over(members)
        members = ops.cast(members, posterior.mean.dtype)
        weights = members / ops.sum(members, axis=1, keepdims=True)
        variance = ops.matmul(weights, posterior.variance)
        return Normal(ops.matmul(weights, posterior.mean), ops.log(variance))

    def posterior_of(self, batch, training=False):
        """With the content of each example's group, in the whole batch."""
        q = self.posterior(batch.x, training)
        if batch.y is None:
            return q
        content, style = self.part_posteriors(q)
        contents = Normal(gather(content.mean), gather(content.log_variance))
        content = self.accumulate(contents, members_of(batch.y))
        parts = zip(
            (content.mean, content.log_variance),
            (style.mean, style.log_variance),
            strict=True,
        )
        return Normal(*(ops.concatenate(part, axis=-1) for part in parts))

    def draw_codes(self, posterior, batch, num_samples):
        if not self.shared_content_noise or batch.y is None:
            return super().draw_codes(posterior, batch, num_samples)
        zeros = Normal(ops.zeros_like(posterior.mean), 0.0)
        eps = zeros.sample(num_samples, seed=self.posterior_seed)
        of_content, of_style = self.content_and_style(ops.swapaxes(eps, 0, 1))
        first = ops.argmax(ops.cast(members_of(batch.y), "int32"), axis=1)
        shared = ops.take(gather(of_content), first, axis=0)
        eps = ops.concatenate([shared, of_style], axis=-1)
        return posterior.reparameterize(ops.swapaxes(eps, 0, 1))

    def terms(self, bound):
        members = ops.cast(members_of(bound.batch.y), bound.z.dtype)
        sizes = ops.sum(members, axis=1)
        groups = replica_mean(ops.sum(1.0 / sizes))
        content_kl, style_kl = (
            part.kl_divergence(IsotropicNormal(part.latent_dim))
            for part in self.part_posteriors(bound.posterior)
        )
        log_likelihood = ops.mean(bound.log_likelihood, axis=0)
        return {
            "reconstruction_loss": -ops.sum(log_likelihood) / groups,
            "content_kl": ops.sum(content_kl / sizes) / groups,
            "style_kl": ops.sum(style_kl) / groups,
        }

    def elbo_of(self, bound, terms):
        return -sum(terms.values())

    def contents(self, x, groups, *, batch_size: int = 256) -> np.ndarray:
        """The mean content of the group of each example, without noise.

        Args:
            groups: Integer array of shape `(n,)`. All examples of a group
                count, whatever the batches.

        Returns:
            Array of shape `(n, content_dim)`.
        """

        def step(x):
            content, _ = self.part_posteriors(self.posterior(x))
            return content.mean, content.log_variance

        self.check_data(x, groups)
        mean, log_variance = self.run(step, x, batch_size=batch_size)
        groups = np.asarray(groups).reshape(-1)
        _, index = np.unique(groups, return_inverse=True)
        weights = np.ones_like(mean, "float64")
        if self.accumulation == "product":
            weights = np.exp(-log_variance.astype("float64"))
        total, weighted = np.zeros((2, index.max() + 1, mean.shape[1]))
        np.add.at(total, index, weights)
        np.add.at(weighted, index, weights * mean)
        return (weighted / total)[index].astype(mean.dtype)

    def swap(self, contents, styles, *, groups=None) -> np.ndarray:
        """Decodes the contents of examples with the styles of others.

        Args:
            contents: Array of `n` examples.
            styles: Array of `m` examples.
            groups: Integer array of shape `(n,)`, or `None`. If given, each
                content is that of its group, as in `contents`.

        Returns:
            Array of shape `(n, m, ...)`.
        """
        if groups is None:
            content = self.content_and_style(self.encode(contents))[0]
        else:
            content = self.contents(contents, groups)
        style = self.content_and_style(self.encode(styles))[1]
        shape = (len(content), len(style))
        rows = np.broadcast_to(content[:, None], (*shape, content.shape[1]))
        columns = np.broadcast_to(style[None], (*shape, style.shape[1]))
        return self.decode_rows(np.concatenate([rows, columns], axis=-1))


def members_of(groups):
    """Who is in the group of each example, `(batch, batch of all workers)`."""
    return groups[:, None] == gather(groups)[None, :]
