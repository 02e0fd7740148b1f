"""Bench runs that were cut off, and folders that hold results already."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from unseg_cli.bench import run_cells as work
from unseg_cli.bench import run_folder as folder_module
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.preparation.maker import ConditionMaker
from unseg_cli.bench.run import bench
from unseg_cli.cli.app import main
from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.noise.version import NOISE_CODE
from unseg_cli.pictures.stores.local import LOCK_NAME, LocalStore


def only(out: Path, label: str) -> Path:
    """The file of a finished cell."""
    (path,) = out.glob(f"rows/{label}-*.json")
    return path


def test_resume_does_only_what_is_missing(quick: BenchConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config = dataclasses.replace(quick, conditions=("clean", "texture"))
    first = bench(config, Events()).document
    trained: list[str] = []
    run_cell = work.run_cell
    monkeypatch.setattr(work, "run_cell", lambda cell, *more: (trained.append(cell.label), run_cell(cell, *more)))
    with pytest.raises(UsageProblem, match="holds results already"):
        bench(config, Events())
    only(config.out, "unet-texture-none-seed0").unlink()
    again = bench(dataclasses.replace(config, resume=True), Events()).document
    assert trained == ["unet-texture-none-seed0"]
    for before, after in zip(first["rows"], again["rows"], strict=True):
        assert {**before, "seconds": 0} == {**after, "seconds": 0}  # a row made alone is the row made in the run
    assert again["noise"] == first["noise"]
    more = bench(dataclasses.replace(config, resume=True, seeds=(0, 1), conditions=("clean", "texture", "random")), Events()).document
    assert len(trained) == 1 + 4
    assert set(more["noise"]) == {"texture", "random"}
    samples = config.out / "samples.png"
    samples.unlink()  # as if it had been stopped between the last cell and this
    bench(dataclasses.replace(config, resume=True), Events())
    assert samples.exists() and len(trained) == 1 + 4
    with pytest.raises(UsageProblem, match="another epochs"):
        bench(dataclasses.replace(config, resume=True, epochs=3), Events())


def test_resume_under_another_noise_code_is_refused(quick: BenchConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config = dataclasses.replace(quick, conditions=("clean", "texture"))
    bench(config, Events())
    again = dataclasses.replace(config, resume=True)
    with monkeypatch.context() as later:
        later.setattr(folder_module, "NOISE_CODE", "some later one")
        with pytest.raises(UsageProblem, match=rf"another noise code \({NOISE_CODE}; this version has some later one\)") as problem:
            bench(again, Events())
        assert (problem.value.exit_code, "pass another --out" in problem.value.hint) == (2, True)
    settings = json.loads((config.out / "run.json").read_text())
    del settings["noise_code"]  # as in runs of earlier versions
    (config.out / "run.json").write_text(json.dumps(settings))
    with pytest.raises(UsageProblem, match=r"another noise code \(none on record"):
        bench(again, Events())


def test_a_folder_with_results_is_refused_on_the_command_line(
    quick: BenchConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["bench", "--data", quick.data, "--conditions", "clean,texture", "--init", "scratch", "--limit", "8", "--epochs", "1"]
    command += ["--image-size", "32", "--batch-size", "4", "--device", "cpu", "-q", "--workers", "2", "--out", str(quick.out)]
    assert main(command) == 0
    capsys.readouterr()
    assert main(command) == 2
    told = capsys.readouterr().err
    assert f"--out {quick.out} holds results already" in told and "add --resume" in told
    assert main([*command, "--resume"]) == 0
    monkeypatch.setattr(folder_module, "NOISE_CODE", "some later one")
    capsys.readouterr()
    assert main([*command, "--resume"]) == 2
    assert "was made with another noise code" in capsys.readouterr().err


def test_interrupted_run_keeps_finished_rows_and_prepared_pictures(quick: BenchConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config = dataclasses.replace(quick, conditions=("clean", "texture"))
    run_cell, make = work.run_cell, ConditionMaker.make

    def interrupted(cell: Any, *more: Any) -> None:
        if cell.condition.name == "texture":
            raise KeyboardInterrupt
        run_cell(cell, *more)

    monkeypatch.setattr(work, "run_cell", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench(config, Events())
    monkeypatch.setattr(work, "run_cell", run_cell)
    assert [path.name[:-18] for path in (config.out / "rows").glob("*-seed*.json")] == ["unet-clean-none-seed0"]
    made: list[Any] = []
    monkeypatch.setattr(ConditionMaker, "make", lambda self, *more: (made.append(more), make(self, *more))[1])
    assert len(bench(dataclasses.replace(config, resume=True), Events()).document["rows"]) == 2
    assert len(made) == 4  # those of samples.png: the training pictures were there
    assert not (config.out / "prepared").exists()


def test_two_runs_do_not_share_a_folder(quick: BenchConfig) -> None:
    config = dataclasses.replace(quick, conditions=("clean",))
    with LocalStore(config.out).locked(), pytest.raises(EnvironmentProblem, match="another run of unseg is writing to"):
        bench(config, Events())
    assert not any(config.out.iterdir())
    bench(config, Events())
    assert not (config.out / LOCK_NAME).exists()
