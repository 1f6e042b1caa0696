"""mimicry: the losses of GANs, and SNGAN's discriminator."""

import importlib
import sys
import types

import torch
from _common import compare
from _gans import compare_objectives

import keras_gen
from keras_gen.layers.spectral_normalization import SpectralNormalization


def main(folder):
    # Its evaluation, which needs more packages, is not imported.
    for name in ("", ".modules", ".nets", ".nets.sngan"):
        package = types.ModuleType(f"torch_mimicry{name}")
        package.__path__ = [
            str(folder.joinpath("torch_mimicry", *name.split(".")))
        ]
        sys.modules[package.__name__] = package
    losses = importlib.import_module("torch_mimicry.modules.losses")
    compare_objectives(
        "mimicry",
        {
            "non_saturating": (
                lambda real, fake: losses.minimax_loss_dis(fake, real),
                losses.ns_loss_gen,
            ),
            "hinge": (
                lambda real, fake: losses.hinge_loss_dis(fake, real),
                losses.hinge_loss_gen,
            ),
            "wasserstein": (
                losses.wasserstein_loss_dis,
                losses.wasserstein_loss_gen,
            ),
        },
    )
    modules = sys.modules["torch_mimicry.modules"]
    for part in ("spectral_norm", "layers", "resblocks"):
        module = importlib.import_module(f"torch_mimicry.modules.{part}")
        for name, value in vars(module).items():
            if isinstance(value, type):
                setattr(modules, name, value)
    networks(modules)


def networks(modules, filters=16):
    """SNGAN's discriminator of 32x32, with the same weights and vectors."""
    model = keras_gen.SNGAN(
        (32, 32, 3),
        generator_filters=(8, 8, 8, 8),
        discriminator_filters=(filters,) * 4,
        seed=0,
    )
    body = torch.nn.Sequential(
        modules.DBlockOptimized(3, filters),
        modules.DBlock(filters, filters, downsample=True),
        modules.DBlock(filters, filters),
        modules.DBlock(filters, filters),
        torch.nn.ReLU(),
    )
    head = modules.SNLinear(filters, 1)
    ours = [
        layer
        for layer in model.discriminator.layers
        if isinstance(layer, SpectralNormalization)
    ]
    theirs = [
        module
        for block in body
        for name in ("c1", "c2", "c_sc")
        if (module := getattr(block, name, None)) is not None
    ]
    theirs.append(head)
    assert len(ours) == len(theirs) == 11
    pairs = dict(zip(in_order(ours), theirs, strict=True))

    def copy(seed):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for layer, module in pairs.items():
                axes = (3, 2, 0, 1) if module.weight.ndim == 4 else (1, 0)
                kernel = torch.as_tensor(layer.kernel.value)
                module.weight.copy_(kernel.permute(*axes))
                module.bias.zero_()
                vector = torch.randn(module.sn_u.shape, generator=generator)
                module.sn_u.copy_(vector)
                layer.u.assign(vector[0])

    def images(seed):
        generator = torch.Generator().manual_seed(seed)
        return torch.rand(4, 32, 32, 3, generator=generator)

    def scores(seed):
        copy(seed)
        return model.discriminator(images(seed), training=True)

    def expected(seed):
        copy(seed)
        maps = body(images(seed).permute(0, 3, 1, 2))
        return head(torch.sum(maps, dim=(2, 3)))

    compare(
        "SNGAN, discriminator in training: mimicry",
        scores,
        expected,
        "theirs: ReLU in place, so that shortcuts are of relu(x)",
    )
    for module in body.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    compare("SNGAN, the same, not in place", scores, expected)


def in_order(layers):
    """The layers by block: the two convolutions, then the shortcut."""
    *convolutions, head = layers
    wide = [layer for layer in convolutions if layer.kernel_size == (3, 3)]
    narrow = [layer for layer in convolutions if layer.kernel_size == (1, 1)]
    found = []
    for block in range(4):
        found += wide[2 * block : 2 * block + 2] + narrow[block : block + 1]
    return [*found, head]
