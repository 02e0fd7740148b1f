"""The script that measures victims."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts import bench_victims


def test_it_measures_victims_and_keeps_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from unseg_cli.bench.victims.registry import VICTIMS
    from unseg_cli.bench.victims.schedule import Schedule

    monkeypatch.setattr(bench_victims, "ROOT", tmp_path)
    monkeypatch.setattr(bench_victims, "FILE", tmp_path / "speeds.json")
    (tmp_path / "speeds.json").write_text('{"victims": {"other": {}}}')
    monkeypatch.setitem(VICTIMS["maskrcnn"].schedules, "instance", Schedule(image_size=64, epochs=1, batch_size=2, lr=1e-3))
    assert bench_victims.main(["--victims", "maskrcnn", "--steps", "1", "--write"]) == 0
    kept = json.loads((tmp_path / "speeds.json").read_text())["victims"]
    assert set(kept) == {"other", "maskrcnn"} and kept["maskrcnn"]["instance"]["pictures_per_second"] > 0
    assert "maskrcnn" in capsys.readouterr().out


def test_another_encoder_size_and_precision(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--encoder", "resnet50", "--image-size", "64", "--batch-size", "2", "--amp", "--steps", "1"]
    assert bench_victims.main(["--victims", "unet,deeplabv1", *options]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[:4] for row in rows] == [["unet+resnet50", task, "64", "2"] for task in ("binary", "semantic")]
    with pytest.raises(SystemExit):
        bench_victims.main(["--victims", "unet", *options, "--write"])
