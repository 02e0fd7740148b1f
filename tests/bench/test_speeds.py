"""How long trainings take, as far as it was measured, and what a run would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.conftest import label_folder
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.run import QUICK, bench, quick
from unseg_cli.bench.victims.registry import VICTIMS
from unseg_cli.bench.victims.schedule import Schedule
from unseg_cli.bench.victims.speeds import minutes, pictures_per_second
from unseg_cli.core.events import Events


def test_every_victim_was_measured_on_every_task_at_its_own_size() -> None:
    for name, entry in VICTIMS.items():
        for task, schedule in entry.schedules.items():
            speed = pictures_per_second(name, task, schedule.image_size)
            assert speed is not None and 0.5 < speed < 200, f"{name} {task}: run `make bench-victims ARGS=--write`"


def test_time_grows_with_pictures_epochs_and_area() -> None:
    schedule = Schedule(image_size=256, epochs=4, batch_size=8, lr=1e-3)
    once = minutes("unet", "binary", schedule, train=100, test=0)
    assert once is not None and once > 0
    assert minutes("unet", "binary", schedule, train=200, test=0) == pytest.approx(2 * once)
    larger = Schedule(image_size=512, epochs=4, batch_size=8, lr=1e-3)
    assert minutes("unet", "binary", larger, train=100, test=0) == pytest.approx(4 * once)
    assert minutes("unet+resnet50", "binary", schedule, train=100, test=0) is None


def test_a_dry_run_says_what_would_be_trained_and_writes_nothing(tmp_path: Path) -> None:
    config = BenchConfig(
        data=str(label_folder(tmp_path / "data")), victims=("unet", "mask2former"), seeds=(0, 1), defences=("none", "gray"),
        conditions=("clean", "protected", "random"), out=tmp_path / "run", dry_run=True, epochs=7,
    )  # fmt: skip
    report = bench(config, Events())
    planned = [(row["victim"], row["trainings"], row["epochs"]) for row in report.document["plan"]]
    assert planned == [("unet", 12, 7), ("mask2former", 12, 7)]
    assert report.document["minutes"] == pytest.approx(sum(row["minutes"] for row in report.document["plan"]))
    assert report.document["minutes"] > 0 and not (tmp_path / "run").exists()
    assert "nothing was written" in report.closing[0]


def test_quick_asks_for_less_and_never_for_more() -> None:
    small = quick(BenchConfig(seeds=(3, 4), limit=5, image_size=64, epochs=1))
    assert (small.seeds, small.limit, small.image_size, small.epochs) == ((3,), 5, 64, 1)
    assert (quick(BenchConfig()).limit, quick(BenchConfig()).image_size, quick(BenchConfig()).epochs) == tuple(QUICK.values())


def test_quick_is_announced_as_a_smoke_test(tmp_path: Path) -> None:
    said: list[str] = []

    class Heard(Events):
        def warn(self, message: str) -> None:
            said.append(message)

    config = BenchConfig(
        data=str(label_folder(tmp_path / "data")), conditions=("clean",), out=tmp_path / "run", quick=True, epochs=1, image_size=32,
        device="cpu",
    )  # fmt: skip
    assert bench(config, Heard()).document["smoke_test"]
    assert any("smoke test" in message for message in said)
    assert "A smoke test, no evidence." in (tmp_path / "run" / "summary.md").read_text()


def test_a_small_victim_that_is_called_so_takes_as_long() -> None:
    assert pictures_per_second("mask2former-lite0", "semantic", 320) == pictures_per_second("mask2former", "semantic", 320)
    assert pictures_per_second("mask2former+resnet50", "semantic", 320) is None
