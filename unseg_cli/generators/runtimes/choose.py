"""Which way a generator runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from unseg_cli.core.device import accelerator_here, check_device, pick_device
from unseg_cli.generators.files import shipped_weights_dir, weights_file
from unseg_cli.generators.runtimes.on_onnx import OnnxRuntime, can_run
from unseg_cli.generators.runtimes.runtime import Runtime


def open_runtime(generator: str = "lite", *, device: str = "auto", sam_checkpoint: Path | None = None) -> Runtime:
    """A generator, ready to protect: in ONNX Runtime where it is the shipped one and runs on a processor, else in PyTorch.

    Args:
        generator: see `load_generator`.
        device: auto | cpu | cuda | cuda:N | mps.
        sam_checkpoint: see `load_generator`.

    Raises:
        UsageProblem: neither a name nor a file of this project, or no device.
        EnvironmentProblem: weights or device are not there, or the weights were changed.
    """
    check_device(device)
    weights = weights_file(generator)
    if _on_processor(device) and sam_checkpoint is None and weights.parent == shipped_weights_dir() and can_run(weights):
        return OnnxRuntime(weights)
    from unseg_cli.generators.loading import load_generator
    from unseg_cli.generators.runtimes.on_torch import TorchRuntime

    return TorchRuntime(load_generator(generator, device=pick_device(device), sam_checkpoint=sam_checkpoint))


def _on_processor(device: str) -> bool:
    if device != "auto":
        return device == "cpu"
    if not accelerator_here() or importlib.util.find_spec("torch") is None:
        return True
    return pick_device("auto").type == "cpu"
