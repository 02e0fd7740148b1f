"""A manifest in parts, for so many pictures that no process should read all of its lines: each picture's line has its place by its name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import TypeVar

from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.pictures.stores.store import Store

FOLDER = "unseg-manifest"
INDEX = f"{FOLDER}/partitions.json"
#: Pictures in a part: what a worker does at a time, and may have to look through again when it was lost.
PICTURES = 500

T = TypeVar("T")


def part_name(number: int) -> str:
    """The file of a part."""
    return f"{FOLDER}/part-{number:06d}.jsonl"


def part_of(src: str, count: int) -> int:
    """In which of `count` parts the line of a picture is."""
    return int.from_bytes(hashlib.sha256(src.encode("utf-8", "surrogateescape")).digest()[:8], "big") % count


def parts_of(store: Store) -> int:
    """How many parts the manifest of a store has; 0 where it is one file.

    Raises:
        EnvironmentProblem: the index is damaged.
    """
    if not store.exists(INDEX):
        return 0
    try:
        count = json.loads(store.read(INDEX))["parts"]
        if not isinstance(count, int) or count < 1:
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise EnvironmentProblem(f"{store.where(INDEX)} is damaged", hint='it is {"parts": N}, of the parts beside it') from None
    return count


def divide(store: Store, pictures: int, *, at_least: int) -> int:
    """How many parts the manifest of a store has from now on: as many as it has, or so many that each is for `PICTURES` pictures.

    Args:
        store: where the manifest is.
        pictures: how many there are.
        at_least: so many, if there are as many pictures: all workers should have something to do.
    """
    count = parts_of(store)
    if not count:
        count = max(1, -(-pictures // PICTURES), min(at_least, pictures))
        store.put(INDEX, json.dumps({"parts": count}).encode())
    return count


def by_part(items: Iterable[tuple[str, T]], count: int) -> Iterator[tuple[int, list[T]]]:
    """Names and what belongs to them -> the parts that have any, with what belongs to each."""
    found: dict[int, list[T]] = {}
    for src, item in items:
        found.setdefault(part_of(src, count), []).append(item)
    yield from sorted(found.items())
