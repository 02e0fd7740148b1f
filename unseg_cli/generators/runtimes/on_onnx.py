"""The shipped generator in ONNX Runtime: twice as fast on a processor as in PyTorch, and ready seconds earlier.

The graphs (`scripts/export_graphs.py`) point into the weights files beside them, so it is the same generator; in 8-bit integers it finds
the same objects but for some pixels of their edges. What only few ask for, objects that somebody points at, is left to PyTorch.
"""

from __future__ import annotations

import importlib.util
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import safe_open

from unseg_cli.core.constants import FloatArray, U8Array
from unseg_cli.generators.files import FINDER_SIZE, SALIENT, describe, finder_file, read_spec
from unseg_cli.generators.frame import to_square
from unseg_cli.generators.runtimes.integers import multiplies_integers
from unseg_cli.generators.runtimes.onnx_network import OnnxNetwork
from unseg_cli.generators.sums import intact_sha256
from unseg_cli.noise.arithmetic import sigmoid
from unseg_cli.noise.tiles import Tiles, tiles_of

if TYPE_CHECKING:
    from unseg_cli.generators.runtimes.on_torch import Seen, TorchRuntime
    from unseg_cli.models.prompt import Prompt

GRAPH, ROUNDED_GRAPH = ".onnx", "-int8.onnx"
RAW_TILES = "noise_head.raw"  # of the weights file


def can_run(weights: Path) -> bool:
    """Whether ONNX Runtime and the graph of a weights file are both here."""
    return weights.with_suffix(GRAPH).is_file() and importlib.util.find_spec("onnxruntime") is not None


def graph_of(weights: Path) -> Path:
    """The graph of 8-bit integers where the processor is made for them: on others their sums overflow."""
    rounded = weights.with_name(f"{weights.stem}{ROUNDED_GRAPH}")
    return rounded if rounded.is_file() and multiplies_integers() else weights.with_suffix(GRAPH)


class Frames:
    """Frames of pictures, and what was found in them, once that was asked."""

    def __init__(self, frames: FloatArray, runtime: OnnxRuntime) -> None:
        self.frames, self._runtime = frames, runtime

    @cached_property
    def logits(self) -> FloatArray:
        """Mask logits (B, 1, h, w) of the salient object."""
        return np.concatenate([self._runtime.network(frame[None]) for frame in self.frames])

    @cached_property
    def in_torch(self) -> Seen:
        """The same for PyTorch."""
        return self._runtime.in_torch.embed(self.frames)


class OnnxRuntime:
    """See `Runtime`.

    Args:
        weights: the file of a lite generator, its graph beside it.

    Raises:
        UsageProblem: not a weights file of this project.
        EnvironmentProblem: weights or graph were changed.
    """

    device, library = "cpu", "ONNX Runtime"
    threads_of_its_own = False

    def __init__(self, weights: Path) -> None:
        self.source, self.spec = describe(weights), read_spec(weights)
        self.network = OnnxNetwork(graph_of(weights))

    @cached_property
    def in_torch(self) -> TorchRuntime:
        """The same generator in PyTorch."""
        from unseg_cli.generators.loading import load_generator
        from unseg_cli.generators.runtimes.on_torch import TorchRuntime

        return TorchRuntime(load_generator(str(self.source.path)))

    def tiles(self) -> Tiles:
        """See `Runtime`."""
        with safe_open(str(self.source.path), "numpy") as file:
            return tiles_of(np.tanh(file.get_tensor(RAW_TILES).astype(np.float32)), pitch=self.spec.tile_pitch, cell=self.spec.tile_cell)

    def embed(self, frames: FloatArray) -> Frames:
        """See `Runtime`."""
        return Frames(frames, self)

    def detect(self, embedding: Frames) -> FloatArray:
        """See `Runtime`."""
        return embedding.logits

    def segment(self, embedding: Frames, prompt: Prompt) -> FloatArray:
        """See `Runtime`."""
        return self.in_torch.segment(embedding.in_torch, prompt)

    def draw(self, embedding: Frames, masks: FloatArray) -> FloatArray:
        """See `Runtime`. Nobody asks, since the noise is made of tiles."""
        return self.in_torch.draw(embedding.in_torch, masks)

    def second_opinion(self) -> OnnxSalientObjects:
        """See `Runtime`."""
        return OnnxSalientObjects()


class OnnxSalientObjects:
    """See `SecondOpinion`."""

    def __init__(self) -> None:
        weights = finder_file(SALIENT)
        self.sha256, self._network = intact_sha256(weights), OnnxNetwork(graph_of(weights))

    def probability(self, image: U8Array) -> FloatArray:
        """See `SecondOpinion`."""
        return sigmoid(self._network(to_square(image, FINDER_SIZE)[None])[0])
