"""The checkpoint of a training: weights as safetensors, optimisers and step beside them."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from unseg_cli.core.errors import UnsegError
from unseg_cli.core.runs import write_atomically
from unseg_cli.train.learners import Learners

CHECKPOINT = "checkpoint.safetensors"
STATE = "checkpoint_state.pt"


def save_checkpoint(out: Path, learners: Learners, step: int) -> None:
    """Write both files; the step in both tells whether they belong together."""
    tensors = {f"generator.{k}": v.contiguous() for k, v in learners.generator.state_dict().items()}
    tensors |= {f"surrogate.{k}": v.contiguous() for k, v in learners.surrogate.state_dict().items()}
    tensors["step"] = torch.tensor(step)
    state = {"step": step, "optimisers": {name: optimiser.state_dict() for name, optimiser in learners.optimisers.items()}}
    write_atomically(out / STATE, lambda part: torch.save(state, part))
    write_atomically(out / CHECKPOINT, lambda part: save_file(tensors, str(part)))


def load_checkpoint(out: Path, learners: Learners) -> int:
    """Restore the learners in place, and return the number of steps done; 0 where the run ended before its first checkpoint.

    Raises:
        UnsegError: the two files are of different steps (a kill came between them).
    """
    if not (out / CHECKPOINT).exists() or not (out / STATE).exists():
        return 0
    tensors = load_file(str(out / CHECKPOINT))
    state = torch.load(out / STATE, map_location="cpu", weights_only=True)
    if int(tensors.pop("step")) != state["step"]:
        raise UnsegError(f"{out}: weights and state are of different steps", hint="start again in another folder")
    for name, module in (("generator", learners.generator), ("surrogate", learners.surrogate)):
        module.load_state_dict({k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")})
    for name, optimiser in learners.optimisers.items():
        optimiser.load_state_dict(state["optimisers"][name])
    return int(state["step"])
