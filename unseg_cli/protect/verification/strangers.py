"""Pictures in DST that are no protected copy of one in SRC: clean ones that would be published unprotected, old ones, foreign ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from unseg_cli.core.errors import UnsegError
from unseg_cli.generators.sums import sha256_of
from unseg_cli.pictures.decode import read_picture
from unseg_cli.protect.manifest import Record
from unseg_cli.protect.verification.pairs import Pair, Trees


def judge_strangers(trees: Trees, pool: ThreadPoolExecutor) -> list[dict[str, Any]]:
    """What is wrong with each picture of DST that belongs to none of SRC.

    Returns:
        One `{"dst", "problem", "clean"}` each; `clean` is the name of the picture in SRC that it equals byte by byte or pixel by pixel.
    """
    if not trees.strangers:
        return []
    paths = [trees.root / name for name in trees.strangers]
    equal = _equal_bytes(paths, trees.pairs)
    others = [path for path in paths if path not in equal]
    equal |= _equal_pixels(others, trees.pairs, pool)
    owners = {str(row.get("dst")): row for row in trees.manifest.rows.values()}
    out = []
    for name, path in zip(trees.strangers, paths, strict=True):
        clean = equal.get(path)
        out.append({"dst": name, "problem": _problem(clean, owners.get(name)), "clean": clean})
    return out


def _problem(clean: str | None, row: Record | None) -> str:
    if clean is not None:
        return f"is a clean picture, not protected: it equals {clean} of SRC"
    if row is not None and row.get("status") == "copied":
        return "is of a data set's annotations, and was changed since they were copied"
    if row is not None:
        return f"its clean picture {row['src']} is no longer in SRC"
    return "belongs to no picture of SRC, and the manifest does not know it"


def _equal_bytes(paths: list[Path], pairs: Iterable[Pair]) -> dict[Path, str]:
    """Which files are copies of clean ones; only those of the same length are read."""
    lengths = {path.stat().st_size for path in paths}
    clean = {sha256_of(pair.src): pair.name for pair in pairs if pair.src.stat().st_size in lengths}
    return {path: clean[digest] for path in paths if clean and (digest := sha256_of(path)) in clean}


def _equal_pixels(paths: list[Path], pairs: tuple[Pair, ...], pool: ThreadPoolExecutor) -> dict[Path, str]:
    if not paths:
        return {}
    clean = {key: pair.name for pair, key in zip(pairs, pool.map(_pixels, (pair.src for pair in pairs)), strict=True) if key}
    return {path: clean[key] for path, key in zip(paths, pool.map(_pixels, paths), strict=True) if key in clean}


def _pixels(path: Path) -> str | None:
    """A hash of shape, depth and values; None where the file cannot be read."""
    try:
        pixels = read_picture(path).pixels
    except UnsegError:
        return None
    return hashlib.sha256(f"{pixels.shape} {pixels.dtype} ".encode() + pixels.tobytes()).hexdigest()
