"""The tables that are made of lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.bench.report.conftest import Docs
from unseg_cli.bench.report import lines

LINE = {"data": "ecssd", "victim": "unet", "init": "pretrained", "defence": "none", "size": 96, "epochs": 8, "seed": 0, "best": 50.0}
CLEAN = {**LINE, "layers": "clean", "final": 60.0}
GRAY = {**LINE, "layers": "gray:4@48", "background": "zero", "final": 15.0, "psnr": 37.4}


def test_experiments_are_compared_with_the_clean_run_of_their_setting(docs: Docs) -> None:
    docs.lines("experiments.jsonl", CLEAN, GRAY)
    assert "| gray:4@48, background zero | 15.0 | 50.0 | 75 | 37.4 | - | script | - |" in lines.experiments(docs.path)


def test_lines_of_another_augmentation_have_a_clean_run_of_their_own(docs: Docs) -> None:
    jitter = {"augment": "jitter"}
    docs.lines("experiments.jsonl", CLEAN, GRAY, CLEAN | jitter | {"final": 20.0}, GRAY | jitter)
    text = lines.experiments(docs.path)
    assert "| ecssd | unet, pretrained, 96 px, crops | - | 8 | 0 | gray:4@48, background zero | 15.0 | 50.0 | 75 |" in text
    assert "| ecssd | unet, pretrained, 96 px, jitter | - | 8 | 0 | gray:4@48, background zero | 15.0 | 50.0 | 25 |" in text


def test_lines_of_the_time_of_floors_are_read_and_pooled_with_those_that_know_none(docs: Docs) -> None:
    known = {"floor": 1.0, "ramp": 16.0}
    tile = {**GRAY, "layers": "tile:a.safetensors", "max_difference": 1.0}
    docs.lines("experiments.jsonl", CLEAN, GRAY | known, GRAY | {"seed": 1, "max_difference": None}, GRAY | known | {"floor": 0.3}, tile)
    text = lines.experiments(docs.path)
    assert "| 0,1 | gray:4@48, background zero |" in text
    assert "| gray:4@48, background zero, floor 0.3 |" in text
    assert "| tile:a.safetensors, background zero, max difference 1.0 |" in text


def test_lines_written_by_hand_say_so(docs: Docs) -> None:
    docs.lines("experiments.jsonl", CLEAN, GRAY | {"origin": lines.BY_HAND, "note": "kept"}, GRAY | {"seed": 1})
    assert "| 37.4 | - | by hand, script | kept |" in lines.experiments(docs.path)


def test_experiments_stand_under_the_target_they_were_tried_for(docs: Docs) -> None:
    for_a = {**GRAY, "for": "A: unet", "layers": "ring", "final": None, "best": None, "note": "worse masks"}
    docs.lines("experiments.jsonl", CLEAN, GRAY, for_a)
    for_target, besides = lines.experiments(docs.path).split("### Tried for A: unet")[1].split("### Tried besides")
    assert "| ring, background zero | - | - | - | 37.4 | - | script | worse masks |" in for_target
    assert "ring" not in besides and "gray:4@48" in besides


def test_schedules_are_pooled_over_seeds_and_the_used_one_is_marked(docs: Docs) -> None:
    clean: dict[str, Any] = {name: LINE[name] for name in ("data", "init", "victim", "size", "epochs", "seed")}
    clean |= {"lr": 0.001, "final": 60.0, "best": 62.0}
    now = {**clean, "size": 256, "augment": "jitter"}
    docs.lines("schedules.jsonl", clean, {**clean, "seed": 1, "final": 61.0}, {**clean, "lr": 0.002}, now, {**now, "augment": "crops"})
    docs.first()
    text = lines.schedules(docs.path)
    assert "| ecssd | unet, pretrained, 96 px, crops | 8 | 0.001 | 0,1 | 60.5 | 62.0 | used at first |" in text
    assert "| ecssd | unet, pretrained, 256 px, jitter | 8 | 0.001 | 0 | 60.0 | 62.0 | used |" in text
    assert "| ecssd | unet, pretrained, 256 px, crops | 8 | 0.001 | 0 | 60.0 | 62.0 | - |" in text
    assert "| ecssd | unet, pretrained, 96 px, crops | 8 | 0.002 | 0 | 60.0 | 62.0 | - |" in text


def test_detections(docs: Docs) -> None:
    found = {"data": "ecssd", "skipped": 2, "pictures": 9, "generator": "lite", "note": "as shipped", "iou": 0.716, "found": 0.84}
    docs.lines("detections.jsonl", found)
    assert "| ecssd but its first 2 | 9 | lite, as shipped | 0.72 | 84 |" in lines.detections(docs.path)
    assert "unsure" not in lines.detections(docs.path)
    sureness = [{"threshold": 0.55, "unsure": 0.1, "wrong": 0.0125, "poor": None}]
    docs.lines("detections.jsonl", {**found, "finder": "both", "sureness": sureness})
    assert "| ecssd but its first 2 | lite, as shipped, found by both | 0.55 | 10.0 | 1.2 | - |" in lines.detections(docs.path)


def test_without_lines_there_is_no_table(docs: Docs) -> None:
    assert (lines.experiments(docs.path), lines.schedules(docs.path), lines.detections(docs.path)) == ("", "", "")


def test_every_committed_line_that_the_script_cannot_have_written_is_marked(root: Path) -> None:
    """The script writes how much a victim predicts as the object; whoever types a line has no such number."""
    text = (root / "docs" / "results" / "experiments.jsonl").read_text(encoding="utf-8")
    experiments = [json.loads(line) for line in text.splitlines()]
    assert {lines.origin(line) for line in experiments} == {"script", lines.BY_HAND}
    assert all((lines.origin(line) == "script") == ("predicted_percent" in line) for line in experiments)
