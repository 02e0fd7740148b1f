"""Data sets that come with annotations in COCO's format, each in folders of its own: `nwpu:ROOT`, `ssdd:ROOT`, `whu:ROOT`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unseg_cli.core.errors import UsageProblem
from unseg_cli.datasets.kinds.coco import TASKS, labelled_coco
from unseg_cli.datasets.kinds.coco_document import read_coco
from unseg_cli.datasets.labelled import LabelledData


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where things are, below ROOT.

    Attributes:
        images: folders of the training and of the test pictures.
        annotations: the files about them.
    """

    images: tuple[str, str]
    annotations: tuple[str, str]


#: As RSPrompter's authors publish them (Chen et al., IEEE TGRS 2024); WHU is building extraction with one class.
LAYOUTS = {
    "nwpu": Layout(images=("imgs", "imgs"), annotations=("annotations/NWPU_instances_train.json", "annotations/NWPU_instances_val.json")),
    "ssdd": Layout(images=("imgs", "imgs"), annotations=("annotations/SSDD_instances_train.json", "annotations/SSDD_instances_val.json")),
    "whu": Layout(
        images=("imgs/train/image", "imgs/test/image"),
        annotations=("annotations/WHU_building_train.json", "annotations/WHU_building_test.json"),
    ),
}


def open_layout(
    kind: str, root: Path, *, name: str, limit: int | None, task: str | None, classes: tuple[str, ...] = (), boxes: bool = False
) -> LabelledData:
    """A data set of `LAYOUTS`; see `open_labelled_coco`.

    Raises:
        UsageProblem: a file is not where the layout has it; see `open_labelled_coco`.
        NothingToDo: a split without an object.
    """
    layout = LAYOUTS[kind]
    for place in (*layout.images, *layout.annotations):
        if not (root / place).exists():
            parts = dict.fromkeys((*layout.images, *layout.annotations))
            raise UsageProblem(f"--data {name}: there is no {root / place}", hint=f"ROOT holds {', '.join(parts)}")
    pairs = zip(layout.images, layout.annotations, strict=True)
    train, test = ((root / images, read_coco(root / file, boxes=boxes)) for images, file in pairs)
    return labelled_coco(train, test, name=name, limit=limit, task=task or TASKS[0], classes=classes)
