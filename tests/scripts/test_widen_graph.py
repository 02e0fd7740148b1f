"""Graphs of 8-bit integers with more channels than they had: other weights, the same answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from export_graphs import IMAGE, LOGITS, rounded_graph
from torch import nn
from widen_graph import CHANNELS_IN, CHANNELS_OUT, widen

from unseg_cli.core.constants import FloatArray

SIDE = 16


class Noise:
    """Pictures on which ranges are measured."""

    def __init__(self) -> None:
        self._left = [np.random.default_rng(i).random((1, 3, SIDE, SIDE), np.float32) for i in range(4)]

    def get_next(self) -> dict[str, FloatArray] | None:
        return {IMAGE: self._left.pop()} if self._left else None


def answer(path: Path) -> FloatArray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (logits,) = session.run([LOGITS], {IMAGE: np.random.default_rng(9).random((1, 3, SIDE, SIDE), np.float32)})
    return logits


def shapes(path: Path) -> list[tuple[int, ...]]:
    """Of the weights of every convolution."""
    return [tuple(one.dims) for one in onnx.load(path).graph.initializer if len(one.dims) == 4]


@pytest.mark.parametrize(("before", "between", "after"), [(3, 8, 1), (3, 20, 2), (3, 8, 16)])
def test_the_answers_stay_the_same(tmp_path: Path, before: int, between: int, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(before, between, 3, padding=1), nn.ReLU(), nn.Conv2d(between, after, 3, padding=1))
    path = tmp_path / "graph.onnx"
    monkeypatch.setattr("export_graphs.widen", lambda _: None)
    rounded_graph(network, SIDE, path, Noise(), ["Conv", "Relu"])
    expected = answer(path)
    widen(path)
    assert np.array_equal(answer(path), expected) and expected.std() > 0
    assert sorted(shapes(path)) == sorted([(between, CHANNELS_IN, 3, 3), (max(after, CHANNELS_OUT), between, 3, 3)])
    written = path.read_bytes()
    widen(path)
    assert path.read_bytes() == written, "there are channels enough now"
