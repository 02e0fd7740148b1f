"""COCO's format: polygons or run-length encodings of many objects a picture.

coco:IMAGES:JSON                                        to train a generator
coco:IMAGES_TRAIN:JSON_TRAIN:IMAGES_VAL:JSON_VAL        for benchmarks
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

from unseg_cli.core.constants import IGNORE, U8Array
from unseg_cli.core.errors import NothingToDo, UsageProblem
from unseg_cli.datasets.addresses import paths_of
from unseg_cli.datasets.kinds.coco_document import CocoDocument, Entry, is_single, read_coco, segment_of
from unseg_cli.datasets.labelled import MOST_CLASSES, LabelledData
from unseg_cli.datasets.mask_sets import spread
from unseg_cli.datasets.sample import FileSource, Sample, Segment, Truth
from unseg_cli.datasets.training_set import TrainingSet, any_instance
from unseg_cli.pictures.names import stem_of

#: What can be measured on objects with a class each; the first is meant where nobody says.
TASKS = ("instance", "detection", "panoptic", "interactive", "semantic")
SYNTAX = "coco:IMAGES_TRAIN:JSON_TRAIN:IMAGES_VAL:JSON_VAL"


def open_coco(images: Path, annotations: Path) -> TrainingSet:
    """The pictures with an object that is no crowd, in the order of the document.

    Raises:
        UsageProblem: see `read_coco`; or there is no object.
    """
    document = read_coco(annotations)
    samples = tuple(
        _sample(images, picture, partial(_objects, _size(picture), document.objects[picture["id"]]))
        for picture in document.pictures
        if any(map(is_single, document.objects.get(picture["id"], ())))
    )
    if not samples:
        raise UsageProblem(f"{annotations} names no instance", hint="pass an instances_*.json")
    return TrainingSet(samples=samples, choose=any_instance, salient=False)


def open_labelled_coco(
    text: str, *, name: str, limit: int | None, task: str | None, classes: tuple[str, ...] = (), boxes: bool = False
) -> LabelledData:
    """A data set for benchmarks.

    Args:
        text: what follows "coco:" in `SYNTAX`.
        name: what the user called it.
        limit: at most this many pictures of each split, evenly spread.
        task: one of `TASKS`; None: the first.
        classes: names of the classes that count; (): all that have an object to learn from.
        boxes: see `read_coco`.

    Raises:
        UsageProblem: see `read_coco`; or a class that is not there.
        NothingToDo: a split without an object.
    """
    parts = paths_of(text)
    if len(parts) != 4:
        raise UsageProblem(f"--data {name}: two folders and two files of annotations are needed", hint=f"write {SYNTAX}")
    return labelled_coco(
        (Path(parts[0]), read_coco(Path(parts[1]), boxes=boxes)),
        (Path(parts[2]), read_coco(Path(parts[3]), boxes=boxes)),
        name=name,
        limit=limit,
        task=task or TASKS[0],
        classes=classes,
    )


def labelled_coco(
    train: tuple[Path, CocoDocument],
    test: tuple[Path, CocoDocument],
    *,
    name: str,
    limit: int | None,
    task: str,
    classes: tuple[str, ...] = (),
) -> LabelledData:
    """A data set of two folders and what is known about their pictures; see `open_labelled_coco`."""
    numbers = _classes(train[1], classes)
    names = ("background", *(train[1].names[number] for number in numbers))
    labels = {number: place for place, number in enumerate(numbers, 1)}
    filled = train[1].boxes + test[1].boxes
    return LabelledData(
        name=name,
        task=task,
        classes=names,
        ids=(0, *numbers),
        things=tuple(labels.values()),
        train=_split(*train, labels, limit, every=False),
        test=_split(*test, labels, limit, every=True),
        notes=(f"{filled:,} objects have a box and no outline: the whole box is the mask",) if filled else (),
    )


def _classes(document: CocoDocument, wanted: tuple[str, ...]) -> list[int]:
    """The numbers of the classes that count."""
    if not document.names:
        raise UsageProblem(f'{document.path} has no "categories"', hint="annotations of objects with classes are needed")
    known = {name: number for number, name in document.names.items()}
    absent = [name for name in wanted if name not in known]
    if absent:
        raise UsageProblem(f"--classes {absent[0]!r} is no class of {document.path}", hint=f"known: {', '.join(known)}")
    counted = Counter(entry["category_id"] for several in document.objects.values() for entry in several if is_single(entry))
    numbers = [number for number, name in document.names.items() if counted[number] and (not wanted or name in wanted)]
    if not numbers:
        raise NothingToDo(f"{document.path} has no object{' of these classes' if wanted else ''}", hint="pass an instances_*.json")
    if len(numbers) >= MOST_CLASSES:
        raise UsageProblem(f"{document.path} has {len(numbers)} classes, more than {MOST_CLASSES - 1}", hint="name some: --classes")
    return numbers


def _split(images: Path, document: CocoDocument, labels: dict[int, int], limit: int | None, *, every: bool) -> tuple[Sample, ...]:
    """The pictures of a split, in the order of their names: those with an object to learn from, or every one."""
    chosen = {}
    objects = {number: [entry for entry in several if _counts(entry, labels)] for number, several in document.objects.items()}
    if not any(map(is_single, (entry for several in objects.values() for entry in several))):
        raise NothingToDo(f"{document.path} has no object of the classes that count", hint="pass another file, or other --classes")
    for picture in document.pictures:
        entries, path = objects.get(picture["id"], []), images / picture["file_name"]
        if every or any(map(is_single, entries)):
            if not path.is_file():
                raise UsageProblem(f"{document.path} names {path}, which is not there", hint="name the folder that its file names begin in")
            chosen[picture["file_name"]] = _sample(images, picture, partial(_labelled, _size(picture), entries, labels))
    return tuple(spread([chosen[name] for name in sorted(chosen)], limit))


def _counts(entry: Entry, labels: dict[int, int]) -> bool:
    """Whether there is something of an object, and it is of a class that counts."""
    return entry["category_id"] in labels and entry.get("area", 1) > 0


def _sample(images: Path, picture: Entry, truth: partial[Truth]) -> Sample:
    return Sample(id=stem_of(picture["file_name"]), image=FileSource(images / picture["file_name"]), truth=truth)


def _size(picture: Entry) -> tuple[int, int]:
    return picture["height"], picture["width"]


def _objects(size: tuple[int, int], entries: list[Entry]) -> Truth:
    return Truth(segments=tuple(segment_of(entry, size, entry.get("category_id", 1)) for entry in entries))


def _labelled(size: tuple[int, int], entries: list[Entry], labels: dict[int, int]) -> Truth:
    """Objects under the numbers of labels, and a label map of them."""
    segments = tuple(segment_of(entry, size, labels[entry["category_id"]]) for entry in entries)
    return Truth(labels=painted(size, segments), segments=segments)


def painted(size: tuple[int, int], segments: tuple[Segment, ...]) -> U8Array:
    """(H, W): the class of the object at each pixel, 0 where there is none. Where objects overlap, the smaller one lies on top."""
    labels = np.zeros(size, np.uint8)
    masks = [(one.category, one.mask()) for one in segments]
    for category, mask in sorted(masks, key=lambda pair: -int(pair[1].sum())):
        labels[mask] = category
    assert not (labels == IGNORE).any()
    return labels
