"""What an owner says about a picture counts, and stays."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.detect.conftest import SHAPE, Detect, Pointed, marked, rows, scene
from tests.protect.conftest import Recorder
from unseg_cli.core.errors import UsageProblem


@pytest.fixture
def masks(run_detect: Detect, src: Path, tmp_path: Path) -> Path:
    run_detect(src, tmp_path / "masks")
    return tmp_path / "masks"


def test_a_box_marks_what_is_in_it(run_detect: Detect, src: Path, masks: Path) -> None:
    report = run_detect(src, masks, only="sub/b.jpg", box=(32, 8, 48, 24))
    mask = marked(masks / "sub" / "b.png")
    assert mask[8:24, 32:48].all() and mask.sum() == 16 * 16
    row = rows(masks)["sub/b.jpg"]
    assert (row["finder"], row["confidence"], row["correction"]["box"]) == ("owner", 1.0, [32, 8, 48, 24])
    assert (report.document["owner"], report.document["unsure"]) == (1, 0)


@pytest.mark.parametrize("shape", [(96, 128), (200, 50)])
def test_points_are_pixels_of_the_picture_as_it_is_seen(run_detect: Detect, tmp_path: Path, shape: tuple[int, int]) -> None:
    height, width = shape
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.rot90(scene(0.5, shape)).copy()).save(tmp_path / "a.jpg", exif=exif)
    for x, y in ((0, 0), (width - 1, height - 1), (width // 2, height // 3)):
        run_detect(tmp_path / "a.jpg", tmp_path / "masks", point=((x, y),))
        mask = marked(tmp_path / "masks" / "a.png")
        assert mask.shape == shape and mask[y, x]
        ys, xs = np.nonzero(mask)
        assert np.hypot(ys - y, xs - x).max() <= 4 * max(shape) / 64


def test_a_point_that_is_not_the_object_is_cut_out(run_detect: Detect, src: Path, masks: Path) -> None:
    """Two bright things are detected as one object; the edge between them is where it is cut."""
    image = scene(0)
    image[:, :24], image[:, 24:44] = (200, 60, 60), (250, 240, 240)
    image[:, :24, 0] = 255
    image[:, :24, 1:] = 130
    Image.fromarray(image).save(src / "two.png")
    run_detect(src, masks)
    both = marked(masks / "two.png")
    assert both[24, 10] and both[24, 36]
    run_detect(src, masks, only="two.png", not_point=((36, 20),))
    mask = marked(masks / "two.png")
    assert mask[:, :22].all() and not mask[:, 26:].any()
    with pytest.raises(UsageProblem):
        run_detect(src, masks, only="two.png", not_point=((64, 0),))
    failed = run_detect(src, masks, only="two.png", not_point=((60, 20),))
    assert "nothing to cut" in failed.document["failures"][0]["error"]


def test_the_whole_picture(run_detect: Detect, src: Path, masks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "unseg_cli.detect.pointing", None)  # as where PyTorch and scikit-image are not installed
    run_detect(src, masks, only="sub/c.webp", whole=True)
    assert marked(masks / "sub" / "c.png").all()
    assert (rows(masks)["sub/c.webp"]["correction"], rows(masks)["sub/c.webp"]["area"]) == ("whole", 1.0)


@pytest.mark.parametrize("changes", [{"point": ((64, 0),)}, {"point": ((0, 48),)}, {"box": (0, 0, 65, 48)}, {"box": (0, 0, 64, 49)}])
def test_what_lies_outside_the_picture_is_a_usage_error(run_detect: Detect, src: Path, masks: Path, changes: dict[str, Any]) -> None:
    before = (masks / "a.png").read_bytes()
    with pytest.raises(UsageProblem, match="outside the picture") as caught:
        run_detect(src, masks, only="a.png", **changes)
    assert "64x48 pixels" in caught.value.hint
    assert (masks / "a.png").read_bytes() == before


def test_a_correction_outlives_every_later_run(run_detect: Detect, src: Path, masks: Path, events: Recorder) -> None:
    run_detect(src, masks, only="a.png", box=(10, 10, 20, 20))
    corrected = (masks / "a.png").read_bytes()
    run_detect.generator = Pointed("6" * 64)
    assert run_detect(src, masks).document["detected"] == 2
    Image.fromarray(scene(0.3)).save(src / "a.png")
    assert run_detect(src, masks).document["skipped"] == 3
    assert "its picture is another one" in events.warnings[-1]
    count = len(events.warnings)
    run_detect(src, masks)
    assert len(events.warnings) == count  # it is said once
    assert (masks / "a.png").read_bytes() == corrected
    assert rows(masks)["a.png"]["correction"]["box"] == [10, 10, 20, 20]
    # Another correction is the owner's own word, and takes its place.
    run_detect(src, masks, only="a.png", box=(30, 10, 40, 20))
    assert not marked(masks / "a.png")[:, :30].any()
    # To have it detected, delete it.
    (masks / "a.png").unlink()
    assert run_detect(src, masks).document["detected"] == 1
    assert rows(masks)["a.png"]["finder"] == "lite"


@pytest.mark.parametrize("known", [True, False])
def test_a_mask_that_was_edited_or_drawn_is_the_owners(run_detect: Detect, src: Path, tmp_path: Path, known: bool) -> None:
    masks = tmp_path / "masks"
    if known:
        run_detect(src, masks)
    mine = np.zeros(SHAPE, np.uint8)
    mine[5:9, 5:25] = 255
    masks.mkdir(exist_ok=True)
    Image.fromarray(mine).save(masks / "a.png")
    drawn = (masks / "a.png").read_bytes()
    for _ in range(2):
        document = run_detect(src, masks).document
        assert document["owner"] == 1 and (masks / "a.png").read_bytes() == drawn
    row = rows(masks)["a.png"]
    assert (row["finder"], row["confidence"], row["correction"], row["area"]) == ("owner", 1.0, "hand", round(80 / mine.size, 4))
    failed = run_detect(src, masks, only="a.png", box=(30, 10, 40, 20))
    assert failed.exit_code == 1 and "drawn or edited by hand" in failed.document["failures"][0]["error"]
    assert (masks / "a.png").read_bytes() == drawn
    run_detect(src, masks, only="a.png", box=(30, 10, 40, 20), overwrite=True)
    assert marked(masks / "a.png").sum() == 100


def test_a_correction_that_was_edited_afterwards_is_still_the_owners(run_detect: Detect, src: Path, masks: Path) -> None:
    run_detect(src, masks, only="a.png", box=(10, 10, 20, 20))
    Image.fromarray(np.full(SHAPE, 255, np.uint8)).save(masks / "a.png")
    run_detect(src, masks)
    assert marked(masks / "a.png").all() and rows(masks)["a.png"]["correction"] == "hand"


def test_a_mask_of_another_suffix_counts_and_two_are_refused(run_detect: Detect, src: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    Image.fromarray(np.full(SHAPE, 255, np.uint8)).save(masks / "a.bmp")
    assert run_detect(src, masks).document["owner"] == 1
    assert not (masks / "a.png").exists() and rows(masks)["a.png"]["mask"] == "a.bmp"
    assert run_detect(src, masks, only="a.png", whole=True, overwrite=True).exit_code == 1
    Image.fromarray(np.full(SHAPE, 255, np.uint8)).save(masks / "a.png")
    report = run_detect(src, masks)
    assert report.exit_code == 1 and "has 2 masks" in report.document["failures"][0]["error"]


def test_a_mask_that_protect_could_not_read_is_told_now(run_detect: Detect, src: Path, masks: Path) -> None:
    Image.fromarray(np.full((10, 10), 255, np.uint8)).save(masks / "a.png")
    report = run_detect(src, masks)
    assert report.exit_code == 1
    assert "its mask a.png is 10x10 pixels, the picture 64x48" in report.document["failures"][0]["error"]


def test_where_the_owner_points_at_nothing_the_mask_stays(
    run_detect: Detect, src: Path, masks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (masks / "a.png").read_bytes()
    monkeypatch.setattr(Pointed, "segment", lambda self, embedding, prompt: embedding.image - 2)
    report = run_detect(src, masks, only="a.png", point=((3, 3),))
    assert report.exit_code == 1 and "no object where --point says" in report.document["failures"][0]["error"]
    assert (masks / "a.png").read_bytes() == before


def test_a_generator_that_does_not_look_can_be_pointed(run_detect: Detect, src: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    run_detect.generator.spec = replace(run_detect.generator.spec, kind="sam_vit")
    with pytest.raises(UsageProblem, match="does not look for objects by itself"):
        run_detect(src, tmp_path / "masks")
    run_detect(src, tmp_path / "masks", only="a.png", box=(10, 10, 20, 20))
    assert marked(tmp_path / "masks" / "a.png").sum() == 100
