#!/usr/bin/env python3
"""Write the ONNX graphs by which ONNX Runtime runs the shipped networks without PyTorch.

    python scripts/export_graphs.py --pictures '../shared/data/train/duts-00.tar'

A graph holds no weights of its own but points into the .safetensors file beside it, so both always hold the same ones. Both networks, which
take most of the time of a small picture, have another graph of 8-bit integers: twice as fast on processors made for them. For that the
range of each of their layers is measured on some pictures. All have to be written again whenever the weights change;
`tests/generators/runtimes/` notices. The last graph multiplies a few integers, and tells whether a processor is made for them.
"""

from __future__ import annotations

import argparse
import json
import struct
import tempfile
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from segment_anything.modeling.common import LayerNorm2d
from torch import Tensor, nn
from torch.nn import functional
from widen_graph import widen

from unseg_cli.core.constants import FloatArray, U8Array
from unseg_cli.datasets.kinds.shards import open_shards
from unseg_cli.generators.files import FINDER_SIZE, finder_file, shipped_weights_dir, weights_file
from unseg_cli.generators.finders.salient import NAME as SALIENT
from unseg_cli.generators.finders.salient import load_network
from unseg_cli.generators.frame import to_frame, to_square
from unseg_cli.generators.loading import load_generator
from unseg_cli.generators.runtimes.integers import COUNT, LARGEST_WEIGHT, PRODUCTS
from unseg_cli.generators.runtimes.on_onnx import GRAPH, ROUNDED_GRAPH
from unseg_cli.generators.runtimes.onnx_network import IMAGE, LOGITS
from unseg_cli.generators.sums import record_sum, sha256_of

OPSET = 17
IR_VERSION = 8
PICTURES = 64
#: What is done in 8 bits; what is not in the list of a network keeps its floats.
ROUNDED_IN_GENERATOR = ("Add", "Clip", "Conv", "Gemm", "MatMul", "Relu")
ROUNDED_IN_FINDER = ("Add", "Concat", "Conv", "MaxPool", "Relu", "Resize")


class Detecting(nn.Module):
    """The part of a generator that finds the salient object."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator
        for module in generator.modules():
            if isinstance(module, LayerNorm2d):
                module.forward = partial(layer_norm_2d, module)

    def forward(self, frames: Tensor) -> Tensor:
        """(B, 3, S, S) in [0, 1] -> mask logits (B, 1, h, w)."""
        return self.generator.detect(self.generator.embed(frames))


def layer_norm_2d(module: LayerNorm2d, features: Tensor) -> Tensor:
    """What `module` makes of (B, C, H, W).

    segment-anything writes its mean and its variance out, and over the channels of a map those take ONNX Runtime a sixth of the whole
    network's time. It has one operator for all of it, for channels that come last.
    """
    last = functional.layer_norm(features.permute(0, 2, 3, 1), (len(module.weight),), module.weight, module.bias, module.eps)
    return last.permute(0, 3, 1, 2)


class Pictures(CalibrationDataReader):
    """The first pictures of a shard, as a network sees them."""

    def __init__(self, shard: Path, seen: Callable[[U8Array], FloatArray]) -> None:
        self._samples, self._seen = iter(open_shards([shard]).samples[:PICTURES]), seen

    def get_next(self) -> dict[str, FloatArray] | None:
        """The next one; None after the last."""
        sample = next(self._samples, None)
        return None if sample is None else {IMAGE: self._seen(sample.image.pixels()[0])[None]}


def export(network: nn.Module, side: int, path: Path, **options: Any) -> None:
    """Write a network for one square picture of this side, weights included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of shapes that are fixed: they are meant to be
        names = {"input_names": [IMAGE], "output_names": [LOGITS]}
        torch.onnx.export(
            network.eval(), (torch.zeros(1, 3, side, side),), str(path), dynamo=False, opset_version=OPSET, **names, **options
        )


def pointing_graph(network: nn.Module, side: int, weights: Path, prefix: str, path: Path) -> str:
    """Write a graph that points into a weights file; gives what it is, in words."""
    # Nothing is computed beforehand, not even batch norms joined with convolutions: it would not be in the weights file. ONNX Runtime
    # does it while it loads.
    export(network, side, path, do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE)
    model = onnx.load(path)
    count = point_into(model, weights, prefix)
    path.write_bytes(model.SerializeToString())
    return f"{count} tensors in {weights.name}"


def rounded_graph(network: nn.Module, side: int, path: Path, pictures: Pictures, kinds: Sequence[str]) -> str:
    """Write a graph of 8-bit integers; gives what it is, in words.

    Args:
        network: what to export.
        side: of its input, in pixels.
        path: the file.
        pictures: on which the ranges are measured.
        kinds: of operators that are rounded.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain, ready = Path(folder) / "plain.onnx", Path(folder) / "ready.onnx"
        export(network, side, plain)
        quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready),
            str(path),
            pictures,
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=list(kinds),
            calibrate_method=CalibrationMethod.MinMax,
        )
    widen(path)
    return f"8 bits, ranges of {PICTURES} pictures"


def graph_of_products(path: Path) -> str:
    """Write a graph that multiplies numbers of 8 bits by the largest weights that there are, and adds up; gives what it is, in words."""
    given = helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, [1, COUNT])
    made = helper.make_tensor_value_info(LOGITS, TensorProto.INT32, [1, 1])
    weights = numpy_helper.from_array(np.full((COUNT, 1), LARGEST_WEIGHT, np.int8), "weights")
    node = helper.make_node("MatMulInteger", [IMAGE, weights.name], [LOGITS])
    graph = helper.make_graph([node], "products", [given], [made], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION), path)
    return f"{COUNT} products of 8 bits"


def point_into(model: onnx.ModelProto, weights: Path, prefix: str) -> int:
    """Replace a graph's weights by references into a .safetensors file.

    Args:
        model: changed in place.
        weights: the file.
        prefix: what the graph calls a tensor more than the file does.

    Returns:
        How many were replaced.
    """
    with weights.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    types = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT}
    casts, replaced = [], 0
    for tensor in model.graph.initializer:
        entry = header.get(tensor.name.removeprefix(prefix))
        if entry is None or entry["dtype"] not in types or list(tensor.dims) != entry["shape"]:
            continue
        name, (start, stop) = tensor.name, entry["data_offsets"]
        if entry["dtype"] == "F16":
            tensor.name = f"{name}:half"
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
        tensor.data_type = types[entry["dtype"]]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", weights.name), ("offset", 8 + length + start), ("length", stop - start)):
            tensor.external_data.add(key=key, value=str(value))
        replaced += 1
    nodes = [*casts, *model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    return replaced


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True, help="a shard of pictures")
    parser.add_argument("--out", type=Path, default=shipped_weights_dir(), help="where the weights files lie (default: weights)")
    options = parser.parse_args()
    generator, lite, salient = load_generator("lite"), weights_file("lite"), finder_file(SALIENT)
    finder = load_network(salient, sha256_of(salient))
    detecting, side = Detecting(generator), generator.spec.image_size
    as_frame = Pictures(options.pictures, partial(to_frame, size=side))
    as_square = Pictures(options.pictures, partial(to_square, size=FINDER_SIZE))
    graphs: dict[str, Callable[[Path], str]] = {
        f"{lite.stem}{GRAPH}": lambda path: pointing_graph(detecting, side, lite, "generator.", path),
        f"{lite.stem}{ROUNDED_GRAPH}": lambda path: rounded_graph(detecting, side, path, as_frame, ROUNDED_IN_GENERATOR),
        f"{SALIENT}{GRAPH}": lambda path: pointing_graph(finder, FINDER_SIZE, salient, "", path),
        f"{SALIENT}{ROUNDED_GRAPH}": lambda path: rounded_graph(finder, FINDER_SIZE, path, as_square, ROUNDED_IN_FINDER),
        PRODUCTS: graph_of_products,
    }
    for name, write in graphs.items():
        path = options.out / name
        print(f"{path}: {write(path)}")
        record_sum(path)


if __name__ == "__main__":
    main()
