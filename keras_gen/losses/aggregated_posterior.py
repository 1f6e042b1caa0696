"""The aggregated posterior `q(z) = (1/N) sum_n q(z|x_n)`, by a batch."""

from keras import ops

from keras_gen.backend import gather, noise, replica
from keras_gen.distributions import Normal

ESTIMATORS = ("mws", "mss", "mss_uniform")


def log_minibatch_weights(rows, columns, num_examples, estimator, first=0):
    """The weights of a batch's posteriors in `q(z_i)`, as logarithms.

    `"mws"`, minibatch weighted sampling: `1 / (B N)` for all, with the batch
    size `B` and the number of examples `N`. `"mss"`, minibatch stratified
    sampling: `1 / N` for an example's own posterior, `(N - M) / (N M)` with
    `M = B - 1` for one other, and `1 / M` for the rest. `"mss_uniform"`: `1 /
    N` for its own, and an equal share of the rest for the others. The latter
    two are unbiased for `q(z_i)`, and the last varies less.

    Args:
        rows: Integer or scalar tensor. The number of codes `z_i`.
        columns: Integer or scalar tensor. The batch size `B`.
        num_examples: Integer `N`, at least `B`.
        estimator: String. One of `ESTIMATORS`.
        first: Integer or scalar tensor. Where the first row's own example
            stands among the columns.

    Returns:
        Tensor of shape `(rows, columns)`.

    Reference:

    - [Chen et al., 2018](https://arxiv.org/abs/1802.04942), whose official code
      puts the weights of `"mss"` into its first columns, not on the diagonal
    """
    own = (ops.arange(rows) + first)[:, None]
    column = ops.arange(columns)[None, :]
    n, size = float(num_examples), ops.cast(columns, "float32")
    others = ops.maximum(size - 1.0, 1.0)
    weight = 1.0 / n
    if estimator == "mws":
        weight = rest = 1.0 / (size * n)
    elif estimator == "mss":
        following = ops.equal(column, ops.mod(own + 1, columns))
        rest = ops.where(following, (n - others) / (n * others), 1.0 / others)
    else:
        rest = (n - 1.0) / (n * others)
    return ops.log(ops.where(ops.equal(own, column), weight, rest))


def log_aggregated_posterior(z, posterior, num_examples, estimator="mws"):
    """`log q(z_i)` and `log prod_k q(z_ik)`, estimated from a batch.

    The batch is the one that all workers share.

    Args:
        z: Tensor of shape `(num_samples, batch, latent_dim)`, draws from the
            posterior.
        posterior: `Normal` of a batch of examples.
        num_examples: Integer. The size `N` of the data set.
        estimator: As in `log_minibatch_weights`.

    Returns:
        Tuple of two tensors of shape `(num_samples, batch)`.
    """
    mean, log_variance = gather(posterior.mean), gather(posterior.log_variance)
    # log q(z_ik|x_jk), for all pairs of a code and a posterior.
    matrix = Normal(mean, log_variance, 0).log_prob(z[:, :, None, :])
    rows = ops.shape(z)[1]
    weights = log_minibatch_weights(
        rows, ops.shape(mean)[0], num_examples, estimator, replica()[0] * rows
    )
    weights = ops.cast(weights, matrix.dtype)
    joint = ops.logsumexp(weights + ops.sum(matrix, axis=-1), axis=-1)
    marginals = ops.logsumexp(weights[:, :, None] + matrix, axis=-2)
    return joint, ops.sum(marginals, axis=-1)


def permute_dims(z, seed):
    """Draws from `prod_k q(z_k)`: each column of codes in an order of its own.

    Args:
        z: Tensor of shape `(batch, latent_dim)`. The batch is the one that all
            workers share.
        seed: Integer or `SeedGenerator`.

    Returns:
        Tensor of the shape of `z`, which no gradient passes through.

    Reference:

    - [Kim and Mnih, 2018](https://arxiv.org/abs/1802.05983)
    """
    rows, first = ops.shape(z)[0], replica()[0] * ops.shape(z)[0]
    keys = gather(noise.uniform(ops.shape(z), seed=seed))
    order = ops.argsort(keys, axis=0)[first : first + rows]
    return ops.take_along_axis(gather(ops.stop_gradient(z)), order, axis=0)
