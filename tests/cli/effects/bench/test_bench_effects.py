"""Each option of `unseg bench` changes what a run measures or leaves. One test an option, of its name; victims are a layer or two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from tests.cli.effects.bench.conftest import Runs
from tests.cli.effects.conftest import Passes, Threads, untested
from tests.datasets.makers import write_labelled_coco
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.victims.base import VictimSpec
from unseg_cli.bench.victims.registry import VICTIMS, find_victim


def noise(document: dict[str, Any], condition: str = "protected") -> dict[str, float]:
    found: dict[str, float] = document["noise"][condition]
    return found


def finals(document: dict[str, Any]) -> list[float]:
    return [row["train_metric"] for row in document["rows"]] + [row["final"] for row in document["rows"]]


def values(document: dict[str, Any], column: str) -> list[Any]:
    return [row[column] for row in document["rows"]]


def test_every_option_has_a_test() -> None:
    assert untested(BenchConfig, globals()) == set()


def test_victim(bench: Runs) -> None:
    assert sorted(set(values(bench("--victim", "small,smaller"), "victim"))) == ["small", "smaller"]


def test_data(bench: Runs, plain: dict[str, Any]) -> None:
    made = bench("--data", "synthetic", "--limit", "4")
    assert (made["smoke_test"], plain["smoke_test"]) == (True, False)


def test_quick(bench: Runs) -> None:
    assert bench("--quick")["smoke_test"]


def test_dry_run(bench: Runs) -> None:
    assert bench("--dry-run") == {}
    assert not list(bench.where.glob("run*/run.json"))


def test_classes(bench: Runs, tmp_path: Path) -> None:
    text = write_labelled_coco(tmp_path / "coco")
    options = ("--data", text, "--task", "semantic", "--conditions", "clean")
    bench(*options, out=tmp_path / "all")
    bench(*options, "--classes", "blob", out=tmp_path / "one")
    seen = [(tmp_path / name / "per_class.csv").read_text() for name in ("all", "one")]
    assert ["square" in text for text in seen] == [True, False] and all("blob" in text for text in seen)


def test_encoder(bench: Runs) -> None:
    made = bench("--victim", "unet", "--encoder", "resnet50", "--init", "scratch", "--epochs", "1", "--image-size", "32")
    assert set(values(made, "victim")) == {"unet+resnet50"}


def test_encoder_weights(bench: Runs, tmp_path: Path) -> None:
    weights = tmp_path / "resnet50.pth"
    torch.save(VICTIMS["unet"].build(VictimSpec(task="binary", classes=("a", "b"), pretrained=False, side=32)).state_dict(), weights)
    on = ("--victim", "unet", "--encoder", "resnet50", "--image-size", "32")
    bench(*on, "--encoder-weights", weights, code=2)  # of another network
    built = find_victim("unet+resnet50").build(VictimSpec(task="binary", classes=("a", "b"), pretrained=False, side=32))
    torch.save(built.network.encoder.state_dict(), weights)
    made = bench(*on, "--encoder-weights", weights, "--epochs", "1", "--conditions", "clean")
    assert values(made, "init") == ["pretrained"]


def test_task(bench: Runs, labelled: Path) -> None:
    """Masks of labels are classes, unless the task says that all of them are objects."""
    made = [bench("--data", labelled, *options) for options in ((), ("--task", "binary"))]
    assert [one["task"] for one in made] == ["semantic", "binary"]
    assert [set(values(one, "metric")) for one in made] == [{"miou"}, {"iou"}]


def test_conditions(bench: Runs) -> None:
    assert set(values(bench("--conditions", "clean,random"), "condition")) == {"clean", "random"}


def test_protect_masks(bench: Runs, plain: dict[str, Any]) -> None:
    assert noise(bench("--protect-masks", "whole"))["psnr"] < noise(plain)["psnr"]


def test_masks_from(bench: Runs, data: Path, plain: dict[str, Any]) -> None:
    """Masks that mark everything: more of the picture changes."""
    masks = bench.where / "masks"
    masks.mkdir()
    for path in sorted((data / "images" / "train").glob("*.png")):
        with Image.open(path) as image:
            Image.new("L", image.size, 255).save(masks / path.name)
    own = noise(bench("--masks-from", masks))
    assert own["psnr"] < noise(plain)["psnr"]
    (masks / "detections.jsonl").write_text("")
    assert noise(bench("--masks-from", masks))["psnr"] > own["psnr"], "those of `detect` are masks of photographs"
    bench("--masks-from", masks, "--protect-masks", "auto", code=2)
    bench("--protect-masks", "folder", code=2)


def test_mask_rule(bench: Runs, labelled: Path) -> None:
    """Which labels are objects decides where the noise goes."""
    made = [noise(bench("--data", labelled, "--mask-rule", rule))["psnr"] for rule in ("class:1", "class:1,2")]
    assert made[1] < made[0]


def test_max_difference(bench: Runs, plain: dict[str, Any]) -> None:
    assert noise(bench("--max-difference", "0.02"))["psnr"] > noise(plain)["psnr"]


def test_closely(bench: Runs) -> None:
    once, closely = (noise(bench(option, "--max-difference", "0.2"))["psnr"] for option in ("--no-closely", "--closely"))
    assert once < closely


def test_min_cell(bench: Runs) -> None:
    rough, fine = (bench("--min-cell", size)["noise"]["protected"] for size in ("16", "1"))
    assert rough != fine


def test_epsilon(bench: Runs) -> None:
    assert noise(bench("--epsilon", "5/255"))["linf_255"] == 5


def test_epsilon_bg(bench: Runs, plain: dict[str, Any]) -> None:
    assert noise(bench("--epsilon-bg", "4/255"))["psnr"] < noise(plain)["psnr"]


def test_strength(bench: Runs) -> None:
    high, low = (noise(bench("--strength", strength))["psnr"] for strength in ("high", "low"))
    assert high <= low


def test_defences(bench: Runs, plain: dict[str, Any]) -> None:
    made = bench("--defences", "none,gray")
    assert sorted(set(values(made, "defence"))) == ["gray", "none"]
    assert [row["train_metric"] for row in made["rows"] if row["defence"] == "none"] == values(plain, "train_metric")


def test_crop_and_scale_moves_the_labels_too(bench: Runs, passes: Passes) -> None:
    """Where victims are trained on crops that were stored, the labels are cropped alike, and only for them."""
    made = bench("--defences", "none,crop-and-scale", "--conditions", "clean", "--victim", "small", "--epochs", "8")
    assert len(made["rows"]) == 2
    alone = bench("--defences", "crop-and-scale", "--conditions", "clean", "--victim", "small", "--epochs", "8")
    assert alone["rows"][0]["train_metric"] == made["rows"][1]["train_metric"] != made["rows"][0]["train_metric"]


def test_mixing_changes_what_is_trained_on(bench: Runs) -> None:
    bench("--defences", "none,mixup,cutmix", "--conditions", "clean")
    curves = [line.split(",") for line in losses(bench.where / "run1").splitlines()[1:]]
    assert [line[2] for line in curves] == ["none", "mixup", "cutmix"]
    assert len({line[7] for line in curves}) == 3  # the mean loss of the epoch


def test_source_size(bench: Runs, plain: dict[str, Any]) -> None:
    """Noise is made at that size, and pictures go through it on their way to the victim."""
    made = bench("--source-size", "160")
    assert set(values(made, "width")) == set(values(plain, "width"))
    assert noise(made) != noise(plain)
    assert losses(bench.where / "run2") != losses(bench.where / "run1")
    assert json.loads((bench.where / "run2" / "run.json").read_text(encoding="utf-8"))["fixed"]["source_size"] == 160
    assert "brought to a longer side of 160 px first" in (bench.where / "run2" / "summary.md").read_text(encoding="utf-8")
    bench("--source-size", "160", "--protected", bench.where, code=2)


def test_ratio(bench: Runs, plain: dict[str, Any]) -> None:
    made = bench("--ratio", "0.5")
    assert set(values(made, "ratio")) <= {0.5, 1.0}
    assert losses(bench.where / "run2") != losses(bench.where / "run1")
    assert made["rows"][0]["final"] == plain["rows"][0]["final"]  # of clean pictures alone


def losses(out: Path) -> str:
    """Losses and scores of every epoch."""
    return (out / "curves.csv").read_text(encoding="utf-8")


def test_seeds(bench: Runs) -> None:
    made = bench("--seeds", "1,2")
    assert sorted(set(values(made, "seed"))) == [1, 2]
    curves = losses(bench.where / "run1").splitlines()
    assert len({line.split(",", 1)[1] for line in curves[1:]}) == len(curves) - 1


def test_init(bench: Runs, plain: dict[str, Any]) -> None:
    assert set(values(bench("--init", "scratch"), "init")) == {"scratch"}
    assert losses(bench.where / "run2") != losses(bench.where / "run1").replace("pretrained", "scratch")


def test_epochs(bench: Runs, plain: dict[str, Any]) -> None:
    bench("--epochs", "3")
    assert len(losses(bench.where / "run2").splitlines()) - 1 == 3 * (len(losses(bench.where / "run1").splitlines()) - 1)


def test_image_size(bench: Runs, plain: dict[str, Any]) -> None:
    assert [set(values(made, "width")) for made in (plain, bench("--image-size", "64"))] == [{32}, {64}]


def test_batch_size(bench: Runs, passes: Passes) -> None:
    bench("--batch-size", "8", "--conditions", "clean")
    assert passes.sizes[0] == 8
    passes.sizes.clear()
    bench("--batch-size", "2", "--conditions", "clean")
    assert passes.sizes[0] == 2


def test_lr(bench: Runs, plain: dict[str, Any]) -> None:
    bench("--lr", "0.5", "--epochs", "2")
    bench("--lr", "0.05", "--epochs", "2")
    assert losses(bench.where / "run2") != losses(bench.where / "run3")


def test_augment(bench: Runs, plain: dict[str, Any]) -> None:
    made = bench("--augment", "crops")
    assert [set(values(one, "augment")) for one in (plain, made)] == [{"jitter"}, {"crops"}]
    assert losses(bench.where / "run2") != losses(bench.where / "run1")
    kept = [json.loads((bench.where / name / "run.json").read_text(encoding="utf-8")) for name in ("run1", "run2")]
    assert [one["fixed"]["augment"] for one in kept] == ["jitter", "crops"]
    assert kept[0]["augmentation"] != kept[1]["augmentation"]
    bench("--augment", "all", code=2)


def test_amp(bench: Runs, plain: dict[str, Any]) -> None:
    assert [len(one["rows"]) for one in (plain, bench("--amp"))] == [2, 2]
    assert losses(bench.where / "run2") != losses(bench.where / "run1")
    kept = [json.loads((bench.where / name / "run.json").read_text(encoding="utf-8")) for name in ("run1", "run2")]
    assert [next(iter(one["schedules"].values()))["amp"] for one in kept] == [False, True]


def test_limit(bench: Runs, plain: dict[str, Any]) -> None:
    made = bench("--limit", "4")
    assert [(one["train_pictures"], one["test_pictures"]) for one in (plain, made)] == [(8, 4), (4, 4)]


def test_generator(bench: Runs, plain: dict[str, Any], small_vit: tuple[Path, Path]) -> None:
    assert noise(bench("--generator", small_vit[0])) != noise(plain)


def test_protected(bench: Runs, data: Path) -> None:
    """Pictures that were changed by three grey levels beforehand, by nobody's generator."""
    ready = bench.where / "ready"
    for path in sorted((data / "images" / "train").glob("*.png")):
        ready.mkdir(exist_ok=True)
        with Image.open(path) as image:
            Image.fromarray(np.clip(np.asarray(image), 0, 250) + np.uint8(3)).save(ready / path.name)
    assert noise(bench("--protected", ready))["linf_255"] == 3


def test_out(bench: Runs) -> None:
    bench("--conditions", "clean", out=bench.where / "here")
    assert (bench.where / "here" / "results.json").is_file()


def test_resume(bench: Runs) -> None:
    out = bench.where / "one"
    first = bench("--conditions", "clean", out=out)
    assert bench("--conditions", "clean,random", out=out, code=2) == first
    assert set(values(bench("--conditions", "clean,random", "--resume", out=out), "condition")) == {"clean", "random"}


def test_fail_under(bench: Runs) -> None:
    bench("--fail-under", "-1000")
    bench("--fail-under", "101", code=1)


def test_workers(bench: Runs, plain: dict[str, Any], threads: Threads) -> None:
    made = bench("--workers", "3")
    assert 3 in threads.seen
    assert finals(made) == finals(plain)


def test_device(bench: Runs) -> None:
    assert bench("--device", "cuda:99", code=4) == {}
