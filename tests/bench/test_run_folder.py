"""The folder of a run, and the command that a run is repeated with."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tests.command_lines import words_of
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.run_folder import GROWING, RunFolder, command_line
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UsageProblem


def test_command_line_is_understood_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from unseg_cli.bench import run as bench_module
    from unseg_cli.cli.app import main
    from unseg_cli.core.events import Report

    config = BenchConfig(
        victims=("unet", "mask2former"), data="some/folder with blank", conditions=("clean", "texture"), protect_masks="auto",
        budget=NoiseBudget(16 / 255, 0.013, visible=0.5, min_cell=4), defences=("none", "gray"), ratio=0.5, seeds=(0, 2), init="scratch",
        epochs=3, image_size=64, batch_size=4, lr=0.002, augment="crops", source_size=800, limit=20, generator="vit_b",
        protected=Path("made"), out=Path("runs/x"),
        fail_under=60.0, device="cpu", mask_rule="class:7,9", task="semantic",
    )  # fmt: skip
    seen: list[BenchConfig] = []

    def stand_in(config: BenchConfig, _events: Any) -> Report:
        seen.append(config)
        return Report(document={"command": "bench"})

    monkeypatch.setattr(bench_module, "bench", stand_in)
    budgets = NoiseBudget(8 / 255, 0.0, visible=None), NoiseBudget(closely=True), NoiseBudget(closely=False)
    for wanted in (config, *(dataclasses.replace(config, budget=budget) for budget in budgets), BenchConfig()):
        main(words_of(command_line(wanted))[1:])
        assert seen[-1] == wanted


def settings(**more: Any) -> dict[str, Any]:
    return {"fixed": {"epochs": 3}, "generator": None, "noise_code": "1", "schedules": {"unet": {}}, **more}


@pytest.fixture
def begun(tmp_path: Path) -> RunFolder:
    """A run with one finished cell."""
    folder = RunFolder(tmp_path)
    folder.open(settings(generator={"sha256": "ab"}), resume=False)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "unet-clean-none-seed0-0123.json").write_text("{}")
    return folder


def test_a_run_that_goes_on_keeps_what_it_knew(begun: RunFolder) -> None:
    written = begun.open(settings(schedules={"segformer": {}}), resume=True)
    assert set(written["schedules"]) == {"unet", "segformer"}
    assert written["generator"] == {"sha256": "ab"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"noise_code": "2"}, r"another noise code \(1; this version has 2\)"),
        ({"fixed": {"epochs": 4}}, "another epochs"),
        ({"generator": {"sha256": "cd"}}, "another generator"),
    ],
)
def test_what_would_change_results_is_refused_by_name(begun: RunFolder, change: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageProblem, match=named) as problem:
        begun.open(settings(**change), resume=True)
    assert problem.value.hint
    with pytest.raises(UsageProblem, match="holds results already"):
        begun.open(settings(), resume=False)


@pytest.mark.parametrize("resume", [False, True])
def test_a_training_is_left_alone(resume: bool, tmp_path: Path) -> None:
    text = '{"schema": 1, "command": "train"}'
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UsageProblem, match="holds a training"):
        RunFolder(tmp_path).open(settings(), resume=resume)
    assert (tmp_path / "run.json").read_text() == text


def test_a_damaged_file_is_one_clear_line(begun: RunFolder) -> None:
    begun.settings.write_text('{"fixed": ')
    with pytest.raises(UsageProblem, match=r"run\.json is no JSON"):
        begun.open(settings(), resume=True)


def test_settings_that_may_grow_are_fields() -> None:
    assert set(GROWING) <= {field.name for field in dataclasses.fields(BenchConfig)}
