"""Weights files: safetensors with the generator's spec in the header."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from unseg_cli.core.errors import EnvironmentProblem, UsageProblem, did_you_mean
from unseg_cli.core.runs import write_atomically
from unseg_cli.generators.foreign import load_sam_checkpoint, read_state_dict
from unseg_cli.generators.sums import intact_sha256, sha256_of
from unseg_cli.models.build import Generator, build_generator
from unseg_cli.models.specs import SPECS, GeneratorSpec

SPEC_KEY = "unseg_spec"
SUFFIX = ".safetensors"
ADAPTED = "adapt"  # the preset whose generators know other objects
#: Weights files that are no generators: networks that help to find objects, see `unseg_cli.generators.finders`.
FINDERS = ("u2netp",)
FINDER_SIZE = 320  # side of their square input in pixels
HOW_TO_GET = {
    "u2netp": "it ships with the package: reinstall it; `unseg weights list` shows what is there",
    "lite": "it ships with the package: reinstall it; `unseg weights list` shows what is there",
    "vit_b": "get the authors' released Generator_*.pth, then run `unseg weights import FILE`; nothing is downloaded by itself",
}


@dataclass(frozen=True, kw_only=True)
class GeneratorFile:
    """Where a loaded generator came from; it goes into manifests.

    Attributes:
        name: of its spec.
        path: the weights file.
        sha256: of that file.
        adapted: whether it learned to find other objects than the shipped one does, see `unseg train --preset adapt`.
        sam_checkpoint_sha256: of the SAM checkpoint that took the place of some of its weights; None where there is none.
    """

    name: str
    path: Path
    sha256: str
    adapted: bool = False
    sam_checkpoint_sha256: str | None = None


def cache_dir() -> Path:
    """`$UNSEG_HOME`, else `$XDG_CACHE_HOME/unseg`, else `~/.cache/unseg`; not created here."""
    if home := os.environ.get("UNSEG_HOME"):
        return Path(home)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unseg"


def shipped_weights_dir() -> Path:
    """The `weights/` folder: inside the installed package, or at the root of a source checkout."""
    package = Path(__file__).parent.parent
    inside = package / "weights"
    return inside if inside.is_dir() else package.parent / "weights"


def named_weights() -> dict[str, Path]:
    """Name -> file of every generator on this machine; a shipped one comes before an imported one of the same name."""
    files = [path for folder in (cache_dir(), shipped_weights_dir()) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    return {path.stem: path for path in files if path.stem not in FINDERS}


def finder_file(name: str) -> Path:
    """The weights file of a network that helps to find objects, one of `FINDERS`.

    Raises:
        EnvironmentProblem: it is not there.
    """
    path = shipped_weights_dir() / f"{name}{SUFFIX}"
    if not path.is_file():
        raise EnvironmentProblem(f"the weights of {name!r} are not on this machine", hint=HOW_TO_GET[name])
    return path


def weights_file(name_or_path: str) -> Path:
    """The file behind `--generator`: a shipped or imported generator's name, or a path.

    Raises:
        UsageProblem: neither a known name nor a file.
        EnvironmentProblem: a known name whose file is absent; the hint says how to get it.
    """
    here = named_weights()
    if name_or_path in here:
        return here[name_or_path]
    if name_or_path in SPECS:
        raise EnvironmentProblem(f"the weights of {name_or_path!r} are not on this machine", hint=HOW_TO_GET[name_or_path])
    path = Path(name_or_path).expanduser()
    if not path.is_file():
        known = sorted({*SPECS, *here})
        raise UsageProblem(f"no generator and no file is called {name_or_path!r}", hint=did_you_mean(name_or_path, known))
    return path


def read_spec(path: Path) -> GeneratorSpec:
    """The spec in a weights file's header.

    Raises:
        UsageProblem: not a weights file of this project.
    """
    try:
        return GeneratorSpec.from_json(json.loads(_header(path)[SPEC_KEY]))
    except (SafetensorError, KeyError, json.JSONDecodeError, TypeError, OSError):
        raise UsageProblem(
            f"{path} is not a generator's weights file",
            hint="pass a .safetensors written by `unseg train` or `unseg weights import`; a .pth has to be imported first",
        ) from None


def _header(path: Path) -> dict[str, str]:
    with safe_open(str(path), "pt") as file:
        return file.metadata() or {}


def save_generator(path: Path, generator: Generator, metadata: dict[str, str], *, half: bool = False) -> None:
    """Write weights and spec atomically.

    Args:
        path: the .safetensors file.
        generator: trained or not.
        metadata: further header entries, such as the training command.
        half: store float16, half the size; loading restores float32.
    """
    header = {**metadata, SPEC_KEY: json.dumps(generator.spec.to_json())}
    tensors = {name: (t.half() if half and t.is_floating_point() else t).cpu().contiguous() for name, t in generator.state_dict().items()}
    write_atomically(path, lambda part: save_file(tensors, str(part), header))


def load_weights(path: Path, *, unless_other: str | None = None) -> Generator:
    """Build the generator a file describes and fill it; strict.

    Args:
        path: the file.
        unless_other: tensors whose names begin so are not read where the file has others under that name, but stay as they are built.

    Raises:
        UsageProblem: the file is not one of this project's, or does not fit its own spec.
    """
    generator = build_generator(read_spec(path))
    tensors = {name: t.float() if t.is_floating_point() else t for name, t in load_file(str(path)).items()}
    if unless_other is not None:
        own = {name: tensor for name, tensor in generator.state_dict().items() if name.startswith(unless_other)}
        if own.keys() != {name for name in tensors if name.startswith(unless_other)}:
            tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(unless_other)} | own
    try:
        generator.load_state_dict(tensors, strict=True)
    except RuntimeError as problem:
        raise UsageProblem(
            f"{path} does not fit its own spec: {str(problem).splitlines()[-1].strip()}", hint="get the file again"
        ) from None
    return generator


def load_generator(name_or_path: str = "lite", *, device: str | torch.device = "cpu", sam_checkpoint: Path | None = None) -> Generator:
    """A generator ready to protect: eval mode, no gradients, channels_last.

    Args:
        name_or_path: "lite" (shipped), "vit_b" (imported), or a .safetensors file.
        device: a resolved torch device.
        sam_checkpoint: (vit_b) SAM's own `sam_vit_b_01ec64.pth`, whose encoder and decoder weights replace the file's.

    Returns:
        The module, with `.source`, a `GeneratorFile`.

    Raises:
        UsageProblem: neither a name nor a file of this project, or a SAM checkpoint for a kind that is not made of SAM.
        EnvironmentProblem: a known name whose file is absent, or a file whose hash is not the recorded one.
    """
    path = weights_file(name_or_path)
    sha256 = intact_sha256(path)
    generator = load_weights(path)
    if sam_checkpoint is not None:
        load_sam_checkpoint(generator, sam_checkpoint)
    generator.source = GeneratorFile(
        name=generator.spec.name,
        path=path,
        sha256=sha256,
        adapted=_header(path).get("preset") == ADAPTED,
        sam_checkpoint_sha256=sha256_of(sam_checkpoint) if sam_checkpoint else None,
    )
    generator.to(device).to(memory_format=torch.channels_last)
    return generator.eval().requires_grad_(False)


def load_sam_parts(generator: nn.Module, path: Path) -> None:
    """Fill prompt encoder and mask decoder from a SAM checkpoint, lite weights, or any file with SAM's keys for the two.

    Raises:
        UsageProblem: the file lacks a tensor or has another shape.
    """
    tensors = read_state_dict(path)
    for part in ("prompt_encoder", "mask_decoder"):
        own = {key.removeprefix(part + "."): tensor.float() for key, tensor in tensors.items() if key.startswith(part + ".")}
        try:
            getattr(generator, part).load_state_dict(own, strict=True)
        except RuntimeError as problem:
            raise UsageProblem(
                f"{path} does not hold SAM's {part}: {str(problem).splitlines()[-1].strip()}", hint="use SAM's own weights"
            ) from None
