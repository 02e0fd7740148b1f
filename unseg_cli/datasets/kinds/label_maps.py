"""Published data sets with a label map for each picture: `voc:ROOT`, `ade20k:ROOT`, `cityscapes:ROOT`, `kvasir:ROOT`.

Each says where its pictures and maps are and what the values mean; nothing is guessed from what is in the maps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from unseg_cli.core.constants import BoolArray, U8Array
from unseg_cli.core.errors import NothingToDo, UsageProblem
from unseg_cli.datasets.kinds.folder import masked_truth, pictures_by_stem
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.mask_sets import LabelTable, label_table, open_mask, spread
from unseg_cli.datasets.sample import FileSource, Sample, Segment, Truth
from unseg_cli.pictures.masks import MaskFile

#: A picture, its label map, and where its objects are told apart, the map that does.
Triple = tuple[Path, Path, Path | None]

VOC = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog", "horse",
    "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
#: Cityscapes' value of each class that counts in its benchmark; those from "person" on are things.
CITYSCAPES = {
    "road": 7, "sidewalk": 8, "building": 11, "wall": 12, "fence": 13, "pole": 17, "traffic light": 19, "traffic sign": 20,
    "vegetation": 21, "terrain": 22, "sky": 23, "person": 24, "rider": 25, "car": 26, "truck": 27, "bus": 28, "train": 31,
    "motorcycle": 32, "bicycle": 33,
}  # fmt: skip
CITYSCAPES_THINGS = 11
ADE20K_CLASSES = 150
#: Of a data set without splits, one picture in so many is a test picture.
EVERY = 8


@dataclass(frozen=True)
class Objects:
    """Reads Cityscapes' instance maps: value * 1000 + number of the object; a plain value of a thing is a group."""

    ids: tuple[int, ...]
    things: tuple[int, ...]

    def __call__(self, mask: MaskFile) -> tuple[Segment, ...]:
        """The objects of a picture."""
        numbers = mask.ids()
        found = []
        for value in np.unique(numbers).tolist():
            of_class, crowd = (value // 1000, False) if value >= 1000 else (value, True)
            if of_class in self.ids and self.ids.index(of_class) in self.things:
                where: BoolArray = numbers == value
                found.append(
                    Segment(size=where.shape, shape=where, category=self.ids.index(of_class), crowd=crowd, area=float(where.sum()))
                )
        return tuple(found)


def open_voc(root: Path, *, name: str, limit: int | None) -> LabelledData:
    """PASCAL VOC 2012: 1,464 training pictures, or 10,582 where `SegmentationClassAug` and `train_aug.txt` are there.

    Raises:
        UsageProblem, NothingToDo: it is not there as it is published.
    """
    home = _home(name, root, ("VOC2012", "VOCdevkit/VOC2012"), "JPEGImages")
    lists = home / "ImageSets" / "Segmentation"
    more = (lists / "train_aug.txt").is_file() and (home / "SegmentationClassAug").is_dir()
    parts = ((lists / ("train_aug.txt" if more else "train.txt"), more), (lists / "val.txt", False))

    def triples(listing: Path, more: bool) -> list[Triple]:
        maps = home / ("SegmentationClassAug" if more else "SegmentationClass")
        return [(home / "JPEGImages" / f"{stem}.jpg", maps / f"{stem}.png", None) for stem in _listed(listing)]

    train, test = (triples(*part) for part in parts)
    return label_map_data(name, VOC, tuple(range(len(VOC))), train, test, home, limit=limit, task="semantic")


def open_ade20k(root: Path, *, name: str, limit: int | None) -> LabelledData:
    """ADE20K as its scene-parsing benchmark has it: 150 classes, 0 is void.

    Raises:
        UsageProblem, NothingToDo: it is not there as it is published.
    """
    home = _home(name, root, ("ADEChallengeData2016",), "annotations")
    names = _ade20k_names(home / "objectInfo150.txt")

    def triples(split: str) -> list[Triple]:
        images = pictures_by_stem(home / "images" / split)
        return [(path, home / "annotations" / split / f"{stem}.png", None) for stem, path in images.items()]

    ids = tuple(range(1, ADE20K_CLASSES + 1))
    return label_map_data(name, names, ids, triples("training"), triples("validation"), home, limit=limit, task="semantic")


def open_cityscapes(root: Path, *, name: str, limit: int | None) -> LabelledData:
    """Cityscapes' fine annotations: 19 classes, of which 8 are things.

    Raises:
        UsageProblem, NothingToDo: it is not there as it is published.
    """
    if not (root / "leftImg8bit").is_dir() or not (root / "gtFine").is_dir():
        raise UsageProblem(f"--data {name}: there are no leftImg8bit/ and gtFine/ in {root}", hint="ROOT holds both")

    def triples(split: str) -> list[Triple]:
        found: list[Triple] = []
        for path in sorted((root / "leftImg8bit" / split).glob("*/*_leftImg8bit.png")):
            begin = root / "gtFine" / split / path.parent.name / path.name.removesuffix("_leftImg8bit.png")
            labels, instances = (begin.with_name(f"{begin.name}_gtFine_{kind}.png") for kind in ("labelIds", "instanceIds"))
            found.append((path, labels, instances))
        return found

    things = tuple(range(CITYSCAPES_THINGS, len(CITYSCAPES)))
    ids = tuple(CITYSCAPES.values())
    return label_map_data(name, tuple(CITYSCAPES), ids, triples("train"), triples("val"), root, limit=limit, task="semantic", things=things)


def open_kvasir(root: Path, *, name: str, limit: int | None) -> LabelledData:
    """Kvasir-SEG: polyps. It has no splits: one picture in `EVERY` is a test picture, unless train.txt and val.txt say which are.

    Raises:
        UsageProblem, NothingToDo: it is not there as it is published.
    """
    home = _home(name, root, ("Kvasir-SEG",), "masks")
    images, masks = (pictures_by_stem(home / kind) for kind in ("images", "masks"))
    stems = sorted(images)
    listed = [home / f"{split}.txt" for split in ("train", "val")]
    test = _listed(listed[1]) if all(path.is_file() for path in listed) else stems[::EVERY]
    train = _listed(listed[0]) if all(path.is_file() for path in listed) else [stem for stem in stems if stem not in set(test)]

    def triples(chosen: Iterable[str]) -> list[Triple]:
        return [(images.get(stem, home / "images" / stem), masks.get(stem, home / "masks" / stem), None) for stem in chosen]

    names = ("background", "polyp")
    return label_map_data(name, names, (0, 1), triples(train), triples(test), home, limit=limit, task="binary", mapping=bright_is_object)


def bright_is_object(mask: MaskFile) -> U8Array:
    """(H, W): 1 from half of full intensity on."""
    return mask.bright().astype(np.uint8)


def _home(name: str, root: Path, below: tuple[str, ...], sign: str) -> Path:
    """ROOT, or the folder below it, that holds what tells the data set.

    Args:
        name: what the user called it.
        root: as passed.
        below: where it may lie, too.
        sign: a folder that is in it.
    """
    home = next((path for path in (root, *(root / place for place in below)) if (path / sign).is_dir()), None)
    if home is None:
        hint = f"ROOT is {Path(below[0]).name}, or the folder that it is in"
        raise UsageProblem(f"--data {name}: there is no {sign}/ in {root}", hint=hint)
    return home


def _listed(path: Path) -> list[str]:
    if not path.is_file():
        raise UsageProblem(f"there is no {path}", hint="the data set is read as it is published")
    return [Path(line.strip()).stem for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _ade20k_names(path: Path) -> tuple[str, ...]:
    """The first name of each class, of the table that comes with the data; numbers where it is not there."""
    lines = path.read_text(encoding="utf-8").splitlines()[1:] if path.is_file() else []
    names = [line.split("\t")[-1].split(",")[0].strip() for line in lines]
    return tuple(names) if len(names) == ADE20K_CLASSES else tuple(f"class {number}" for number in range(1, ADE20K_CLASSES + 1))


def label_map_data(
    name: str,
    classes: tuple[str, ...],
    ids: tuple[int, ...],
    train: list[Triple],
    test: list[Triple],
    root: Path,
    *,
    limit: int | None,
    task: str,
    things: tuple[int, ...] | None = None,
    mapping: Callable[[MaskFile], U8Array] | None = None,
) -> LabelledData:
    """The data set of these files.

    Args:
        name: what the user called it.
        classes: their names, in the order of their labels.
        ids: the value of each class in the maps.
        train: the files of the training pictures.
        test: those of the test pictures.
        root: what the names of pictures are below.
        limit: at most this many pictures of each split, evenly spread.
        task: what it is for.
        things: the labels of things, whose objects the third files tell apart.
        mapping: from a mask to labels; None: by `ids`.

    Raises:
        NothingToDo: a split without a picture.
        UsageProblem: a file is not there.
    """
    reads = mapping or LabelTable(label_table(ids))
    objects = None if things is None else Objects(ids, things)
    splits = []
    for triples in (train, test):
        if not triples:
            raise NothingToDo(f"--data {name}: a split without a picture", hint="the data set is read as it is published")
        absent = next((path for triple in triples for path in triple if path is not None and not path.is_file()), None)
        if absent is not None:
            raise UsageProblem(f"--data {name}: there is no {absent}", hint="the data set is read as it is published")
        samples = [
            Sample(
                id=image.relative_to(root).with_suffix("").as_posix(),
                image=FileSource(image),
                truth=partial(_truth, FileSource(labels), reads, None if instances is None else FileSource(instances), objects),
            )
            for image, labels, instances in triples
        ]
        splits.append(spread(sorted(samples, key=lambda sample: sample.id), limit))
    return LabelledData(name=name, task=task, classes=classes, ids=ids, things=things, train=splits[0], test=splits[1])


def _truth(labels: FileSource, mapping: Callable[[MaskFile], U8Array], instances: FileSource | None, objects: Objects | None) -> Truth:
    whole = masked_truth(labels, mapping)
    if instances is None or objects is None:
        return whole
    return Truth(labels=whole.labels, segments=objects(open_mask(instances)))
