"""Traced graphs of PyTorch without what only eager execution needs."""

import operator

import torch
from torch import fx

_aten = torch.ops.aten
_COPY = _aten.clone.default
# The same memory, or a copy of a constant.
_SAME = (
    _aten.detach.default,
    _aten.alias.default,
    _aten.lift_fresh_copy.default,
)
# Views whose schemas do not say so.
_VIEWS = (operator.getitem, _aten._unsafe_view.default)


def simplify(graph_module, functions):
    """A function of the graph's inputs that returns the list of its outputs.

    Operations that compute and their order stay, so the numbers are the same.
    Left out are detachments, copies of constants, copies of copies, and
    copies to the order in memory that a tensor has.

    Args:
        graph_module: `torch.fx.GraphModule`, traced with fake tensors.
        functions: Dictionary from operations to what to call in their place.
    """
    graph = graph_module.graph
    changing = _changing(graph)
    for node in graph.nodes:
        node.target = functions.get(node.target, node.target)
        if node in changing:
            continue
        if node.target in _SAME:
            node.replace_all_uses_with(node.args[0])
        elif node.target is _COPY:
            _spare(node, changing)
    graph.eliminate_dead_code()
    graph_module.recompile()
    return graph_module.forward


def _spare(copy, changing):
    """Copies from the first of a chain of copies, or not at all."""
    source = copy.args[0]
    while source.target is _COPY and source not in changing:
        source = source.args[0]
    if _memory(source) in changing:
        return
    if _strides(source) == _strides(copy):
        copy.replace_all_uses_with(source)
    elif copy.kwargs.get("memory_format") in (
        torch.contiguous_format,
        torch.channels_last,
    ):
        copy.args = (source,)


def _changing(graph):
    """The nodes whose memory is written to: inputs, and what is in place."""
    found = {node for node in graph.nodes if node.op == "placeholder"}
    for node in graph.nodes:
        schema = getattr(node.target, "_schema", None)
        if schema is None or not schema.is_mutable:
            continue
        for place, argument in enumerate(schema.arguments):
            if argument.alias_info and argument.alias_info.is_write:
                value = node.kwargs.get(argument.name)
                if place < len(node.args):
                    value = node.args[place]
                fx.map_arg(value, lambda x: found.add(_memory(x)))
    return found


def _memory(node):
    """The node that made the memory which a node looks at."""
    while _is_view(node):
        node = node.args[0]
    return node


def _is_view(node):
    if node.target in _VIEWS:
        return True
    schema = getattr(node.target, "_schema", None)
    return schema is not None and any(
        output.alias_info is not None for output in schema.returns
    )


def _strides(node):
    return node.meta["val"].stride()
