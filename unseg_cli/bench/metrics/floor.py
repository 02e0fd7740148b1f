"""What whoever looks at no picture reaches: a victim that is no better has learned nothing, and cannot lose anything either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch

from unseg_cli.bench.examples import Found, Prediction, Target
from unseg_cli.bench.metrics.protocol import MetricFactory

#: From a target, of which it uses no more than it says, to a prediction.
Guess = Callable[[Target], Prediction]
#: From the number of classes and all targets to the guesses of which one is best.
Guesses = Callable[[int, Sequence[Target]], list[Guess]]


def trivial_score(
    targets: Sequence[Target], guesses: Guesses, metrics: Sequence[MetricFactory], headline: str, classes: Sequence[str]
) -> float:
    """The best headline score of any guess, in percent; 0 where none has one.

    Args:
        targets: of the test pictures.
        guesses: those that are worth a try.
        metrics: of the task.
        headline: which of their scores counts.
        classes: their names, in the order of their labels.
    """
    judges = [(guess, [make(classes) for make in metrics]) for guess in guesses(len(classes), targets)]
    for target in targets:
        for guess, several in judges:
            prediction = guess(target)
            for metric in several:
                metric.update(prediction, target)
    scores = [metric.compute().get(headline, 0.0) for _, several in judges for metric in several]
    return max([score for score in scores if score == score], default=0.0)


def either_of_two(classes: int, _targets: Sequence[Target]) -> list[Guess]:
    """The same class everywhere, for each class."""
    return [partial(_same_everywhere, label=label) for label in range(classes)]


def most_frequent(classes: int, targets: Sequence[Target]) -> list[Guess]:
    """The most frequent class everywhere: of one class its IoU is its share, that of all others is 0."""
    counts = torch.zeros(256, dtype=torch.int64)
    for target in targets:
        counts += target.labels.flatten().bincount(minlength=256)
    return [partial(_same_everywhere, label=int(counts[:classes].argmax()))]


def _same_everywhere(target: Target, label: int) -> Prediction:
    return Prediction(labels=torch.full_like(target.labels, label))


def constant_areas(_classes: int, targets: Sequence[Target]) -> list[Guess]:
    """The picture as one segment, for each class that has half of what is known of some picture; no other is ever right."""
    found: set[int] = set()
    for target in targets:
        assert target.segments is not None
        areas = target.segments.masks.flatten(1).sum(1)
        found |= set(target.segments.classes[2 * areas > areas.sum()].tolist())
    return [partial(_one_area, label=label) for label in sorted(found)]


def _one_area(target: Target, label: int) -> Prediction:
    panoptic = torch.zeros(*target.size, 2, dtype=torch.int64)
    panoptic[..., 0] = label
    return Prediction(labels=torch.full_like(target.labels, label), panoptic=panoptic)


def whole_pictures(classes: int, _targets: Sequence[Target]) -> list[Guess]:
    """The whole picture as an object of each class."""

    def guess(target: Target) -> Prediction:
        height, width = target.size
        found = Found(
            boxes=torch.tensor([[0.0, 0.0, width, height]]).repeat(classes, 1),
            classes=torch.arange(classes),
            scores=torch.ones(classes),
            masks=torch.ones(classes, height, width, dtype=torch.bool),
        )
        return Prediction(labels=torch.zeros_like(target.labels), found=found)

    return [guess]


def filled_boxes(_classes: int, _targets: Sequence[Target]) -> list[Guess]:
    """The box that an object was pointed at with, filled."""

    def guess(target: Target) -> Prediction:
        assert target.segments is not None
        boxes, masks = target.segments.boxes, torch.zeros_like(target.segments.masks)
        for mask, (left, top, right, bottom) in zip(masks, boxes.int().tolist(), strict=True):
            mask[top:bottom, left:right] = True
        found = Found(boxes=boxes, classes=target.segments.classes, scores=torch.ones(len(boxes)), masks=masks)
        return Prediction(labels=torch.zeros_like(target.labels), found=found)

    return [guess]
