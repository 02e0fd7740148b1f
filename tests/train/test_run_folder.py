"""run.json says what made a run, and --resume takes no other settings."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.train.conftest import tiny
from unseg_cli.cli.app import main
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.generators.sums import sha256_of
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.loop import train
from unseg_cli.train.presets import command_line
from unseg_cli.train.run_folder import MAY_DIFFER, begin_part, earlier_run


def line(out: Path, sam_parts: Path, *more: str) -> list[str]:
    return ["train", "--data", "synthetic", "--preset", "tiny", "--sam-parts", str(sam_parts), "--max-steps", "4", "--out", str(out), *more]


def test_run_json_says_what_made_the_run_from_python_too(whole_run: TrainConfig, sam_parts: Path) -> None:
    run = json.loads((whole_run.out / "run.json").read_text())
    assert run["settings"]["batch_size"] == 4 and "torch" in run["versions"] and run["pictures"] == 64
    assert run["weights"] == {"sam_parts": sha256_of(sam_parts)}
    (part,) = run["parts"]
    assert part == {"from_step": 0, "command": command_line(whole_run), "without_option": {}, "device": part["device"]}
    assert sys.argv[0] not in part["command"] and part["command"].startswith("unseg train --data synthetic")
    assert f"- made by `{part['command']}`\n" in (whole_run.out / "MODEL_CARD.md").read_text()


def test_a_run_in_the_folder_is_a_usage_problem(finished: Path, sam_parts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted((path.name, path.stat().st_mtime_ns) for path in finished.iterdir())
    assert main(line(finished, sam_parts)) == 2
    assert "holds a run already" in " ".join(capsys.readouterr().err.split())
    assert sorted((path.name, path.stat().st_mtime_ns) for path in finished.iterdir()) == before


def test_nothing_to_resume_is_a_usage_problem(tmp_path: Path, sam_parts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line(tmp_path / "none", sam_parts, "--resume")) == 2
    assert "holds no training to go on with" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("text", ['{"schema": 1, "command": "unseg bench --data synthetic"}', "{", "[]"])
def test_what_is_no_training_is_neither_gone_on_with_nor_replaced(
    text: str, tmp_path: Path, sam_parts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(text)
    assert main(line(tmp_path / "run", sam_parts, "--resume")) == 2
    assert "holds no training to go on with" in " ".join(capsys.readouterr().err.split())
    assert main(line(tmp_path / "run", sam_parts)) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "holds a run already" in said and "--resume" not in said
    assert (tmp_path / "run" / "run.json").read_text() == text


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--seed", "3"], ["seed (was 0, now 3)"]),
        (["--lr", "1e-4"], ["lr (was 0.0004, now 0.0001)", "noise_lr", "surrogate_lr"]),
        (["--batch-size", "2", "--train-epsilon", "1/255"], ["batch_size (was 4, now 2)", "train_epsilon"]),
        (["--data", "elsewhere"], ["data (was synthetic, now elsewhere)"]),
    ],
)
def test_other_settings_are_refused_and_named(
    options: list[str], named: list[str], finished: Path, sam_parts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line(finished, sam_parts, "--resume", *options)) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "started with other settings" in said
    assert all(name in said for name in named), said
    assert "repeat the options" in said


def test_where_and_how_long_it_runs_may_differ(whole_run: TrainConfig, finished: Path, sam_parts: Path) -> None:
    changed = tiny(finished, sam_parts, resume=True, max_minutes=1.0, workers=1, device="cpu", save_every=1, accumulate=2, recompute=True)
    differing = {name for name in vars(changed) if getattr(changed, name) != getattr(whole_run, name)}
    assert differing == MAY_DIFFER - {"dry_run"}
    assert earlier_run(changed) == json.loads((finished / "run.json").read_text())


def test_data_that_lost_pictures_is_noticed(finished: Path, sam_parts: Path) -> None:
    config = tiny(finished, sam_parts, resume=True)
    with pytest.raises(UsageProblem, match="was started with 64 pictures, --data synthetic has 60 now"):
        begin_part(config, earlier_run(config), step=4, pictures=60, weights={}, device="cpu")


def test_what_was_learnt_after_the_last_checkpoint_is_forgotten(finished: Path, sam_parts: Path) -> None:
    """A kill leaves metrics of steps that no checkpoint has: they are taken again, and must not count twice."""
    config = tiny(finished, sam_parts, resume=True)
    begin_part(config, earlier_run(config), step=6, pictures=64, weights={}, device="cpu")
    assert [json.loads(text)["step"] for text in (finished / "metrics.jsonl").read_text().splitlines()] == [1, 2, 3, 4, 5, 6]


def test_a_run_killed_before_its_first_checkpoint_starts_again(finished: Path, sam_parts: Path) -> None:
    for name in ("checkpoint.safetensors", "generator.safetensors"):
        (finished / name).unlink()
    report = train(tiny(finished, sam_parts, resume=True, max_minutes=0.0), Events())
    assert report.document["steps"] == 1
    assert len((finished / "metrics.jsonl").read_text().splitlines()) == 1
    assert [part["from_step"] for part in json.loads((finished / "run.json").read_text())["parts"]] == [0, 0]
