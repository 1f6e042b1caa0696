"""torchgan: the losses of GANs, minibatch discrimination, pulling away."""

import types

import torch
import torch.nn.functional as F
from _common import compare, functions_of
from _gans import compare_objectives, features, scores
from torch import nn

import keras_gen
from keras_gen.layers import MinibatchDiscrimination
from keras_gen.losses.adversarial import (
    logistic_discriminator,
    non_saturating_generator,
    smoothed_real,
)
from keras_gen.losses.pulling_away import pulling_away

# Stands for the generated batch, whose outputs are given.
FAKE = torch.zeros(1)
NAMES = (
    "minimax_generator_loss",
    "minimax_discriminator_loss",
    "least_squares_generator_loss",
    "least_squares_discriminator_loss",
    "wasserstein_generator_loss",
    "wasserstein_discriminator_loss",
    "energy_based_generator_loss",
    "energy_based_discriminator_loss",
    "energy_based_pulling_away_term",
    "auxiliary_classification_loss",
)


def main(folder):
    layers = folder / "torchgan" / "layers" / "minibatchdiscrimination.py"
    losses = folder / "torchgan" / "losses" / "functional.py"
    theirs = functions_of(
        losses, NAMES, torch=torch, F=F, reduce=lambda x, _: x.mean()
    )
    loss = types.SimpleNamespace(**dict(zip(NAMES, theirs, strict=True)))
    compare_objectives(
        "torchgan",
        {
            "non_saturating": (
                loss.minimax_discriminator_loss,
                loss.minimax_generator_loss,
            ),
            "minimax": (
                loss.minimax_discriminator_loss,
                lambda x: loss.minimax_generator_loss(x, nonsaturating=False),
            ),
            "least_squares": (
                loss.least_squares_discriminator_loss,
                loss.least_squares_generator_loss,
            ),
            "wasserstein": (
                loss.wasserstein_discriminator_loss,
                loss.wasserstein_generator_loss,
            ),
        },
    )

    def smoothed(seed):
        real, fake = scores(seed)
        zero = non_saturating_generator(-fake)
        return smoothed_real(real, 0.9) + zero

    compare(
        "ImprovedGAN, one-sided smoothing: torchgan",
        smoothed,
        lambda seed: loss.minimax_discriminator_loss(
            *scores(seed), label_smoothing=0.1
        ),
    )
    energies(loss)
    classes(loss)
    compare(
        "EBGAN, pulling away: torchgan",
        lambda seed: pulling_away(features(seed)),
        lambda seed: loss.energy_based_pulling_away_term(features(seed)),
        "theirs: features normalized over the batch, and i = j",
    )

    norm = torch.nn.functional.normalize
    by_code = types.SimpleNamespace(normalize=lambda x, p, dim: norm(x, dim=1))
    (mended,) = functions_of(
        losses, ["energy_based_pulling_away_term"], torch=torch, F=by_code
    )
    compare(
        "EBGAN, pulling away: torchgan, both mended",
        lambda seed: pulling_away(features(seed)),
        # Each of the 64 codes is in their sum once with itself.
        lambda seed: mended(features(seed)) - 1.0 / 63.0,
    )
    (cls,) = functions_of(
        layers, ["MinibatchDiscrimination1d"], torch=torch, nn=nn
    )
    similarities(cls)


def energies(loss):
    """EBGAN's losses of the same energies."""
    model = keras_gen.EBGAN((4,), hidden_units=8, generator_units=8, seed=0)

    def given(seed):
        real, fake = (torch.abs(20.0 * x[:, 0]) for x in scores(seed))
        return real, fake

    def ours(seed, player):
        real, fake = given(seed)
        model.generate_for = lambda batch, training: FAKE
        model.energy_and_code = lambda x, training: (
            (fake if len(x) == 1 else real),
            features(seed),
        )
        batch = keras_gen.engine.Batch(real, None)
        return getattr(model, f"{player}_loss")(batch, True)

    compare(
        "EBGAN, discriminator: torchgan",
        lambda seed: ours(seed, "discriminator"),
        lambda seed: loss.energy_based_discriminator_loss(*given(seed), 10.0),
    )
    compare(
        "EBGAN, generator: torchgan",
        lambda seed: ours(seed, "generator"),
        lambda seed: loss.energy_based_generator_loss(given(seed)[1]),
    )


def classes(loss):
    """ACGAN's losses of the same logits of source and class."""
    labels = torch.arange(64) % 10

    def logits(seed):
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(2, 64, 10, generator=generator)

    model = keras_gen.ACGAN((8, 8, 1), 10, filters=(8,), seed=0)

    def ours(seed):
        real, fake = zip(scores(seed), logits(seed), strict=True)
        model.generate_batch = lambda size, training: (FAKE, labels)
        model.source_and_class = lambda x, training: (
            fake if len(x) == 1 else real
        )
        batch = keras_gen.engine.Batch(torch.zeros(64, 8, 8, 1), labels)
        return model.discriminator_loss(batch, True)

    def theirs(seed):
        source = logistic_discriminator(*scores(seed))
        parts = [
            loss.auxiliary_classification_loss(part, labels)
            for part in logits(seed)
        ]
        return source + sum(parts)

    compare("ACGAN, discriminator: torchgan", ours, theirs)


def similarities(cls):
    """Minibatch discrimination with the same tensor."""
    layer = MinibatchDiscrimination(6, dims=3)
    layer.build((None, 5))

    def ours(seed):
        return layer(features(seed))

    def theirs(seed):
        peer = cls.__new__(cls)
        kernel = torch.as_tensor(layer.kernel.value).detach()
        norm = torch.sqrt(torch.sum(kernel**2, dim=0) + 1e-12)
        peer.T, peer.in_features = kernel / norm, 5
        peer.out_features, peer.intermediate_features = 6, 3
        return cls.forward(peer, features(seed))[:, 5:]

    compare("ImprovedGAN, minibatch discrimination: torchgan", ours, theirs)
