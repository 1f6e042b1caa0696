"""Losses on equal tensors, against other people's implementations.

    git clone https://github.com/clementchadebec/benchmark_VAE pythae
    git clone https://github.com/nicola-decao/s-vae-pytorch
    git clone https://github.com/DianeBouchacourt/multi-level-vae
    git clone https://github.com/google-research/disentanglement_lib
    git clone https://github.com/probtorch/probtorch
    git clone https://github.com/torchgan/torchgan
    git clone https://github.com/kwotsin/mimicry
    git clone https://github.com/google/compare_gan
    KERAS_BACKEND=torch python benchmarks/agreement --pythae pythae \\
        --s-vae s-vae-pytorch --ml-vae multi-level-vae \\
        --disentanglement-lib disentanglement_lib --probtorch probtorch \\
        --torchgan torchgan --mimicry mimicry --compare-gan compare_gan --pyro

What is not given is left out. pythae needs pydantic, imageio and dill; `--pyro`
is the installed package pyro-ppl. Printed is the largest relative difference of
a value from ours, over ten draws of the parameters; where it is not small, what
the other one computes is named.
"""

import argparse
import importlib
import pathlib

import keras

CLONES = (
    "pythae",
    "s_vae",
    "ml_vae",
    "disentanglement_lib",
    "probtorch",
    "torchgan",
    "mimicry",
    "compare_gan",
)


def main(arguments):
    if keras.backend.backend() != "torch":
        raise SystemExit(
            "The backend must be 'torch', as that of the others is. Received: "
            f"{keras.backend.backend()!r}. Set KERAS_BACKEND=torch."
        )
    for name in CLONES:
        folder = getattr(arguments, name)
        if folder:
            importlib.import_module(f"with_{name}").main(folder)
    if arguments.pyro:
        importlib.import_module("with_pyro").main()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name in CLONES:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=pathlib.Path, help="a clone")
    parser.add_argument("--pyro", action="store_true")
    main(parser.parse_args())
