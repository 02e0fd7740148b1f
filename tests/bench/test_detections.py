"""Detections against the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.bench.conftest import FakeSource
from unseg_cli.bench.detections import THRESHOLDS, compare_detections, sureness
from unseg_cli.datasets.registry import open_labelled


def test_a_right_and_a_wrong_detection(tmp_path: Path, source: FakeSource) -> None:
    right, half = np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
    right[16:48, 16:48] = 255  # what the stand-in detects
    half[16:48, 16:28] = 255  # 12 of its 32 columns
    for split in ("train", "test"):
        for kind in ("images", "masks"):
            (tmp_path / kind / split).mkdir(parents=True)
        for name, mask in (("a", right), ("b", half)):
            Image.new("RGB", (64, 64)).save(tmp_path / "images" / split / f"{name}.png")
            Image.fromarray(mask).save(tmp_path / "masks" / split / f"{name}.png")
    data = open_labelled(str(tmp_path))
    compared = compare_detections(source, data, data.train)
    assert (compared.pictures, compared.detected) == (2, 0.5)
    assert compared.iou == pytest.approx((1 + 12 / 32) / 2)
    assert [asked["masks"] for asked in source.asked] == [[None], [None]]
    assert compared.sureness is not None and all(row.unsure == 0 and row.wrong == 0.5 for row in compared.sureness)


def test_a_threshold_tells_unsure_from_sure_and_counts_what_is_wrong_among_these() -> None:
    ious, confidences = np.array([0.9, 0.6, 0.4, 0.1], np.float32), np.array([0.95, 0.9, 0.65, 0.2], np.float32)
    rows = {row.threshold: (row.unsure, row.wrong, row.poor) for row in sureness(ious, confidences)}
    assert set(rows) == set(THRESHOLDS)
    assert rows[0.5] == pytest.approx((0.25, 1 / 3, 2 / 3)) and rows[0.7] == (0.5, 0.0, 0.5)
    assert all(row.wrong is None for row in sureness(ious, np.zeros(4, np.float32)))
