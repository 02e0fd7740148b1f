"""Weights that other projects saved: the authors' generator and SAM's checkpoint, read without running code from the file."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.models.build import Generator

#: Training scripts put the state dict under one of these.
WRAPPERS = ("model", "state_dict", "model_state_dict", "generator", "net")
#: `DataParallel` puts this before every key.
PARALLEL_PREFIX = "module."
#: What SAM's checkpoint does not have.
NOISE_PREFIX = "mask_decoder.noise_"
_SHOWN = 3


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict saved by `torch.save` or as safetensors, bare or wrapped, with or without 'module.' prefixes.

    Raises:
        EnvironmentProblem: no such file, damaged, holds more than tensors and plain containers, or holds no state dict.
    """
    if not path.is_file():
        raise EnvironmentProblem(f"{path}: no such file", hint="check the path; nothing is downloaded")
    try:
        saved: Any = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's own text tells the reader how to switch the protection off; it is not passed on.
        what = "holds more than tensors" if zipfile.is_zipfile(path) else "is not a PyTorch file, or holds more than tensors"
        raise EnvironmentProblem(
            f"{path}: {what}", hint="code in weights files is never run; where you trust the file, save its state dict alone and try again"
        ) from error
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        # What PyTorch's reader of old files stumbled over says nothing about the file.
        raise EnvironmentProblem(f"{path}: is no weights file", hint="pass a .safetensors file, or one that torch.save wrote") from error
    except (SafetensorError, RuntimeError, EOFError, OSError) as error:
        raise EnvironmentProblem(
            f"{path}: cannot be read as weights ({_first_line(error)})", hint="the copy may be cut short: compare its size, fetch it again"
        ) from error
    return _unwrap(saved, path)


def require_keys(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], *, path: Path, what: str) -> None:
    """Check that `found` has exactly the keys and shapes of `wanted`, and finite values.

    Args:
        wanted: name -> tensor; meta tensors will do.
        found: what the file holds.
        path: the file, for the message.
        what: what the file should be, for the message ("the vit_b generator").

    Raises:
        EnvironmentProblem: it differs; the message counts and names the first missing, unexpected and misshapen ones.
    """
    complaints = [
        _listing("missing", [key for key in wanted if key not in found]),
        _listing("unexpected", [key for key in found if key not in wanted]),
        _listing(
            "of another shape",
            [
                f"{key} {tuple(found[key].shape)} instead of {tuple(tensor.shape)}"
                for key, tensor in wanted.items()
                if key in found and found[key].shape != tensor.shape
            ],
        ),
    ]
    if any(complaints):
        raise EnvironmentProblem(
            f"{path}: not {what}: " + "; ".join(filter(None, complaints)), hint="check that this is the right file for the generator"
        )
    broken = [key for key in wanted if found[key].is_floating_point() and not bool(torch.isfinite(found[key]).all())]
    if broken:
        raise EnvironmentProblem(f"{path}: {_listing('not finite', broken)}", hint="the file is damaged or its training diverged")


def load_sam_checkpoint(generator: Generator, path: Path) -> None:
    """Put SAM's own weights (`sam_vit_b_01ec64.pth`) into a generator made of SAM, in place; the `noise_*` parameters stay.

    Raises:
        UsageProblem: a generator of another kind.
        EnvironmentProblem: unreadable, or not exactly the keys and shapes of the generator's SAM parts.
    """
    if not generator.spec.takes_sam_checkpoint:
        raise UsageProblem(
            f"a SAM checkpoint does not fit the generator {generator.spec.name}", hint="omit --sam-checkpoint, or pass --generator vit_b"
        )
    state = read_state_dict(path)
    own = generator.state_dict()
    require_keys(
        {key: tensor for key, tensor in own.items() if not key.startswith(NOISE_PREFIX)},
        state,
        path=path,
        what=f"the SAM checkpoint that {generator.spec.name} is built on",
    )
    generator.load_state_dict({**own, **state}, strict=True)


def _unwrap(saved: Any, path: Path) -> dict[str, Tensor]:
    """Follow the wrappers down to a mapping of names to tensors."""
    while isinstance(saved, Mapping) and not _is_state_dict(saved):
        inner = next((saved[key] for key in WRAPPERS if isinstance(saved.get(key), Mapping)), None)
        if inner is None:
            listing = ", ".join(str(key) for key in list(saved)[:_SHOWN]) or "nothing"
            raise EnvironmentProblem(
                f"{path}: no state dict found (it holds {listing})", hint="expected tensors by name, bare or under 'model' or 'state_dict'"
            )
        saved = inner
    if not isinstance(saved, Mapping):
        raise EnvironmentProblem(f"{path}: holds a {type(saved).__name__}, not a state dict", hint="expected tensors by name")
    state = {str(key): tensor.detach() for key, tensor in saved.items()}
    if all(key.startswith(PARALLEL_PREFIX) for key in state):
        state = {key.removeprefix(PARALLEL_PREFIX): tensor for key, tensor in state.items()}
    return state


def _is_state_dict(saved: Mapping[Any, Any]) -> bool:
    return bool(saved) and all(isinstance(value, Tensor) for value in saved.values())


def _listing(what: str, keys: list[str]) -> str:
    if not keys:
        return ""
    return f"{len(keys)} {what} ({', '.join(keys[:_SHOWN])}{', ...' if len(keys) > _SHOWN else ''})"


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].strip()[:120]
