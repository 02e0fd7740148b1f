"""The bench from end to end on pictures of its own making, small enough for seconds."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.bench.conftest import label_folder
from unseg_cli.bench import run as bench_module
from unseg_cli.bench.conditions import ConditionMaker
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.fit import augment
from unseg_cli.bench.run import bench, mix
from unseg_cli.bench.victims.registry import VICTIMS
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.datasets.registry import open_labelled

FILES = {
    *("results.json", "results.csv", "per_class.csv", "curves.csv", "curves.png", "bars.png", "samples.png", "summary.md", "run.json"),
}
ROW_KEYS = {
    *("victim", "condition", "defence", "init", "ratio", "seed", "metric", "final", "best", "best_epoch", "train_metric", "seconds"),
}
SUMMARY_KEYS = {"victim", "condition", "defence", "init", "ratio", "metric", "mean", "std", "n", "relative_drop"}


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def finals(report: Report) -> dict[str, float]:
    return {row["condition"]: row["final"] for row in report.document["rows"]}


def test_files_and_keys_are_those_of_the_contract(quick: BenchConfig, fake_generator: Any) -> None:
    config = dataclasses.replace(quick, conditions=("clean", "protected", "random", "texture"), seeds=(0, 1), epochs=2)
    report = bench(config, Events())
    assert {path.name for path in config.out.iterdir()} >= FILES
    assert report.exit_code == 0
    document = json.loads((config.out / "results.json").read_text())
    assert document == report.document
    assert (document["schema"], document["command"], document["task"], document["protect_masks"]) == (1, "bench", "binary", "gt")
    assert len(document["rows"]) == 8
    assert all(set(row) >= ROW_KEYS for row in document["rows"])
    assert all(set(entry) >= SUMMARY_KEYS for entry in document["summary"])
    assert [entry["n"] for entry in document["summary"]] == [2] * 4
    assert set(document["noise"]) == {"protected", "random", "texture"}
    assert document["noise"]["random"]["linf_255"] == 8
    assert document["noise"]["protected"] == document["noise"]["texture"]  # the fake generator paints the texture
    rows = table(config.out / "results.csv")
    assert [row["condition"] for row in rows] == [row["condition"] for row in document["rows"]]
    curves = table(config.out / "curves.csv")
    assert len(curves) == 16
    for row in document["rows"]:
        curve = [float(c["metric"]) for c in curves if c["condition"] == row["condition"] and int(c["seed"]) == row["seed"]]
        assert row["final"] == pytest.approx(curve[-1])
        assert row["best"] == pytest.approx(max(curve))
        assert curve[row["best_epoch"] - 1] == pytest.approx(max(curve))
    per_class = table(config.out / "per_class.csv")
    assert float(per_class[1]["iou"]) == pytest.approx(document["rows"][0]["final"])
    clean = next(entry for entry in document["summary"] if entry["condition"] == "clean")
    for entry in document["summary"]:
        assert entry["relative_drop"] == pytest.approx(100 * (clean["mean"] - entry["mean"]) / clean["mean"])
    run = json.loads((config.out / "run.json").read_text())
    assert run["generator"] == {"name": "lite", "sha256": "ab" * 32}
    assert run["versions"]["torch"] == torch.__version__.split("+")[0]
    assert "unseg bench --victim unet" in (config.out / "summary.md").read_text()


def test_without_noise_nothing_drops(quick: BenchConfig, fake_generator: Any) -> None:
    config = dataclasses.replace(
        quick, conditions=("clean", "protected", "random", "texture"), budget=NoiseBudget(0, 0), fail_under=1, epochs=2
    )
    report = bench(config, Events())
    assert len(set(finals(report).values())) == 1  # the same bytes and the same seed: the same number, to the last digit
    assert [entry["relative_drop"] for entry in report.document["summary"]] == [0, 0, 0, 0]
    assert report.document["noise"]["protected"] == {"linf_255": 0, "psnr": None, "ssim": 1.0}
    assert report.exit_code == 1
    assert "is under 1 %" in report.closing[0]


@pytest.mark.slow
def test_texture_lowers_what_is_learnt(folder: Path, tmp_path: Path) -> None:
    config = BenchConfig(
        data=str(folder),
        conditions=("clean", "texture", "random"),
        image_size=64,
        epochs=10,
        batch_size=8,
        lr=2e-3,
        out=tmp_path,
        device="cpu",
    )
    report = bench(config, Events())
    scores = finals(report)
    assert scores["clean"] > 55
    assert scores["texture"] < 0.7 * scores["clean"]
    assert scores["random"] > scores["texture"] + 10
    trained = {row["condition"]: row["train_metric"] for row in report.document["rows"]}
    assert trained["texture"] > 60  # the victim did learn, only the wrong thing


def test_resume_does_only_what_is_missing(quick: BenchConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config = dataclasses.replace(quick, conditions=("clean", "texture"))
    first = bench(config, Events()).document
    trained: list[str] = []
    run_row = bench_module.run_row
    monkeypatch.setattr(bench_module, "run_row", lambda row, *more: (trained.append(row.key), run_row(row, *more)))
    with pytest.raises(UsageProblem, match="holds results already"):
        bench(config, Events())
    (config.out / "rows" / "unet-texture-none-seed0.json").unlink()
    again = bench(dataclasses.replace(config, resume=True), Events()).document
    assert trained == ["unet-texture-none-seed0"]
    for before, after in zip(first["rows"], again["rows"], strict=True):
        assert {**before, "seconds": 0} == {**after, "seconds": 0}  # a row made alone is the row made in the run
    assert again["noise"] == first["noise"]
    more = bench(dataclasses.replace(config, resume=True, seeds=(0, 1), conditions=("clean", "texture", "random")), Events()).document
    assert len(trained) == 1 + 4
    assert set(more["noise"]) == {"texture", "random"}
    with pytest.raises(UsageProblem, match="another epochs"):
        bench(dataclasses.replace(config, resume=True, epochs=3), Events())


def test_interrupted_run_keeps_finished_rows(quick: BenchConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config = dataclasses.replace(quick, conditions=("clean", "texture"))
    run_row = bench_module.run_row

    def interrupted(row: Any, *more: Any) -> None:
        if row.condition == "texture":
            raise KeyboardInterrupt
        run_row(row, *more)

    monkeypatch.setattr(bench_module, "run_row", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench(config, Events())
    monkeypatch.setattr(bench_module, "run_row", run_row)
    assert [path.name for path in (config.out / "rows").glob("*-seed*.json")] == ["unet-clean-none-seed0.json"]
    assert len(bench(dataclasses.replace(config, resume=True), Events()).document["rows"]) == 2


def test_ratio_mixes_whole_pictures(quick: BenchConfig) -> None:
    clean, changed = torch.zeros(10, 3, 2, 2, dtype=torch.uint8), torch.ones(10, 3, 2, 2, dtype=torch.uint8)
    mixed = mix(clean, changed, 0.3, seed=0)
    assert mixed.flatten(1).float().mean(1).unique().tolist() == [0, 1]
    assert int(mixed[:, 0, 0, 0].sum()) == 3
    assert not torch.equal(mixed, mix(clean, changed, 0.3, seed=1))
    report = bench(dataclasses.replace(quick, conditions=("clean", "texture"), ratio=0.0), Events())
    assert len(set(finals(report).values())) == 1


def test_protected_folder_is_used_as_it_is(quick: BenchConfig, folder: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    for path in (folder / "images" / "train").iterdir():
        Image.fromarray(255 - np.asarray(Image.open(path))).save(made / path.name)
    config = dataclasses.replace(quick, conditions=("clean", "protected"), protected=made)
    data = open_labelled(config.data, limit=2)
    pictures = ConditionMaker(config, data, None).batch(list(data.train), ["clean", "protected"], 0)
    assert np.array_equal(pictures["protected"][0], 255 - pictures["clean"][0])
    (made / "r99.png").write_bytes((made / "r00.png").read_bytes())  # more than needed is fine
    assert set(finals(bench(config, Events()))) == {"clean", "protected"}  # no generator is loaded
    (made / "r00.png").unlink()
    with pytest.raises(UsageProblem, match="first r00"):
        ConditionMaker(config, data, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conditions": ("clean", "protectd")}, "--conditions 'protectd'"),
        ({"defences": ("jpg",)}, "--defences 'jpg'"),
        ({"victims": ("unett",)}, "--victim 'unett'"),
        ({"protect_masks": "sam"}, "--protect-masks"),
        ({"init": "random"}, "--init"),
        ({"ratio": 1.2}, "--ratio"),
        ({"conditions": ("clean",), "fail_under": 10.0}, "--fail-under needs"),
        ({"mask_rule": "class:9"}, "no such class"),
    ],
)
def test_wrong_options_are_named_before_anything_runs(quick: BenchConfig, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageProblem, match=message):
        bench(dataclasses.replace(quick, **change), Events())
    assert not quick.out.exists()


def test_picture_and_mask_of_two_sizes(quick: BenchConfig, tmp_path: Path) -> None:
    for split in ("train", "test"):
        for kind, size in (("images", (40, 30)), ("masks", (30, 40))):
            (tmp_path / kind / split).mkdir(parents=True)
            Image.new("L", size, 0).save(tmp_path / kind / split / "a.png")
    with pytest.raises(UsageProblem, match=r"a\.png: the picture is 40x30, its mask 30x40"):
        bench(dataclasses.replace(quick, data=str(tmp_path), conditions=("clean",)), Events())


def test_augmentation_moves_picture_and_label_together() -> None:
    draw = torch.Generator().manual_seed(0)
    label = (torch.rand(16, 8, 8, generator=draw) > 0.5).repeat_interleave(8, 1).repeat_interleave(8, 2).to(torch.uint8)
    label[:, :8, :8] = 255
    image = (label[:, None] * 100).clamp(max=200).repeat(1, 3, 1, 1)  # 0, 100, or 200 for void
    image[label[:, None].expand_as(image) == 255] = 200
    image_01, moved = augment(image, label, torch.Generator().manual_seed(1))
    assert image_01.shape == image.shape
    assert set(moved.unique().tolist()) <= {0, 1, 255}
    expected = moved.float().where(moved != 255, 2)[:, None] * 100 / 255
    assert ((image_01 - expected).abs() < 0.1).float().mean() > 0.85  # all but the seams between cells
    assert not torch.equal(moved, label.long())
    again = augment(image, label, torch.Generator().manual_seed(1))
    assert torch.equal(again[0], image_01)


def test_label_ids_with_mask2former(tmp_path: Path, fake_generator: list[dict[str, Any]]) -> None:
    config = BenchConfig(
        victims=("mask2former",), data=str(label_folder(tmp_path / "data")), conditions=("clean", "protected"), image_size=64, epochs=1,
        out=tmp_path / "run", device="cpu", init="scratch",
    )  # fmt: skip
    report = bench(config, Events())
    row = report.document["rows"][0]
    assert (row["metric"], row["height"], row["width"], row["final_dice"]) == ("miou", 64, 64, None)
    assert report.document["task"] == "semantic"
    per_class = table(config.out / "per_class.csv")
    assert [line["class"] for line in per_class[:3]] == ["Sky", "Road", "Car"]
    known = [float(line["iou"]) for line in per_class[:3] if line["iou"]]
    assert row["final"] == pytest.approx(np.mean(known))
    assert fake_generator[0]["masks"][0].sum() == 140  # the car, the only thing, is what gets protected
    assert json.loads((config.out / "run.json").read_text())["data"]["foreground_classes"] == ["Car"]


@pytest.mark.shared
def test_real_pictures(shared: Path, tmp_path: Path, fake_generator: Any) -> None:
    root = shared / "data" / "ecssd"
    if not root.is_dir():
        pytest.skip("no ecssd")
    config = BenchConfig(
        data=str(root),
        conditions=("clean", "protected"),
        defences=("none", "jpeg75"),
        limit=8,
        image_size=64,
        epochs=1,
        out=tmp_path / "run",
        device="cpu",
    )
    report = bench(config, Events())
    assert {(row["condition"], row["defence"]) for row in report.document["rows"]} == {
        (condition, defence) for condition in config.conditions for defence in config.defences
    }
    assert 30 < report.document["noise"]["protected"]["psnr"] < 50


def test_every_victim_has_a_schedule_of_its_own() -> None:
    for entry in VICTIMS.values():
        assert entry.tasks == ("binary", "semantic")
