"""The table of tasks: what is predicted, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from unseg_cli.bench.examples import Segments, Target
from unseg_cli.bench.metrics.average_precision import BoxPrecision, MaskPrecision
from unseg_cli.bench.metrics.confusion import ClassIoU, ForegroundIoU
from unseg_cli.bench.metrics.floor import Guesses, constant_areas, either_of_two, filled_boxes, most_frequent, trivial_score, whole_pictures
from unseg_cli.bench.metrics.overlap import PromptedOverlap
from unseg_cli.bench.metrics.panoptic import PanopticScores
from unseg_cli.bench.metrics.protocol import MetricFactory
from unseg_cli.core.constants import IGNORE, BoolArray, U8Array
from unseg_cli.datasets.sample import Truth


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task by name.

    Attributes:
        name: what users call it.
        target: from the truth of a picture to what is to be predicted, both at the picture's own size.
        metrics: what judges it; each is made from the names of the classes.
        headline: the score that stands for all of them; `HEADLINES` says it in words.
        guesses: what those say who look at no picture.
        of_class: what the score of one class is called, before the class; "": there is none.
        tells_objects: whether objects are told apart: targets have segments.
    """

    name: str
    target: Callable[[Truth], Target]
    metrics: tuple[MetricFactory, ...]
    headline: str
    guesses: Guesses
    of_class: str = "iou"
    tells_objects: bool = False

    def floor(self, targets: Sequence[Target], classes: Sequence[str]) -> float:
        """The headline score that needs no learning, see `trivial_score`."""
        return trivial_score(targets, self.guesses, self.metrics, self.headline, classes)


def label_map(truth: Truth) -> Target:
    """The whole label map."""
    return Target(labels=torch.from_numpy(np.ascontiguousarray(_labels(truth))))


def objects(truth: Truth) -> Target:
    """The label map, and every object with a mask of its own; masks may overlap."""
    labels, segments = _labels(truth), truth.segments
    found = _segments([one.mask() for one in segments], [one.category for one in segments], labels.shape, [one.crowd for one in segments])
    return Target(labels=torch.from_numpy(np.ascontiguousarray(labels)), segments=found)


def single_objects(truth: Truth) -> Target:
    """`objects`, without groups that nobody told apart: nobody points at those."""
    target = objects(truth)
    assert target.segments is not None
    return Target(labels=target.labels, segments=target.segments.single)


def division(truth: Truth) -> Target:
    """Segments that share no pixel: every object as far as it is to be seen, and what else there is of each class as one.

    Where objects overlap, the smaller one lies on top. Groups that nobody told apart are void.
    """
    labels, segments = _labels(truth).copy(), truth.segments
    masks, owner = [one.mask() for one in segments], np.full(labels.shape, -1, np.int32)
    for number in sorted(range(len(masks)), key=lambda number: -int(masks[number].sum())):
        owner[masks[number]] = number
        labels[masks[number]] = IGNORE if segments[number].crowd else segments[number].category
    things = [number for number, one in enumerate(segments) if not one.crowd]
    rest = np.where(owner < 0, labels, np.uint8(IGNORE))
    stuff = [value for value in np.unique(rest).tolist() if value != IGNORE]
    parts = [owner == number for number in things] + [rest == value for value in stuff]
    classes = [segments[number].category for number in things] + stuff
    return Target(labels=torch.from_numpy(labels), segments=_segments(parts, classes, labels.shape))


def _labels(truth: Truth) -> U8Array:
    assert truth.labels is not None, "the data set has no label maps"
    return truth.labels


def _segments(masks: list[BoolArray], classes: list[int], size: tuple[int, ...], crowd: list[bool] | None = None) -> Segments:
    if not masks:
        return Segments.none((size[0], size[1]))
    return Segments.of(torch.from_numpy(np.stack(masks)), torch.tensor(classes), None if crowd is None else torch.tensor(crowd))


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            name="binary",
            target=label_map,
            metrics=(ForegroundIoU,),
            headline="iou",
            guesses=either_of_two,
        ),
        Task(
            name="semantic",
            target=label_map,
            metrics=(ClassIoU,),
            headline="miou",
            guesses=most_frequent,
        ),
        Task(
            name="instance",
            target=objects,
            metrics=(MaskPrecision,),
            headline="ap",
            guesses=whole_pictures,
            of_class="ap",
            tells_objects=True,
        ),
        Task(
            name="detection",
            target=objects,
            metrics=(BoxPrecision,),
            headline="ap",
            guesses=whole_pictures,
            of_class="ap",
            tells_objects=True,
        ),
        Task(
            name="panoptic",
            target=division,
            metrics=(PanopticScores,),
            headline="pq",
            guesses=constant_areas,
            of_class="pq",
            tells_objects=True,
        ),
        Task(
            name="interactive",
            target=single_objects,
            metrics=(PromptedOverlap,),
            headline="prompted_iou",
            guesses=filled_boxes,
            of_class="",
            tells_objects=True,
        ),
    )
}
