"""Metrics against counting by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unseg_cli.bench.metrics import confusion as metrics


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


def test_relative_drop() -> None:
    assert metrics.relative_drop(80, 20) == 75
    assert metrics.relative_drop(80, 88) == pytest.approx(-10)
    assert metrics.relative_drop(0, 0) is None
