"""`unseg protect` with masks: by stem, by rule, by class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.protect.conftest import Protect, rows, session_of, texture
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UsageProblem
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.masks import DETECTIONS


def test_masks_by_stem(src: Path, tmp_path: Path, run_protect: Protect, events: Any) -> None:
    masks = tmp_path / "masks"
    (masks / "sub" / "deep").mkdir(parents=True)
    region = np.zeros((48, 64), np.uint8)
    region[10:30, 20:50] = 7
    Image.fromarray(region).save(masks / "a.png")
    Image.fromarray(region).save(masks / "sub" / "deep" / "d.png")
    Image.fromarray(np.zeros_like(region)).save(masks / "b.png")
    Image.fromarray(region[:-1]).save(masks / "sub" / "c.png")
    report = run_protect(src, tmp_path / "out", masks=masks, mask_rule="class:7", target="whole", budget=NoiseBudget(8 / 255, 2 / 255))
    assert report.exit_code == 1
    assert report.document["mask_source"] == {"file": 2, "auto": 0, "whole": 2}
    assert report.document["failures"][0]["path"] == "sub/c.webp"
    assert "64x47" in report.document["failures"][0]["error"]
    assert any("1 of 5 pictures have no mask" in warning for warning in events.warnings)
    assert "1 of 3 masks mark nothing under --mask-rule class:7: those pictures are protected as a whole" in events.warnings
    for name in ("a.png", "sub/deep/d.bmp"):
        step = np.abs(read_picture(src / name).pixels.astype(int) - read_picture(tmp_path / "out" / name).pixels)
        assert step[region == 7].max() == 8
        assert step[region == 0].max() == 2
    # another mask is another setting
    Image.fromarray(np.roll(region, 5)).save(masks / "a.png")
    again = run_protect(src, tmp_path / "out", masks=masks, mask_rule="class:7", target="whole", budget=NoiseBudget(8 / 255, 2 / 255))
    assert (again.document["protected"], again.document["skipped"], again.document["failed"]) == (1, 3, 1)
    (masks / "a.bmp").write_bytes(b"")
    Image.fromarray(region).save(masks / "a.bmp")
    again = run_protect(src, tmp_path / "out", masks=masks, mask_rule="class:7", target="whole", include=["a.png"])
    assert "2 masks" in again.document["failures"][0]["error"]


def test_every_class_gets_noise_of_its_own(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    with Image.open(src / "a.png") as image:
        clean = np.asarray(image).astype(int)
    classes = np.zeros(clean.shape[:2], np.uint8)
    classes[:, : clean.shape[1] // 2] = 2
    classes[: clean.shape[0] // 4] = 255
    Image.fromarray(classes).save(tmp_path / "a.png")
    options = {"masks": tmp_path / "a.png", "mask_rule": "not-void"}
    run_protect(src / "a.png", tmp_path / "one", **options)
    run_protect(src / "a.png", tmp_path / "each", per_class=True, **options)
    one, each = (np.asarray(Image.open(tmp_path / name / "a.png")).astype(int) - clean for name in ("one", "each"))
    assert np.array_equal(one[classes == 255], each[classes == 255])
    colours = [{tuple(change) for change in np.sign(each[classes == number])} for number in (0, 2)]
    assert len(colours[0]) == len(colours[1]) == 2, "a checkerboard of two colours each"
    assert colours[0].isdisjoint(colours[1])
    limits = [rows(tmp_path / name)["a.png"]["recipe"]["max_difference"] for name in ("one", "each")]
    assert limits == [NoiseBudget.visible, None], "what shows of the noise of classes has no limit, and the manifest says none"
    again = run_protect(src / "a.png", tmp_path / "one", per_class=True, **options)
    assert again.document["protected"] == 1, "another setting, so the picture is done again"


def test_classes_need_masks_that_hold_them(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    for changes in ({}, {"masks": tmp_path, "mask_rule": "panoptic-rgb"}):
        with pytest.raises(UsageProblem, match="--per-class"):
            run_protect(src, tmp_path / "out", per_class=True, **changes)


def test_noise_of_classes_is_not_passed_off_as_hidden(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    with pytest.raises(UsageProblem, match="cannot be kept"):
        run_protect(src, tmp_path / "out", per_class=True, masks=tmp_path, mask_rule="not-void", budget=NoiseBudget(visible=0.5))
    assert not (tmp_path / "out").exists()


def test_a_rule_needs_masks(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    with pytest.raises(UsageProblem, match="--mask-rule class:7 needs --masks"):
        run_protect(src, tmp_path / "out", mask_rule="class:7")


def test_masks_that_fit_nothing_are_a_usage_problem(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    (tmp_path / "masks").mkdir()
    for masks in (tmp_path / "masks", tmp_path / "nowhere", src / "a.png"):
        with pytest.raises(UsageProblem, match="mask"):
            run_protect(src, tmp_path / "out", masks=masks)
    assert not (tmp_path / "out").exists()


def test_masks_that_detect_made_are_those_of_photographs(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    """Whoever looked at the outlines of photographs wants no pattern on them; whoever has masks of a data set publishes it for networks."""
    (tmp_path / "masks").mkdir()
    with Image.open(src / "a.png") as image:
        Image.new("L", image.size, 255).save(tmp_path / "masks" / "a.png")
    picture, seen = src / "a.png", {}

    def closely(name: str, masks: Path, budget: NoiseBudget) -> bool | None:
        run_protect(picture, tmp_path / name, masks=masks, budget=budget)
        return seen["budget"].closely

    class Watching(session_of(texture)):  # type: ignore[misc]
        def noise(self, *args: Any, budget: NoiseBudget, target: str = "auto") -> Any:
            seen["budget"] = budget
            return super().noise(*args, budget=budget, target=target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unseg_cli.protect.run.Session", Watching)
        assert closely("own", tmp_path / "masks", NoiseBudget()) is None
        (tmp_path / "masks" / DETECTIONS).write_text("")
        assert closely("detected", tmp_path / "masks", NoiseBudget()) is True
        assert closely("one", tmp_path / "masks" / "a.png", NoiseBudget()) is True
        assert closely("said", tmp_path / "masks", NoiseBudget(closely=False)) is False
