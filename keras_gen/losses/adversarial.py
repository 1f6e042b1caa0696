"""The losses of two-player games.

`real` and `fake` are discriminator logits or critic scores for real and
generated examples, never probabilities. Every loss is a mean over all of
them.
"""

import typing
from collections.abc import Callable

from keras import ops

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
