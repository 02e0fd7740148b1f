"""Weights files: what there are, where they lie, and the spec in their header. Nothing here needs torch."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from unseg_cli.core.errors import EnvironmentProblem, UsageProblem, did_you_mean
from unseg_cli.generators.sums import intact_sha256
from unseg_cli.models.specs import SPECS, GeneratorSpec

SPEC_KEY = "unseg_spec"
SUFFIX = ".safetensors"
ADAPTED = "adapt"  # the preset whose generators know other objects
#: Weights files that are no generators: networks that help to find objects, see `unseg_cli.generators.finders`.
SALIENT = "u2netp"
FINDERS = (SALIENT,)
FINDER_SIZE = 320  # side of their square input in pixels
HOW_TO_GET = {
    SALIENT: "it ships with the package: reinstall it; `unseg weights list` shows what is there",
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
    with safe_open(str(path), "numpy") as file:
        return file.metadata() or {}


def describe(path: Path) -> GeneratorFile:
    """What a weights file is, after a look into the SHA256SUMS beside it.

    Raises:
        UsageProblem: not a weights file of this project.
        EnvironmentProblem: its hash is not the recorded one.
    """
    sha256, name = intact_sha256(path), read_spec(path).name
    return GeneratorFile(name=name, path=path, sha256=sha256, adapted=_header(path).get("preset") == ADAPTED)
