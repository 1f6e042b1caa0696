"""compare_gan: the losses of GANs."""

import tensorflow as tf
import torch
from _common import functions_of
from _gans import compare_objectives

NAMES = (
    "check_dimensions",
    "non_saturating",
    "wasserstein",
    "least_squares",
    "hinge",
)


def main(folder):
    path = folder / "compare_gan" / "gans" / "loss_lib.py"
    _, *losses = functions_of(path, NAMES, tf=tf)

    def pair(loss):
        def both(real, fake):
            real, fake = (tf.constant(x.numpy()) for x in (real, fake))
            found = loss(real, fake)
            return [torch.tensor(part.numpy()) for part in found]

        return (
            lambda real, fake: both(real, fake)[0],
            lambda fake: both(fake, fake)[3],
        )

    pairs = {
        name: pair(loss) for name, loss in zip(NAMES[1:], losses, strict=True)
    }
    compare_objectives("compare_gan", pairs)
