"""The script that makes the second finder's weights file, on a file like the published one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import import_u2netp
import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load
from torch import nn

from unseg_cli.models.u2net import U2NetP


def node(name: str, convolution: nn.Conv2d) -> tuple[onnx.NodeProto, list[onnx.TensorProto]]:
    values = [(f"{name}.weight", convolution.weight), (f"{name}.bias", convolution.bias)]
    made = onnx.helper.make_node("Conv", ["x", *(key for key, _ in values)], ["y"], name=name, dilations=list(convolution.dilation))
    return made, [onnx.numpy_helper.from_array(value.detach().numpy(), key) for key, value in values if value is not None]


def published(network: U2NetP) -> bytes:
    """The convolutions of a network in the published file's order: the stages, one more of them, and the heads."""
    stages = list(import_u2netp.convolutions(network))
    parts = [node(f"conv{i}", one) for i, one in enumerate([*stages, nn.Conv2d(128, 64, 3)])]
    parts += [node("side1", nn.Conv2d(64, 1, 3)), node("side2", network.head)]
    graph = onnx.helper.make_graph([one for one, _ in parts], "net", [], [], [value for _, values in parts for value in values])
    data: bytes = onnx.helper.make_model(graph).SerializeToString()
    return data


def test_every_weight_finds_its_place_and_the_bytes_are_the_same_each_time() -> None:
    torch.manual_seed(1)
    network = U2NetP()
    data = published(network)
    made = import_u2netp.convert(data)
    assert made == import_u2netp.convert(data) and hashlib.sha256(data).hexdigest() in made[:1000].decode("latin1")
    tensors = load(made)
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()} == {
        name: (tensor.shape, torch.float16) for name, tensor in network.state_dict().items()
    }
    for name, tensor in network.state_dict().items():
        assert np.array_equal(tensors[name].numpy(), tensor.half().numpy()), name


def test_another_network_is_refused() -> None:
    network = U2NetP()
    network.down[0].into = nn.Conv2d(3, 8, 3)
    with pytest.raises(ValueError, match="conv0 has weights"):
        import_u2netp.convert(published(network))
    with pytest.raises(ValueError, match="another network"):
        import_u2netp.convert(onnx.helper.make_model(onnx.helper.make_graph([], "net", [], [])).SerializeToString())
    assert import_u2netp.WEIGHTS.name == "weights" and Path(import_u2netp.WEIGHTS).is_dir()
