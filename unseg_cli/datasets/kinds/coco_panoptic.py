"""COCO's panoptic format: a picture of numbers for each picture, and what each number is.

    coco-panoptic:IMAGES_TRAIN:JSON_TRAIN:NUMBERS_TRAIN:IMAGES_VAL:JSON_VAL:NUMBERS_VAL

The format of COCO, and of what Cityscapes' and ADE20K's own tools write for panoptic segmentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unseg_cli.core.constants import IGNORE, U8Array
from unseg_cli.core.errors import NothingToDo, UnsegError, UsageProblem
from unseg_cli.datasets.addresses import paths_of
from unseg_cli.datasets.kinds.coco_document import Entry, read_annotations
from unseg_cli.datasets.labelled import MOST_CLASSES, LabelledData
from unseg_cli.datasets.mask_sets import spread
from unseg_cli.datasets.sample import FileSource, Sample, Segment, Truth, read_image
from unseg_cli.pictures.names import stays_inside, stem_of

#: What can be measured; the first is meant where nobody says.
TASKS = ("panoptic", "instance", "detection", "interactive", "semantic")
SYNTAX = "coco-panoptic:IMAGES_TRAIN:JSON_TRAIN:NUMBERS_TRAIN:IMAGES_VAL:JSON_VAL:NUMBERS_VAL"


@dataclass(frozen=True)
class Classes:
    """What the numbers of classes are called; their order is that of the labels.

    Attributes:
        names: by number, in ascending order.
        things: the numbers of things.
    """

    names: dict[int, str]
    things: frozenset[int]

    @property
    def labels(self) -> dict[int, int]:
        """Number -> label."""
        return {number: label for label, number in enumerate(self.names)}


def open_coco_panoptic(text: str, *, name: str, limit: int | None, task: str | None) -> LabelledData:
    """A data set for benchmarks.

    Args:
        text: what follows "coco-panoptic:" in `SYNTAX`.
        name: what the user called it.
        limit: at most this many pictures of each split, evenly spread.
        task: one of `TASKS`; None: the first.

    Raises:
        UsageProblem: a file is not there, or not in the format.
        NothingToDo: a split without a picture.
    """
    parts = [Path(part) for part in paths_of(text)]
    if len(parts) != 6:
        raise UsageProblem(f"--data {name}: for each split a folder, a file and a folder of numbers are needed", hint=f"write {SYNTAX}")
    first, second = _read(parts[1]), _read(parts[4])
    classes = _classes(parts[1], first)
    train, test = _samples(parts[0], parts[1], parts[2], first, classes), _samples(parts[3], parts[4], parts[5], second, classes)
    things = tuple(label for number, label in classes.labels.items() if number in classes.things)
    return LabelledData(
        name=name,
        task=task or TASKS[0],
        classes=tuple(classes.names.values()),
        ids=tuple(classes.names),
        things=things,
        train=tuple(spread(train, limit)),
        test=tuple(spread(test, limit)),
    )


def _read(path: Path) -> Entry:
    document, lists = read_annotations(path), ("annotations", "categories", "images")
    if not isinstance(document, dict) or not all(isinstance(document.get(key), list) for key in lists):
        raise UsageProblem(f"{path} lacks annotations, categories or images", hint="name a file such as panoptic_train2017.json")
    return document


def _classes(path: Path, document: Entry) -> Classes:
    try:
        entries = sorted(document["categories"], key=lambda entry: int(entry["id"]))
        names = {int(entry["id"]): str(entry["name"]) for entry in entries}
        things = frozenset(int(entry["id"]) for entry in entries if entry["isthing"])
    except (KeyError, TypeError, ValueError) as problem:
        raise UsageProblem(f"{path}: a category lacks {problem}", hint="id, name and isthing are needed") from None
    if not 1 < len(names) <= MOST_CLASSES:
        raise UsageProblem(f"{path} has {len(names)} classes, not 2 to {MOST_CLASSES}", hint="pass another file")
    return Classes(names, things)


def _samples(images: Path, path: Path, numbers: Path, document: Entry, classes: Classes) -> list[Sample]:
    """The pictures of a split, by name."""
    try:
        names = {entry["id"]: str(entry["file_name"]) for entry in document["images"]}
        listed = [(names[entry["image_id"]], str(entry["file_name"]), entry["segments_info"]) for entry in document["annotations"]]
        unknown = {int(one["category_id"]) for _, _, segments in listed for one in segments} - classes.names.keys()
    except (KeyError, TypeError, ValueError) as problem:
        raise UsageProblem(f"{path}: an annotation lacks {problem}", hint="image_id, file_name and segments_info are needed") from None
    if unknown:
        raise UsageProblem(f"{path}: a segment is of class {min(unknown)}, which is not listed", hint='add it to "categories"')
    if not listed:
        raise NothingToDo(f"{path} names no picture", hint="pass another file")
    found = []
    for image, file, segments in sorted(listed, key=lambda one: one[0]):
        for folder, name in ((images, image), (numbers, file)):
            if not stays_inside(name) or not (folder / name).is_file():
                raise UsageProblem(f"{path} names {folder / name}, which is not there", hint="name the folder that its file names begin in")
        truth = partial(_truth, FileSource(numbers / file), segments, classes)
        found.append(Sample(id=stem_of(image), image=FileSource(images / image), truth=truth))
    return found


def _truth(source: FileSource, segments: list[Entry], classes: Classes) -> Truth:
    """Labels of all segments, and the things among them as objects."""
    colours = read_image(source).astype(np.int32)
    numbers: npt.NDArray[np.int32] = colours[..., 0] + 256 * colours[..., 1] + 65_536 * colours[..., 2]
    labels: U8Array = np.full(numbers.shape, IGNORE, np.uint8)
    objects = []
    for entry in segments:
        where, category = numbers == int(entry["id"]), int(entry["category_id"])
        if not where.any():
            raise UnsegError(f"{source}: there is no segment {entry['id']}", hint="numbers and annotations are of two versions")
        label = classes.labels[category]
        labels[where] = label
        if category in classes.things:
            size = (int(where.shape[0]), int(where.shape[1]))
            crowd = bool(entry.get("iscrowd", 0))
            objects.append(Segment(size=size, shape=where, category=label, crowd=crowd, area=float(where.sum())))
    return Truth(labels=labels, segments=tuple(objects))
