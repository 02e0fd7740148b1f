"""The table of tasks: what is predicted, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from unseg_cli.bench.examples import Target
from unseg_cli.bench.metrics.confusion import ClassIoU, ForegroundIoU
from unseg_cli.bench.metrics.protocol import MetricFactory
from unseg_cli.datasets.sample import Truth


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task by name.

    Attributes:
        name: what users call it.
        target: from the truth of a picture to what is to be predicted, both at the picture's own size.
        metrics: what judges it; each is made from the names of the classes.
        headline: the score that stands for all of them.
        headline_in_words: for readers.
    """

    name: str
    target: Callable[[Truth], Target]
    metrics: tuple[MetricFactory, ...]
    headline: str
    headline_in_words: str


def label_map(truth: Truth) -> Target:
    """The whole label map."""
    assert truth.labels is not None, "the data set has no label maps"
    return Target(labels=torch.from_numpy(np.ascontiguousarray(truth.labels)))


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            name="binary",
            target=label_map,
            metrics=(ForegroundIoU,),
            headline="iou",
            headline_in_words="IoU of the foreground, accumulated over the test pictures",
        ),
        Task(
            name="semantic",
            target=label_map,
            metrics=(ClassIoU,),
            headline="miou",
            headline_in_words="mean IoU of the classes, accumulated over the test pictures",
        ),
    )
}
