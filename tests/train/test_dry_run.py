"""`unseg train --dry-run`: what is said of the data, the networks and the memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tests.train.conftest import Heard, tiny
from unseg_cli.core.errors import UsageProblem
from unseg_cli.train import dry_run as module
from unseg_cli.train.loop import train
from unseg_cli.train.memory import activation_bytes
from unseg_cli.train.presets import train_config


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six pairs: one mask is empty, one is of another size, one picture is damaged."""
    root = tmp_path / "data"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(6):
        Image.fromarray(np.full((40, 60, 3), 40 * number, np.uint8)).save(root / "images" / f"{number}.png")
        mask = np.zeros((40, 60), np.uint8)
        mask[:20, : 10 * (number + 1)] = 255 * (number != 1)
        Image.fromarray(mask).save(root / "masks" / f"{number}.png")
    Image.fromarray(np.full((30, 30), 255, np.uint8)).save(root / "masks" / "2.png")
    (root / "images" / "3.png").write_bytes((root / "images" / "3.png").read_bytes()[:60])
    return root


def test_it_counts_what_is_wrong_with_the_data_and_writes_nothing(data: Path, tmp_path: Path, sam_parts: Path) -> None:
    events = Heard()
    report = train(tiny(tmp_path / "run", sam_parts, data=str(data), dry_run=True), events)
    document = report.document
    counts = ("pictures", "looked_at", "empty_masks", "mismatched", "unreadable")
    assert tuple(document[name] for name in counts) == (6, 6, 1, 1, 1)
    (data / "masks" / "0.png").unlink()
    again = Heard()
    train(tiny(tmp_path / "run", sam_parts, data=str(data), dry_run=True), again)
    assert not any("no mask" in line for line in events.lines) and any("1 of 6 pictures have no mask" in line for line in again.lines)
    assert sorted(Path(failure["path"]).name for failure in document["failures"]) == ["2.png", "3.png"]
    assert report.exit_code == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("dry", [True, False])
def test_masks_that_mark_nothing_are_refused_before_a_night_is_spent(dry: bool, data: Path, tmp_path: Path, sam_parts: Path) -> None:
    for path in (data / "masks").iterdir():
        Image.fromarray(np.zeros((40, 60), np.uint8)).save(path)
    (data / "images" / "3.png").unlink()
    (data / "masks" / "3.png").unlink()
    with pytest.raises(UsageProblem, match="none of 5 masks marks an object"):
        train(tiny(tmp_path / "run", sam_parts, data=str(data), dry_run=dry), Heard())
    assert not (tmp_path / "run").exists()


def test_it_says_what_learns_and_for_how_long(tmp_path: Path, sam_parts: Path, small_vit: Path) -> None:
    lite = train(tiny(tmp_path / "run", sam_parts, dry_run=True), Heard())
    assert lite.exit_code == 0
    assert lite.document["steps"] == {"objects": 4, "focus": 4, "surrogate": 2, "noise": 2}
    config = train_config("paper", init=str(small_vit), surrogate_size=64, block_steps=1, max_steps=8, out=tmp_path / "run", dry_run=True)
    paper = train(config, Heard()).document
    assert paper["steps"] == {"surrogate": 2, "noise": 6}
    built = module.build_generator(module.spec_of(config))
    noise = sum(p.numel() for p in built.noise_parameters())
    assert paper["generator"] == {"name": "small", "learn": noise, "frozen": sum(p.numel() for p in built.parameters()) - noise}


def test_smaller_parts_and_recomputing_need_less_memory(tmp_path: Path, sam_parts: Path) -> None:
    def activations(preset: str, **changes: object) -> float:
        config = train_config(preset, out=tmp_path / "run", dry_run=True, **changes)
        return float(train(config, Heard()).document["memory_gb"]["activations"])

    lite = {"sam_parts": sam_parts, "batch_size": 16, "image_size": 128}
    assert activations("lite", accumulate=4, **lite) == pytest.approx(activations("lite", **lite) / 4, rel=0.1)
    paper = {"init": "random", "batch_size": 2}
    assert activations("paper", recompute=True, **paper) < 0.5 * activations("paper", **paper)


def test_of_many_pictures_a_part_is_looked_at(tmp_path: Path, sam_parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOKED_AT", 10)
    report = train(tiny(tmp_path / "run", sam_parts, dry_run=True), Heard())
    assert report.document["looked_at"] == 10
    assert report.closing[0] == "10 of 64 pictures were looked at"


def test_what_autograd_keeps_is_counted_once_and_without_parameters() -> None:
    with torch.device("meta"):
        layers = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
        picture = torch.zeros(5, 8)
    # The input and what comes out of the ReLU, which both it and the second layer need.
    assert activation_bytes(lambda: layers(picture), layers) == 4 * (5 * 8 + 5 * 8)
