"""The JSON of COCO's format, checked: pictures, classes, and the objects of each picture."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unseg_cli.core.errors import UsageProblem
from unseg_cli.datasets.sample import Box, Segment
from unseg_cli.pictures.names import stays_inside

Entry = dict[str, Any]
#: What has to be there, and of which kind.
_PICTURE = {"id": int, "file_name": str, "height": int, "width": int}
_OBJECT = {"image_id": int}
_CLASS = {"id": int, "name": str}
#: What is said where an object has a box and no outline.
BOXES_DO = "boxes alone are enough for `unseg bench --task detection` and `unseg protect --dataset`"
#: Coordinates of the smallest polygon.
_TRIANGLE = 6


@dataclass(frozen=True)
class CocoDocument:
    """What a file of annotations says.

    Attributes:
        path: the file, for messages.
        pictures: in its order.
        names: of the classes, by number, in ascending order.
        objects: of each picture, by its id.
        boxes: how many of them have a box alone, which stands for their outline.
    """

    path: Path
    pictures: tuple[Entry, ...]
    names: dict[int, str]
    objects: dict[int, list[Entry]]
    boxes: int


def read_coco(path: Path, *, boxes: bool = False) -> CocoDocument:
    """Read a file of annotations.

    Args:
        path: the file.
        boxes: whether an object may have a box alone. It is taken for its outline, then.

    Raises:
        UsageProblem: it is not there, no JSON, or not in COCO's format; an object is in no picture of it or of no class, or its outline is
            none; a picture or a class is listed twice; a picture's name leads out of its folder.
    """
    document = read_annotations(path)
    pictures = _entries(path, document, "images", _PICTURE)
    classes = sorted(_entries(path, document, "categories", _CLASS, []), key=lambda entry: int(entry["id"]))
    for name, entries in (("images", pictures), ("categories", classes)):
        number, times = Counter(entry["id"] for entry in entries).most_common(1)[0] if entries else (0, 1)
        if times > 1:
            raise UsageProblem(f'{path}: "{name}" lists {number} {times} times', hint="give each an id of its own")
    for entry in pictures:
        if not stays_inside(entry["file_name"]):
            raise UsageProblem(f"{path} names a picture outside of its folder: {entry['file_name']}", hint="name the folder above")
    names = {entry["id"]: entry["name"] for entry in classes}
    objects = _objects_by_picture(path, _entries(path, document, "annotations", _OBJECT), {entry["id"] for entry in pictures})
    every = [(entry, one) for entry in pictures for one in objects.get(entry["id"], [])]
    filled = sum(_outlined_by_its_box(one) for _, one in every) if boxes else 0
    for entry, one in every:
        if problem := _problem(one, [entry["height"], entry["width"]]):
            where = f"object {one.get('id', '?')} in {entry['file_name']}"
            hint = BOXES_DO if not boxes and _box_alone(one) else "mend or remove it"
            raise UsageProblem(f"{path}: {where}: {problem}", hint=hint)
    if names:
        unnamed = {str(entry.get("category_id")) for several in objects.values() for entry in several} - set(map(str, names))
        if unnamed:
            raise UsageProblem(f"{path}: an object is of class {min(unnamed)}, which is not listed", hint='add it to "categories"')
    return CocoDocument(path, tuple(pictures), names, objects, filled)


def _objects_by_picture(path: Path, annotations: list[Entry], listed: set[int]) -> dict[int, list[Entry]]:
    objects: dict[int, list[Entry]] = defaultdict(list)
    for entry in annotations:
        objects[entry["image_id"]].append(entry)
    if stray := objects.keys() - listed:
        raise UsageProblem(f"{path}: an object is in picture {min(stray)}, which is not listed", hint="pass the whole file of annotations")
    return dict(objects)


def _outlined_by_its_box(one: Entry) -> bool:
    """Give an object of which only the box is known that for its outline; whether it was needed."""
    alone = _box_alone(one)
    if alone:
        one["segmentation"] = [alone]
    return bool(alone)


def read_annotations(path: Path) -> Any:
    """The JSON in a file.

    Raises:
        UsageProblem: it is not there, or holds none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise UsageProblem(f"{path} cannot be read ({problem.strerror or problem})", hint="name a file of annotations") from None
    except (ValueError, RecursionError) as problem:
        raise UsageProblem(f"{path} is no JSON ({problem})", hint="fetch it again: it may have been cut off") from None


def _entries(path: Path, document: Any, name: str, wanted: Mapping[str, type], default: list[Entry] | None = None) -> list[Entry]:
    found = document.get(name, default) if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise UsageProblem(f'{path} has no list "{name}"', hint="annotations in COCO's format are needed, such as instances_train2017.json")
    for place, entry in enumerate(found):
        for key, kind in wanted.items():
            if not isinstance(entry, dict) or not isinstance(entry.get(key), kind):
                raise UsageProblem(f'{path}: entry {place} of "{name}" has no "{key}"', hint="annotations in COCO's format are needed")
    return found


def _problem(entry: Entry, size: list[int]) -> str:
    """What is wrong with an object of a picture of [H, W]; "": nothing."""
    shape, box = entry.get("segmentation"), entry.get("bbox")
    if not _numbers([entry.get("area", 1)]):
        return "its area is no number"
    if entry.get("area", 1) <= 0:
        return ""  # there is nothing of it, and nobody reads its outline
    if box is not None and not (isinstance(box, list) and len(box) == 4 and _numbers(box)):
        return "its box is not left, top, width and height"
    if isinstance(shape, list):
        if not all(isinstance(polygon, list) and len(polygon) % 2 == 0 and _numbers(polygon) for polygon in shape):
            return "its outline is not a list of polygons, each of x, y, x, y and so on"
        return "" if any(len(polygon) >= _TRIANGLE for polygon in shape) else "its outline has no polygon of three points"
    if isinstance(shape, dict):
        if shape.get("size") != size:
            return f"its mask is of (height, width) {shape.get('size')}, the picture of {size}"
        counts = shape.get("counts")
        if isinstance(counts, list) and _numbers(counts) and min(counts, default=-1) >= 0 and sum(counts) == size[0] * size[1]:
            return ""
        return "" if isinstance(counts, str) else "the counts of its mask are not those of the picture's pixels"
    return "it has no outline (segmentation)"


def _box_alone(entry: Entry) -> list[float]:
    """The corners of the box of an object of which nothing else is known, as a polygon; [] where more is, or where the box is none."""
    box = entry.get("bbox")
    if entry.get("segmentation") not in (None, [], [[]]) or not (isinstance(box, list) and len(box) == 4 and _numbers(box)):
        return []
    left, top, width, height = box
    if not (width > 0 and height > 0):
        return []
    return [left, top, left + width, top, left + width, top + height, left, top + height]


def _numbers(values: list[Any]) -> bool:
    return all(isinstance(value, int | float) and math.isfinite(value) for value in values)


def is_single(entry: Entry) -> bool:
    """Whether an object stands for itself: it is no crowd, and there is something of it."""
    return not entry.get("iscrowd", 0) and entry.get("area", 1) > 0


def segment_of(entry: Entry, size: tuple[int, int], category: int) -> Segment:
    """An object of a picture of (H, W), under this number of a class."""
    shape = entry["segmentation"]
    if isinstance(shape, list):
        shape = [polygon for polygon in shape if len(polygon) >= _TRIANGLE]  # pycocotools takes two points for a box
    return Segment(
        size=size,
        shape=shape,
        category=category,
        crowd=bool(entry.get("iscrowd", 0)),
        box=corners(entry.get("bbox")),
        area=float(entry.get("area", 1)),
    )


def corners(box: list[float] | None) -> Box | None:
    """COCO's left, top, width, height as left, top, right, bottom."""
    return None if box is None else (box[0], box[1], box[0] + box[2], box[1] + box[3])
