"""What a network is made of, in words."""

import keras
from keras import layers

from keras_gen.layers import BatchNormalization, InstanceNormalization

NAMES = {
    layers.Concatenate: "joined",
    layers.Add: "added",
    layers.Multiply: "masked",
    layers.Flatten: "flat",
    layers.ReLU: "relu",
    layers.PReLU: "prelu",
    BatchNormalization: "batch norm",
    InstanceNormalization: "instance norm",
}


def described(layer):
    """A layer in words: its kind, its size, its nonlinearity."""
    kind = type(layer)
    if isinstance(layer, layers.LeakyReLU):
        return f"leaky {float(layer.negative_slope):g}"
    if isinstance(layer, layers.Activation):
        return layer.activation.__name__
    words = [NAMES.get(kind, kind.__name__)]
    for name in ("filters", "units"):
        if hasattr(layer, name):
            words.append(str(getattr(layer, name)))
    if hasattr(layer, "strides") and hasattr(layer, "kernel_size"):
        words.append(f"{layer.kernel_size[-1]}/{layer.strides[-1]}")
    activation = getattr(layer, "activation", None)
    if activation not in (None, keras.activations.linear):
        words.append(activation.__name__)
    return " ".join(words)


def structure(network):
    """The layers of a network in their order, those of its parts inside."""
    found = []
    for layer in network.layers:
        if isinstance(layer, layers.InputLayer | layers.Reshape):
            continue
        inner = isinstance(layer, keras.Model)
        found += structure(layer) if inner else [described(layer)]
    return found


def kernels_of(network):
    """The initializers of a network's kernels."""
    parts = network._flatten_layers()
    found = [getattr(part, "kernel_initializer", None) for part in parts]
    return [x for x in found if isinstance(x, keras.initializers.Initializer)]
