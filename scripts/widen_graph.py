"""A graph of 8-bit integers, whose convolutions of very few channels get more of them.

ONNX Runtime's fast kernels take four channels of what comes into a convolution at once, and sixteen of what comes out. For a picture's
three channels and an answer's one it falls back on others, which took a quarter of the time of U2-Net-p. The channels added here are zeros
and copies; the answers stay the same to the last bit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, helper, numpy_helper

CHANNELS_IN, CHANNELS_OUT = 4, 16


def widen(path: Path) -> None:
    """Widen the first and the last convolution of a graph where they are narrow; others have channels enough.

    Args:
        path: a graph in which every convolution stands between DequantizeLinear and QuantizeLinear; it is written again.
    """
    model = onnx.load(path)
    graph = model.graph
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    first, last = convolutions[0], convolutions[-1]
    nodes = list(graph.node)
    if _weights(graph, first)[1].shape[1] < CHANNELS_IN:
        nodes.insert(0, _wider_image(graph, first))
    if _weights(graph, last)[1].shape[0] < CHANNELS_OUT:
        nodes.append(_wider_answer(graph, last))
    ordered = _in_order(graph, nodes)
    graph.ClearField("node")
    graph.node.extend(ordered)
    graph.ClearField("value_info")  # shapes of what was changed; ONNX Runtime works them out
    onnx.save(model, path)


def _wider_image(graph: GraphProto, convolution: NodeProto) -> NodeProto:
    """Weights of zero for channels of zero; gives the node that adds those to the picture."""
    name, weights = _weights(graph, convolution)
    more = CHANNELS_IN - weights.shape[1]
    _replace(graph, name, np.pad(weights, ((0, 0), (0, more), (0, 0), (0, 0))))
    rounding = _maker(graph, _maker(graph, convolution.input[0]).input[0])
    graph.initializer.append(numpy_helper.from_array(np.array([0, 0, 0, 0, 0, more, 0, 0]), "channels_before_and_after"))
    node = helper.make_node("Pad", [rounding.input[0], "channels_before_and_after"], ["wider_image"])
    rounding.input[0] = "wider_image"
    return node


def _wider_answer(graph: GraphProto, convolution: NodeProto) -> NodeProto:
    """Every answer several times; gives the node that takes the first."""
    _, weights = _weights(graph, convolution)
    channels = weights.shape[0]
    copies = -(-CHANNELS_OUT // channels)
    for given in convolution.input[1:]:
        for name in _maker(graph, given).input:
            values = numpy_helper.to_array(_initializer(graph, name))
            if values.ndim:
                _replace(graph, name, np.concatenate([values] * copies))
    answer = graph.output[0].name
    end = _maker(graph, answer)
    end.output[0] = "answers"
    for name, value in (("from", 0), ("to", channels), ("of_axis", 1)):
        graph.initializer.append(numpy_helper.from_array(np.array([value]), name))
    return helper.make_node("Slice", [end.output[0], "from", "to", "of_axis"], [answer])


def _weights(graph: GraphProto, convolution: NodeProto) -> tuple[str, np.ndarray]:
    name = _maker(graph, convolution.input[1]).input[0]
    return name, numpy_helper.to_array(_initializer(graph, name))


def _maker(graph: GraphProto, output: str) -> NodeProto:
    return next(node for node in graph.node if output in node.output)


def _initializer(graph: GraphProto, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in graph.initializer if tensor.name == name)


def _replace(graph: GraphProto, name: str, values: np.ndarray) -> None:
    _initializer(graph, name).CopyFrom(numpy_helper.from_array(values, name))


def _in_order(graph: GraphProto, nodes: list[NodeProto]) -> list[NodeProto]:
    """Copies of the nodes, each after those whose results it takes."""
    known = {tensor.name for tensor in (*graph.input, *graph.initializer)} | {""}
    ordered: list[NodeProto] = []
    while nodes:
        waiting = []
        for node in nodes:
            if known.issuperset(node.input):
                known.update(node.output)
                ordered.append(NodeProto.FromString(node.SerializeToString()))
            else:
                waiting.append(node)
        nodes = waiting
    return ordered
