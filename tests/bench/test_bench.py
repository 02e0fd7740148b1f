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

from tests.bench.conftest import FakeSource, label_folder
from unseg_cli.bench import run as run_module
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.examples import Examples, Target
from unseg_cli.bench.run import bench
from unseg_cli.bench.run_cells import mix, unchanged
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.noise.version import NOISE_CODE

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
    for row in document["rows"]:
        assert set(row["scores"]) == {"iou", "iou_per_picture", "dice", "accuracy"}
        assert row["final"] == row["scores"][row["metric"]]
    assert all(set(entry) >= SUMMARY_KEYS for entry in document["summary"])
    assert [entry["n"] for entry in document["summary"]] == [2] * 4
    assert set(document["noise"]) == {"protected", "random", "texture"}
    assert document["noise"]["random"]["linf_255"] == 8
    assert document["noise"]["protected"] == document["noise"]["texture"]  # the fake generator paints the texture
    rows = table(config.out / "results.csv")
    assert [row["condition"] for row in rows] == [row["condition"] for row in document["rows"]]
    assert [float(row["score_dice"]) for row in rows] == [row["scores"]["dice"] for row in document["rows"]]
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
    assert run["noise_code"] == NOISE_CODE
    assert not (config.out / "prepared").exists()  # pictures are there while they are needed
    assert run["versions"]["torch"] == torch.__version__.split("+")[0]
    assert "unseg bench --victim unet" in (config.out / "summary.md").read_text()


def test_without_noise_nothing_drops(quick: BenchConfig, fake_generator: Any) -> None:
    config = dataclasses.replace(
        quick, conditions=("clean", "protected", "random", "texture"), budget=NoiseBudget(0, 0), fail_under=1, epochs=2
    )
    report = bench(config, Events())
    assert len(set(finals(report).values())) == 1  # the same bytes and the same seed: the same number, to the last digit
    assert [entry["relative_drop"] for entry in report.document["summary"]] == [0, 0, 0, 0]
    nothing = {"linf_255": 0, "psnr": None, "ssim": 1.0, "difference": 0, "difference_p95": 0, "flip": 0, "difference_pictures": 8}
    assert report.document["noise"]["protected"] == nothing
    assert report.exit_code == 1
    assert "is under 1 %" in report.closing[0]


@pytest.mark.slow
def test_texture_lowers_what_is_learnt(folder: Path, tmp_path: Path) -> None:
    config = BenchConfig(
        data=str(folder),
        conditions=("clean", "texture", "random"),
        image_size=64,
        epochs=6,
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


def test_any_number_of_workers_gives_the_same_scores(quick: BenchConfig, tmp_path: Path) -> None:
    config = dataclasses.replace(quick, conditions=("clean", "texture", "random"), defences=("none", "jpeg10"), ratio=0.5)
    alone, several = (
        bench(dataclasses.replace(config, workers=workers, out=tmp_path / str(workers)), Events()).document["rows"] for workers in (0, 3)
    )
    assert [{**row, "seconds": 0} for row in alone] == [{**row, "seconds": 0} for row in several]


def test_ratio_mixes_whole_pictures(quick: BenchConfig) -> None:
    clean, changed = torch.zeros(10, 3, 2, 2, dtype=torch.uint8), torch.ones(10, 3, 2, 2, dtype=torch.uint8)
    mixed = mix(clean, changed, 0.3, seed=0)
    assert mixed.flatten(1).float().mean(1).unique().tolist() == [0, 1]
    assert int(mixed[:, 0, 0, 0].sum()) == 3
    assert not torch.equal(mixed, mix(clean, changed, 0.3, seed=1))
    report = bench(dataclasses.replace(quick, conditions=("clean", "texture"), ratio=0.0), Events())
    assert len(set(finals(report).values())) == 1


def test_protected_pictures_need_no_generator(quick: BenchConfig, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "open_runtime", lambda *_more, **_named: pytest.fail("no generator is needed"))
    made = tmp_path / "made"
    made.mkdir()
    for path in (folder / "images" / "train").iterdir():
        Image.fromarray(255 - np.asarray(Image.open(path))).save(made / path.name)
    (made / "r99.png").write_bytes((made / "r00.png").read_bytes())  # more than needed is fine
    config = dataclasses.replace(quick, conditions=("clean", "protected"), protected=made)
    report = bench(config, Events())
    assert set(finals(report)) == {"clean", "protected"}
    assert report.document["noise"]["protected"]["linf_255"] > 100
    (made / "r00.png").write_bytes((folder / "images" / "train" / "r00.png").read_bytes())
    told: list[str] = []
    monkeypatch.setattr(Events, "warn", lambda _, message: told.append(message))
    bench(dataclasses.replace(config, out=tmp_path / "mixed"), Events())
    assert told == [f"1 of {quick.limit} pictures of --protected equal their clean ones: nothing protects them"]
    (made / "r00.png").unlink()
    with pytest.raises(UsageProblem, match="first r00"):
        bench(dataclasses.replace(config, out=tmp_path / "other"), Events())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conditions": ("clean", "protectd")}, "--conditions 'protectd'"),
        ({"defences": ("jpg",)}, "--defences 'jpg'"),
        ({"victims": ("unett",)}, "--victim 'unett'"),
        ({"protect_masks": "sam"}, "--protect-masks"),
        ({"init": "random"}, "--init"),
        ({"ratio": 1.2}, "--ratio"),
        ({"lr": 0.0}, "--lr 0"),
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


def test_label_ids_with_mask2former(tmp_path: Path, fake_generator: FakeSource) -> None:
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
    assert fake_generator.asked[0]["masks"][0].sum() == 140  # the car, the only thing, is what gets protected
    assert json.loads((config.out / "run.json").read_text())["data"]["foreground_classes"] == ["Car"]


@pytest.mark.slow
def test_the_shipped_generator_changes_real_pictures_within_the_budget_and_is_seen_by_a_victim(photos: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        for kind in ("images", "masks"):
            (tmp_path / "data" / kind / split).mkdir(parents=True)
        for name in ("cat.jpg", "coffee.png", "portrait.bmp"):
            picture = Image.open(photos / name).convert("RGB").resize((160, 120))
            picture.save(tmp_path / "data" / "images" / split / f"{name[:-4]}.png")
            mask = Image.new("L", (160, 120), 0)
            mask.paste(255, (40, 20, 120, 100))
            mask.save(tmp_path / "data" / "masks" / split / f"{name[:-4]}.png")
    config = BenchConfig(
        data=str(tmp_path / "data"), conditions=("clean", "protected", "protected-auto"), defences=("none", "gray"), image_size=64,
        epochs=1, batch_size=3, out=tmp_path / "run", device="cpu", init="scratch",
    )  # fmt: skip
    report = bench(config, Events())
    assert len(report.document["rows"]) == 6
    for condition in ("protected", "protected-auto"):
        noise = report.document["noise"][condition]
        assert noise["linf_255"] == 8  # of the shipped generator, not of a stand-in
        assert 30 < noise["psnr"] < 45 and 0.8 < noise["ssim"] < 1
        assert 0 < noise["difference"] < noise["difference_p95"] and 0 < noise["flip"] < 0.5
    by_defence = {(row["condition"], row["defence"]): row["scores"] for row in report.document["rows"]}
    assert by_defence["protected", "none"] != by_defence["clean", "none"]  # other pictures, another victim
    assert json.loads((config.out / "run.json").read_text())["generator"]["name"] == "lite"


def test_the_clean_subset_is_what_a_ratio_leaves_clean() -> None:
    clean, changed = torch.zeros(20, 3, 4, 4, dtype=torch.uint8), torch.ones(20, 3, 4, 4, dtype=torch.uint8)
    clean[:, 0] = torch.arange(20, dtype=torch.uint8)[:, None, None]
    targets = [Target(labels=torch.full((4, 4), number, dtype=torch.uint8)) for number in range(20)]
    mixed = mix(clean, changed, 0.8, seed=3)
    kept = unchanged(Examples(images=clean, targets=targets), 0.8, seed=3)
    assert len(kept) == 4
    stayed = [number for number in range(20) if torch.equal(mixed[number], clean[number])]
    assert sorted(int(one.labels[0, 0]) for one in kept.targets) == stayed
    assert all(int(image[0, 0, 0]) == int(target.labels[0, 0]) for image, target in zip(kept.images, kept.targets, strict=True))


def test_the_clean_subset_needs_a_ratio(quick: BenchConfig) -> None:
    with pytest.raises(UsageProblem, match="clean-subset needs a --ratio under 1"):
        bench(dataclasses.replace(quick, conditions=("clean", "clean-subset")), Events())
    config = dataclasses.replace(quick, conditions=("clean", "clean-subset"), ratio=0.5)
    rows = bench(config, Events()).document["rows"]
    assert [row["condition"] for row in rows] == ["clean", "clean-subset"] and rows[0]["final"] != rows[1]["final"]
