"""A graph that ONNX Runtime runs."""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy.typing as npt

from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.generators.sums import intact_sha256

#: What every graph (`scripts/export_graphs.py`) calls what it is given, and what it makes of it.
IMAGE, LOGITS = "image", "logits"


class OnnxNetwork:
    """A graph, hashed at once and loaded when it is first run. Several threads may run it at once.

    Args:
        graph: the file.

    Raises:
        EnvironmentProblem: the graph was changed.
    """

    def __init__(self, graph: Path) -> None:
        self._graph, self._sha256 = graph, intact_sha256(graph)

    def __call__(self, frames: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What it makes of its input: of networks a picture (1, 3, h, w).

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
