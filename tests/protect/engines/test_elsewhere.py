"""Pictures protected in processes of their own: the same files and lines, and nothing lost with a process."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.protect.conftest import photo
from unseg_cli.cli.app import main
from unseg_cli.core.events import Events, Report
from unseg_cli.core.parallel import processes
from unseg_cli.protect.config import ProtectConfig, VerifyConfig
from unseg_cli.protect.engines import elsewhere
from unseg_cli.protect.run import protect
from unseg_cli.protect.stages import Source
from unseg_cli.protect.verification import verify


@pytest.fixture
def pictures(photos: Path, tmp_path: Path) -> Path:
    """Some that can be protected, and some that cannot."""
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    for name in ("cat.jpg", "coffee.png", "astronaut.webp"):
        shutil.copy(photos / name, folder / "sub" / name)
    (folder / "bad.png").write_bytes(b"this is no picture")
    Image.fromarray(photo(3)).convert("P").save(folder / "palette.gif")
    return folder


def run(pictures: Path, out: Path, *, elsewhere: bool = True, **more: Any) -> Report:
    return protect(ProtectConfig(src=pictures, dst=out, workers=2, **more), Events(), processes=elsewhere)


def failed(report: Report) -> list[tuple[str, str]]:
    return sorted((failure["path"], failure["error"]) for failure in report.document["failures"])


def lines(out: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(line) for line in (out / "unseg-manifest.jsonl").read_text().splitlines()]
    return {row["src"]: {key: value for key, value in row.items() if key not in ("seconds", "time")} for row in found}


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.*")) if path.suffix != ".jsonl"}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pictures that went to other processes, of which two are enough work."""
    went: list[str] = []

    class Counted(processes.Processes[Any, Any]):
        def do(self, job: Any) -> Any:
            went.append(job.name)
            return super().do(job)

    monkeypatch.setattr(processes, "Processes", Counted)
    monkeypatch.setattr(processes, "ENOUGH", 1)
    return went


def test_the_same_files_and_lines_as_here(pictures: Path, tmp_path: Path, counted: list[str]) -> None:
    there, here = run(pictures, tmp_path / "there"), run(pictures, tmp_path / "here", elsewhere=False)
    assert sorted(counted) == sorted(lines(tmp_path / "there"))
    assert there.exit_code == here.exit_code == 1 and failed(there) == failed(here) and len(failed(here)) == 2
    assert files(tmp_path / "there") == files(tmp_path / "here")
    assert lines(tmp_path / "there") == lines(tmp_path / "here")
    again = run(pictures, tmp_path / "there")
    assert len(counted) == 5 + 2 and failed(again) == failed(here), "what is done is not sent out again"


def that_dies(task: elsewhere.Task) -> Callable[[Source], Any]:
    return lambda source: os._exit(9)


def that_knows_no_answer(task: elsewhere.Task) -> Callable[[Source], Any]:
    return lambda source: None


@pytest.mark.parametrize("prepared", [that_dies, that_knows_no_answer])
def test_pictures_of_a_lost_process_are_protected_here(
    pictures: Path, tmp_path: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch, prepared: Callable[..., Any]
) -> None:
    run(pictures, tmp_path / "here", elsewhere=False)
    monkeypatch.setattr(elsewhere, "_prepared", prepared)
    run(pictures, tmp_path / "there")
    assert counted and files(tmp_path / "there") == files(tmp_path / "here")
    assert lines(tmp_path / "there") == lines(tmp_path / "here")


def test_what_is_kept_beside_a_picture_is_made_here(pictures: Path, tmp_path: Path, counted: list[str]) -> None:
    run(pictures, tmp_path / "out", preview=tmp_path / "preview", save_noise=tmp_path / "noise")
    assert counted == []
    assert len(files(tmp_path / "preview")) == len(files(tmp_path / "noise")) == 3


def test_few_pictures_are_protected_here(pictures: Path, tmp_path: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "ENOUGH", 3)
    run(pictures, tmp_path / "out")
    assert counted == []


def test_the_command_uses_them(pictures: Path, tmp_path: Path, counted: list[str]) -> None:
    assert main(["protect", str(pictures), str(tmp_path / "out"), "--workers", "2", "--quiet"]) == 1
    assert len(counted) == 5 and len(files(tmp_path / "out")) == 3


def test_pairs_are_judged_elsewhere_as_they_are_here(pictures: Path, tmp_path: Path, counted: list[str]) -> None:
    run(pictures, tmp_path / "out", elsewhere=False)
    (tmp_path / "out" / "sub" / "cat.jpg").write_bytes((pictures / "sub" / "cat.jpg").read_bytes())
    (tmp_path / "out" / "stranger.png").write_bytes((pictures / "sub" / "coffee.png").read_bytes())
    config = VerifyConfig(src=pictures, dst=tmp_path / "out")
    there, here = (verify(config, Events(), processes=those).document for those in (True, False))
    assert len(counted) == 5 and len(here["strangers"]) == 1 and here["protected"] == 2
    for document in (there, here):
        del document["seconds"], document["images_per_second"]
    assert there == here
