"""Tensors that the implementations of GANs are given."""

import torch
from _common import compare

from keras_gen.losses.adversarial import OBJECTIVES, least_squares_objective

GAMES = {**OBJECTIVES, "least_squares": least_squares_objective()}


def scores(seed):
    """Logits of real and of generated examples, of shape `(64, 1)`."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(3.0 * torch.randn(2, 64, 1, generator=generator))


def features(seed):
    """Features of a batch, of shape `(64, 5)`."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(64, 5, generator=generator) + 0.5


def compare_objectives(peer, losses):
    """Compares the losses of two players.

    Args:
        peer: String. Whose they are.
        losses: Dictionary from our name of a game to the losses of the
            discriminator, a function of real and fake, and of the generator.
    """
    for name, (discriminator, generator) in losses.items():
        game = GAMES[name]
        compare(
            f"{name}, discriminator: {peer}",
            lambda seed, game=game: game.discriminator(*scores(seed)),
            lambda seed, loss=discriminator: loss(*scores(seed)),
        )
        compare(
            f"{name}, generator: {peer}",
            lambda seed, game=game: game.generator(scores(seed)[1]),
            lambda seed, loss=generator: loss(scores(seed)[1]),
        )
