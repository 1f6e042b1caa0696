"""Updates of a `keras.optimizers.LossScaleOptimizer` in a traced step.

Keras' own `apply` takes a branch by value, leaks tracers inside a scope on
JAX, and its `stateless_apply` takes all variables of the optimizer or none.
"""

from keras import ops


def apply_scaled(optimizer, gradients, variables, when):
    """Updates variables if their gradients are finite, and the scale.

    Args:
        optimizer: `keras.optimizers.LossScaleOptimizer`.
        gradients: List of the gradients of the scaled loss.
        variables: List of the variables.
        when: The backend's.
    """
    finite = optimizer.check_finite(gradients)
    scale = ops.convert_to_tensor(optimizer.dynamic_scale)
    counter = ops.convert_to_tensor(optimizer.step_counter) + 1
    grow = counter >= optimizer.dynamic_growth_steps

    def update():
        unscaled = [gradient / scale for gradient in gradients]
        optimizer.inner_optimizer.apply(unscaled, variables)

    when(finite, update)
    larger = ops.where(grow, 2.0 * scale, scale)
    optimizer.dynamic_scale.assign(ops.where(finite, larger, 0.5 * scale))
    kept = ops.logical_and(finite, ops.logical_not(grow))
    optimizer.step_counter.assign(ops.where(kept, counter, 0))
