"""SA-1B (`sa1b:ROOT`): `sa_*.jpg` beside `sa_*.json`, whose masks are run-length encoded as COCO's.

Eleven million pictures: their names are listed, and nothing else is looked at before it is its turn; the list takes 16 bytes a picture.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import overload

import numpy as np

from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.datasets.kinds.coco_document import corners
from unseg_cli.datasets.sample import FileSource, Sample, Segment, Truth
from unseg_cli.datasets.training_set import TrainingSet, segment_by_area

#: SA-1B's own measure of how much a mask depends on the threshold that cut it out. Its authors kept what has 0.95 at their last step.
STABLE = 0.95


def open_sa1b(root: Path) -> TrainingSet:
    """Every picture below ROOT that has its annotation; annotations are read with their picture.

    Raises:
        UsageProblem: there is none.
    """
    pictures = Pictures(root)
    if not pictures:
        raise UsageProblem(f"no sa_*.jpg with its sa_*.json under {root}", hint="unpack a shard of SA-1B there")
    return TrainingSet(samples=pictures, choose=segment_by_area, salient=False)


class Pictures(Sequence[Sample]):
    """The samples below a folder, in the order of their paths; each is made when it is asked for."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: list[str] = []
        folders, names = [], []
        for folder, stems in _listed(root):
            if stems:
                folders.append(np.full(len(stems), len(self._folders), np.int32))
                names.append(np.array([os.fsencode(stem) for stem in stems]))
                self._folders.append(folder)
        self._folder_of = np.concatenate(folders) if folders else np.empty(0, np.int32)
        self._names = np.concatenate(names) if names else np.empty(0, "S1")

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        """A sample, or several."""
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        path = Path(self._folders[int(self._folder_of[index])], os.fsdecode(self._names[index]) + ".jpg")
        name = path.relative_to(self._root).with_suffix("").as_posix()
        return Sample(id=name, image=FileSource(path), truth=partial(_truth, path.with_suffix(".json")))


def _listed(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Each folder, and the stems of its pictures that have annotations."""
    for folder, inner, files in os.walk(root):
        inner.sort()
        ours = [os.path.splitext(name) for name in files if name.startswith("sa_")]
        annotated = {stem for stem, suffix in ours if suffix == ".json"}
        yield folder, sorted(stem for stem, suffix in ours if suffix == ".jpg" and stem in annotated)


def _truth(annotation: Path) -> Truth:
    """The segments that are stable, or all where none is."""
    try:
        entries = json.loads(annotation.read_text(encoding="utf-8"))["annotations"]
        stable = [entry for entry in entries if entry.get("stability_score", 1.0) >= STABLE]
        segments = tuple(
            Segment(
                size=(entry["segmentation"]["size"][0], entry["segmentation"]["size"][1]),
                shape=entry["segmentation"],
                box=corners(entry.get("bbox")),
                area=float(entry["area"]),
            )
            for entry in stable or entries
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as problem:
        raise UnsegError(f"{annotation} cannot be read ({type(problem).__name__}: {problem})", hint="get it again, or remove it") from None
    if not any(segment.area > 0 for segment in segments):
        raise UnsegError(f"{annotation} holds no segment", hint="remove the picture or its annotation")
    return Truth(segments=segments)
