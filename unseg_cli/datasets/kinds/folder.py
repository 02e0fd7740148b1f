"""Folders of pictures and masks, paired by stem.

    ROOT/images/train/a.jpg   ROOT/masks/train/a.png      (every format that `protect` reads; `test`, else `val`, for the test pictures)
    ROOT/classes.json         optional, see `unseg_cli.datasets.labelled.read_classes`

The task is read from the masks: what the values of a set mean is decided by `unseg_cli.datasets.mask_sets`. Binary and grey-level masks
without classes.json make a binary task, where 0 is background. Otherwise the values are label ids; void ids and the classes whose name
begins with void, unlabel or ignore are void, and void pixels count nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from unseg_cli.core.errors import NothingToDo, UsageProblem, said_of
from unseg_cli.datasets.labelled import LabelledData, classes_of, read_classes
from unseg_cli.datasets.mask_sets import LabelTable, LazyReading, Mapping, label_table, open_mask, spread, survey
from unseg_cli.datasets.sample import FileLike, FileSource, Sample, Truth
from unseg_cli.datasets.training_set import TrainingSet, objects
from unseg_cli.pictures.formats.raw import RAW_SUFFIXES
from unseg_cli.pictures.names import PICTURE_SUFFIXES, list_pictures, stem_of

#: A RAW file beside its developed picture is no second picture.
SUFFIXES = PICTURE_SUFFIXES - RAW_SUFFIXES


@dataclass(frozen=True)
class FilePair:
    """A picture and its mask, under their common stem."""

    stem: str
    image: Path
    mask: Path


def open_labelled_folder(root: Path, *, name: str, limit: int | None, task: str | None) -> LabelledData:
    """A data folder with its task and classes, read from its masks.

    Args:
        root: the folder.
        name: what the user called it.
        limit: at most this many pictures of each split, evenly spread.
        task: "binary" or "semantic", where the masks leave it open; None: from the masks.

    Raises:
        UsageProblem: a picture without a mask, a mask value without a class.
        NothingToDo: a split without pictures.
        UnsegError: a mask cannot be read.
    """
    test_split = "test" if (root / "images" / "test").is_dir() else "val"
    pairs, notes = zip(*(_split(root, split) for split in ("train", test_split)), strict=True)
    train, test = (spread(of_split, limit) for of_split in pairs)
    told = tuple(chain(*notes))
    reading = survey(open_mask(FileSource(pair.mask)) for pair in (*train, *test))
    described = read_classes(root / "classes.json")
    if task is None:
        task = "binary" if described is None and reading.objects_only else "semantic"
    if task == "binary":
        names, ids, things, mapping = ("background", "foreground"), (0, 1), None, reading.objects
        return LabelledData(
            name=name,
            task=task,
            classes=names,
            ids=ids,
            things=things,
            train=_samples(train, mapping),
            test=_samples(test, mapping),
            notes=told,
        )
    classes = classes_of(name, described, reading)
    table = LabelTable(label_table(classes.ids))
    return LabelledData(
        name=name,
        task="semantic",
        classes=classes.names,
        ids=classes.ids,
        things=classes.things or None,
        train=_samples(train, table),
        test=_samples(test, table),
        notes=told,
    )


def open_training_folder(root: Path) -> list[TrainingSet]:
    """The pairs of ROOT/images and ROOT/masks, or of their train split: test pictures stay unseen.

    Raises:
        UsageProblem: no pair.
    """
    split = "train" if (root / "images" / "train").is_dir() else ""
    images, masks = (pictures_by_stem(root / kind / split) for kind in ("images", "masks"))
    notes = (*_alone("pictures", images, masks, "no mask"), *_alone("masks", masks, images, "no picture"))
    return [replace(training_set(_paired(images, masks), root), notes=notes)]


def training_set(pairs: list[FilePair], root: Path) -> TrainingSet:
    """Pairs as a set whose masks tell objects from background.

    Raises:
        UsageProblem: there are none.
    """
    if not pairs:
        raise UsageProblem(f"no picture under {root} has a mask of the same name", hint="masks pair by file stem")
    # The order of Path, not of text: what a training sees when depends on it.
    pairs = sorted(pairs, key=lambda pair: pair.image)
    masks = tuple(FileSource(pair.mask) for pair in pairs)
    return TrainingSet(samples=_samples(pairs, LazyReading(masks).objects), choose=objects, salient=True)


def file_pairs(
    images: Path, masks: Path, *, image_suffixes: frozenset[str] = SUFFIXES, mask_suffixes: frozenset[str] = SUFFIXES
) -> list[FilePair]:
    """Every picture that has a mask.

    Raises:
        UsageProblem: two files share a stem.
    """
    return _paired(pictures_by_stem(images, image_suffixes), pictures_by_stem(masks, mask_suffixes))


def pictures_by_stem(folder: Path, suffixes: frozenset[str] = SUFFIXES) -> dict[str, Path]:
    """The pictures in a folder and below it, by their path relative to the folder without its ending.

    Raises:
        UsageProblem: two files share a stem.
    """
    found: dict[str, Path] = {}
    for name in list_pictures(folder) if folder.is_dir() else []:
        path, stem = folder / name, stem_of(name)
        if path.suffix.lower() not in suffixes:
            continue
        if stem in found:
            raise UsageProblem(f"{found[stem]} and {path.name} share one stem", hint="pairs are made by stem: keep one of them")
        found[stem] = path
    return found


def masked_truth(mask: FileLike, mapping: Mapping) -> Truth:
    """The truth that a mask file tells: a label map.

    Raises:
        UnsegError: it cannot be read; the message names it.
    """
    opened = open_mask(mask)
    with said_of(mask.path):
        return Truth(labels=mapping(opened))


def _samples(pairs: list[FilePair] | tuple[FilePair, ...], mapping: Mapping) -> tuple[Sample, ...]:
    return tuple(
        Sample(id=pair.stem, image=FileSource(pair.image), truth=partial(masked_truth, FileSource(pair.mask), mapping)) for pair in pairs
    )


def _paired(images: dict[str, Path], masks: dict[str, Path]) -> list[FilePair]:
    """Those of `pictures_by_stem` that have a mask."""
    return [FilePair(stem, path, masks[stem]) for stem, path in images.items() if stem in masks]


def _alone(what: str, ones: dict[str, Path], others: dict[str, Path], missing: str) -> tuple[str, ...]:
    """What to say of files that have no partner: a line, or none."""
    alone = sorted(ones.keys() - others.keys())
    return (f"{len(alone):,} of {len(ones):,} {what} have {missing}, first {ones[alone[0]]}: they are passed over",) if alone else ()


def _split(root: Path, split: str) -> tuple[list[FilePair], tuple[str, ...]]:
    """The pairs, and what to say of the rest."""
    images, masks = (pictures_by_stem(root / kind / split) for kind in ("images", "masks"))
    if not images:
        raise NothingToDo(f"no picture in {root / 'images' / split}", hint="a data folder holds images/{train,test} and masks/{train,test}")
    lonely = sorted(images.keys() - masks.keys())
    if lonely:
        raise UsageProblem(
            f"{len(lonely)} pictures have no mask, first {images[lonely[0]]}", hint=f"put {lonely[0]}.png into {root / 'masks' / split}"
        )
    return _paired(images, masks), _alone("masks", masks, images, "no picture")
