"""Objects of label maps that do not tell them apart: regions of one class that hang together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unseg_cli.core.errors import UsageProblem
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.sample import Sample, Segment, Truth

#: What can be measured once objects are told apart.
TASKS = ("instance", "detection", "panoptic", "interactive")
#: Pixels below which a region is no object: crumbs of what something else lies in front of.
LEAST = 24


@dataclass(frozen=True)
class WithObjects:
    """A truth whose label map is divided into objects.

    Attributes:
        truth: reads it.
        things: the labels whose regions are objects.
        whole: all regions of a label are one object.
    """

    truth: Callable[[], Truth]
    things: tuple[int, ...]
    whole: bool = False

    def __call__(self) -> Truth:
        """The label map, and a segment for each region; small ones are groups, which count nowhere."""
        from scipy import ndimage

        labels, found = self.truth().labels, []
        assert labels is not None
        for thing in self.things:
            of_class = labels == thing
            # Corners join, too.
            numbers, count = (of_class, 1) if self.whole else ndimage.label(of_class, structure=np.ones((3, 3)))
            for number in range(1, count + 1):
                where = numbers == number
                area = int(where.sum())
                size = (int(where.shape[0]), int(where.shape[1]))
                found.append(Segment(size=size, shape=where, category=thing, crowd=area < LEAST, area=float(area)))
        return Truth(labels=labels, segments=tuple(found))


def divided(data: LabelledData, task: str, *, whole: bool = False) -> LabelledData:
    """A data set of label maps whose objects are told apart as well as that goes.

    Args:
        data: with things, or binary: there the foreground is one.
        task: one of `TASKS`.
        whole: all regions of a label are one object, as where masks were drawn of one object a picture.

    Raises:
        UsageProblem: none of the classes is a thing.
    """
    things = data.things or ((1,) if data.task == "binary" else ())
    if not things:
        hint = 'mark some in classes.json: {"name": "Car", "thing": true}'
        raise UsageProblem(f"--task {task}: no class of {data.name} is a thing", hint=hint)
    train, test = (tuple(_divided(sample, things, whole) for sample in samples) for samples in (data.train, data.test))
    return dataclasses.replace(data, task=task, things=things, train=train, test=test)


def _divided(sample: Sample, things: tuple[int, ...], whole: bool) -> Sample:
    return dataclasses.replace(sample, truth=WithObjects(sample.truth, things, whole))
