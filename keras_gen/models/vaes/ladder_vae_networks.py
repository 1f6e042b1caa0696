"""The networks of the ladder variational autoencoder.

Layers, initial weights and slopes are those of the official code.
"""

import math

import keras
from keras import layers

from keras_gen.layers import BatchNormalization


def dense(x, units, batch_norm, bias=0.0):
    """A dense layer, normalised over the batch; `bias` starts its offset."""
    x = layers.Dense(
        units,
        use_bias=not batch_norm,
        kernel_initializer="glorot_normal",
        bias_initializer=keras.initializers.Constant(bias),
    )(x)
    if batch_norm:
        x = BatchNormalization(
            beta_initializer=keras.initializers.Constant(bias)
        )(x)
    return x


def mlp(x, units, batch_norm):
    """Two layers of leaky rectified units."""
    for _ in range(2):
        x = layers.LeakyReLU(0.01)(dense(x, units, batch_norm))
    return x


def gaussian_heads(x, latent_dim, batch_norm):
    """A mean, and a variance that is positive through a softplus."""
    mean = dense(x, latent_dim, batch_norm)
    variance = dense(x, latent_dim, batch_norm, bias=1.0)
    variance = layers.Activation("softplus", dtype="float32")(variance)
    return mean, variance


def bottom_up(input_shape, latent_dims, hidden_dims, batch_norm, only_mu_up):
    """The deterministic pass: the estimates of all layers, lowest first."""
    inputs = keras.Input(input_shape)
    d = layers.Flatten()(inputs)
    estimates = []
    for latent_dim, hidden_dim in zip(latent_dims, hidden_dims, strict=True):
        d = mlp(d, hidden_dim, batch_norm)
        mean, variance = gaussian_heads(d, latent_dim, batch_norm)
        estimates += [mean, variance]
        if only_mu_up:
            d = mean
    return keras.Model(inputs, estimates, name="encoder")


def top_down(latent_dims, hidden_dims, batch_norm, name):
    """What each layer's sample predicts of the layer below it."""
    networks = []
    for i in range(len(latent_dims) - 1):
        z = keras.Input((latent_dims[i + 1],))
        h = mlp(z, hidden_dims[i + 1], batch_norm)
        heads = list(gaussian_heads(h, latent_dims[i], batch_norm))
        networks.append(keras.Model(z, heads, name=f"{name}_{i + 1}"))
    return networks


def observation(input_shape, latent_dim, hidden_dim, batch_norm):
    """The logits of the observation, from the lowest layer."""
    z = keras.Input((latent_dim,))
    h = mlp(z, hidden_dim, batch_norm)
    logits = layers.Dense(
        math.prod(input_shape), kernel_initializer="glorot_normal"
    )(h)
    return keras.Model(z, layers.Reshape(input_shape)(logits), name="decoder")
