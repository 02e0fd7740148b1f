"""The kinds of data that `--data` knows: a table of openers, for training generators and for benchmarks."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from unseg_cli.core.errors import UsageProblem, did_you_mean
from unseg_cli.datasets.addresses import kind_and_rest, paths_of
from unseg_cli.datasets.components import TASKS as OBJECT_TASKS
from unseg_cli.datasets.components import divided
from unseg_cli.datasets.kinds.coco import TASKS as COCO_TASKS
from unseg_cli.datasets.kinds.coco import open_coco, open_labelled_coco
from unseg_cli.datasets.kinds.coco_layouts import LAYOUTS, open_layout
from unseg_cli.datasets.kinds.coco_panoptic import SYNTAX as PANOPTIC_SYNTAX
from unseg_cli.datasets.kinds.coco_panoptic import TASKS as PANOPTIC_TASKS
from unseg_cli.datasets.kinds.coco_panoptic import open_coco_panoptic
from unseg_cli.datasets.kinds.folder import open_labelled_folder, open_training_folder
from unseg_cli.datasets.kinds.hqseg import open_hqseg, open_labelled_hqseg
from unseg_cli.datasets.kinds.label_maps import open_ade20k, open_cityscapes, open_kvasir, open_voc
from unseg_cli.datasets.kinds.sa1b import open_sa1b
from unseg_cli.datasets.kinds.shards import open_shards
from unseg_cli.datasets.kinds.synthetic import SYNTHETIC, open_labelled_synthetic, open_synthetic
from unseg_cli.datasets.labelled import TASKS, LabelledData
from unseg_cli.datasets.training_set import TrainingSet

#: Of CamVid's 11 classes those whose objects can be counted.
CAMVID_THINGS = ("car", "pedestrian", "bicyclist", "signsymbol", "pole")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a benchmark wants of a data set.

    Attributes:
        name: what was written after --data.
        rest: what follows the kind and the colon, or all of it.
        limit: at most this many pictures of each split, evenly spread; None: all.
        task: the task's name; None: that of the data.
        classes: names of the classes that count; (): all.
        boxes: whether objects may have a box alone.
    """

    name: str
    rest: str
    limit: int | None = None
    task: str | None = None
    classes: tuple[str, ...] = ()
    boxes: bool = False


@dataclass(frozen=True, kw_only=True)
class DataKind:
    """A kind of data.

    Attributes:
        syntax: how it is written after --data.
        training: what follows the colon -> sets to train a generator on; None: there is no training on this kind.
        labelled: a data set for benchmarks; None: they do not read this kind.
        tasks: what benchmarks can measure on it.
    """

    syntax: str
    training: Callable[[str], list[TrainingSet]] | None = None
    labelled: Callable[[Wanted], LabelledData] | None = None
    tasks: tuple[str, ...] = ()


def _coco(text: str) -> list[TrainingSet]:
    *images, annotations = paths_of(text)
    if not (images and Path(annotations).is_file()):
        raise UsageProblem(f"--data coco:{text}: no such annotations", hint=f"write {KINDS['coco'].syntax}")
    return [open_coco(_folder(":".join(images)), Path(annotations))]


def _labelled_folder(wanted: Wanted, things: Collection[str] = ()) -> LabelledData:
    """A folder; objects of its label maps are told apart where the task wants that.

    Args:
        wanted: what of it.
        things: names of classes that are things, in lower case, where classes.json calls none one.
    """
    if wanted.task not in OBJECT_TASKS:
        return open_labelled_folder(Path(wanted.rest), name=wanted.name, limit=wanted.limit, task=wanted.task)
    data = open_labelled_folder(Path(wanted.rest), name=wanted.name, limit=wanted.limit, task=None)
    known = tuple(label for label, name in enumerate(data.classes) if name.lower() in things)
    return divided(dataclasses.replace(data, things=data.things or known), wanted.task)


def _label_maps(
    opened: Callable[..., LabelledData], tell_apart: Callable[[LabelledData, str], LabelledData] = divided
) -> Callable[[Wanted], LabelledData]:
    """A published data set of label maps, and what tells its objects apart where the task wants that."""

    def opener(wanted: Wanted) -> LabelledData:
        data = opened(_folder(wanted.rest), name=wanted.name, limit=wanted.limit)
        return tell_apart(data, wanted.task) if wanted.task in OBJECT_TASKS else data

    return opener


def _told_apart(data: LabelledData, task: str) -> LabelledData:
    """A data set that tells its objects apart itself."""
    return dataclasses.replace(data, task=task)


def _layout(kind: str) -> Callable[[Wanted], LabelledData]:
    return lambda wanted: open_layout(
        kind,
        _folder(wanted.rest),
        name=wanted.name,
        limit=wanted.limit,
        task=wanted.task,
        classes=wanted.classes,
        boxes=wanted.boxes,
    )


KINDS: dict[str, DataKind] = {
    "folder": DataKind(
        syntax="a folder with images/ and masks/",
        training=lambda text: open_training_folder(_folder(text)),
        labelled=_labelled_folder,
        tasks=(*TASKS, *OBJECT_TASKS),
    ),
    "wds": DataKind(syntax="wds:GLOB.tar", training=lambda text: [open_shards(_glob(text))]),
    "sa1b": DataKind(syntax="sa1b:ROOT", training=lambda text: [open_sa1b(_folder(text))]),
    "hqseg44k": DataKind(
        syntax="hqseg44k:ROOT",
        training=lambda text: open_hqseg(_folder(text)),
        labelled=_label_maps(open_labelled_hqseg, partial(divided, whole=True)),
        tasks=("binary", "interactive"),
    ),
    "coco": DataKind(
        syntax="coco:IMAGES:instances.json",
        training=_coco,
        labelled=lambda wanted: open_labelled_coco(
            wanted.rest, name=wanted.name, limit=wanted.limit, task=wanted.task, classes=wanted.classes, boxes=wanted.boxes
        ),
        tasks=COCO_TASKS,
    ),
    "coco-panoptic": DataKind(
        syntax=PANOPTIC_SYNTAX,
        labelled=lambda wanted: open_coco_panoptic(wanted.rest, name=wanted.name, limit=wanted.limit, task=wanted.task),
        tasks=PANOPTIC_TASKS,
    ),
    **{kind: DataKind(syntax=f"{kind}:ROOT", labelled=_layout(kind), tasks=COCO_TASKS) for kind in LAYOUTS},
    "voc": DataKind(syntax="voc:ROOT", labelled=_label_maps(open_voc), tasks=("semantic",)),
    "ade20k": DataKind(syntax="ade20k:ROOT", labelled=_label_maps(open_ade20k), tasks=("semantic",)),
    "cityscapes": DataKind(syntax="cityscapes:ROOT", labelled=_label_maps(open_cityscapes, _told_apart), tasks=("semantic", *OBJECT_TASKS)),
    "kvasir": DataKind(syntax="kvasir:ROOT", labelled=_label_maps(open_kvasir), tasks=("binary", *OBJECT_TASKS)),
    "camvid": DataKind(syntax="camvid:ROOT", labelled=partial(_labelled_folder, things=CAMVID_THINGS), tasks=("semantic", *OBJECT_TASKS)),
    "synthetic": DataKind(
        syntax=SYNTHETIC,
        training=lambda _: [open_synthetic()],
        labelled=lambda wanted: open_labelled_synthetic(wanted.limit),
        tasks=TASKS,
    ),
}


def open_training(text: str) -> list[TrainingSet]:
    """Read `--data` of `unseg train`: comma-separated kinds, see `KINDS`.

    Raises:
        UsageProblem: nothing usable there.
    """
    return [found for part in text.split(",") for found in _open_part(part.strip())]


def open_labelled(
    name: str, *, limit: int | None = None, task: str | None = None, classes: tuple[str, ...] = (), boxes: bool = False
) -> LabelledData:
    """Find the samples of a benchmark's data set, its task and its classes.

    Args:
        name: a folder, a kind with what belongs to it, or "synthetic".
        limit: at most this many pictures of each split (spread evenly, since neighbours in a video are alike).
        task: what is to be measured; None: what the data are for.
        classes: names of the classes that count, of kinds whose objects have classes; (): all.
        boxes: whether a box alone may stand for an object's mask. Where the task is detection it always may.

    Raises:
        UsageProblem: no such data, they are damaged, or the task cannot be measured on them.
        NothingToDo: a split without pictures.
    """
    word, rest = ("folder", name) if Path(name).is_dir() else _kind_and_rest(name)
    kind = KINDS.get(word)
    if kind is None:
        raise UsageProblem(
            f"--data {name}: no such folder", hint=f"pass a folder with images/{{train,test}} and masks/{{train,test}}, or {SYNTHETIC!r}"
        )
    if kind.labelled is None:
        raise UsageProblem(
            f"--data {name}: benchmarks do not read {word}", hint="write its label maps as masks/{train,test}/*.png, in a folder"
        )
    if task is not None and task not in kind.tasks:
        raise UsageProblem(f"--task {task!r} cannot be measured on {kind.syntax}", hint=did_you_mean(task, list(kind.tasks)))
    if classes and kind.tasks != COCO_TASKS:
        raise UsageProblem(f"--classes is for data whose objects have classes, and {name} is {kind.syntax}", hint="omit --classes")
    boxes = boxes or task == "detection"
    return kind.labelled(Wanted(name=name, rest=rest, limit=limit, task=task, classes=classes, boxes=boxes))


def _kind_and_rest(text: str) -> tuple[str, str]:
    """What stands before the colon and after it; one kind stands alone."""
    return (SYNTHETIC, "") if text == SYNTHETIC else kind_and_rest(text)


def _open_part(text: str) -> list[TrainingSet]:
    kind, rest = _kind_and_rest(text)
    if kind in KINDS:
        training = KINDS[kind].training
        if training is None:
            raise UsageProblem(f"--data {text}: generators are not trained on {kind}", hint="this kind is for `unseg bench`")
        return training(rest)
    return _by_content(_named_or_path(text))


def _by_content(root: Path) -> list[TrainingSet]:
    """The kind of a folder, read from what is inside."""
    if (root / "images").is_dir() and (root / "masks").is_dir():
        return open_training_folder(root)
    if next(root.rglob("sa_*.json"), None):
        return [open_sa1b(root)]
    if shards := sorted(root.glob("*.tar")):
        return [open_shards(shards)]
    raise UsageProblem(f"{root} holds no training data", hint="images/ and masks/, sa_*.jpg with sa_*.json, or *.tar shards are understood")


def _named_or_path(text: str) -> Path:
    path = Path(text).expanduser()
    if path.is_dir():
        return path
    home = os.environ.get("UNSEG_DATA")
    if os.sep not in text and home:
        path = Path(home).expanduser() / text
        if path.is_dir():
            return path
        raise UsageProblem(f"--data {text}: no folder {path}", hint="put the data there, or pass a path")
    raise UsageProblem(f"--data {text}: no such folder", hint=f"set UNSEG_DATA to the folder that holds {text}, or pass a path")


def _folder(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_dir():
        raise UsageProblem(f"--data: no folder {path}", hint="check the path")
    return path


def _glob(pattern: str) -> list[Path]:
    path = Path(pattern).expanduser()
    anchor = Path(path.anchor)  # that of "\\nowhere" on Windows, which is not absolute, too
    found = sorted(anchor.glob(str(path.relative_to(anchor))))
    if not found:
        raise UsageProblem(f"--data wds:{pattern}: no file matches", hint="quote the pattern, so that the shell leaves it alone")
    return found
