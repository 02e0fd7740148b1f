"""The shipped generator in ONNX Runtime: twice as fast on a processor as in PyTorch, and ready seconds earlier.

The graphs (`scripts/export_graphs.py`) point into the weights files beside them, so it is the same generator. What only few ask for,
objects that somebody points at, is left to PyTorch.
"""

from __future__ import annotations

import importlib.util
import threading
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import safe_open

from unseg_cli.core.constants import FloatArray, U8Array
from unseg_cli.core.device import multiplies_integers
from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.generators.files import FINDER_SIZE, SALIENT, describe, finder_file, read_spec
from unseg_cli.generators.frame import to_square
from unseg_cli.generators.sums import intact_sha256
from unseg_cli.noise.arithmetic import sigmoid
from unseg_cli.noise.tiles import Tiles, tiles_of

if TYPE_CHECKING:
    from unseg_cli.generators.runtimes.on_torch import Seen, TorchRuntime
    from unseg_cli.models.prompt import Prompt

GRAPH, ROUNDED_GRAPH = ".onnx", "-int8.onnx"
IMAGE, LOGITS = "image", "logits"
RAW_TILES = "noise_head.raw"  # of the weights file


def can_run(weights: Path) -> bool:
    """Whether ONNX Runtime and the graph of a weights file are both here."""
    return weights.with_suffix(GRAPH).is_file() and importlib.util.find_spec("onnxruntime") is not None


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
        self.network = OnnxNetwork(weights.with_suffix(GRAPH))

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
        self.sha256, rounded = intact_sha256(weights), weights.with_name(f"{SALIENT}{ROUNDED_GRAPH}")
        # On other processors sums of integers overflow.
        fast = multiplies_integers() and rounded.is_file()
        self._network = OnnxNetwork(rounded if fast else weights.with_suffix(GRAPH))

    def probability(self, image: U8Array) -> FloatArray:
        """See `SecondOpinion`."""
        return sigmoid(self._network(to_square(image, FINDER_SIZE)[None])[0])


class OnnxNetwork:
    """A graph, hashed at once and loaded when it is first run. Several threads may run it at once.

    Args:
        graph: the file.

    Raises:
        EnvironmentProblem: the graph was changed.
    """

    def __init__(self, graph: Path) -> None:
        self._graph, self._sha256 = graph, intact_sha256(graph)

    def __call__(self, frames: FloatArray) -> FloatArray:
        """What it makes of (1, 3, h, w).

        Raises:
            EnvironmentProblem: it does not fit its weights file.
        """
        with _loading:  # else each of the first threads would load it
            network = _network(self._graph, self._sha256)
        (logits,) = network.run([LOGITS], {IMAGE: frames})
        return logits


_loading = threading.Lock()


@lru_cache(maxsize=4)  # sessions come and go
def _network(graph: Path, sha256: str) -> Any:
    """One thread: pictures are what is spread over the cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # its own exceptions share no base class
        what = str(problem).splitlines()[0][:200]
        raise EnvironmentProblem(f"{graph} cannot be loaded ({what})", hint="reinstall the package; `unseg doctor` checks it") from problem
