"""The primitives on TensorFlow."""

import contextlib
import functools

import keras
import numpy as np
import tensorflow as tf


def differentiate(objective, variables):
    """Returns `objective()` (scaled loss, outputs) and the gradients."""
    values = [variable.value for variable in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        loss, outputs = objective()
    gradients = tape.gradient(
        loss, values, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    # The gradient of an embedding comes as the rows that were looked up, of
    # which Adam would square repeated ones one by one.
    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
    if replica()[1] > 1:
        gradients = tf.distribute.get_replica_context().all_reduce(
            tf.distribute.ReduceOp.MEAN, gradients
        )
    return outputs, gradients


def apply_gradients(optimizer, gradients, variables):
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    _fuse(optimizer.inner_optimizer if scaled else optimizer)
    replicas = replica()[1]
    if replicas > 1:
        # Keras' optimizers add the replicas' gradients up.
        gradients = [gradient / replicas for gradient in gradients]
    optimizer.apply(gradients, variables)


def _fuse(optimizer):
    """Lets Adam update a variable and its moments by one kernel."""
    kinds = (keras.optimizers.Adam, keras.optimizers.AdamW)
    if type(optimizer) not in kinds or optimizer.amsgrad:
        return
    step = tf.cast(
        keras.ops.convert_to_tensor(optimizer.iterations) + 1, tf.float32
    )
    powers = [
        np.float32(beta) ** step
        for beta in (optimizer.beta_1, optimizer.beta_2)
    ]
    optimizer.update_step = functools.partial(_adam_update, optimizer, powers)


def _adam_update(adam, powers, gradient, variable, learning_rate):
    dtype = variable.dtype
    if dtype != tf.float32:
        type(adam).update_step(adam, gradient, variable, learning_rate)
        return
    index = adam._get_variable_index(variable)
    betas = np.float32(adam.beta_1), np.float32(adam.beta_2)
    # The kernel takes 1 - beta_2 in float32. The root of the second moment is
    # off by this factor; the step is not.
    root = np.sqrt(float(1 - betas[1]) / (1.0 - adam.beta_2))
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=adam._momentums[index].value.handle,
        v=adam._velocities[index].value.handle,
        beta1_power=powers[0],
        beta2_power=powers[1],
        lr=tf.cast(learning_rate, dtype) * np.float32(root),
        beta1=betas[0],
        beta2=betas[1],
        epsilon=np.float32(adam.epsilon * root),
        grad=gradient,
    )


def gradient(fn, x):
    """Derivative of `sum(fn(x))` with respect to `x`.

    The result can itself be differentiated, with respect to `x` as well as
    to the variables that `fn` uses: it is what gradient penalties are made
    of. Where `fn` treats the examples of a batch independently of each
    other, row `i` is the derivative of `fn(x[i])`.

    Args:
        fn: Function of one tensor that returns one tensor.
        x: Float tensor.

    Returns:
        Tensor of the shape of `x`.

    Example:

    >>> gradient(lambda x: x**3, keras.ops.array([1.0, 2.0]))  # [3, 12]
    """
    x = tf.convert_to_tensor(x)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = fn(x)
    return tape.gradient(
        y, x, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )


def when(condition, fn):
    """Runs `fn`, which changes state alone, if a scalar is true."""
    condition = tf.cast(condition, "bool")

    def run():
        fn()
        return tf.constant(0)

    if replica()[1] == 1:
        tf.cond(condition, run, lambda: tf.constant(0))
        return

    # A branch in which optimizers bring the replicas together must be taken
    # by all of them at once.
    def take_branch(strategy, condition, run):
        def run_all():
            strategy.extended.call_for_each_replica(lambda f: f(), (run,))
            return tf.constant(0)

        first = strategy.experimental_local_results(condition)[0]
        tf.cond(first, run_all, lambda: tf.constant(0))

    tf.distribute.get_replica_context().merge_call(
        take_branch, args=(condition, run)
    )


def replica():
    """This worker's index and the number of workers that share a batch."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return 0, 1
    return (
        context.replica_id_in_sync_group,
        context.num_replicas_in_sync,
    )


def replica_mean(x):
    """The mean of `x` over all workers, differentiable."""
    if replica()[1] == 1:
        return x
    return tf.distribute.get_replica_context().all_reduce(
        tf.distribute.ReduceOp.MEAN, x
    )


def gather(x):
    """The rows of all workers, in their order, differentiable."""
    if replica()[1] == 1:
        return x
    rows = tf.distribute.get_replica_context().all_gather(x, axis=0)
    return tf.ensure_shape(rows, (None, *x.shape[1:]))


conv = keras.ops.conv
conv_transpose = keras.ops.conv_transpose


def fused_batch_norm(x, scale, bias, epsilon):
    """One kernel for each direction; TensorFlow knows its second derivative."""
    if replica()[1] != 1 or x.dtype != tf.float32 or len(x.shape) < 2:
        return None
    channels = x.shape[-1]
    scale = tf.ones(channels) if scale is None else scale
    bias = tf.zeros(channels) if bias is None else bias
    shape = tf.shape(x)
    images = x if len(x.shape) == 4 else tf.reshape(x, (-1, 1, 1, channels))
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=images,
        scale=scale,
        offset=bias,
        mean=[],
        variance=[],
        epsilon=epsilon,
        is_training=True,
    )
    # The kernel divides the sum of squares by one less than their number.
    number = tf.cast(tf.size(x) // channels, tf.float32)
    variance *= tf.maximum(number - 1.0, 1.0) / number
    if len(x.shape) != 4:
        outputs = tf.ensure_shape(tf.reshape(outputs, shape), x.shape)
    return outputs, mean, variance


def synchronize(variables):
    """Strategies mirror their variables themselves: nothing is left to do."""


def inference():
    return contextlib.nullcontext()


def require_at_least(size, minimum, message):
    if isinstance(size, int):
        if size < minimum:
            raise ValueError(message.format(size=size))
    else:
        tf.debugging.assert_greater_equal(
            size, minimum, message.format(size="fewer")
        )
