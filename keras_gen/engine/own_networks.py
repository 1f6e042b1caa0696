"""Networks of the user's own: built, and of the shapes that a model needs."""

import keras
from keras import ops

from keras_gen import backend
from keras_gen.checks import same_shapes

# Activations whose values are no logits and no scores; layers that change
# shapes alone.
BOUNDED = ("sigmoid", "hard_sigmoid", "softmax", "tanh", "hard_tanh", "relu")
TRANSPARENT = ("Reshape", "Flatten", "Permute", "Cropping2D", "Identity")


def output_shapes(
    owner: str,
    name: str,
    network: keras.layers.Layer,
    inputs: list[tuple] | None = None,
) -> list[tuple]:
    """The shapes of a network's outputs, batch included.

    A network that does not know them, such as a subclassed one or a
    `Sequential` without an `Input`, is built.

    Args:
        owner: String. The name of the model that the network is part of.
        name: String. The argument that it was given as.
        network: `keras.Model`.
        inputs: List of the shapes of the inputs, without the batch, or
            `None` if they are not known.

    Returns:
        List of tuples.

    Raises:
        ValueError: If the network fails on such inputs.
    """
    outputs = getattr(network, "outputs", None)
    if outputs is None and inputs is not None:
        try:
            if not network.built:
                network(_one_or_all([keras.Input(s) for s in inputs]))
            outputs = getattr(network, "outputs", None)
            if outputs is None:
                zeros = [ops.zeros((2, *shape)) for shape in inputs]
                with backend.inference():
                    outputs = network(_one_or_all(zeros), training=False)
        except Exception as error:
            words = " ".join(str(error).split())
            raise ValueError(
                f"`{name}` of {owner} must take inputs of shape "
                f"{_listed(inputs)}. Received: a {type(network).__name__} "
                f"that fails on them: {words} Change the network, or build it "
                "before."
            ) from error
    if outputs is None:
        return []
    shapes = [tensor.shape for tensor in keras.tree.flatten(outputs)]
    return [(None, *shape[1:]) for shape in shapes]


def check_network(
    owner: str,
    name: str,
    network: keras.layers.Layer,
    inputs: list[tuple] | None = None,
    outputs: list[tuple] | None = None,
    logits: int = 0,
    given: bool = True,
) -> None:
    """Raises unless a network has inputs and outputs of the given kinds.

    Args:
        owner: String. The name of the model that the network is part of.
        name: String. The argument that it was given as.
        network: `keras.Model`.
        inputs: List of the shapes of the inputs, without the batch, or
            `None` for any; the last may be `...`, for any that follow.
        outputs: The same for the outputs.
        logits: Integer. How many outputs, the first ones, are logits or
            scores. Of a subclassed network this cannot be seen.
        given: Boolean. Whether it is the user's, and built if it was not.

    Raises:
        ValueError: If they differ.
    """
    known = inputs if given else None
    found = {"outputs": output_shapes(owner, name, network, known)}
    if getattr(network, "inputs", None) is not None:
        found["inputs"] = [tuple(tensor.shape) for tensor in network.inputs]
    for kind, expected in (("inputs", inputs), ("outputs", outputs)):
        if expected is None or not found.get(kind):
            continue
        if expected[-1] is ...:
            expected = expected[:-1]
            found[kind] = found[kind][: len(expected)]
        if not same_shapes(found[kind], [(None, *shape) for shape in expected]):
            shapes = ", ".join(map(str, found[kind]))
            raise ValueError(
                f"`{name}` of {owner} must have {kind} of shape "
                f"{_listed(expected)}. Received: a network with {kind} of "
                f"shape {shapes}. Change the network, or the arguments of the "
                "model that set these shapes."
            )
    for tensor in (getattr(network, "outputs", None) or [])[:logits]:
        _, activation = last_operation(tensor)
        if activation in BOUNDED:
            raise ValueError(
                f"`{name}` of {owner} must return logits or scores, of any "
                f"value. Received: a network that ends in {activation!r}. End "
                "it without an activation."
            )


def last_operation(tensor) -> tuple[keras.Operation, str]:
    """The operation that a network's output ends in, but for its shape.

    Args:
        tensor: One of the `outputs` of a `keras.Model`.

    Returns:
        The operation and the name of its activation, or its own name if it
        has none.
    """
    operation, node, index = tensor._keras_history
    if isinstance(operation, keras.Model) and hasattr(operation, "outputs"):
        return last_operation(operation.outputs[index])
    kind = type(operation).__name__
    activation = getattr(operation, "activation", None)
    name = getattr(activation, "__name__", type(activation).__name__)
    if activation is None:
        name = kind.lower()
    inputs = operation._inbound_nodes[node].input_tensors
    passes = kind in TRANSPARENT or (kind, name) == ("Activation", "linear")
    if passes and len(inputs) == 1:
        return last_operation(inputs[0])
    return operation, name


def _one_or_all(tensors):
    return tensors if len(tensors) > 1 else tensors[0]


def _listed(shapes):
    return ", ".join(str((None, *shape)) for shape in shapes)
