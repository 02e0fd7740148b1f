"""What the commands print at their end: counts, tables and cells."""

from __future__ import annotations

import pytest

from tests.cli.conftest import LEAST, Stand
from unseg_cli.cli.app import main
from unseg_cli.cli.detect_text import detect_lines
from unseg_cli.cli.protect_text import protect_lines
from unseg_cli.cli.words import cell
from unseg_cli.core.events import Report

Capture = pytest.CaptureFixture[str]

PROTECTED = {
    "schema": 1, "command": "protect", "images": 3, "protected": 1, "skipped": 1, "failed": 1, "linf_255_max": 8.0, "psnr_mean": 36.123,
    "ssim_mean": 0.91, "seconds": 2.0, "images_per_second": 0.5, "mask_source": {"file": 0, "auto": 1, "whole": 0},
    "generator": {"name": "lite", "sha256": "ab"}, "failures": [{"path": "b.jpg", "error": "not a\npicture"}],
}  # fmt: skip


def test_the_summary_of_protect(stand: Stand, capsys: Capture) -> None:
    stand("protect", lambda events: Report(document=PROTECTED, exit_code=1, closing=("what it does not do",)))
    assert main(LEAST["protect"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "3 pictures: 1 protected, 1 skipped, 1 failed in 2.0 s (0.50 pictures/s)",
        "largest change 8/255, mean PSNR 36.12 dB, mean SSIM 0.91",
        "objects: 0 from mask files, 1 detected by the generator, 0 whole picture",
        "failed: b.jpg: not a picture",
        "what it does not do",
    ]


def test_the_summary_of_protect_with_nothing_new() -> None:
    document = {**PROTECTED, "protected": 0, "linf_255_max": None, "psnr_mean": None, "ssim_mean": None, "failures": []}
    assert protect_lines(document) == ["3 pictures: 0 protected, 1 skipped, 1 failed in 2.0 s (0.50 pictures/s)"]
    assert protect_lines({**document, "images": 1})[0].startswith("1 picture: 0 protected")


def test_the_summary_of_detect(stand: Stand, capsys: Capture) -> None:
    document = {
        "schema": 1, "command": "detect", "images": 5, "detected": 3, "skipped": 1, "failed": 1, "unsure": 2, "unknown": 1,
        "nothing_found": 1, "owner": 1, "threshold": 0.8, "seconds": 2.0, "images_per_second": 1.5,
        "failures": [{"path": "b.jpg", "error": "not a\npicture"}],
    }  # fmt: skip
    stand("detect", lambda events: Report(document=document, exit_code=1, closing=("what to do next",)))
    assert main(LEAST["detect"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "5 pictures: 3 detected, 1 skipped, 1 failed in 2.0 s (1.50 pictures/s)",
        "unsure: 2 (confidence below 0.8, of 1 it is not known), nothing found: 1, by you: 1",
        "Where nothing was found the mask is black, and `unseg protect --masks` protects the whole picture.",
        "failed: b.jpg: not a picture",
        "what to do next",
    ]
    planned = {"dry_run": True, "would_detect": 1, "planned": [{"src": "a.jpg", "mask": "a.png"}]}
    assert detect_lines({**document, **planned}) == [
        "would look at a.jpg -> a.png",
        "would fail on b.jpg: not a picture",
        "5 pictures: 1 would be looked at, 1 skipped, 1 would fail",
    ]


def test_the_summary_of_bench_is_a_table(stand: Stand, capsys: Capture) -> None:
    row = {
        "victim": "unet",
        "condition": "random",
        "defence": "none",
        "metric": "iou",
        "mean": 67.04,
        "std": 1.5,
        "n": 3,
        "relative_drop": 4.25,
    }
    document = {
        "schema": 1, "command": "bench", "task": "binary", "rows": [{"victim": "unet", "train_metric": 99.875}],
        "summary": [{**row, "init": "pretrained", "ratio": 1.0}], "noise": {"random": {"linf_255": 8.0, "psnr": 31.5, "ssim": 0.9}},
    }  # fmt: skip
    stand("bench", lambda events: Report(document=document))
    assert main(LEAST["bench"]) == 0
    printed = capsys.readouterr().out
    assert "99.88" not in printed
    (line,) = [line for line in printed.splitlines() if line.startswith("unet")]
    assert line.split() == ["unet", "random", "none", "iou", "67.04", "1.5", "3", "4.25"]


def test_names_are_not_folded_and_empty_columns_omitted(stand: Stand, capsys: Capture) -> None:
    name = "folder/" * 40 + "[a] picture.png"
    rows = [{"path": name, "psnr": None, "ssim": 0.5, "ok": False, "problem": None}]
    stand("doctor", lambda events: Report(document={"schema": 1, "command": "doctor", "rows": rows}, exit_code=1))
    assert main(LEAST["doctor"]) == 1
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["path", "ssim", "ok"]
    assert row.split(name)[1].split() == ["0.5", "no"]


def test_cells() -> None:
    assert [cell(value) for value in (None, True, 0.123456, {"a": 1, "b": None}, ["x", 2.0], "t")] == [
        "-",
        "yes",
        "0.1235",
        "a 1, b -",
        "x, 2",
        "t",
    ]
