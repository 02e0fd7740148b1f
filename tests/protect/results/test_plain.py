"""`unseg protect` says how many pictures hold noise that can be seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.protect.conftest import rows
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.events import Report
from unseg_cli.protect.results.plain import PLAIN, Plain


def line(**changes: Any) -> Any:
    return {"mask_source": "file", "noise_255": PLAIN, "recipe": {"max_difference": 1.5}} | changes


@pytest.mark.parametrize(
    ("row", "target", "counts"),
    [
        (line(), "auto", True),
        (line(noise_255=PLAIN - 0.01), "auto", False),
        (line(noise_255=None), "auto", False),
        (line(recipe={"max_difference": None}), "auto", False),
        (line(mask_source="auto"), "auto", False),
        (line(mask_source="whole"), "auto", False),
        (line(mask_source="whole"), "whole", True),
        (line(mask_source="whole"), "uniform", True),
        ({"mask_source": "file"}, "auto", False),
        (line(recipe={"max_difference": 1.5, "closely": True}), "auto", False),
        (line(recipe={"max_difference": 1.5, "closely": False}, mask_source="auto"), "auto", True),
    ],
)
def test_noise_under_a_limit_at_100_percent_counts_where_it_is_strong(row: Any, target: str, counts: bool) -> None:
    plain = Plain()
    plain.add(row, target)
    assert plain.count == counts and bool(plain.lines()) == counts


def test_it_is_told_of_pictures_with_masks(run_protect: Callable[..., Report], src: Path, tmp_path: Path) -> None:
    with Image.open(src / "a.png") as image:
        size = image.size
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.full(size[::-1], 255, np.uint8)).save(tmp_path / "masks" / "a.png")
    told = "Can be seen: the noise of 1 picture, on skin, skies and other smooth places."
    report = run_protect(src, tmp_path / "out", masks=tmp_path / "masks", report=tmp_path / "report.html")
    assert "1 whose noise can be seen on smooth places" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert rows(tmp_path / "out")["a.png"]["noise_255"] >= PLAIN and told in report.closing
    high = run_protect(src, tmp_path / "high", masks=tmp_path / "masks", budget=NoiseBudget(visible=None))
    assert not any("Can be seen" in line for line in high.closing)
