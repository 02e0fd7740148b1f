"""Device, seeds and memory settings."""

from __future__ import annotations

import random

import numpy as np
import torch

from unseg_cli.core.errors import EnvironmentProblem, UsageProblem


def pick_device(text: str) -> torch.device:
    """Resolve `auto|cpu|cuda|cuda:N|mps`.

    Raises:
        UsageProblem: not one of these.
        EnvironmentProblem: the device is not on this machine.
    """
    if text == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, index = text.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not (kind == "cuda" and index.isdigit())):
        raise UsageProblem(f"--device {text!r} is not a device", hint="use auto, cpu, cuda, cuda:N or mps")
    if kind == "cuda" and not torch.cuda.is_available():
        raise EnvironmentProblem("--device cuda: torch finds no CUDA device", hint="use --device cpu, or run `unseg doctor`")
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        raise EnvironmentProblem(f"--device {text}: there are {torch.cuda.device_count()} CUDA devices", hint="count from cuda:0")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise EnvironmentProblem("--device mps: torch finds no Apple GPU", hint="use --device cpu, or run `unseg doctor`")
    return torch.device(text)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
