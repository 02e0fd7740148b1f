"""Device, seeds and memory settings."""

from __future__ import annotations

import os
import platform
import random
import shutil
import sys
from typing import TYPE_CHECKING

import numpy as np

from unseg_cli.core.errors import EnvironmentProblem, UsageProblem

if TYPE_CHECKING:
    import torch

#: What a driver of NVIDIA or AMD puts where programs can reach the device, also inside of WSL and containers.
DEVICE_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def check_device(text: str) -> None:
    """Refuse what is not one of `auto|cpu|cuda|cuda:N|mps`.

    Raises:
        UsageProblem: it is not.
    """
    kind, _, index = text.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (":" in text and not (kind == "cuda" and index.isdigit())):
        raise UsageProblem(f"--device {text!r} is not a device", hint="use auto, cpu, cuda, cuda:N or mps")


def accelerator_here() -> bool:
    """Whether this machine seems to have a GPU that PyTorch could use, found out without importing it, which takes seconds."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    return any(os.path.exists(path) for path in DEVICE_FILES) or shutil.which("nvidia-smi") is not None


def pick_device(text: str) -> torch.device:
    """Resolve `auto|cpu|cuda|cuda:N|mps`.

    Raises:
        UsageProblem: not one of these.
        EnvironmentProblem: the device is not on this machine.
    """
    import torch

    check_device(text)
    if text == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, index = text.partition(":")
    if kind == "cuda" and not torch.cuda.is_available():
        raise EnvironmentProblem("--device cuda: torch finds no CUDA device", hint="use --device cpu, or run `unseg doctor`")
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        raise EnvironmentProblem(f"--device {text}: there are {torch.cuda.device_count()} CUDA devices", hint="count from cuda:0")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise EnvironmentProblem("--device mps: torch finds no Apple GPU", hint="use --device cpu, or run `unseg doctor`")
    return torch.device(text)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch."""
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
