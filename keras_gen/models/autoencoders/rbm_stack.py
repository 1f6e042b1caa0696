"""Stacks of restricted Boltzmann machines, unrolled to autoencoders."""

import keras
import numpy as np
from keras import ops

from keras_gen.layers.dense_chain import dense_chain
from keras_gen.models.autoencoders.rbm import RBM, MomentumSGD
from keras_gen.models.networks import dense_layers


def pretrain_rbm_stack(
    x: np.ndarray,
    sizes: list[int],
    visible: str = "binary",
    code: str = "gaussian",
    epochs: int = 50,
    batch_size: int = 100,
    learning_rate: float = 0.1,
    linear_learning_rate: float = 0.001,
    momentum_epochs: int = 5,
    seed: int | None = None,
    verbose="auto",
) -> list[RBM]:
    """Trains machines one on top of the other.

    The data of each are the means of the hidden units of the one below.

    Args:
        x: Array of shape `(n, entries)`.
        sizes: List. The hidden units of each machine, the lowest first.
        visible: Kind of the visible units of the lowest.
        code: Kind of the hidden units of the highest.
        epochs: Integer. Passes over the data for each machine.
        batch_size: Integer.
        learning_rate: Float. That of machines of binary units.
        linear_learning_rate: Float. That of machines with linear units.
        momentum_epochs: Integer. The epochs before the momentum rises from
            0.5 to 0.9.
        seed: Integer or `None`.
        verbose: As in `fit`.

    Returns:
        List of the trained machines, the lowest first. Their `history` has
        the squared error of each epoch.
    """
    machines = []
    for index, size in enumerate(sizes):
        machine = RBM(
            x.shape[1:],
            size,
            visible if index == 0 else "binary",
            code if index == len(sizes) - 1 else "binary",
            seed=None if seed is None else seed + index,
        )
        linear = "gaussian" in (machine.visible, machine.hidden)
        steps = -(-len(x) // batch_size)
        machine.compile(
            MomentumSGD(
                linear_learning_rate if linear else learning_rate,
                switch_step=momentum_epochs * steps,
            )
        )
        if verbose:
            print(f"Layer {index + 1} of {len(sizes)}: {size} units")
        machine.fit(x, batch_size=batch_size, epochs=epochs, verbose=verbose)
        machines.append(machine)
        x = machine.encode(x, batch_size=1000)
    return machines


def unroll(model, machines: list[RBM]) -> None:
    """Makes an autoencoder of dense layers the pass up and down a stack.

    Args:
        model: An autoencoder with `encoder` and `decoder`.
        machines: List of trained machines, the lowest first.
    """
    layers = dense_layers(model.encoder)
    for layer, machine in zip(layers, machines, strict=True):
        layer.kernel.assign(machine.connections.kernel)
        layer.bias.assign(machine.connections.hidden_bias)
    if model.tied:
        for offset, machine in zip(
            model.decoder.offsets, machines[::-1], strict=True
        ):
            offset.assign(machine.connections.visible_bias)
        return
    for layer, machine in zip(
        dense_layers(model.decoder), machines[::-1], strict=True
    ):
        layer.kernel.assign(ops.transpose(machine.connections.kernel))
        layer.bias.assign(machine.connections.visible_bias)


def stack_sizes(model) -> list[int]:
    """The sizes of the machines that an autoencoder can be unrolled from."""
    layers = stacked_layers("encoder", model.encoder)
    if not model.tied:
        back = stacked_layers("decoder", model.decoder)
        up, down = (
            [tuple(layer.kernel.shape) for layer in x] for x in (layers, back)
        )
        if down != [shape[::-1] for shape in up[::-1]]:
            raise ValueError(
                "Pretraining takes a decoder that is the mirror image of the "
                f"encoder, whose kernels have the shapes {up}. Received one "
                f"with the shapes {down}. Build the model without a `decoder`, "
                "or train it with `fit` alone."
            )
    return [layer.units for layer in layers]


def stacked_layers(name, network):
    """The layers of a network that a stack of machines can be."""
    layers = dense_chain(network, also=(keras.layers.Dropout,)) or []
    names = [keras.activations.serialize(layer.activation) for layer in layers]
    expected = ["sigmoid"] * (len(layers) - 1) + ["linear"]
    biased = all(layer.use_bias for layer in layers)
    if not layers or names != expected or not biased:
        raise ValueError(
            "Pretraining takes networks of dense logistic layers with "
            "offsets, one after the other, and with linear outputs, here "
            f"activations {expected}. Received as {name} one with "
            f"{names or 'other layers'}"
            f"{'' if biased else ', without offsets'}. Build the model with "
            "`activation='sigmoid'`, or train it with `fit` alone."
        )
    return layers
