"""COCO instances (`coco:IMAGES:JSON`): polygons or run-length encodings of many objects a picture."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

from unseg_cli.core.errors import UsageProblem
from unseg_cli.datasets.sample import Box, FileSource, Sample, Segment, Truth
from unseg_cli.datasets.training_set import TrainingSet, any_instance
from unseg_cli.pictures.names import stays_inside, stem_of


def open_coco(images: Path, annotations: Path) -> TrainingSet:
    """The pictures with an object that is no crowd, in the order of the document.

    Raises:
        UsageProblem: no such picture, or one that lies outside of `images`.
    """
    document: dict[str, Any] = json.loads(annotations.read_text(encoding="utf-8"))
    for image in document["images"]:
        if not stays_inside(image["file_name"]):
            raise UsageProblem(f"{annotations} names a picture outside of {images}: {image['file_name']}", hint="name the folder above")
    entries = defaultdict(list)
    for annotation in document["annotations"]:
        entries[annotation["image_id"]].append(annotation)
    samples = tuple(
        Sample(
            id=stem_of(image["file_name"]),
            image=FileSource(images / image["file_name"]),
            truth=partial(_truth, (image["height"], image["width"]), entries[image["id"]]),
        )
        for image in document["images"]
        if any(_is_instance(annotation) for annotation in entries[image["id"]])
    )
    if not samples:
        raise UsageProblem(f"{annotations} names no instance", hint="pass an instances_*.json")
    return TrainingSet(samples=samples, choose=any_instance, salient=False)


def corners(box: list[float] | None) -> Box | None:
    """COCO's left, top, width, height as left, top, right, bottom."""
    return None if box is None else (box[0], box[1], box[0] + box[2], box[1] + box[3])


def _is_instance(annotation: dict[str, Any]) -> bool:
    return not annotation.get("iscrowd", 0) and annotation.get("area", 1) > 0


def _truth(size: tuple[int, int], annotations: list[dict[str, Any]]) -> Truth:
    return Truth(
        segments=tuple(
            Segment(
                size=size,
                shape=annotation["segmentation"],
                category=annotation.get("category_id", 1),
                crowd=bool(annotation.get("iscrowd", 0)),
                box=corners(annotation.get("bbox")),
                area=float(annotation.get("area", 1)),
            )
            for annotation in annotations
        )
    )
