"""What a network of dense layers, one after the other, consists of."""

from keras import layers


def dense_chain(network, also=()) -> list[layers.Dense] | None:
    """The dense layers of a network that is nothing but a chain of them.

    Each is used once, on vectors. Flattening and reshaping do not count.

    Args:
        network: `keras.Model`.
        also: Types of layers that may stand between them as well.

    Returns:
        List of `keras.layers.Dense`, the lowest first, or `None` for any
        other network.
    """
    ends = [getattr(network, kind, None) for kind in ("inputs", "outputs")]
    if any(end is None or len(end) != 1 for end in ends):
        return None
    allowed = (layers.InputLayer, layers.Flatten, layers.Reshape, *also)
    dense, seen, tensor = [], set(), network.outputs[0]
    while tensor is not None:
        layer, index, _ = tensor._keras_history
        inputs = layer._inbound_nodes[index].input_tensors
        tensor = inputs[0] if inputs else None
        if len(inputs) > 1 or id(layer) in seen:
            return None
        seen.add(id(layer))
        if isinstance(layer, layers.Dense) and len(tensor.shape) == 2:
            dense.append(layer)
        elif not isinstance(layer, allowed):
            return None
    return dense[::-1] or None
