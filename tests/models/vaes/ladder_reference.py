"""A small ladder and its bound in NumPy."""

import itertools

import keras
import numpy as np
import pytest
import scipy.stats
from keras import layers

from keras_gen import LadderVAE
from keras_gen.backend import noise
from tests.numerics import array, one_program, randomize, tensor

LATENT_DIMS = (3, 2)
PIXELS = 6
EPSILON = 1e-5


def tiny(latent_dims=LATENT_DIMS, scale=0.5, **options):
    """A ladder of random weights, without batch norm unless asked for."""
    options = {"batch_norm": False, "warmup_epochs": 0, **options}
    hidden_units = (5, 4, 4)[: len(latent_dims)]
    model = LadderVAE((PIXELS,), latent_dims, hidden_units, seed=0, **options)
    networks = [model.decoder, model.priors, model.predictions]
    if "encoder" not in options:
        networks.append(model.encoder)
    for seed, network in enumerate(keras.tree.flatten(networks)):
        randomize(network, seed, scale)
    return model


def data(n=4):
    rng = np.random.default_rng(0)
    return rng.uniform(size=(n, PIXELS)).astype("float32")


def noises(num_samples=1, batch=4, latent_dims=LATENT_DIMS):
    """Noise for all layers, the lowest first: `(samples, batch, size)`."""
    rng = np.random.default_rng(1)
    return [rng.normal(size=(num_samples, batch, n)) for n in latent_dims]


def fix_noise(monkeypatch, eps):
    """Makes `eps` the noise of the layers, which are drawn the top first."""
    draws = itertools.cycle([np.swapaxes(e, 0, 1) for e in reversed(eps)])

    def normal(shape, seed, dtype=None):
        values = next(draws)
        assert tuple(int(size) for size in shape) == values.shape
        return tensor(values)

    monkeypatch.setattr(noise, "normal", normal)


def infer(model, x, eps=None):
    """The stochastic pass of the model for one draw: `(z, q, p)` by layer."""

    def run():
        return [
            (z, (q.mean, q.log_variance), (p.mean, p.log_variance))
            for z, q, p in model.infer(tensor(x), 1)
        ]

    with pytest.MonkeyPatch.context() as patch:
        if eps is not None:
            fix_noise(patch, eps)
        results = keras.tree.map_structure(array, one_program(run)())
    return keras.tree.map_structure(without_draws, results)


def without_draws(x):
    """One draw, without the axis of draws where there is one."""
    return x[0] if x.ndim == 3 else x


def constant_encoder(parameters):
    """An encoder with the same estimates for every `x`."""
    x = keras.Input((PIXELS,))
    heads = []
    for values in parameters:
        head = layers.Dense(len(values), kernel_initializer="zeros")
        heads.append(head(x))
        head.bias.assign(values)
    return keras.Model(x, heads)


def predicted(network, z):
    """Mean and variance that a top-down network predicts."""
    mean, variance = network(z.astype(keras.config.floatx()))
    return array(mean), array(variance) + EPSILON


def descend(model, x, eps):
    """The stochastic pass in NumPy: `(z, q, p)` of each layer."""
    estimates = [array(part) for part in model.encoder(x)]
    results = []
    for i in reversed(range(len(eps))):
        mean, variance = estimates[2 * i], estimates[2 * i + 1] + EPSILON
        p = (np.zeros_like(mean), np.ones_like(mean))
        if results:
            above = results[-1][0]
            p = predicted(model.priors[i], above)
            prediction = p
            if not model.share_top_down:
                prediction = predicted(model.predictions[i], above)
            precision = 1 / variance + 1 / prediction[1]
            mean = (mean / variance + prediction[0] / prediction[1]) / precision
            variance = 1 / precision
        z = mean + np.sqrt(variance) * eps[i]
        results.append((z, (mean, variance), p))
    return results[::-1]


def log_density(z, mean, variance):
    return scipy.stats.norm.logpdf(z, mean, np.sqrt(variance)).sum(-1)


def log_weights(model, x, eps, t=1.0, layers=None):
    """`log p(x|z_1) + t (log p(z) - log q(z))` of each draw and example.

    The ratio is that of all layers, or of those of some indices.
    """
    layers = range(len(eps)) if layers is None else layers
    draws = []
    for k in range(len(eps[0])):
        results = descend(model, x, [e[k] for e in eps])
        logits = array(model.decoder(results[0][0].astype("float32")))
        p = 1 / (1 + np.exp(-logits))
        likelihood = np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), -1)
        ratio = sum(
            log_density(z, *p) - log_density(z, *q)
            for z, q, p in (results[i] for i in layers)
        )
        draws.append(likelihood + t * ratio)
    return np.array(draws)
