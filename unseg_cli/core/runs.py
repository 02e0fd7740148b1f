"""Files that a run writes: atomically, so that a kill leaves the old file or the new one, never half of one."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "torchvision", "timm", "segment-anything", "segmentation-models-pytorch", "transformers", "numpy", "pillow")


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then move it there in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=f".part{path.suffix}", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        write(part)
        part.chmod(0o644)  # mkstemp makes it private; a result is an ordinary file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json_atomically(path: Path, document: Any) -> None:
    """Write indented JSON."""
    text = json.dumps(document, indent=2) + "\n"
    write_atomically(path, lambda part: part.write_bytes(text.encode()))


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
        except json.JSONDecodeError:
            continue
    return records


def environment_versions() -> dict[str, str]:
    """Versions that a result depends on, for `run.json`."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for name in (*LIBRARIES, "unseg_cli"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
