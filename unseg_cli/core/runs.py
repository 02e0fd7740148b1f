"""Files that a run writes: atomically, so that a kill leaves the old file or the new one, never half of one."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from unseg_cli.core.errors import UsageProblem

#: What `unseg train` calls itself in run.json.
TRAINING = "train"
#: Bytes that a file system allows for a name.
_LONGEST_NAME = 255
LIBRARIES = (
    "torch",
    "torchvision",
    "accelerate",
    "timm",
    "segment-anything",
    "segmentation-models-pytorch",
    "transformers",
    "numpy",
    "pillow",
)


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then move it there in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before, after = around_part(path.name)
    handle, name = tempfile.mkstemp(prefix=before, suffix=after, dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        write(part)
        part.chmod(0o644)  # mkstemp makes it private; a result is an ordinary file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def around_part(name: str) -> tuple[str, str]:
    """What the temporary file of a name is called, before and after the eight characters that `tempfile` chooses."""
    stem, suffix = os.path.splitext(name)
    if len(os.fsencode(name)) > _LONGEST_NAME - 8 - len("...part"):
        stem = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    return f".{stem}.", f".part{suffix}"


def write_json_atomically(path: Path, document: Any) -> None:
    """Write indented JSON."""
    text = json.dumps(document, indent=2) + "\n"
    write_atomically(path, lambda part: part.write_bytes(text.encode()))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file's content; {} where there is none.

    Raises:
        UsageProblem: somebody damaged it.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as problem:
        raise UsageProblem(f"{path} is no JSON ({problem})", hint="remove the damaged folder, and run its command again") from None
    return document


def append_jsonl(path: Path, record: dict[str, Any]) -> None:
    """Append one line of JSON; a kill can at worst leave half of the last line, which readers skip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a JSONL file; [] where there is none."""
    return parse_jsonl(path.read_text(encoding="utf-8")) if path.exists() else []


def parse_jsonl(text: str) -> list[dict[str, Any]]:
    """The whole lines of JSONL; half-written ones are skipped."""
    records = []
    for line in text.splitlines():
        try:
            records.append(json.loads(line))
        except (ValueError, RecursionError):  # also of numbers and lists that nobody has written in earnest
            continue
    return records


def read_training(folder: Path) -> dict[str, Any] | None:
    """The run.json that `unseg train` wrote in a folder; None where there is none of its own: `unseg bench` leaves one, too."""
    try:
        document = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) and document.get("command") == TRAINING else None


def environment_versions() -> dict[str, str]:
    """Versions that a result depends on, for `run.json`."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for name in (*LIBRARIES, "unseg_cli"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
