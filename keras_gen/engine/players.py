"""One optimizer per player, behind the one `model.optimizer` of Keras."""

import keras


class _Untracked:
    """Holds references that Keras must not take for state of the owner."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


@keras.saving.register_keras_serializable(package="keras_gen")
class OptimizerGroup(keras.optimizers.Optimizer):
    """One named optimizer for each player of a model.

    Keras trains, saves and restores what it finds in `model.optimizer`. This
    container stands there, so that every callback and every backend sees the
    optimizers of all players. Each is bound to its player's variables by
    identity, and two players may own the same variable.

    Args:
        optimizers: Dictionary from a player's name to its
            `keras.optimizers.Optimizer`, one object for each.
        name: String. The name of the group.

    Example:

    ```python
    group = OptimizerGroup({
        "generator": keras.optimizers.Adam(1e-4),
        "critic": keras.optimizers.Adam(4e-4),
    })
    group["critic"].learning_rate = 1e-4
    ```
    """

    def __init__(self, optimizers, name="optimizer_group", **kwargs):
        super().__init__(learning_rate=0.0, name=name, **kwargs)
        if len({id(optimizer) for optimizer in optimizers.values()}) != len(
            optimizers
        ):
            raise ValueError(
                "Each player needs an optimizer object of its own, since it "
                "holds the moments of that player's variables. Received one "
                f"object for several of {list(optimizers)}. Pass separate "
                "objects, or a single optimizer, which is then copied."
            )
        self._players = _Untracked(optimizers=dict(optimizers), variables={})

    def __getitem__(self, player):
        if player not in self._players.optimizers:
            raise KeyError(
                f"No player is named {player!r}. The players are "
                f"{list(self._players.optimizers)}."
            )
        return self._players.optimizers[player]

    def reset(self):
        """Forgets moments and counts of updates, but not learning rates.

        New layers of a growing model start as at the beginning of training.
        """
        for optimizer in self.optimizers:
            optimizer = getattr(optimizer, "inner_optimizer", optimizer)
            for variable in optimizer.variables:
                if variable is not optimizer._learning_rate:
                    variable.assign(
                        keras.ops.zeros(variable.shape, variable.dtype)
                    )

    def keys(self):
        return self._players.optimizers.keys()

    def build_players(self, variables):
        """Binds each player to its variables and creates its slots.

        Args:
            variables: Dictionary from a player's name to the list of the
                trainable variables that it updates.
        """
        for player, optimizer in self._players.optimizers.items():
            self._players.variables[player] = list(variables[player])
            optimizer.build(self._players.variables[player])
        self.built = True

    def build(self, variables):
        """Does nothing: `build_players` has bound each player already."""

    def player_variables(self, player):
        """The variables that `player` updates."""
        return self._players.variables[player]

    @property
    def optimizers(self):
        """The players' optimizers, in the order of the players."""
        return list(self._players.optimizers.values())

    @property
    def variables(self):
        return [v for optimizer in self.optimizers for v in optimizer.variables]

    @property
    def iterations(self):
        """The updates of the last player, whose update ends a round."""
        return self.optimizers[-1].iterations

    @property
    def learning_rate(self):
        if len(self.optimizers) == 1:
            return self.optimizers[0].learning_rate
        raise AttributeError(
            "A group of optimizers has no learning rate of its own: read or "
            "set `model.optimizer[player].learning_rate`, for one of the "
            f"players {list(self.keys())}."
        )

    @learning_rate.setter
    def learning_rate(self, value):
        for optimizer in self.optimizers:
            optimizer.learning_rate = value

    def apply(self, grads, trainable_variables=None):
        raise RuntimeError(
            "The players of a game are updated one at a time. Call "
            "`model.minimize(player, batch)`."
        )

    def finalize_variable_values(self, var_list):
        for player, optimizer in self._players.optimizers.items():
            variables = self._players.variables[player]
            optimizer.finalize_variable_values(variables)
            if getattr(optimizer, "inner_optimizer", optimizer).use_ema:
                # JAX must not find one array in a variable and its average.
                for variable in variables:
                    variable.assign(keras.ops.copy(variable.value))

    # The optimizers are saved one by one, as members of `optimizers`.
    def save_own_variables(self, store):
        pass

    def load_own_variables(self, store):
        pass

    def get_config(self):
        return {
            "name": self.name,
            "optimizers": {
                player: _portable(
                    keras.saving.serialize_keras_object(optimizer)
                )
                for player, optimizer in self._players.optimizers.items()
            },
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        optimizers = {
            player: keras.saving.deserialize_keras_object(
                optimizer, custom_objects=custom_objects
            )
            for player, optimizer in config["optimizers"].items()
        }
        return cls(optimizers, name=config["name"])


def _portable(config):
    """Names Keras' optimizers as every backend knows them.

    On PyTorch they are of classes of their own, which the other backends can
    import but not run.
    """
    if not isinstance(config, dict):
        return config
    config = {key: _portable(value) for key, value in config.items()}
    module = config.get("module") or ""
    if module.startswith("keras.src.backend.torch.optimizers"):
        config |= {"module": "keras.optimizers", "registered_name": None}
    return config


def _copy(optimizer):
    """A new optimizer of the same arguments, which no file need be able to
    hold: schedules, functions and classes of the user's own."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return type(optimizer)(
            _copy(optimizer.inner_optimizer),
            initial_scale=optimizer.initial_scale,
            dynamic_growth_steps=optimizer.dynamic_growth_steps,
        )
    rate, given = optimizer._learning_rate, {}
    if not isinstance(rate, keras.Variable):
        # Kept out of the configuration, which may not be able to hold it.
        optimizer._learning_rate, given = 0.0, {"learning_rate": rate}
    try:
        config = optimizer.get_config()
    finally:
        optimizer._learning_rate = rate
    copy = type(optimizer).from_config({**config, **given})
    for name, value in vars(optimizer).items():
        # What `exclude_from_weight_decay` has set is no argument.
        if name.startswith("_exclude_from_weight_decay"):
            setattr(copy, name, value)
    return copy


def assign_optimizers(optimizer, defaults, loss_scaling):
    """The optimizer of each player, from what `compile` was given.

    Args:
        optimizer: `None` for `defaults`; one optimizer (object, name or
            configuration), which every player gets a copy of; or a dictionary
            from each player's name to its optimizer.
        defaults: Dictionary from a player's name to its optimizer.
        loss_scaling: Boolean. Whether each optimizer is to scale its loss, as
            float16 needs.

    Returns:
        An `OptimizerGroup`.
    """
    if isinstance(optimizer, OptimizerGroup):
        optimizer = {name: optimizer[name] for name in optimizer.keys()}
    if optimizer is None:
        optimizers = dict(defaults)
    elif isinstance(optimizer, dict) and "class_name" not in optimizer:
        if set(optimizer) != set(defaults):
            raise ValueError(
                "A dictionary of optimizers names every player once. "
                f"Expected the keys {sorted(defaults)}. Received: "
                f"{sorted(map(str, optimizer))}."
            )
        optimizers = {
            player: keras.optimizers.get(optimizer[player])
            for player in defaults
        }
    else:
        given = keras.optimizers.get(optimizer)
        if len(defaults) == 1 and not given.built:
            # The one player keeps the user's own object.
            optimizers = dict.fromkeys(defaults, given)
        else:
            optimizers = {player: _copy(given) for player in defaults}
    if loss_scaling:
        scaling = keras.optimizers.LossScaleOptimizer
        optimizers = {
            player: optimizer
            if isinstance(optimizer, scaling)
            else scaling(optimizer)
            for player, optimizer in optimizers.items()
        }
    for player, player_optimizer in optimizers.items():
        # Names are what learning-rate callbacks log.
        if isinstance(player_optimizer, keras.optimizers.LossScaleOptimizer):
            player_optimizer.inner_optimizer.name = player
        player_optimizer.name = player
    return OptimizerGroup(optimizers)
