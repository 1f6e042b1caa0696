"""`compile` takes nothing, one optimizer, or one for each player."""

import keras
import pytest

from tests.contract.helpers import fit


def settings_of(optimizer):
    return {
        key: value
        for key, value in optimizer.get_config().items()
        if key != "name"
    }


def assert_separate_and_bound(model):
    """Each player has an optimizer of its own, with slots for its variables."""
    players = list(model.players)
    assert list(model.optimizer.keys()) == players
    assert len({id(o) for o in model.optimizer.optimizers}) == len(players)
    for player in players:
        bound = model.optimizer.player_variables(player)
        assert [id(v) for v in bound] == [
            id(v) for v in model.player_variables(player)
        ]
        optimizer = model.optimizer[player]
        assert optimizer.built
        # Every variable has its slots, of its own shape.
        shapes = sorted(
            tuple(v.shape) for v in optimizer.variables if len(v.shape)
        )
        own = sorted(tuple(v.shape) for v in bound)
        slots = len(shapes) // len(own)
        # Gradient descent without momentum is the one that needs none.
        plain = getattr(optimizer, "momentum", None) == 0.0
        assert slots >= (0 if plain else 1)
        assert shapes == sorted(own * slots)
    everything = [id(v) for v in model.optimizer.variables]
    assert len(everything) == len(set(everything))


def test_bare_compile_uses_the_optimizers_of_the_paper(plain_case):
    model = plain_case.build()
    model.compile()
    assert_separate_and_bound(model)
    for player, expected in model.default_optimizers().items():
        given = model.optimizer[player]
        assert type(given) is type(expected)
        assert settings_of(given) == settings_of(expected)


def test_default_optimizers_are_fresh(plain_case):
    model = plain_case.build()
    first, second = model.default_optimizers(), model.default_optimizers()
    objects = [*first.values(), *second.values()]
    assert len({id(optimizer) for optimizer in objects}) == len(objects)
    other = plain_case.build()
    model.compile()
    other.compile()
    for player in model.players:
        assert model.optimizer[player] is not other.optimizer[player]
        model.optimizer[player].iterations.assign(7)
        assert int(other.optimizer[player].iterations) == 0


def test_one_optimizer_is_copied_for_each_player(first_case):
    model = first_case.build()
    given = keras.optimizers.SGD(0.03, momentum=0.5, clipnorm=2.0)
    model.compile(given)
    assert_separate_and_bound(model)
    for player in model.players:
        assert isinstance(model.optimizer[player], keras.optimizers.SGD)
        assert settings_of(model.optimizer[player]) == settings_of(given)


def test_an_optimizer_can_be_named(first_case):
    model = first_case.build()
    model.compile("adam")
    assert_separate_and_bound(model)
    for player in model.players:
        assert isinstance(model.optimizer[player], keras.optimizers.Adam)


def test_each_player_can_have_its_own(first_case):
    model = first_case.build()
    rates = {
        player: 0.1 / (1 + index) for index, player in enumerate(model.players)
    }
    given = {
        player: keras.optimizers.SGD(rate, momentum=0.9)
        # In another order than the model's.
        for player, rate in reversed(rates.items())
    }
    model.compile(given)
    assert_separate_and_bound(model)
    for player, rate in rates.items():
        assert model.optimizer[player] is given[player]
        assert float(model.optimizer[player].learning_rate) == pytest.approx(
            rate
        )


@pytest.mark.parametrize("fault", ["unknown", "missing"])
def test_wrong_players_are_named(first_case, fault):
    model = first_case.build()
    keys = list(model.players)
    keys = [*keys, "nobody"] if fault == "unknown" else keys[:-1]
    with pytest.raises(ValueError) as error:
        model.compile(dict.fromkeys(keys, "sgd"))
    for player in [*model.players, *keys]:
        assert player in str(error.value)


def test_unknown_optimizer_is_an_error(first_case):
    with pytest.raises(ValueError, match="nonesuch"):
        first_case.build().compile("nonesuch")


def test_training_needs_compile(first_case):
    with pytest.raises(ValueError, match="compile"):
        fit(first_case.build(), first_case.data())


def test_compile_arguments_survive_a_round_trip(first_case):
    model = first_case.build()
    model.compile(
        keras.optimizers.SGD(0.25, nesterov=True, momentum=0.5),
        run_eagerly=True,
        jit_compile=False,
        auto_scale_loss=False,
    )
    config = model.get_compile_config()
    twin = first_case.build()
    twin.compile_from_config(config)
    assert_separate_and_bound(twin)
    assert twin.run_eagerly and not twin.jit_compile
    assert twin.get_compile_config() == config
