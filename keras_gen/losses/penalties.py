"""Penalties on the gradients of a critic with respect to its inputs."""

from keras import ops

from keras_gen.backend.precision import at_least_float32


def gradient_norm(gradients, epsilon=1e-12):
    """Euclidean norm of each example's gradient, over all its axes.

    Args:
        gradients: Tensor of shape `(batch, ...)`.
        epsilon: Float. Added under the root, where it keeps the derivative
            finite at a zero gradient.

    Returns:
        Tensor of shape `(batch,)`.
    """
    axes = tuple(range(1, len(gradients.shape)))
    return ops.sqrt(ops.sum(ops.square(gradients), axis=axes) + epsilon)


def gradient_penalty(norms, target=1.0, one_sided=False):
    """`E[(norm / target - 1)^2]`, or `E[max(0, norm / target - 1)^2]`.

    Args:
        norms: Tensor of shape `(batch,)`, from `gradient_norm`.
        target: Float. The target gradient norm.
        one_sided: Boolean. Whether only norms above the target are penalized.

    Reference:

    - [Gulrajani et al., 2017](https://arxiv.org/abs/1704.00028)
    """
    excess = norms / target - 1.0
    if one_sided:
        excess = ops.relu(excess)
    return ops.mean(ops.square(excess))


def interpolates(real, fake, alpha):
    """Points between pairs of examples, `real + alpha * (fake - real)`.

    Args:
        real: Tensor of shape `(batch, ...)`.
        fake: Tensor of the same shape.
        alpha: Tensor of shape `(batch,)` with values in [0, 1].
    """
    shape = (-1, *[1] * (len(real.shape) - 1))
    return real + ops.reshape(alpha, shape) * (fake - real)


def norms_between(gradient, fn, real, fake, alpha):
    """Gradient norms at points between pairs of examples.

    Args:
        gradient: Function of a function and a tensor, the `gradient` of a
            model.
        fn: Function of examples to scores, whose sum is differentiated.
        real: Tensor of shape `(batch, ...)`.
        fake: Tensor of the same shape.
        alpha: Tensor of shape `(batch,)`, as `interpolates` takes it.

    Returns:
        Tensor of shape `(batch,)`.

    Reference:

    - [Gulrajani et al., 2017](https://arxiv.org/abs/1704.00028)
    """
    gradients = gradient(fn, interpolates(real, fake, alpha))
    return gradient_norm(at_least_float32(gradients))


def distance_to_averages(values, averages):
    """`sum ||value - average||^2`, through which values alone are trained.

    Historical averaging: with the averages of a player's parameters over all
    past updates, the penalty lets it settle where it would circle.

    Args:
        values: List of tensors or variables.
        averages: List of tensors or variables of the same shapes.

    Reference:

    - [Salimans et al., 2016](https://arxiv.org/abs/1606.03498)
    """
    total = 0.0
    for value, average in zip(values, averages, strict=True):
        value, average = map(ops.convert_to_tensor, (value, average))
        difference = value - ops.stop_gradient(average)
        total = total + ops.sum(ops.square(difference))
    return total


def running_average(average, value, count):
    """The mean of `count` values, of which all but the last have `average`."""
    rate = ops.cast(1.0 / ops.cast(count, "float32"), average.dtype)
    return average + rate * (value - average)
