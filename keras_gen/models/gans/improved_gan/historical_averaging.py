"""Averages of the players' parameters over all updates."""

from keras import ops

from keras_gen.losses.penalties import distance_to_averages, running_average


class HistoricalAveraging:
    """Mixed into a model whose players are held to their past.

    A subclass sets `historical_averaging_weight`, 0 for none, calls
    `add_historical_averages` once its networks are there, and adds
    `historical_averaging(player)` to the loss of each player. The averages
    have the initial parameters and those after each update.
    """

    def add_historical_averages(self):
        """Adds the averages of all players' variables, and their counts."""
        self.averages, self.counts = {}, {}
        if not self.historical_averaging_weight:
            return
        for player in self.players:
            self.averages[player] = [
                self.add_state(f"average_{player}", 0.0, v.shape, v.dtype)
                for v in self.player_variables(player)
            ]
            self.counts[player] = self.add_state(
                f"count_{player}", 1, dtype="int32"
            )
        self.start_historical_averages()

    def start_historical_averages(self):
        """Has the averages start from the present variables."""
        for player, averages in self.averages.items():
            self.counts[player].assign(1)
            variables = self.player_variables(player)
            for average, variable in zip(averages, variables, strict=True):
                average.assign(ops.copy(variable.value))

    def historical_averaging(self, player):
        """The weighted penalty of a player; 0 if there is none."""
        if not self.historical_averaging_weight:
            return 0.0
        distance = distance_to_averages(
            self.player_variables(player), self.averages[player]
        )
        return self.historical_averaging_weight * distance

    def after_update(self, player):
        super().after_update(player)
        if not self.historical_averaging_weight:
            return
        self.counts[player].assign(self.counts[player] + 1)
        count = self.counts[player].value
        variables = self.player_variables(player)
        pairs = zip(self.averages[player], variables, strict=True)
        for average, variable in pairs:
            average.assign(
                running_average(average.value, variable.value, count)
            )
