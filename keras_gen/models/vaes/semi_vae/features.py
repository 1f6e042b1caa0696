"""The codes of a trained model (M1) as the data of another."""

import numpy as np
from keras import ops

from keras_gen.models.vaes.vae import VAE


def checked_dims(
    features: VAE, input_shape: tuple[int, ...], dims
) -> tuple[int, ...]:
    """The latents of M1 that are used, by default all.

    Args:
        features: M1.
        input_shape: Tuple. The shape of an example.
        dims: Sequence of integers, or `None`.

    Raises:
        ValueError: If M1 is one of other examples, or does not have them.
    """
    if dims is None:
        dims = range(features.latent_dim)
    dims = tuple(int(dim) for dim in dims)
    if tuple(features.input_shape) != input_shape:
        raise ValueError(
            f"`input_shape` must be {features.input_shape}, as `features` has "
            f"it. Received: input_shape={input_shape}."
        )
    if not dims or not 0 <= min(dims) <= max(dims) < features.latent_dim:
        raise ValueError(
            "`feature_dims` must be latents of `features`, from 0 to "
            f"{features.latent_dim - 1}, and one at least. Received: "
            f"feature_dims={dims}. Train `features` for longer, if none is "
            "active."
        )
    return dims


def codes_of(features: VAE, dims: tuple[int, ...], x, drawn: bool, seed):
    """The latents of a batch: means or draws, which no gradient passes."""
    q = features.posterior(x)
    z = q.sample(1, seed=seed)[0] if drawn else q.mean
    return ops.stop_gradient(ops.take(z, ops.array(dims), axis=-1))


def decode(features: VAE, dims: tuple[int, ...], codes):
    """The batch that latents stand for; the others are at the prior's mean."""
    place = ops.cast(np.eye(features.latent_dim)[list(dims)], codes.dtype)
    return features.decode_step(ops.matmul(codes, place))
