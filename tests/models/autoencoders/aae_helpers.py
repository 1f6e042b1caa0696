"""What the tests of the adversarial autoencoders share."""

import numpy as np
from keras import ops

from keras_gen import AAE
from keras_gen.engine import Batch
from tests.models.autoencoders.helpers import zero_weights
from tests.numerics import array, loss_and_gradients, randomize, tensor

# Three classes; -1 is no label.
LABELS = np.array([2, -1, 0, 1, -1, 2])
CLASSES = np.array([2, 1, 0, 1, 0, 2])
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def softplus(x):
    return np.logaddexp(0.0, x)


def linear_model(cls, **options):
    """Linear networks between points of three components and codes of two."""
    options = {"latent_dim": 2, "output_activation": None, **options}
    return randomized(cls, (3,), hidden_units=(), **options)


def randomized(cls, *args, **options):
    """A model whose networks have random weights from NumPy."""
    with zero_weights():
        model = cls(*args, seed=0, **options)
    for index, name in enumerate(networks_of(model)):
        randomize(getattr(model, name), index, 0.5)
    return model


def aae(posterior="deterministic", labels=None, **options):
    """An `AAE` of linear networks and three classes, if there are labels."""
    if labels is not None:
        options = {"num_classes": 3, **options}
    if labels == "discriminator":
        options = {"prior": "mixture", **options}
    return linear_model(
        AAE, posterior=posterior, labels=labels, noise_dim=4, **options
    )


def labels_for(labels):
    return {"discriminator": LABELS, "decoder": CLASSES}.get(labels)


def networks_of(model):
    """The names of the networks that the players own."""
    return list(dict.fromkeys(sum(model.players.values(), [])))


def points(n=6):
    return np.random.default_rng(0).normal(size=(n, 3)).astype("float32")


def batch_of(x, y=None):
    y = None if y is None else ops.convert_to_tensor(np.asarray(y, "int32"))
    return Batch(tensor(x), y)


def forward(network, x):
    """A linear network in NumPy."""
    kernel, bias = network.get_weights()
    return x @ kernel + bias


def fix_samples(monkeypatch, prior, values):
    """Makes the draws from a prior the given ones; returns their labels."""
    seen = []

    def sample(n, labels=None, seed=None):
        assert int(n) == len(values)
        seen.append(labels)
        return tensor(values)

    monkeypatch.setattr(prior, "sample", sample)
    return seen


def losses_of(model, batch, training=True, players=None):
    return {
        player: float(array(model.player_loss(player, batch, training)))
        for player in players or model.players
    }


def networks_reached(model, batch, players=None):
    """The networks that have a gradient of each player's loss."""
    variables = {
        name: getattr(model, name).trainable_variables
        for name in networks_of(model)
    }
    reached = {}
    for player in players or model.players:
        _, gradients = loss_and_gradients(
            lambda player=player: model.player_loss(player, batch, True),
            sum(variables.values(), []),
        )
        gradients = iter(gradients)
        largest = {
            name: max(np.abs(next(gradients)).max() for _ in own)
            for name, own in variables.items()
        }
        reached[player] = {name for name, size in largest.items() if size}
    return reached


def phases_of(model, batch):
    """The updates of a training step, in order: players and their networks."""
    seen = []

    def minimize(player, given):
        assert given is batch
        seen.append((player, set(model.players[player])))

    # Past Keras' tracking of attributes.
    object.__setattr__(model, "minimize", minimize)
    model.training_step(batch)
    return seen


def rates_of(model):
    """Learning rate and momentum of each player of a bare `compile()`."""
    return {
        player: (round(float(optimizer.learning_rate), 6), optimizer.momentum)
        for player, optimizer in model.default_optimizers().items()
    }
