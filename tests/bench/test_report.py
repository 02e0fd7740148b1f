"""Summaries, the command line that a run is repeated with, and the results page."""

from __future__ import annotations

import importlib.util
import json
import shlex
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.report.markdown import command_line, section, shortfall, summarise
from unseg_cli.core.budget import NoiseBudget


def row(condition: str, seed: int, final: float, **more: Any) -> dict[str, Any]:
    return {
        "victim": "unet", "condition": condition, "defence": "none", "init": "pretrained", "ratio": 1.0, "seed": seed, "metric": "iou",
        "final": final, "best": final + 5, "best_epoch": 3, "train_metric": 90.0, "seconds": 30.0, "final_per_picture": final - 2,
        "height": 96, "width": 96, "epochs": 8, **more,
    }  # fmt: skip


ROWS = [row("clean", 0, 70.0), row("clean", 1, 72.0), row("protected", 0, 20.0), row("protected", 1, 22.0)]


def test_summary_by_hand() -> None:
    clean, protected = summarise([*ROWS, row("protected", 0, 50.0, defence="gray")])[:2]
    assert (clean["mean"], clean["n"], clean["relative_drop"]) == (71, 2, 0)
    assert clean["std"] == pytest.approx(2**0.5)
    assert protected["relative_drop"] == pytest.approx(100 * 50 / 71)
    assert protected["best_relative_drop"] == pytest.approx(100 * 50 / 76)


def test_drop_needs_clean_under_the_same_defence() -> None:
    gray = summarise([*ROWS, row("protected", 0, 50.0, defence="gray")])[-1]
    assert (gray["defence"], gray["relative_drop"], gray["std"]) == ("gray", None, 0)


def test_shortfall_judges_the_undefended_rows() -> None:
    document = {"summary": summarise([*ROWS, row("clean", 0, 60.0, defence="gray"), row("protected", 0, 58.0, defence="gray")])}
    assert shortfall(document, None) == ()
    assert shortfall(document, 70) == ()
    assert len(shortfall(document, 71)) == 1
    only_gray = {"summary": [entry for entry in document["summary"] if entry["defence"] == "gray"]}
    assert len(shortfall(only_gray, 10)) == 1


def test_command_line_is_understood_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from unseg_cli.bench import run as bench_module
    from unseg_cli.cli.app import main
    from unseg_cli.core.events import Report

    config = BenchConfig(
        victims=("unet", "mask2former"), data="some/folder with blank", conditions=("clean", "texture"), protect_masks="auto",
        budget=NoiseBudget(16 / 255, 0.013), defences=("none", "gray"), ratio=0.5, seeds=(0, 2), init="scratch", epochs=3, image_size=64,
        batch_size=4, lr=0.002, limit=20, generator="vit_b", protected=Path("made"), out=Path("runs/x"), fail_under=60.0, device="cpu",
        mask_rule="class:7,9", task="semantic",
    )  # fmt: skip
    seen: list[BenchConfig] = []

    def stand_in(config: BenchConfig, _events: Any) -> Report:
        seen.append(config)
        return Report(document={"command": "bench"})

    monkeypatch.setattr(bench_module, "bench", stand_in)
    for wanted in (config, BenchConfig()):
        main(shlex.split(command_line(wanted))[1:])
        assert seen[-1] == wanted


def run_document() -> dict[str, Any]:
    return {
        "command": "unseg bench --victim unet --data some/ecssd --seeds 0,1",
        "data": {"train_pictures": 300, "test_pictures": 100, "task": "binary", "foreground_classes": ["foreground"]},
        "settings": {"budget": {"foreground": 8 / 255, "background": 2 / 255}, "limit": None, "image_size": None},
        "generator": {"name": "lite", "sha256": "0123456789abcdef"},
        "schedules": {"unet": {"image_size": 96, "epochs": 8, "batch_size": 16, "lr": 0.001}},
        "augmentation": "flips",
        "versions": {"torch": "2.9.0", "python": "3.12.0"},
    }


def document() -> dict[str, Any]:
    return {
        "task": "binary", "data": "some/ecssd", "smoke_test": False, "protect_masks": "gt", "rows": ROWS, "summary": summarise(ROWS),
        "noise": {"protected": {"linf_255": 8.0, "psnr": 36.17, "ssim": 0.97}},
    }  # fmt: skip


def test_section_says_what_and_how() -> None:
    text = section(document(), run_document())
    assert "| unet | protected | none | pretrained | 1 | 21.0 ± 1.4 | 70.4 |" in text
    assert "| protected | 8 | 36.2 | 0.970 |" in text
    masks = "8/255 inside and 2/255 outside"
    expected = ("unseg bench --victim unet", "Seeds 0, 1", masks, "96x96 px, 8 epochs", "0123456789ab", "torch 2.9.0")
    for part in expected:
        assert part in text
    assert "smoke test" in section({**document(), "smoke_test": True}, run_document())
    elsewhere = run_document()
    elsewhere["settings"]["protected"] = "out"
    assert "what `unseg protect` had made of them, in out" in section(document(), elsewhere)


def script(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_results", root / "scripts" / "make_results.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_results_page(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make = script(root)
    docs, run = tmp_path / "docs", tmp_path / "ecssd-unet"
    docs.mkdir()
    run.mkdir()
    (docs / "results_intro.md").write_text("# Results\n")
    with pytest.raises(SystemExit, match="not a finished bench run"):
        make.main([str(run)], docs)
    for name in make.KEPT:
        (run / name).write_text("x")
    (run / "results.json").write_text(json.dumps(document()))
    (run / "run.json").write_text(json.dumps(run_document()))
    (run / "samples.png").write_text("not kept")
    assert make.main(["--check"], docs) == 1
    assert make.main([str(run)], docs) == 0
    assert {path.name for path in (docs / "results" / "ecssd-unet").iterdir()} == set(make.KEPT)
    text = (docs / "results.md").read_text()
    assert text.startswith("# Results\n\n## ecssd-unet\n")
    assert "| 70.4 |" in text
    assert "](results/ecssd-unet/bars.png)" in text
    assert make.main(["--check"], docs) == 0

    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{make.BEGIN}\nold\n{make.END}\nafter\n")
    line = {"data": "ecssd", "victim": "unet", "init": "pretrained", "defence": "none", "size": 96, "epochs": 8, "seed": 0, "best": 50.0}
    tried = [{**line, "layers": "clean", "final": 60.0}, {**line, "layers": "gray:4@48", "background": "zero", "final": 15.0, "psnr": 37.4}]
    (docs / "results" / "experiments.jsonl").write_text("".join(json.dumps(one) + "\n" for one in tried))
    assert make.main(["--check"], docs) == 1
    assert make.main([], docs) == 0
    assert make.main(["--check"], docs) == 0
    assert "| gray:4@48, background zero | 15.0 | 50.0 | 75 | 37.4 | - | - |" in (docs / "results.md").read_text()
    for_a = {**tried[1], "for": "A: unet", "layers": "ring", "final": None, "best": None, "note": "worse masks"}
    (docs / "results" / "experiments.jsonl").write_text("".join(json.dumps(one) + "\n" for one in (*tried, for_a)))
    aims = [{"row": "A", "what": "true masks", "masks": "gt", "at_least": 60, "data": ["ecssd"], "victims": ["unet", "segformer"]}]
    (docs / "results" / "targets.json").write_text(json.dumps(aims))
    assert make.main([], docs) == 0
    text = (docs / "results.md").read_text()
    assert "| A | true masks | ecssd | unet, pretrained | - | at least 60 | 70 | - | 2 | met |" in text
    assert "| A | true masks | ecssd | segformer, pretrained | - | at least 60 | - | - | - | not measured |" in text
    for_target, besides = text.split("### Tried for A: unet")[1].split("### Tried besides")
    assert "| ring, background zero | - | - | - | 37.4 | - | worse masks |" in for_target
    assert "ring" not in besides
    by_hand = docs / "results" / "ecssd-unet" / make.BEFOREHAND
    by_hand.write_text(json.dumps({"masks": "half of the masks", "commands": ["unseg protect a b"]}))
    assert make.main([], docs) == 0
    text = (docs / "results.md").read_text()
    assert "\n    unseg protect a b\n    unseg bench --victim unet" in text
    assert "| A | true masks | ecssd | unet, pretrained | - | at least 60 | - | - | - | not measured |" in text
    assert "| half of the masks | - |" in readme.read_text()
    by_hand.unlink()
    found = {"data": "ecssd", "skipped": 2, "pictures": 9, "generator": "lite", "note": "as shipped", "iou": 0.716, "found": 0.84}
    (docs / "results" / "found_objects.jsonl").write_text(json.dumps(found) + "\n")
    clean = {
        "data": "ecssd",
        "init": "pretrained",
        "victim": "unet",
        "size": 96,
        "epochs": 8,
        "lr": 0.001,
        "seed": 0,
        "final": 60.0,
        "best": 62.0,
    }
    lines = [clean, {**clean, "seed": 1, "final": 61.0}, {**clean, "lr": 0.002}]
    (docs / "results" / "schedules.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    assert make.main([], docs) == 0
    text = (docs / "results.md").read_text()
    assert "| ecssd | unet, pretrained, 96 px | 8 | 0.001 | 0,1 | 60.5 | 62.0 | used |" in text
    assert "| ecssd | unet, pretrained, 96 px | 8 | 0.002 | 0 | 60.0 | 62.0 | - |" in text
    assert "| ecssd but its first 2 | 9 | lite, as shipped | 0.72 | 84 |" in text
    text = readme.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "| ecssd | unet, pretrained, 96 px | true masks | - | 71.0 | 21.0 ± 1.4 | **70 %** |" in text

    (run / "curves.png").write_bytes(bytes(make.LARGEST + 1))
    with pytest.raises(SystemExit, match="larger"):
        make.main([str(run)], docs)

    fewer = run_document()
    fewer["settings"]["limit"] = 100
    (docs / "results" / "ecssd-unet" / "run.json").write_text(json.dumps(fewer))
    assert make.main([], docs) == 0
    assert "| A | true masks | ecssd | unet, pretrained | - | at least 60 | - | - | - | not measured |" in (docs / "results.md").read_text()
    assert "| ecssd, 100 pictures | unet, pretrained, 96 px | true masks |" in readme.read_text()


def test_the_committed_page_is_what_the_committed_runs_say(root: Path) -> None:
    assert script(root).main(["--check"]) == 0


def kept_run(docs: Path, name: str, rows: list[dict[str, Any]]) -> None:
    folder = docs / "results" / name
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(document() | {"rows": rows, "summary": summarise(rows)}))
    (folder / "run.json").write_text(json.dumps(run_document()))


def shipped(docs: Path) -> None:
    (docs / "results_intro.md").write_text("# Results\n")
    (docs.parent / "weights").mkdir()
    (docs.parent / "weights" / "SHA256SUMS").write_text("0123456789abcdef  lite.safetensors\n")


def targets_page(root: Path, docs: Path, *aims: dict[str, Any]) -> str:
    common = {"masks": "gt", "data": ["ecssd"], "victims": ["unet"]}
    (docs / "results" / "targets.json").write_text(json.dumps([common | aim for aim in aims]))
    assert script(root).main([], docs) == 0
    return (docs / "results.md").read_text()


def test_seeds_of_several_runs_count_together(root: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    kept_run(docs, "first", ROWS[:1] + ROWS[2:3])  # seed 0
    kept_run(docs, "more", [row("clean", 1, 50.0), row("clean", 2, 50.0), row("protected", 1, 10.0), row("protected", 2, 10.0)])
    shipped(docs)
    text = targets_page(root, docs, {"row": "A", "what": "true masks", "at_least": 76})
    # 100 * (1 - (20 + 10 + 10) / (70 + 50 + 50)) = 76.5
    assert "| A | true masks | ecssd | unet, pretrained | - | at least 76 | 76 | - | 3 | met |" in text


def test_a_run_at_another_learning_rate_is_a_setting_of_its_own(root: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    kept_run(docs, "own", ROWS)
    kept_run(docs, "other", [row("clean", 2, 80.0), row("protected", 2, 60.0)])
    settings = run_document()
    settings["schedules"]["unet"]["lr"] = 0.004
    (docs / "results" / "other" / "run.json").write_text(json.dumps(settings))
    shipped(docs)
    readme = tmp_path / "README.md"
    readme.write_text(f"{script(root).BEGIN}\n{script(root).END}")
    text = targets_page(root, docs, {"row": "A", "what": "true masks", "at_least": 60})
    assert "| at least 60 | 70 | - | 2 | met |" in text
    assert "| unet, pretrained, 96 px, learning rate 0.004 | true masks | - | 80.0 | 60.0 | **25 %** |" in readme.read_text()


def test_true_masks_must_reach_the_rival_and_random_noise_must_not(root: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    kept_run(docs, "run", [*ROWS, row("texture", 0, 10.0), row("random", 0, 63.0)])
    shipped(docs)
    text = targets_page(
        root, docs, {"row": "A", "what": "ours", "at_least": 60}, {"row": "control", "what": "noise", "masks": "random", "at_most": 8}
    )
    assert "| A | ours | ecssd | unet, pretrained | - | at least 60 | 70 | 86 | 2 | missed: under the rival |" in text
    assert "| control | noise | ecssd | unet, pretrained | - | at most 8 | 10 | - | 1 | missed |" in text
    kept_run(docs, "without-a-generator", [row("clean", 1, 70.0), row("random", 1, 69.0)])
    (docs / "results" / "without-a-generator" / "run.json").write_text(json.dumps(run_document() | {"generator": None}))
    text = targets_page(root, docs, {"row": "control", "what": "noise", "masks": "random", "at_most": 8})
    assert "| control | noise | ecssd | unet, pretrained | - | at most 8 | 6 | - | 2 | met |" in text
    assert "## without-a-generator\n\n    unseg bench" in text, "no word of earlier weights"


def test_defences_are_judged_one_by_one_and_on_average(root: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    washed = [
        row(*what, defence=defence)
        for defence, final in (("gray", 60.0), ("blur", 15.0))
        for what in (("clean", 0, 60.0), ("protected", 0, final))
    ]
    kept_run(docs, "run", [*ROWS, *washed])
    shipped(docs)
    aim = {"row": "E", "what": "washed", "at_least": 33, "defences": ["gray", "blur"], "mean_of_unwashed": 0.5}
    text = targets_page(root, docs, aim)
    assert "| E | washed | ecssd | unet, pretrained | gray | at least 33 | 0 | - | 1 | missed |" in text
    assert "| E | washed | ecssd | unet, pretrained | blur | at least 33 | 75 | - | 1 | met |" in text
    assert "| E | washed: mean | ecssd | unet, pretrained | all of these | at least 35 | 38 | - | - | met |" in text


def test_visibility_comes_from_the_manifest_of_the_shipped_weights(root: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    kept_run(docs, "run", ROWS)
    shipped(docs)
    manifest = docs / "results" / "examples-photos" / "unseg-manifest.jsonl"
    manifest.parent.mkdir()
    lines = [
        {"psnr": 36.04, "ssim": 0.95, "generator_sha256": "0123456789abcdef"},
        {"psnr": 40.0, "ssim": 0.99, "generator_sha256": "0123456789abcdef"},
    ]
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = targets_page(root, docs)
    assert "[2 pictures](results/examples-photos/unseg-manifest.jsonl) with a PSNR of at least 36.0 dB" in text
    assert "at least 0.950 (aim: 0.93): met." in text
    manifest.write_text(json.dumps(lines[0] | {"psnr": 33.9}) + "\n")
    assert ": missed." in targets_page(root, docs)
    manifest.write_text(json.dumps(lines[0] | {"generator_sha256": "other"}) + "\n")
    assert ": made with earlier weights." in targets_page(root, docs)
