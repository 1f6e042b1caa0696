"""Layers that are frozen by `layer.trainable = False`, as in Keras.

Each player's optimizer holds moments for all of its variables, and updates
those that are trainable: what is frozen goes on where it stopped once it is
not.
"""

import keras


def trainable_by_nature(network: keras.layers.Layer) -> list[keras.Variable]:
    """The variables of a network that are trained unless they are frozen."""
    trained = {
        id(variable)
        for layer in network._flatten_layers()
        for variable in layer._trainable_variables
    }
    return [v for v in network.variables if id(v) in trained]


class Freezing:
    """Frozen layers in training and in files. Mixed into `GenerativeModel`."""

    def _layers_of_players(self):
        """The model, and the layers of its players, each in front of its own.

        Other networks, such as averages, are never trained.
        """
        names = dict.fromkeys(
            name for networks in self.players.values() for name in networks
        )
        networks = keras.tree.flatten([getattr(self, name) for name in names])
        layers = [
            layer for network in networks for layer in network._flatten_layers()
        ]
        return list({id(layer): layer for layer in [self, *layers]}.values())

    def frozen_layers(self) -> list[int]:
        """The places of the frozen layers, for the configuration."""
        return [
            place
            for place, layer in enumerate(self._layers_of_players())
            if not layer.trainable
        ]

    def freeze_layers(self, places: list[int]) -> None:
        """Freezes the layers at some places, and no others."""
        model, *layers = self._layers_of_players()
        if 0 in places:
            model.trainable = False
        for place, layer in enumerate(layers, start=1):
            layer.trainable = place not in places

    def flags_of_variables(self) -> tuple[bool, ...]:
        """Which of the players' variables are trainable now."""
        return tuple(
            variable.trainable
            for player in self.players
            for variable in self.optimizer.player_variables(player)
        )

    def follow_freezing(self) -> None:
        """Has the steps compiled anew if other variables are trainable."""
        self.specialize(trainable_flags=self.flags_of_variables())
