"""Metrics of objects against counting by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from unseg_cli.bench.examples import Found, Prediction, Segments, Target, boxes_around
from unseg_cli.bench.metrics.average_precision import BoxPrecision, MaskPrecision
from unseg_cli.bench.metrics.overlap import PromptedOverlap, border, mask_iou
from unseg_cli.bench.metrics.panoptic import PanopticScores
from unseg_cli.bench.tasks import TASKS

NAMES = ("ground", "car", "pole")
SIDE = 20


def square(top: int, left: int, height: int, width: int) -> Tensor:
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[top : top + height, left : left + width] = True
    return mask


def truth(*objects: tuple[Tensor, int], crowd: tuple[bool, ...] = ()) -> Target:
    labels = torch.zeros(SIDE, SIDE, dtype=torch.uint8)
    for mask, label in objects:
        labels[mask] = label
    if not objects:
        return Target(labels=labels, segments=Segments.none((SIDE, SIDE)))
    masks, classes = torch.stack([mask for mask, _ in objects]), torch.tensor([label for _, label in objects])
    return Target(labels=labels, segments=Segments.of(masks, classes, torch.tensor(crowd) if crowd else None))


def found(*objects: tuple[Tensor, int, float], masks: bool = True) -> Prediction:
    planes = torch.stack([mask for mask, _, _ in objects]) if objects else torch.zeros(0, SIDE, SIDE, dtype=torch.bool)
    one = Found(
        boxes=boxes_around(planes),
        classes=torch.tensor([label for _, label, _ in objects], dtype=torch.int64),
        scores=torch.tensor([score for _, _, score in objects]),
        masks=planes if masks else None,
    )
    return Prediction.of(one, (SIDE, SIDE))


def scores(make: Any, *seen: tuple[Prediction, Target]) -> dict[str, float]:
    metric = make(NAMES)
    for pair in seen:
        metric.update(*pair)
    result: dict[str, float] = metric.compute()
    return result


CAR, POLE = square(2, 2, 8, 4), square(0, 12, 16, 2)


def test_ap_of_what_is_found_exactly() -> None:
    seen = found((CAR, 1, 0.9), (POLE, 2, 0.2)), truth((CAR, 1), (POLE, 2))
    for make in (MaskPrecision, BoxPrecision):
        result = scores(make, seen)
        assert all(result[name] == pytest.approx(100) for name in ("ap", "ap50", "ap75", "ap_small", "ap/car", "ap/pole"))
        assert math.isnan(result["ap_large"])  # there is none


def test_ap_is_the_share_of_overlaps_that_are_reached() -> None:
    """Five of eight rows: the overlap is 62.5 %, over 50, 55 and 60 of the ten."""
    result = scores(MaskPrecision, (found((square(2, 2, 5, 4), 1, 0.9)), truth((CAR, 1))))
    assert (result["ap"], result["ap50"], result["ap75"]) == (pytest.approx(30), pytest.approx(100), 0)


def test_ap_counts_what_is_missed_and_what_is_not_there() -> None:
    """One of two is found: 51 of 101 places of recall have a precision of 1. A surer wrong one first makes that 1/2."""
    two = truth((CAR, 1), (square(12, 2, 6, 6), 1))
    assert scores(MaskPrecision, (found((CAR, 1, 0.9)), two))["ap50"] == pytest.approx(100 * 51 / 101)
    wrong = square(2, 12, 6, 6)
    assert scores(MaskPrecision, (found((CAR, 1, 0.9), (wrong, 1, 0.5)), two))["ap50"] == pytest.approx(100 * 51 / 101)
    assert scores(MaskPrecision, (found((CAR, 1, 0.5), (wrong, 1, 0.9)), two))["ap50"] == pytest.approx(50 * 51 / 101)
    assert scores(MaskPrecision, (found((CAR, 2, 0.9)), two))["ap50"] == 0


def test_whoever_finds_a_crowd_has_done_no_wrong() -> None:
    group = truth((CAR, 1), (POLE, 1), crowd=(False, True))
    assert scores(MaskPrecision, (found((CAR, 1, 0.5), (square(4, 12, 4, 2), 1, 0.9)), group))["ap"] == pytest.approx(100)


def test_nothing_found_is_0_and_nothing_there_is_no_score() -> None:
    for make in (MaskPrecision, BoxPrecision):
        assert scores(make, (found(), truth((CAR, 1))))["ap"] == 0
        assert scores(make, (found(), truth((CAR, 1))))["ap/car"] == 0
        assert math.isnan(scores(make, (found((CAR, 1, 0.9)), truth()))["ap"])


def test_boxes_are_judged_without_masks() -> None:
    tall = square(2, 2, 8, 3)  # three of four columns
    result = scores(BoxPrecision, (found((tall, 1, 0.9), masks=False), truth((CAR, 1))))
    assert (result["ap"], result["ap75"]) == (pytest.approx(60), pytest.approx(100))  # 0.5 to 0.75


def panoptic(labels: Tensor, numbers: Tensor | None = None) -> Prediction:
    both = torch.stack([labels.long(), torch.zeros_like(labels).long() if numbers is None else numbers], -1)
    return Prediction(labels=labels, panoptic=both)


def division(*objects: tuple[Tensor, int]) -> Target:
    """Objects, and the ground around them."""
    target = truth(*objects)
    return truth(*objects, (target.labels == 0, 0))


def test_pq_by_hand() -> None:
    """Of 20 rows the upper 10 are car; 12 are said to be. IoU of the car 10/12, of the ground 8/10."""
    half, said = square(0, 0, 10, SIDE), square(0, 0, 12, SIDE)
    result = scores(PanopticScores, (panoptic(said.to(torch.uint8)), division((half, 1))))
    assert (result["pq/car"], result["pq/ground"]) == (pytest.approx(100 * 10 / 12), pytest.approx(80))
    assert (result["pq"], result["sq"], result["rq"]) == (pytest.approx(50 * (10 / 12 + 0.8)), pytest.approx(50 * (10 / 12 + 0.8)), 100)


def test_pq_of_two_objects_that_are_taken_for_one() -> None:
    """Neither is over half of what is said: two missed, one that is not there. The ground is right."""
    left, right = square(0, 0, SIDE, 5), square(0, 5, SIDE, 5)
    target = division((left, 1), (right, 1))
    result = scores(PanopticScores, (panoptic(target.labels), target))
    assert (result["pq/car"], result["pq/ground"], result["pq"]) == (0, 100, 50)
    numbers = torch.zeros(SIDE, SIDE, dtype=torch.int64)
    numbers[right] = 1
    assert scores(PanopticScores, (panoptic(target.labels, numbers), target))["pq"] == 100


def test_saying_nothing_is_not_forgiven_and_void_counts_nowhere() -> None:
    target = division((CAR, 1))
    nothing = panoptic(torch.full((SIDE, SIDE), 255, dtype=torch.uint8))
    assert scores(PanopticScores, (nothing, target))["pq"] == 0
    partly = target.labels.clone()
    partly[2:6, 2:6] = 255  # half of the car: an IoU of a half is none
    assert scores(PanopticScores, (panoptic(partly), target))["pq/car"] == 0
    void = truth((CAR, 1))  # the ground is not said
    assert scores(PanopticScores, (panoptic(torch.where(CAR, 1, 2).to(torch.uint8)), void)) == {
        "pq": 100, "sq": 100, "rq": 100, "pq/car": 100,
    }  # fmt: skip


def test_overlap_of_masks_and_of_their_borders() -> None:
    assert mask_iou(torch.stack([CAR, CAR]), torch.stack([CAR, square(2, 2, 4, 4)])).tolist() == [1, 0.5]
    assert mask_iou(CAR[None] & False, CAR[None] & False).tolist() == [1]
    ring = border(torch.stack([square(4, 4, 6, 6), square(0, 0, 3, SIDE)]))  # 2 % of the diagonal of 20 x 20 is a pixel
    assert torch.equal(ring[0], square(4, 4, 6, 6) & ~square(5, 5, 4, 4))
    assert torch.equal(ring[1], square(0, 0, 3, SIDE) & ~square(1, 1, 1, SIDE - 2))  # at the edge of the picture, too
    half = found((square(2, 2, 4, 4), 1, 1.0), (POLE, 2, 1.0))
    result = scores(PromptedOverlap, (half, truth((CAR, 1), (POLE, 2))), (found((CAR, 1, 1.0)), truth((CAR, 1))))
    assert result["prompted_iou"] == pytest.approx(100 * (0.5 + 1 + 1) / 3)
    assert result["prompted_iou_per_picture"] == pytest.approx(100 * (0.75 + 1) / 2)
    assert 0 < result["boundary_iou"] < result["prompted_iou"]


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.tells_objects])
def test_parts_that_are_merged_are_all_at_once(name: str) -> None:
    seen = [
        (found((CAR, 1, 0.9), (POLE, 2, 0.3)), truth((CAR, 1), (POLE, 2))),
        (found((square(2, 2, 5, 4), 1, 0.8)), truth((CAR, 1))),
        (found((POLE, 2, 0.7)), truth((square(0, 12, 12, 2), 2))),
    ]
    if name == "panoptic":
        seen = [(panoptic(said.labels), division(*zip(to.segments.masks, to.segments.classes.tolist(), strict=True))) for said, to in seen]  # type: ignore[union-attr]
    for make in TASKS[name].metrics:
        first, second = make(NAMES), make(NAMES)
        for number, pair in enumerate(seen):
            (first if number < 1 else second).update(*pair)
        first.merge(second)
        whole = scores(make, *seen)
        assert {key: value for key, value in first.compute().items() if value == value} == {
            key: value for key, value in whole.items() if value == value
        }
        assert 0 < whole[TASKS[name].headline] < 100


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("binary", 100 * 0.08),  # all of it: 32 of 400
        ("semantic", 100 * (368 / 400) / 2),  # ground alone: the car is missed
        ("instance", 0),
        ("detection", 0),
        ("panoptic", 100 * (368 / 400) / 2),
        ("interactive", 100),  # a square fills its box
    ],
)
def test_floors_are_what_needs_no_learning(name: str, expected: float) -> None:
    target = division((CAR, 1)) if name == "panoptic" else truth((CAR, 1))
    classes = ("ground", "car")
    assert TASKS[name].floor([target], classes) == pytest.approx(expected)


def test_the_floor_of_large_objects_is_higher() -> None:
    large = truth((square(1, 1, 18, 18), 1))
    assert TASKS["instance"].floor([large], ("ground", "car")) == pytest.approx(70)  # 81 % of the picture: over 0.5 to 0.8
    assert TASKS["interactive"].floor([truth((torch.eye(SIDE, dtype=torch.bool), 1))], ("ground", "car")) == pytest.approx(5)
