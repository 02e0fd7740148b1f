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
#: In the header of a file that holds a noise decoder alone: the SHA-256 of the SAM checkpoint that it belongs to.
SAM_KEY = "sam_checkpoint_sha256"
SUFFIX = ".safetensors"
ADAPTED = "adapt"  # the preset whose generators know other objects
#: Weights files that are no generators: networks that help to find objects, see `unseg_cli.generators.finders`.
SALIENT = "u2netp"
FINDERS = (SALIENT,)
FINDER_SIZE = 320  # side of their square input in pixels
HOW_TO_GET = {
    SALIENT: "it ships with the package: reinstall it; `unseg weights list` shows what is there",
    "lite": "it ships with the package: reinstall it; `unseg weights list` shows what is there",
    "vit_b": "get the authors' Generator_*.pth (github.com/sunye23/UnSeg says where), then run `unseg weights import FILE`",
    "vit_l": "not published: train it, `unseg train --preset paper --generator vit_l --init sam_vit_l_0b3195.pth`, and pass its file",
    "vit_h": "not published: train it, `unseg train --preset paper --generator vit_h --init sam_vit_h_4b8939.pth`, and pass its file",
    "sam_lite": "train it with `unseg train --preset paper-lite`, and pass its file",
}


@dataclass(frozen=True, kw_only=True)
class Published:
    """A file that others publish.

    Attributes:
        url: where.
        sha256: of the file.
        what: it is.
    """

    url: str
    sha256: str
    what: str


_META = "https://dl.fbaipublicfiles.com/segment_anything"
#: What `unseg weights fetch` knows by name.
PUBLISHED = {
    "sam_vit_b": Published(
        url=f"{_META}/sam_vit_b_01ec64.pth",
        sha256="ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        what="SAM's checkpoint (Meta, Apache-2.0, 375 MB), for vit_b",
    ),
    "sam_vit_l": Published(
        url=f"{_META}/sam_vit_l_0b3195.pth",
        sha256="3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        what="SAM's checkpoint (Meta, Apache-2.0, 1.2 GB), for vit_l",
    ),
    "sam_vit_h": Published(
        url=f"{_META}/sam_vit_h_4b8939.pth",
        sha256="a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        what="SAM's checkpoint (Meta, Apache-2.0, 2.6 GB), for vit_h",
    ),
}


@dataclass(frozen=True, kw_only=True)
class GeneratorFile:
    """Where a loaded generator came from; it goes into manifests.

    Attributes:
        name: of its spec.
        path: the weights file.
        sha256: of that file.
        adapted: whether it learned to find other objects than the shipped one does, see `unseg train --preset adapt`.
        sam_checkpoint_sha256: of the SAM checkpoint that it belongs to, or that took the place of some of its weights; None where there
            is none.
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


def fetched_file(name: str) -> Path | None:
    """What `unseg weights fetch` left under this name; None: nothing."""
    return next((path for path in cache_dir().glob(f"{name}.*") if path.suffix in (".pth", ".pt")), None) if name in PUBLISHED else None


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
    if path.is_dir():
        raise UsageProblem(f"{path} is a folder, not a generator", hint=f"pass {path / 'generator.safetensors'}, which a training leaves")
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


def is_generator(path: Path) -> bool:
    """Whether a file is one of this project's generators."""
    try:
        read_spec(path)
    except UsageProblem:
        return False
    return True


def belongs_to(path: Path) -> str | None:
    """SHA-256 of the SAM checkpoint without which a generator's file is not complete; None: it is.

    Raises:
        UsageProblem: not a weights file of this project.
    """
    read_spec(path)
    return _header(path).get(SAM_KEY)


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
    header = _header(path)
    return GeneratorFile(
        name=name, path=path, sha256=sha256, adapted=header.get("preset") == ADAPTED, sam_checkpoint_sha256=header.get(SAM_KEY)
    )
