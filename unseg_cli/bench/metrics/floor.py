"""What whoever looks at no picture reaches: a victim that is no better has learned nothing, and cannot lose anything either."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch

from unseg_cli.bench.examples import Found, Prediction, Target
from unseg_cli.bench.metrics.protocol import MetricFactory

Guess = Callable[[Target], Prediction]


def trivial_score(
    targets: Iterable[Target], guesses: Sequence[Guess], metrics: Sequence[MetricFactory], headline: str, classes: Sequence[str]
) -> float:
    """The best headline score of any guess, in percent; 0 where none has one.

    Args:
        targets: of the test pictures.
        guesses: from a target, of which they use no more than they say, to a prediction.
        metrics: of the task.
        headline: which of their scores counts.
        classes: their names, in the order of their labels.
    """
    judges = [(guess, [make(classes) for make in metrics]) for guess in guesses]
    for target in targets:
        for guess, several in judges:
            prediction = guess(target)
            for metric in several:
                metric.update(prediction, target)
    scores = [metric.compute().get(headline, 0.0) for _, several in judges for metric in several]
    return max([score for score in scores if score == score], default=0.0)


def constant_maps(classes: int) -> list[Guess]:
    """The same class everywhere, for each class."""
    return [lambda target, label=label: Prediction(labels=torch.full_like(target.labels, label)) for label in range(classes)]  # type: ignore[misc]


def constant_areas(classes: int) -> list[Guess]:
    """The picture as one segment, for each class."""

    def guess(target: Target, label: int) -> Prediction:
        panoptic = torch.zeros(*target.size, 2, dtype=torch.int64)
        panoptic[..., 0] = label
        return Prediction(labels=torch.full_like(target.labels, label), panoptic=panoptic)

    return [lambda target, label=label: guess(target, label) for label in range(classes)]  # type: ignore[misc]


def whole_pictures(classes: int) -> list[Guess]:
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


def filled_boxes(_classes: int) -> list[Guess]:
    """The box that an object was pointed at with, filled."""

    def guess(target: Target) -> Prediction:
        assert target.segments is not None
        boxes, masks = target.segments.boxes, torch.zeros_like(target.segments.masks)
        for mask, (left, top, right, bottom) in zip(masks, boxes.int().tolist(), strict=True):
            mask[top:bottom, left:right] = True
        found = Found(boxes=boxes, classes=target.segments.classes, scores=torch.ones(len(boxes)), masks=masks)
        return Prediction(labels=torch.zeros_like(target.labels), found=found)

    return [guess]
