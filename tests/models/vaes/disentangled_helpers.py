"""What the tests of disentangled variational autoencoders share."""

import numpy as np

from keras_gen import VAE
from keras_gen.distributions import normal
from keras_gen.engine import Batch
from tests.numerics import fix_noise, loss_and_gradients, randomize, tensor

SHAPE = (4, 3, 1)


def randomized(cls, **options):
    """A model whose posterior is neither the prior nor without noise."""
    options = {"latent_dim": 2, "hidden_units": 8, "seed": 0, **options}
    model = cls(SHAPE, **{"architecture": "mlp", **options})
    networks = list(dict.fromkeys(sum(model.players.values(), [])))
    for index, name in enumerate(networks):
        randomize(getattr(model, name), index + 1)
    return model


def data(n=6):
    rng = np.random.default_rng(0)
    return rng.uniform(size=(n, *SHAPE)).astype("float32")


def fixed_noise(monkeypatch, n=6, draws=1):
    """The noise of the posterior, which is the same each time."""
    eps = np.random.default_rng(1).normal(size=(draws, n, 2))
    fix_noise(monkeypatch, normal, eps)
    return eps


def loss_of(model, x, monkeypatch):
    """The training loss with fixed noise, and its gradients."""
    fixed_noise(monkeypatch, len(x))
    variables = [*model.encoder.variables, *model.decoder.variables]
    return loss_and_gradients(
        lambda: model.model_loss(Batch(tensor(x)), training=True), variables
    )


def check_equal(found, expected, rtol=1e-4):
    """Two losses and their gradients."""
    np.testing.assert_allclose(found[0], expected[0], rtol=rtol)
    for a, b in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-4)


def check_is_the_vae(model, monkeypatch):
    """The loss and the gradients of a `VAE` of the same networks."""
    networks = {"encoder": model.encoder, "decoder": model.decoder}
    vae = VAE(SHAPE, latent_dim=2, estimator=model.estimator, **networks)
    expected = loss_of(vae, data(), monkeypatch)
    check_equal(loss_of(model, data(), monkeypatch), expected)
