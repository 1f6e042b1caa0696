"""The penalty that pushes cluster heads apart."""

from keras import ops


def cluster_head_penalty(heads, distance, epsilon=1e-12):
    """`sum_{i<j} max(0, distance - ||heads_i - heads_j||)`.

    Args:
        heads: Tensor of shape `(num_classes, latent_dim)`.
        distance: Float. The distance at which the penalty ends.
        epsilon: Float. Added to the squared distances, so that their root has
            a derivative.
    """
    between = ops.expand_dims(heads, 0) - ops.expand_dims(heads, 1)
    squares = ops.sum(ops.square(between), axis=-1)
    missing = ops.relu(distance - ops.sqrt(squares + epsilon))
    return ops.sum(ops.triu(missing, k=1))
