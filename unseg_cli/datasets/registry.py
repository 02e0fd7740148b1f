"""The kinds of data that `--data` knows: a table of openers, for training generators and for benchmarks."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unseg_cli.core.errors import UsageProblem, did_you_mean
from unseg_cli.datasets.coco import open_coco
from unseg_cli.datasets.folder import open_labelled_folder, open_training_folder
from unseg_cli.datasets.hqseg import open_hqseg
from unseg_cli.datasets.labelled import TASKS, LabelledData
from unseg_cli.datasets.sa1b import open_sa1b
from unseg_cli.datasets.shards import open_shards
from unseg_cli.datasets.synthetic import SYNTHETIC, open_labelled_synthetic, open_synthetic
from unseg_cli.datasets.training_set import TrainingSet

#: Kinds that benchmarks will read and do not yet.
OTHER_KINDS = ("voc", "cityscapes", "ade20k")


@dataclass(frozen=True, kw_only=True)
class DataKind:
    """A kind of data.

    Attributes:
        syntax: how it is written after --data.
        training: what follows the colon -> sets to train a generator on.
        labelled: what was written, limit, task -> a data set for benchmarks; None: they do not read this kind.
    """

    syntax: str
    training: Callable[[str], list[TrainingSet]]
    labelled: Callable[[str, int | None, str | None], LabelledData] | None = None


def _coco(text: str) -> list[TrainingSet]:
    images, _, annotations = text.rpartition(":")
    if not (images and Path(annotations).is_file()):
        raise UsageProblem(f"--data coco:{text}: no such annotations", hint=f"write {KINDS['coco'].syntax}")
    return [open_coco(_folder(images), Path(annotations))]


KINDS: dict[str, DataKind] = {
    "folder": DataKind(
        syntax="a folder with images/ and masks/",
        training=lambda text: open_training_folder(_folder(text)),
        labelled=lambda name, limit, task: open_labelled_folder(Path(name), name=name, limit=limit, task=task),
    ),
    "wds": DataKind(syntax="wds:GLOB.tar", training=lambda text: [open_shards(_glob(text))]),
    "sa1b": DataKind(syntax="sa1b:ROOT", training=lambda text: [open_sa1b(_folder(text))]),
    "hqseg44k": DataKind(syntax="hqseg44k:ROOT", training=lambda text: open_hqseg(_folder(text))),
    "coco": DataKind(syntax="coco:IMAGES:instances.json", training=_coco),
    "synthetic": DataKind(
        syntax=SYNTHETIC, training=lambda _: [open_synthetic()], labelled=lambda _name, limit, _task: open_labelled_synthetic(limit)
    ),
}


def open_training(text: str) -> list[TrainingSet]:
    """Read `--data` of `unseg train`: comma-separated kinds, see `KINDS`.

    Raises:
        UsageProblem: nothing usable there.
    """
    return [found for part in text.split(",") for found in _open_part(part.strip())]


def open_labelled(name: str, *, limit: int | None = None, task: str | None = None) -> LabelledData:
    """Find the samples of a benchmark's data set and read its task and classes from the masks.

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
    kind = KINDS["folder"] if Path(name).is_dir() else KINDS.get(name)
    if kind is not None and kind.labelled is not None:
        return kind.labelled(name, limit, task)
    if name.split(":")[0] in (*KINDS, *OTHER_KINDS):
        raise UsageProblem(
            f"--data {name}: only folders with images/ and masks/ are read", hint="write its label maps as masks/{train,test}/*.png"
        )
    raise UsageProblem(
        f"--data {name}: no such folder", hint=f"pass a folder with images/{{train,test}} and masks/{{train,test}}, or {SYNTHETIC!r}"
    )


def _open_part(text: str) -> list[TrainingSet]:
    kind, colon, rest = text.partition(":")
    if kind in KINDS and (colon or kind == SYNTHETIC):
        return KINDS[kind].training(rest)
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
    anchor = Path(path.anchor) if path.is_absolute() else Path()
    found = sorted(anchor.glob(str(path.relative_to(anchor))))
    if not found:
        raise UsageProblem(f"--data wds:{pattern}: no file matches", hint="quote the pattern, so that the shell leaves it alone")
    return found
