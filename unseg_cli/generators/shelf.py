"""`unseg weights list | path | verify | import FILE`: which weights are here, where, whether intact, and how to add some."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseg_cli.core.errors import EnvironmentProblem, UnsegError, UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.generators.files import (
    FINDER_SIZE,
    FINDERS,
    HOW_TO_GET,
    PUBLISHED,
    SUFFIX,
    belongs_to,
    cache_dir,
    fetched_file,
    finder_file,
    is_generator,
    named_weights,
    read_spec,
    shipped_weights_dir,
    weights_file,
)
from unseg_cli.generators.sums import read_sums, record_sum, sha256_of
from unseg_cli.models.specs import SPECS, GeneratorSpec

if TYPE_CHECKING:
    from torch import Tensor

#: What an imported file is when it does not say so itself.
RELEASED = "vit_b"


def weights_list(events: Events) -> Report:
    """Every generator that a name can mean: shipped, imported, or known and absent; and the networks that help to find objects.

    Returns:
        `{"schema": 1, "command": "weights list", "weights": [{"name", "use", "status", "path", "bytes", "image_size", "hint"}]}`, where
        use is generator, finder or checkpoint (of SAM), and status is shipped, imported, damaged or absent.
    """
    rows, here = [], named_weights()
    for name in sorted({*SPECS, *here}):
        row = _row(name, "generator", here.get(name))
        if row["path"] is not None:
            try:
                row["image_size"] = read_spec(Path(row["path"])).image_size
            except UnsegError as problem:
                events.warn(f"{problem.message}; {problem.hint}")
                row.update(status="damaged", hint=problem.hint)
        rows.append(row)
    for name in FINDERS:
        path = shipped_weights_dir() / f"{name}{SUFFIX}"
        rows.append(_row(name, "finder", path if path.is_file() else None) | {"image_size": FINDER_SIZE})
    for name, published in PUBLISHED.items():
        row = _row(name, "checkpoint", fetched_file(name))
        rows.append(row if row["path"] else row | {"hint": f"{published.what}: `unseg weights fetch {name}`"})
    return Report(document={"schema": 1, "command": "weights list", "weights": rows})


def _row(name: str, use: str, path: Path | None) -> dict[str, Any]:
    known: dict[str, Any]
    if path is None:
        known = {"status": "absent", "path": None, "bytes": None, "image_size": None, "hint": HOW_TO_GET.get(name, "")}
    else:
        status = "shipped" if path.parent == shipped_weights_dir() else "imported"
        known = {"status": status, "path": str(path), "bytes": path.stat().st_size, "image_size": None, "hint": ""}
    return {"name": name, "use": use, **known}


def weights_path(name: str) -> Report:
    """Where the weights of a generator, or of a network that helps to find objects, lie.

    Raises:
        UsageProblem: none has this name.
        EnvironmentProblem: it is known but not here; the hint says how to get it.
    """
    path = fetched_file(name) or (finder_file(name) if name in FINDERS else weights_file(name))
    return Report(document={"schema": 1, "command": "weights path", "name": name, "path": str(path)})


def weights_verify() -> Report:
    """Hash every shipped and imported file and compare with the sums recorded beside it.

    Returns:
        `{"schema": 1, "command": "weights verify", "ok": bool, "files": [{"path", "status", "expected", "sha256"}]}`, where status is
        ok, mismatch, missing (listed but not there) or unlisted (there but not listed). Exit code 4 unless all are ok.
    """
    files = [row for folder in (shipped_weights_dir(), cache_dir()) for row in check_sums(folder)]
    wrong = [row for row in files if row["status"] != "ok"]
    if not files:
        closing = f"no weights found in {shipped_weights_dir()}: {HOW_TO_GET['lite']}"
    elif wrong:
        closing = f"{len(wrong)} of {len(files)} files are not as recorded: reinstall the package, or import the file again"
    else:
        closing = f"{len(files)} files, all as recorded"
    ok = bool(files) and not wrong
    document = {"schema": 1, "command": "weights verify", "ok": ok, "files": files}
    return Report(document=document, exit_code=0 if ok else EnvironmentProblem.exit_code, closing=(closing,))


def weights_import(file: Path, name: str | None = None) -> Report:
    """Turn a generator's weights into safetensors in the cache, where `--generator NAME` finds them.

    Takes the authors' released `Generator_*.pth` (a state dict, bare or wrapped, of the `vit_b` generator), or a `generator.safetensors`
    that `unseg train` wrote. Nothing but tensors is read: code inside the file is not run.

    Args:
        file: the weights.
        name: what to call it; None: the name in the file, `vit_b` for the authors'.

    Raises:
        UsageProblem: a name that a file must not have, or one that the package ships.
        EnvironmentProblem: unreadable, or not exactly the keys, shapes and finite values of a generator.
    """
    import torch

    from unseg_cli.generators.foreign import NOISE_PREFIX, read_state_dict, require_keys
    from unseg_cli.generators.loading import save_generator
    from unseg_cli.models.build import build_generator

    state = read_state_dict(file)
    spec = _spec_of(file, state)
    name = name or spec.name
    _check_name(name)
    with torch.device("meta"):
        generator = build_generator(spec)
    sam_sha256 = belongs_to(file) if file.suffix == SUFFIX and is_generator(file) else None
    wanted = {key: tensor for key, tensor in generator.state_dict().items() if sam_sha256 is None or key.startswith(NOISE_PREFIX)}
    require_keys(wanted, state, path=file, what=f"the {spec.name} generator")
    # The tensors take the place of the meta ones: the file is held in memory once.
    generator.load_state_dict(state, strict=sam_sha256 is None, assign=True)
    target = cache_dir() / f"{name}{SUFFIX}"
    metadata = {"imported_from": file.name, "imported_sha256": sha256_of(file)}
    save_generator(target, generator, metadata, sam_sha256=sam_sha256)
    digest = record_sum(target)
    document = {
        "schema": 1,
        "command": "weights import",
        "name": name,
        "source": str(file),
        "path": str(target),
        "sha256": digest,
        "parameters": sum(parameter.numel() for parameter in generator.parameters()),
    }
    return Report(document=document, closing=(f"imported as {name}: unseg protect SRC DST --generator {name}",))


def check_sums(folder: Path) -> list[dict[str, str]]:
    """Compare the weights files in `folder` with its SHA256SUMS; one row a file, as in `weights_verify`."""
    recorded = read_sums(folder)
    rows = []
    for name in sorted({*recorded, *(path.name for path in folder.glob(f"*{SUFFIX}"))}):
        path, expected = folder / name, recorded.get(name, "")
        found = sha256_of(path) if path.is_file() else ""
        status = "missing" if not found else "unlisted" if not expected else "ok" if found == expected else "mismatch"
        rows.append({"path": str(path), "status": status, "expected": expected, "sha256": found})
    return rows


def _spec_of(file: Path, state: Mapping[str, Tensor]) -> GeneratorSpec:
    """What the file says it is. A foreign file says nothing: by the width of its ViT, the authors' `vit_b` or a larger one."""
    if file.suffix == SUFFIX and is_generator(file):
        return read_spec(file)
    position = state.get("image_encoder.pos_embed")
    width = None if position is None else position.shape[-1]
    known = [spec for spec in SPECS.values() if spec.takes_sam_checkpoint and spec.vit_width == width]
    return known[0] if known else SPECS[RELEASED]


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise UsageProblem(f"{name!r} cannot name a generator", hint="use letters, digits, - and _")
    if name in FINDERS or (shipped_weights_dir() / f"{name}{SUFFIX}").is_file():
        raise UsageProblem(f"{name} ships with the package and is not replaced", hint="pass another name with --name")
