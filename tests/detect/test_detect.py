"""`unseg detect` from the tree of pictures to masks, `detections.jsonl` and back through `unseg protect --masks`."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.detect.conftest import SHAPE, Detect, Pointed, WithConfidence, marked, rows, scene
from tests.links import link
from tests.protect.conftest import Recorder, hashes
from unseg_cli.core.errors import NothingToDo, UsageProblem
from unseg_cli.core.runs import write_atomically
from unseg_cli.pictures.masks import mask_rule, read_mask


def test_masks_and_a_line_for_each_picture(run_detect: Detect, src: Path, tmp_path: Path) -> None:
    before, masks = hashes(src), tmp_path / "masks"
    run_detect.finder = WithConfidence
    report = run_detect(src, masks, threshold=0.8)
    document = report.document
    assert (document["schema"], document["command"], report.exit_code) == (1, "detect", 0)
    assert {name: document[name] for name in ("images", "detected", "skipped", "failed", "unsure", "nothing_found", "failures")} == {
        "images": 3, "detected": 3, "skipped": 0, "failed": 0, "unsure": 2, "nothing_found": 1, "failures": [],
    }  # fmt: skip
    assert sorted(path.relative_to(masks).as_posix() for path in masks.rglob("*.*")) == [
        "a.png", "detections.jsonl", "review.html", "sub/b.png", "sub/c.png",
    ]  # fmt: skip
    found = rows(masks)
    for name, share in (("a.png", 0.75), ("sub/b.jpg", 0.25)):
        row = found[name]
        mask = marked(masks / row["mask"])
        assert mask.shape == SHAPE and abs(mask.mean() - share) < 0.03
        assert (row["finder"], row["size"]) == ("two finders", [SHAPE[1], SHAPE[0]])
        assert row["area"] == row["confidence"] == round(mask.mean(), 4)
        assert row["src_sha256"] == hashlib.sha256((src / name).read_bytes()).hexdigest()
        assert row["mask_sha256"] == hashlib.sha256((masks / row["mask"]).read_bytes()).hexdigest()
    assert (found["sub/c.webp"]["confidence"], found["sub/c.webp"]["area"]) == (None, 0)
    assert not marked(masks / "sub" / "c.png").any()
    assert hashes(src) == before


def test_the_threshold_says_what_is_unsure(run_detect: Detect, src: Path, tmp_path: Path) -> None:
    run_detect.finder = WithConfidence
    counts = [run_detect(src, tmp_path / "masks", threshold=threshold).document["unsure"] for threshold in (0.1, 0.5, 0.8)]
    assert counts == [0, 1, 2]
    run_detect.finder = type("Silent", (WithConfidence,), {"find": lambda self, scenes, prompt=None: [None] * len(scenes)})
    assert run_detect(src, tmp_path / "other", threshold=1.0).document["unsure"] == 0


def test_a_second_run_skips_what_is_done_and_redoes_what_changed(run_detect: Detect, src: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    run_detect(src, masks)
    first, looks = hashes(masks), run_detect.generator.looks
    report = run_detect(src, masks)
    assert (report.document["skipped"], report.document["detected"], run_detect.generator.looks) == (3, 0, looks)
    assert hashes(masks) == first
    Image.fromarray(scene(0.5)).save(src / "a.png")
    (masks / "sub" / "b.png").unlink()
    assert run_detect(src, masks).document["detected"] == 2
    assert abs(marked(masks / "a.png").mean() - 0.5) < 0.03
    assert hashes(masks)["sub/b.png"] == first["sub/b.png"]
    run_detect.generator = Pointed("6" * 64)
    assert run_detect(src, masks).document["detected"] == 3
    run_detect.finder = WithConfidence
    assert run_detect(src, masks).document["detected"] == 3
    assert run_detect(src, masks).document["skipped"] == 3


def test_protect_reads_the_masks_back(run_detect: Detect, src: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import unseg_cli.protect.run as workflow
    from tests.protect.conftest import StandInGenerator, session_of, texture
    from tests.protect.conftest import rows as manifest_rows
    from unseg_cli.protect.config import ProtectConfig

    exif = Image.Exif()
    exif[274] = 6
    turned = scene(0.5, (40, 80))  # as stored; seen, its upper half is bright, in 80 rows of 40
    Image.fromarray(turned).save(src / "turned.jpg", exif=exif, quality=95)
    Image.fromarray(scene(0.5).astype(np.uint16)[..., 0] * 257).save(src / "deep.png")
    masks = tmp_path / "masks"
    run_detect(src, masks)
    assert rows(masks)["turned.jpg"]["size"] == [40, 80]
    mask = marked(masks / "turned.png")
    assert mask.shape == (80, 40) and mask[:38].all() and not mask[42:].any()
    monkeypatch.setattr(workflow, "open_runtime", lambda *_, **__: StandInGenerator())
    monkeypatch.setattr(workflow, "Session", session_of(texture))
    workflow.protect(ProtectConfig(src=src, dst=tmp_path / "out", masks=masks, device="cpu"), Recorder())
    made = manifest_rows(tmp_path / "out")
    assert {name: row["mask_source"] for name, row in made.items()} == {
        "a.png": "file", "deep.png": "file", "sub/b.jpg": "file", "sub/c.webp": "whole", "turned.jpg": "file",
    }  # fmt: skip
    for name, row in rows(masks).items():
        if row["area"]:
            assert made[name]["mask_share"] == row["area"]
            assert made[name]["confidence"] is None
            width, height = row["size"]
            assert np.array_equal(read_mask(masks / row["mask"], mask_rule("nonzero"), (height, width)), marked(masks / row["mask"]))


def test_pictures_of_one_stem_get_no_mask_and_one_line_each(run_detect: Detect, src: Path, tmp_path: Path, events: Recorder) -> None:
    Image.fromarray(scene(0.5)).save(src / "a.bmp")
    Image.fromarray(scene(0.5)).save(src / "sub" / "a.bmp")  # in another folder: another mask
    (src / "sub" / "b.cr2").write_bytes(b"a RAW file beside its JPEG, which needs no mask")
    report = run_detect(src, tmp_path / "masks", exclude=("*.cr2",))
    assert report.exit_code == 1
    assert [one["path"] for one in report.document["failures"]] == ["a.bmp", "a.png"]
    assert "would have the mask a.png in common with a.png" in events.warnings[0]
    assert not (tmp_path / "masks" / "a.png").exists()
    assert set(rows(tmp_path / "masks")) == {"sub/a.bmp", "sub/b.jpg", "sub/c.webp"}
    # A filter changes nothing: `unseg protect` goes by the stem, too.
    assert run_detect(src, tmp_path / "masks", only="a.png").document["failed"] == 1
    # One that the owner drew serves both.
    Image.fromarray(np.full(SHAPE, 255, np.uint8)).save(tmp_path / "masks" / "a.png")
    assert run_detect(src, tmp_path / "masks", exclude=("*.cr2",)).exit_code == 0


def test_bad_pictures_are_one_line_each_and_stop_nothing(run_detect: Detect, src: Path, tmp_path: Path, events: Recorder) -> None:
    (src / "bad.png").write_text("no picture")
    (src / "empty.jpg").touch()
    report = run_detect(src, tmp_path / "masks", batch_size=2, workers=1)
    assert (report.exit_code, report.document["detected"], report.document["failed"]) == (1, 3, 2)
    assert [one["path"] for one in report.document["failures"]] == ["bad.png", "empty.jpg"]
    assert len(events.warnings) == 2 and all("\n" not in line for line in events.warnings)
    assert events.advanced == 5


@pytest.mark.parametrize("place", ["src", "src/masks", "."])
def test_nothing_is_written_among_the_originals(run_detect: Detect, src: Path, tmp_path: Path, place: str) -> None:
    before = hashes(tmp_path)
    with pytest.raises(UsageProblem) as caught:
        run_detect(src, tmp_path / place)
    assert "MASKS" in caught.value.message and caught.value.hint
    with pytest.raises(UsageProblem, match="SRC's folder"):
        run_detect(src / "a.png", src)
    assert hashes(tmp_path) == before


def test_links_from_the_masks_to_the_originals_are_not_followed(run_detect: Detect, src: Path, tmp_path: Path) -> None:
    before = hashes(src)
    (tmp_path / "masks").mkdir()
    link(tmp_path / "masks" / "sub", src / "sub")
    report = run_detect(src, tmp_path / "masks")
    assert [one["path"] for one in report.document["failures"]] == ["sub/b.jpg", "sub/c.webp"]
    assert hashes(src) == before


def test_what_there_is_nothing_to_do_for(run_detect: Detect, src: Path, tmp_path: Path) -> None:
    with pytest.raises(NothingToDo):
        run_detect(src, tmp_path / "masks", include=("*.nothing",))
    for changes, words in (
        ({"only": "b.jpg"}, "no picture in"),
        ({"overwrite": True}, "needs a correction"),
        ({"whole": True}, "is about one picture, and there are 3"),
    ):
        with pytest.raises(UsageProblem, match=words):
            run_detect(src, tmp_path / "masks", **changes)
    with pytest.raises(UsageProblem, match="does not exist"):
        run_detect(src / "nowhere", tmp_path / "masks")
    assert not (tmp_path / "masks").exists()


def test_a_dry_run_writes_nothing_and_knows_the_bad_ones(run_detect: Detect, src: Path, tmp_path: Path) -> None:
    (src / "bad.png").write_text("no picture")
    report = run_detect(src, tmp_path / "masks", dry_run=True)
    assert (report.document["would_detect"], report.document["failed"], report.exit_code) == (3, 1, 1)
    assert report.document["planned"][1] == {"src": "sub/b.jpg", "mask": "sub/b.png"}
    assert not (tmp_path / "masks").exists() and run_detect.generator.looks == 0


def test_a_kill_between_line_and_mask_loses_nothing(run_detect: Detect, src: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of a new mask is there, the mask is the one before: it is ours still, and not the owner's."""
    masks = tmp_path / "masks"
    run_detect(src, masks)
    Image.fromarray(scene(0.5)).save(src / "a.png")

    class Killed(BaseException):
        pass

    def dying(path: Path, write: Any) -> None:
        write(path.with_suffix(".part"))
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("unseg_cli.pictures.stores.local.write_atomically", dying)
        with pytest.raises(Killed):
            run_detect(src, masks, only="a.png")
    assert abs(marked(masks / "a.png").mean() - 0.75) < 0.03
    assert write_atomically is not dying
    assert run_detect(src, masks).document["owner"] == 0
    assert abs(marked(masks / "a.png").mean() - 0.5) < 0.03


def test_closing_lines_say_what_to_do_next(run_detect: Detect, src: Path, tmp_path: Path) -> None:
    masks = tmp_path / "my masks"
    lines = "\n".join(run_detect(src, masks).closing)
    quoted = f'"{masks}"' if os.name == "nt" else f"'{masks}'"
    assert f'unseg detect {src} {quoted} --only NAME --box "X0,Y0,X1,Y1"' in lines
    assert f"unseg protect {src} DST --masks {quoted}" in lines and str(masks / "review.html") in lines
    single = "\n".join(run_detect(src / "a.png", masks).closing)
    assert f"unseg detect {src / 'a.png'} {quoted} --box" in single


def test_a_list_of_detections_that_is_no_list_is_named(run_detect: Detect, src: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    run_detect(src, masks)
    with (masks / "detections.jsonl").open("a") as file:
        file.write(json.dumps({"src": "a.png"}) + "\n" + '{"src": "sub/b.j')
    assert run_detect(src, masks).document["skipped"] == 3
    assert set(rows(masks)) == {"a.png", "sub/b.jpg", "sub/c.webp"}
