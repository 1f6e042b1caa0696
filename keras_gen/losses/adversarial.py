"""The losses of two-player games.

`real` and `fake` are discriminator logits or critic scores for real and
generated examples, never probabilities. Every loss is a mean over all of
them.
"""

import typing
from collections.abc import Callable

from keras import ops

from keras_gen.backend import replica_mean
from keras_gen.backend.precision import at_least_float32


def logistic_discriminator(real, fake):
    """`E[softplus(-real)] + E[softplus(fake)]`, the negative of the value

    `V = E[log D(x)] + E[log(1 - D(G(z)))]` with `D = sigmoid(logit)`.

    Reference:

    - [Goodfellow et al., 2014](https://arxiv.org/abs/1406.2661)
    """
    return ops.mean(ops.softplus(-at_least_float32(real))) + ops.mean(
        ops.softplus(at_least_float32(fake))
    )


def non_saturating_generator(fake):
    """`E[softplus(-fake)] = -E[log D(G(z))]`."""
    return ops.mean(ops.softplus(-at_least_float32(fake)))


def minimax_generator(fake):
    """`-E[softplus(fake)] = E[log(1 - D(G(z)))]`, which saturates."""
    return -ops.mean(ops.softplus(at_least_float32(fake)))


def smoothed_real(real, target=1.0, weights=None):
    """`E[a softplus(-real) + (1 - a) softplus(real)]`, of real examples.

    One-sided label smoothing: `a`, the target, is below 1 for real examples,
    while that of generated ones stays 0. Otherwise the best discriminator
    would have the density of generated examples in its numerator.

    Args:
        target: Float, `a`.
        weights: Tensor of the shape of `real`, with the mean 1, or `None`.

    Reference:

    - [Salimans et al., 2016](https://arxiv.org/abs/1606.03498)
    """
    real = at_least_float32(real)
    losses = ops.softplus(-real) + (1.0 - target) * real
    return ops.mean(losses if weights is None else weights * losses)


def feature_matching(real, fake, weights=None, absolute=False):
    """The difference of the mean features of real and generated examples.

    The means are over the batch of all workers.

    Args:
        real: Tensor of shape `(batch, features)`, of real examples.
        fake: Tensor of shape `(other batch, features)`, of generated ones.
        weights: Tensor of shape `(batch,)`, of the real examples, with the
            mean 1, or `None`.
        absolute: Boolean. Whether the loss is the mean over the features of
            absolute differences, or of squares.

    Reference:

    - [Salimans et al., 2016](https://arxiv.org/abs/1606.03498)
    """
    real, fake = at_least_float32(real), at_least_float32(fake)
    if weights is not None:
        real = ops.cast(weights, real.dtype)[:, None] * real
    means = [replica_mean(ops.mean(x, axis=0)) for x in (real, fake)]
    difference = means[0] - means[1]
    return ops.mean(ops.abs(difference) if absolute else ops.square(difference))


def wasserstein_critic(real, fake):
    """`E[fake] - E[real]`, the negative of the estimated distance.

    Reference:

    - [Arjovsky et al., 2017](https://arxiv.org/abs/1701.07875)
    """
    return ops.mean(at_least_float32(fake)) - ops.mean(at_least_float32(real))


def wasserstein_generator(fake):
    """`-E[fake]`."""
    return -ops.mean(at_least_float32(fake))


def least_squares(scores, code):
    """`1/2 E[(scores - code)^2]`.

    Args:
        scores: Tensor. The linear outputs of a discriminator.
        code: Float. What they are to be.

    Reference:

    - [Mao et al., 2017](https://arxiv.org/abs/1611.04076)
    """
    return 0.5 * ops.mean(ops.square(at_least_float32(scores) - code))


def hinge_discriminator(real, fake):
    """`E[max(0, 1 - real)] + E[max(0, 1 + fake)]`.

    Reference:

    - [Lim and Ye, 2017](https://arxiv.org/abs/1705.02894)
    """
    return ops.mean(ops.relu(1.0 - at_least_float32(real))) + ops.mean(
        ops.relu(1.0 + at_least_float32(fake))
    )


class Objective(typing.NamedTuple):
    """The two losses of a game.

    Attributes:
        discriminator: Function of `real` and `fake`, the discriminator's or
            critic's loss.
        generator: Function of `fake`, the generator's loss.
    """

    discriminator: Callable
    generator: Callable


OBJECTIVES = {
    "non_saturating": Objective(
        logistic_discriminator, non_saturating_generator
    ),
    "minimax": Objective(logistic_discriminator, minimax_generator),
    "hinge": Objective(hinge_discriminator, wasserstein_generator),
    "wasserstein": Objective(wasserstein_critic, wasserstein_generator),
}


def least_squares_objective(fake_code=0.0, real_code=1.0, wanted_code=1.0):
    """The game of least squares to the codes `a`, `b` and `c`."""

    def discriminator(real, fake):
        return least_squares(real, real_code) + least_squares(fake, fake_code)

    return Objective(discriminator, lambda x: least_squares(x, wanted_code))
