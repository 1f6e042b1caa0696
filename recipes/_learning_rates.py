"""The option `--learning-rate`, for any optimizers and schedules."""

import keras

# Of the schedules of Keras, what is proportional to the learning rate.
PROPORTIONAL = {
    *("initial_learning_rate", "end_learning_rate", "warmup_target", "values"),
}


def learning_rates(given, players):
    """The learning rates that an option names, by the players.

    Args:
        given: Strings. A rate for all players, or `player=rate`.
        players: The names of the players.

    Returns:
        Dictionary. It may lack players.
    """
    rates = {}
    for item in given:
        player, _, text = item.rpartition("=")
        try:
            rate = float(text)
        except ValueError:
            rate = 0.0
        if not 0.0 < rate < float("inf") or player not in ("", *players):
            raise SystemExit(
                "`--learning-rate` must be a number above 0, or player=number "
                f"with one of the players {', '.join(players)}. Received: "
                f"--learning-rate {' '.join(given)}."
            )
        rates |= dict.fromkeys([player] if player else players, rate)
    return rates


def with_rate(optimizer, rate=None):
    """A copy of an optimizer whose learning rate is, or starts from, `rate`."""
    config = optimizer.get_config()
    if rate is not None and isinstance(config["learning_rate"], dict):
        schedules = keras.optimizers.schedules
        schedule = schedules.deserialize(config["learning_rate"])
        factor = rate / float(keras.ops.convert_to_numpy(schedule(0)))
        settings = schedule.get_config()
        for name in PROPORTIONAL & set(settings):
            value = settings[name]
            if isinstance(value, list | tuple):
                settings[name] = [factor * each for each in value]
            elif value is not None:
                settings[name] = factor * value
        config["learning_rate"] = type(schedule).from_config(settings)
    elif rate is not None:
        config["learning_rate"] = rate
    return type(optimizer).from_config(config)
