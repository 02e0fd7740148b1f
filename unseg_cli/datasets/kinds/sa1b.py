"""SA-1B (`sa1b:ROOT`): `sa_*.jpg` beside `sa_*.json`, whose masks are run-length encoded as COCO's."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.datasets.kinds.coco_document import corners
from unseg_cli.datasets.sample import FileSource, Sample, Segment, Truth
from unseg_cli.datasets.training_set import TrainingSet, segment_by_area


def open_sa1b(root: Path) -> TrainingSet:
    """Every picture below ROOT that has its annotation; annotations are read with their picture.

    Raises:
        UsageProblem: there is none.
    """
    files = [path for path in sorted(root.rglob("sa_*.jpg")) if path.with_suffix(".json").exists()]
    if not files:
        raise UsageProblem(f"no sa_*.jpg with its sa_*.json under {root}", hint="unpack a shard of SA-1B there")
    samples = tuple(
        Sample(
            id=path.relative_to(root).with_suffix("").as_posix(), image=FileSource(path), truth=partial(_truth, path.with_suffix(".json"))
        )
        for path in files
    )
    return TrainingSet(samples=samples, choose=segment_by_area, salient=False)


def _truth(annotation: Path) -> Truth:
    segments = tuple(
        Segment(
            size=(entry["segmentation"]["size"][0], entry["segmentation"]["size"][1]),
            shape=entry["segmentation"],
            box=corners(entry.get("bbox")),
            area=float(entry["area"]),
        )
        for entry in json.loads(annotation.read_text(encoding="utf-8"))["annotations"]
    )
    if not any(segment.area > 0 for segment in segments):
        raise UnsegError(f"{annotation} holds no segment", hint="remove the picture or its annotation")
    return Truth(segments=segments)
