"""The checkpoint of a training: one file, so that a kill or a full disk leaves the former one or the new one, whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from unseg_cli.core.errors import UnsegError
from unseg_cli.core.runs import write_atomically
from unseg_cli.train.learners import Learners

CHECKPOINT = "checkpoint.safetensors"


def save_checkpoint(out: Path, learners: Learners, step: int) -> None:
    """Write networks, optimisers and the number of steps done.

    Raises:
        UnsegError: it cannot be written; the former one is still there.
    """
    tensors = {f"generator.{k}": v.contiguous() for k, v in learners.generator.state_dict().items()}
    tensors |= {f"surrogate.{k}": v.contiguous() for k, v in learners.surrogate.state_dict().items()}
    for name, optimiser in learners.optimisers.items():
        tensors |= {f"optimiser.{name}.{place}.{k}": v for place, k, v in _moments(optimiser)}
    tensors |= {f"scale.{k}": v for k, v in learners.processes.scale().items()}
    tensors["step"] = torch.tensor(step)
    try:
        write_atomically(out / CHECKPOINT, lambda part: save_file(tensors, str(part)))
    except (OSError, SafetensorError) as problem:
        raise UnsegError(
            f"{out / CHECKPOINT} cannot be written: {problem}", hint="make room, then go on with --resume from the checkpoint before it"
        ) from None


def load_checkpoint(out: Path, learners: Learners) -> int:
    """Restore the learners in place, and return the number of steps done; 0 where the run ended before its first checkpoint.

    Raises:
        UnsegError: the file is damaged, or of a version that kept optimisers elsewhere.
    """
    path = out / CHECKPOINT
    if not path.exists():
        return 0
    try:
        tensors = load_file(str(path))
    except (OSError, SafetensorError) as problem:
        raise UnsegError(f"{path} cannot be read: {problem}", hint="start again in another folder") from None
    parts = {part: _under(tensors, part) for part in ("generator", "surrogate", "optimiser", "scale")}
    if not parts["optimiser"]:
        raise UnsegError(f"{path} was written by an earlier version of unseg", hint="go on with that version, or start again elsewhere")
    for name, module in (("generator", learners.generator), ("surrogate", learners.surrogate)):
        module.load_state_dict(parts[name])
    for name, optimiser in learners.optimisers.items():
        _restore(optimiser, _under(parts["optimiser"], name))
    learners.processes.restore_scale(parts["scale"])
    return int(tensors["step"])


def _moments(optimiser: torch.optim.Optimizer) -> list[tuple[int, str, Tensor]]:
    """What the optimiser knows of each parameter that it has moved so far: the parameter's place, the name and the value."""
    state = optimiser.state_dict()["state"]
    return [(place, name, value.contiguous()) for place, known in state.items() for name, value in known.items()]


def _restore(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        place, _, name = key.partition(".")
        # A copy: the optimiser keeps it, and Windows does not replace a file of which something is kept.
        state.setdefault(int(place), {})[name] = value.clone()
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}
