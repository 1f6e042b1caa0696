"""The networks of a loss are in the mode that the loss is asked for.

Keras itself carries the mode, the same on each backend: one is enough.
"""

import keras
import pytest

from keras_gen.backend.scope import Scope

# The class of networks that layers are put together to.
Network = type(keras.Model(*[keras.Input((1,))] * 2))


@pytest.fixture
def called(monkeypatch):
    """The networks that are called, and the mode of each call."""
    calls, call = [], Network.call

    def recorded(self, inputs, training=None, mask=None):
        calls.append((self, bool(training)))
        return call(self, inputs, training=training, mask=mask)

    monkeypatch.setattr(Network, "call", recorded)
    return calls


def networks_of(model, player):
    names = keras.tree.flatten(model.players[player])
    parts = keras.tree.flatten([getattr(model, name) for name in names])
    return [part for part in parts if isinstance(part, Network)]


@pytest.mark.parametrize("training", [True, False])
def test_networks_are_in_the_mode_of_the_loss(every_case, called, training):
    """Those of the players; what is frozen, such as features, has its own."""
    model = every_case.prototype
    own = {
        id(network)
        for player in model.players
        for network in networks_of(model, player)
    }
    batch = model.prepared((*every_case.data(steps=1), None)[:2])
    for player in model.players:
        called.clear()
        networks = networks_of(model, player)
        with Scope():
            model.player_loss(player, batch, training=training)
        modes = {
            (network.name, mode)
            for network, mode in called
            if id(network) in own
        }
        assert modes or not networks, player
        modes -= {(name, False) for name in every_case.inferring}
        assert {mode for _, mode in modes} <= {training}, (player, modes)
