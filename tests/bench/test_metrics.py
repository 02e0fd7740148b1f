"""Metrics against counting by hand, and one battery for every metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unseg_cli.bench.examples import Prediction, Target
from unseg_cli.bench.metrics import confusion as metrics
from unseg_cli.bench.tasks import TASKS


def test_binary_by_hand() -> None:
    truth = torch.tensor([[[1, 1, 0, 0]], [[1, 1, 1, 1]]])
    found = torch.tensor([[[1, 0, 1, 0]], [[1, 1, 1, 1]]])
    each = metrics.confusion_per_picture(found, truth, 2)
    assert metrics.binary_iou(each).tolist() == pytest.approx([1 / 3, 1])
    assert float(metrics.binary_iou(each.sum(0))) == pytest.approx(5 / 7)  # accumulated is not the mean over pictures
    assert float(metrics.dice(each.sum(0))) == pytest.approx(10 / 12)


def test_void_counts_nowhere() -> None:
    truth = torch.tensor([[[0, 1, 255, 255]]], dtype=torch.uint8)
    one = metrics.confusion_per_picture(torch.tensor([[[0, 1, 0, 1]]]), truth, 2)
    other = metrics.confusion_per_picture(torch.tensor([[[0, 1, 1, 0]]]), truth, 2)
    assert torch.equal(one, other)
    assert one.sum() == 2
    assert float(metrics.miou(one)) == 1


def test_miou_leaves_absent_classes_out() -> None:
    truth, found = torch.tensor([[[0, 0, 1, 1]]]), torch.tensor([[[0, 0, 1, 0]]])
    confusion = metrics.confusion_per_picture(found, truth, 5)
    assert metrics.iou_per_class(confusion)[0, :2].tolist() == pytest.approx([2 / 3, 1 / 2])
    assert torch.isnan(metrics.iou_per_class(confusion)[0, 2:]).all()
    assert float(metrics.miou(confusion)) == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_nothing_there_and_nothing_found_is_right() -> None:
    empty = torch.zeros(1, 2, 2, dtype=torch.uint8)
    assert float(metrics.binary_iou(metrics.confusion_per_picture(empty, empty, 2))) == 1
    assert float(metrics.binary_iou(metrics.confusion_per_picture(1 - empty, empty, 2))) == 0


@given(st.integers(2, 6), st.integers(0, 10_000))
def test_counts_every_known_pixel_once(classes: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    truth = torch.randint(0, classes, (3, 5, 7), generator=draw)
    found = torch.randint(0, classes, (3, 5, 7), generator=draw)
    confusion = metrics.confusion_per_picture(found, truth, classes)
    assert confusion.sum((1, 2)).tolist() == [35, 35, 35]
    for label in range(classes):
        for predicted in range(classes):
            assert confusion[1, label, predicted] == ((truth[1] == label) & (found[1] == predicted)).sum()


#: Every metric of every task of label maps, with classes that it can have.
CASES = [
    pytest.param(make, task.headline, ("ground", "object") if name == "binary" else names, id=f"{name}-{make.__name__}-{len(names)}")
    for name, task in TASKS.items()
    if not task.tells_objects
    for make in task.metrics
    for names in ([("ground", "object")] if name == "binary" else [("sky", "road"), ("sky", "road", "car", "pole")])
]


def pictures(classes: int, count: int = 5) -> list[tuple[Prediction, Target]]:
    """Random predictions of random truth, some of it void; every class is in every truth."""
    draw = torch.Generator().manual_seed(classes)
    made = []
    for _ in range(count):
        truth, found = (torch.randint(0, classes, (8, 9), generator=draw, dtype=torch.uint8) for _ in range(2))
        truth.view(-1)[:classes] = torch.arange(classes, dtype=torch.uint8)
        truth[-1] = 255
        made.append((Prediction(labels=found), Target(labels=truth)))
    return made


def scores(make: Any, names: Sequence[str], seen: list[tuple[Prediction, Target]]) -> dict[str, float]:
    metric = make(names)
    for prediction, target in seen:
        metric.update(prediction, target)
    result = metric.compute()
    assert isinstance(result, dict)
    return result


@pytest.mark.parametrize(("make", "headline", "names"), CASES)
def test_parts_that_are_merged_are_all_at_once(make: Any, headline: str, names: Sequence[str]) -> None:
    seen = pictures(len(names))
    first, second, whole = make(names), make(names), scores(make, names, seen)
    for number, (prediction, target) in enumerate(seen):
        (first if number < 2 else second).update(prediction, target)
    before = second.compute()
    first.merge(second)
    assert first.compute() == whole
    assert second.compute() == before
    assert {headline, f"{headline}_per_picture"} <= set(whole)
    assert all(0 <= value <= 100 for value in whole.values())


@pytest.mark.parametrize(("make", "headline", "names"), CASES)
def test_perfect_is_100_and_all_wrong_is_0(make: Any, headline: str, names: Sequence[str]) -> None:
    truths = [target for _, target in pictures(len(names))]
    perfect = [(Prediction(labels=target.labels.where(target.labels != 255, 0)), target) for target in truths]
    assert set(scores(make, names, perfect).values()) == {100}
    wrong = [(Prediction(labels=((target.labels.long() + 1) % len(names)).to(torch.uint8)), target) for target in truths]
    assert set(scores(make, names, wrong).values()) == {0}


@pytest.mark.parametrize(("make", "headline", "names"), CASES)
def test_void_pixels_count_nowhere(make: Any, headline: str, names: Sequence[str]) -> None:
    seen, other = pictures(len(names)), pictures(len(names))
    for prediction, target in other:
        prediction.labels[target.labels == 255] = len(names) - 1
    assert any(not torch.equal(a.labels, b.labels) for (a, _), (b, _) in zip(seen, other, strict=True))
    assert scores(make, names, seen) == scores(make, names, other)
    nothing = [(Prediction(labels=torch.zeros(4, 4, dtype=torch.uint8)), Target(labels=torch.full((4, 4), 255, dtype=torch.uint8)))]
    assert scores(make, names, [*seen, *nothing])[headline] == scores(make, names, seen)[headline]


@pytest.mark.parametrize(("make", "headline", "names"), CASES)
def test_classes_that_do_not_occur_have_no_score(make: Any, headline: str, names: Sequence[str]) -> None:
    ground = torch.zeros(4, 4, dtype=torch.uint8)
    found = scores(make, names, [(Prediction(labels=ground), Target(labels=ground))])
    assert {name for name in found if "/" in name} == {f"iou/{names[0]}"}


def test_accumulated_is_not_the_mean_over_pictures() -> None:
    seen = [
        (Prediction(labels=torch.tensor([[1, 0, 1, 0]])), Target(labels=torch.tensor([[1, 1, 0, 0]]))),
        (Prediction(labels=torch.tensor([[1, 1, 1, 1]])), Target(labels=torch.tensor([[1, 1, 1, 1]]))),
    ]
    found = scores(metrics.ForegroundIoU, ("ground", "object"), seen)
    assert found["iou"] == found["iou/object"] == pytest.approx(500 / 7)
    assert found["iou_per_picture"] == pytest.approx(200 / 3)
    assert found["dice"] == pytest.approx(1000 / 12)


@pytest.mark.parametrize("classes", [2, 4])
def test_label_maps_are_scored_as_torchmetrics_scores_them(classes: int) -> None:
    from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score, MulticlassJaccardIndex

    seen = pictures(classes)
    names = tuple(f"class {number}" for number in range(classes))
    found = scores(metrics.ClassIoU, names, seen)
    said, truth = torch.stack([one.labels for one, _ in seen]).long(), torch.stack([one.labels for _, one in seen]).long()
    each = MulticlassJaccardIndex(classes, average="none", ignore_index=255)(said, truth)
    assert [found[f"iou/{name}"] for name in names] == pytest.approx((100 * each).tolist(), abs=1e-3)
    assert found["miou"] == pytest.approx(100 * float(each.mean()), abs=1e-3)
    right = MulticlassAccuracy(classes, average="micro", ignore_index=255)(said, truth)
    assert found["accuracy"] == pytest.approx(100 * float(right), abs=1e-3)
    if classes == 2:
        both = MulticlassF1Score(2, average="none", ignore_index=255)(said, truth)
        assert scores(metrics.ForegroundIoU, names, seen)["dice"] == pytest.approx(100 * float(both[1]), abs=1e-3)
