"""The networks of the ladder variational autoencoder.

Layers, initial weights and slopes are those of the official code.
"""

import math

import keras
from keras import layers

from keras_gen.layers import BatchNormalization


def dense(x, units, batch_norm, bias=0.0):
    """A dense layer, with batch normalization or not, and its initial bias."""
    bias = keras.initializers.Constant(bias)
    options = {"use_bias": False} if batch_norm else {"bias_initializer": bias}
    x = layers.Dense(units, kernel_initializer="glorot_normal", **options)(x)
    return BatchNormalization(beta_initializer=bias)(x) if batch_norm else x


def mlp(x, units, batch_norm):
    """Two layers of LeakyReLU units."""
    for _ in range(2):
        x = layers.LeakyReLU(0.01)(dense(x, units, batch_norm))
    return x


def gaussian_heads(x, latent_dim, batch_norm):
    """A mean, and a variance that is positive through a softplus."""
    mean = dense(x, latent_dim, batch_norm)
    variance = dense(x, latent_dim, batch_norm, bias=1.0)
    return [mean, layers.Activation("softplus", dtype="float32")(variance)]


def bottom_up(shape, latent_dims, hidden_units, batch_norm, only_mu_up):
    """From `x` to mean and variance of all layers, the lowest first."""
    inputs = keras.Input(shape)
    d, estimates = layers.Flatten()(inputs), []
    for latent_dim, units in zip(latent_dims, hidden_units, strict=True):
        d = mlp(d, units, batch_norm)
        heads = gaussian_heads(d, latent_dim, batch_norm)
        estimates += heads
        if only_mu_up:
            d = heads[0]
    return keras.Model(inputs, estimates, name="encoder")


def top_down(latent_dims, hidden_units, batch_norm, name):
    """From the sample of each layer to mean and variance of the one below."""
    networks = []
    for i, below in enumerate(latent_dims[:-1], start=1):
        z = keras.Input((latent_dims[i],))
        h = mlp(z, hidden_units[i], batch_norm)
        heads = gaussian_heads(h, below, batch_norm)
        networks.append(keras.Model(z, heads, name=f"{name}_{i}"))
    return networks


def likelihood(shape, latent_dim, units, batch_norm):
    """From the sample of the lowest layer to the logits of `x`."""
    z = keras.Input((latent_dim,))
    h = mlp(z, units, batch_norm)
    logits = dense(h, math.prod(shape), batch_norm=False)
    return keras.Model(z, layers.Reshape(shape)(logits), name="decoder")
