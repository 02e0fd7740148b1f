"""Data sets that victims are trained and tested on: folders of pictures and label maps, paired by stem.

    ROOT/images/train/a.jpg   ROOT/masks/train/a.png      (every format that `protect` reads; `test`, else `val`, for the test pictures)
    ROOT/classes.json         optional, see `_read_classes`

The task is read from the masks. Two values in all, and no classes.json: binary, where 0 is background. Otherwise the values are label ids;
255 and the classes whose name begins with void, unlabel or ignore are void, and void pixels count nowhere.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from unseg_cli.core.constants import IGNORE, U8Array
from unseg_cli.core.errors import NothingToDo, UnsegError, UsageProblem, did_you_mean
from unseg_cli.datasets.synthetic import synthetic_pairs
from unseg_cli.pictures.channels import visible_rgb
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.masks import mask_rule
from unseg_cli.pictures.names import match_by_stem
from unseg_cli.pictures.picture import Space

LOSSY = (".jpg", ".jpeg", ".webp")
TASKS = ("binary", "semantic")
OTHER_KINDS = ("coco", "voc", "cityscapes", "ade20k")
SYNTHETIC = "synthetic"
SYNTHETIC_SIZE, SYNTHETIC_TRAIN, SYNTHETIC_TEST = 96, 96, 24
_VOID = re.compile(r"(void|unlabel|ignore)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One picture and its label map, in files or (synthetic) in memory."""

    stem: str
    image: Path | U8Array
    mask: Path | U8Array


@dataclass(frozen=True, kw_only=True)
class SegmentationData:
    """A data set, opened but not decoded.

    Attributes:
        name: what the user called it.
        task: "binary" or "semantic".
        classes: names; their order is the order of the labels that `read_labels` gives. Binary: background, foreground.
        ids: the mask value of each class (semantic).
        things: the classes that classes.json calls things, as label numbers; None: it does not say.
        train, test: samples, sorted by stem.
        to_label: (256,) uint8, from mask value to label number or 255.
        smoke_test: True for made-up pictures: the numbers show that the machinery runs, nothing else.
    """

    name: str
    task: str
    classes: tuple[str, ...]
    ids: tuple[int, ...]
    things: tuple[int, ...] | None
    train: tuple[Sample, ...]
    test: tuple[Sample, ...]
    to_label: U8Array = field(repr=False)
    smoke_test: bool = False

    def read_labels(self, sample: Sample) -> U8Array:
        """The label map of a sample: (H, W) uint8 in [0, number of classes), 255 = void."""
        values = _read_mask(sample.mask)
        # Masks of 0 and 1 (all of one bit) may stand beside masks of 0 and 255, as when the splits come from two places.
        if self.task == "binary" and values.max(initial=0) == 1 and not _is_lossy(sample.mask):
            values = values * np.uint8(255)
        return self.to_label[values]

    def foreground_labels(self, rule: str | None) -> tuple[int, ...]:
        """Which labels the noise treats as objects.

        Args:
            rule: as for `protect`, applied to the mask values of the classes: "nonzero", "not-void" or "class:7,9". None: the things of
                classes.json, where it names any, else "nonzero". Void is never an object.

        Raises:
            UsageProblem: an unknown rule, or one that no class of the data meets.
        """
        if rule is None and self.things is not None:
            return self.things
        wanted = mask_rule(rule or "nonzero")
        if wanted.colour:
            raise UsageProblem(f"--mask-rule {rule} is not for label maps", hint="use nonzero, not-void or class:7,9")
        chosen = tuple(np.flatnonzero(wanted.foreground(np.array(self.ids))).tolist())
        if not chosen:
            listing = ", ".join(f"{value} {name}" for value, name in zip(self.ids, self.classes, strict=True))
            raise UsageProblem(f"--mask-rule {rule}: the data has no such class", hint=f"its classes are {listing}")
        return chosen


def open_segmentation(name: str, *, limit: int | None = None, task: str | None = None) -> SegmentationData:
    """Find the samples of a data set and read its task and classes from the masks.

    Args:
        name: a folder, or "synthetic".
        limit: at most this many pictures of each split (spread evenly, since neighbours in a video are alike).
        task: "binary" or "semantic", where the masks leave it open; None: from the masks.

    Raises:
        UsageProblem: not such a folder, a picture without a mask, a mask value without a class.
        NothingToDo: a split without pictures.
    """
    if task is not None and task not in TASKS:
        raise UsageProblem(f"--task {task!r} cannot be measured on image + mask folders", hint=did_you_mean(task, list(TASKS)))
    if name == SYNTHETIC:
        return _synthetic(limit)
    root = Path(name)
    if not root.is_dir():
        if name.split(":")[0] in OTHER_KINDS:
            raise UsageProblem(
                f"--data {name}: only folders with images/ and masks/ are read", hint="write its label maps as masks/{train,test}/*.png"
            )
        raise UsageProblem(
            f"--data {name}: no such folder", hint=f"give a folder with images/{{train,test}} and masks/{{train,test}}, or {SYNTHETIC!r}"
        )
    splits = {split: _spread(_find_samples(root, split), limit) for split in ("train", _test_split(root))}
    train, test = splits.values()
    described = _read_classes(root / "classes.json")
    values, lossy = _scan_masks([*train, *test])
    if task is None:
        task = "binary" if described is None and (lossy or len(values) <= 2) else "semantic"
    if task == "binary":
        threshold = 127 if max(values, default=0) > 127 else 0
        to_label = (np.arange(256) > threshold).astype(np.uint8)
        return SegmentationData(
            name=name, task=task, classes=("background", "foreground"), ids=(0, 1), things=None, train=train, test=test, to_label=to_label
        )
    described = described or [{"name": f"class {value}"} for value in range(max(values - {IGNORE}, default=0) + 1)]
    return _semantic(name, described, values, train, test)


def read_image(source: Path | U8Array) -> U8Array:
    """A picture as `protect` sees it: (H, W, 3) uint8, turned upright as its EXIF says.

    Raises:
        UnsegError: the file cannot be decoded.
    """
    return read_image_and_space(source)[0]


def read_image_and_space(source: Path | U8Array) -> tuple[U8Array, Space]:
    """The same, and what the channels of the file are: noise on a file of one channel has no colour.

    Raises:
        UnsegError: the file cannot be decoded.
    """
    if not isinstance(source, Path):
        return source, "rgb"
    try:
        picture = read_picture(source)
    except UnsegError as problem:
        raise UnsegError(f"{source} {problem.message}", hint=problem.hint) from None
    return visible_rgb(picture.pixels, picture.space), picture.space


def pictures_by_stem(folder: Path) -> dict[str, Path]:
    """The pictures in a folder and below it, by their path relative to the folder without its ending.

    Raises:
        UsageProblem: two files share a stem.
    """
    found = match_by_stem(folder) if folder.is_dir() else {}
    for paths in found.values():
        if len(paths) > 1:
            raise UsageProblem(f"{paths[0]} and {paths[1].name} share one stem", hint="pairs are made by stem: keep one of them")
    return {stem: paths[0] for stem, paths in found.items()}


def _find_samples(root: Path, split: str) -> tuple[Sample, ...]:
    images, masks = (pictures_by_stem(root / kind / split) for kind in ("images", "masks"))
    if not images:
        raise NothingToDo(f"no picture in {root / 'images' / split}", hint="a data folder holds images/{train,test} and masks/{train,test}")
    lonely = sorted(images.keys() - masks.keys())
    if lonely:
        raise UsageProblem(
            f"{len(lonely)} pictures have no mask, first {images[lonely[0]]}", hint=f"put {lonely[0]}.png into {root / 'masks' / split}"
        )
    return tuple(Sample(stem=stem, image=path, mask=masks[stem]) for stem, path in images.items())


def _test_split(root: Path) -> str:
    return "test" if (root / "images" / "test").is_dir() else "val"


def _spread(samples: tuple[Sample, ...], limit: int | None) -> tuple[Sample, ...]:
    if limit is None or limit >= len(samples):
        return samples
    return tuple(samples[int(i)] for i in np.linspace(0, len(samples) - 1, limit))


def _read_mask(source: Path | U8Array) -> U8Array:
    """A mask as (H, W) uint8 values; palette indices stay indices."""
    if not isinstance(source, Path):
        return source
    try:
        with Image.open(source) as image:
            array = np.asarray(image)
    except (OSError, UnidentifiedImageError) as problem:
        raise UnsegError(f"{source} cannot be read: {problem}", hint="repair it, or take it and its picture out of the folder") from problem
    if array.ndim == 3 and all(np.array_equal(array[..., 0], array[..., c]) for c in range(1, min(array.shape[2], 3))):
        array = array[..., 0]
    if array.ndim != 2 or array.max(initial=0) > 255:
        raise UsageProblem(
            f"{source} is no label map: its pixels are no values from 0 to 255", hint="write label ids as a grey or palette PNG"
        )
    return array.astype(np.uint8)


def _scan_masks(samples: list[Sample]) -> tuple[set[int], bool]:
    """The values that occur in the masks, and whether a lossy format smeared them."""
    values: set[int] = set()
    for sample in samples:
        values.update(np.flatnonzero(np.bincount(_read_mask(sample.mask).ravel(), minlength=256)).tolist())
    return values, any(_is_lossy(sample.mask) for sample in samples)


def _is_lossy(mask: Path | U8Array) -> bool:
    return isinstance(mask, Path) and mask.suffix.lower() in LOSSY


def _read_classes(path: Path) -> list[dict[str, Any]] | None:
    """classes.json: a list whose index is the mask value, of names or of {"name": .., "thing": true, "void": true}; None without a file."""
    if not path.is_file():
        return None
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        classes = [{"name": entry} if isinstance(entry, str) else {**entry, "name": str(entry["name"])} for entry in entries]
    except (ValueError, TypeError, KeyError) as problem:
        raise UsageProblem(f"{path} is not a list of classes", hint='write ["Sky", "Car"] or [{"name": "Car", "thing": true}]') from problem
    return classes


def _semantic(
    name: str, described: list[dict[str, Any]], values: set[int], train: tuple[Sample, ...], test: tuple[Sample, ...]
) -> SegmentationData:
    ids = tuple(i for i, entry in enumerate(described) if not entry.get("void", bool(_VOID.match(entry["name"]))))
    strange = sorted(value for value in values if value >= len(described) and value != IGNORE)
    if strange:
        raise UsageProblem(
            f"{name}: mask value {strange[0]} has no name in classes.json", hint="name every value; 255 is void and needs none"
        )
    if len(ids) < 2:
        raise UsageProblem(f"{name}: the masks hold one class beside void", hint="masks of 0 and 255 are binary: leave --task away")
    to_label = np.full(256, IGNORE, np.uint8)
    to_label[list(ids)] = np.arange(len(ids))
    things = tuple(label for label, i in enumerate(ids) if described[i].get("thing"))
    return SegmentationData(
        name=name,
        task="semantic",
        classes=tuple(described[i]["name"] for i in ids),
        ids=ids,
        things=things or None,
        train=train,
        test=test,
        to_label=to_label,
    )


def _synthetic(limit: int | None) -> SegmentationData:
    def split(count: int, seed: int) -> tuple[Sample, ...]:
        pairs = synthetic_pairs(min(count, limit or count), SYNTHETIC_SIZE, seed)
        return tuple(Sample(stem=f"{i:03}", image=image, mask=mask.astype(np.uint8)) for i, (image, mask) in enumerate(pairs))

    return SegmentationData(
        name=SYNTHETIC, task="binary", classes=("background", "foreground"), ids=(0, 1), things=None,
        train=split(SYNTHETIC_TRAIN, 1), test=split(SYNTHETIC_TEST, 2), to_label=(np.arange(256) > 0).astype(np.uint8), smoke_test=True,
    )  # fmt: skip
