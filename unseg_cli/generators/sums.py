"""SHA256SUMS: what the weights files of a folder should be, one line a file, as `sha256sum` writes and checks them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.core.runs import write_atomically

SUMS_FILE = "SHA256SUMS"


def sha256_hex(data: bytes) -> str:
    """The hash of a file's bytes, as manifests hold it."""
    return hashlib.sha256(data).hexdigest()


def fingerprint_of(parts: Mapping[str, Any]) -> str:
    """A short hash of settings, JSON-ready, that decide what is written; their order does not matter."""
    return sha256_hex(json.dumps(parts, sort_keys=True).encode())[:16]


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def intact_sha256(path: Path) -> str:
    """The hash of a weights file, after a look into the SHA256SUMS beside it. A file that is not listed there is taken as it is.

    Raises:
        EnvironmentProblem: another hash is recorded.
    """
    recorded, found = read_sums(path.parent).get(path.name), sha256_of(path)
    if recorded is not None and recorded != found:
        raise EnvironmentProblem(
            f"{path} is damaged or was changed: its SHA-256 is {found[:12]}..., {SUMS_FILE} says {recorded[:12]}...",
            hint="reinstall the package if the file came with it, else import it again; `unseg weights verify` checks all of them",
        )
    return found


def read_sums(folder: Path) -> dict[str, str]:
    """File name -> SHA-256 in hex; {} where nothing is recorded."""
    path = folder / SUMS_FILE
    if not path.is_file():
        return {}
    lines = (re.fullmatch(r"([0-9a-fA-F]{64}) [ *](.+)", line.strip()) for line in path.read_text(encoding="utf-8").splitlines())
    return {match[2]: match[1].lower() for match in lines if match}


def record_sum(file: Path) -> str:
    """Hash `file`, note it in the SHA256SUMS beside it, and return the hash."""
    sums = {**read_sums(file.parent), file.name: sha256_of(file)}
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    write_atomically(file.parent / SUMS_FILE, lambda part: part.write_bytes(text.encode()))
    return sums[file.name]
