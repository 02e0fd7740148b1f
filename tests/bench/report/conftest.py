"""A run as it is kept in docs/results, and a docs folder to keep it in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.conftest import row
from unseg_cli.bench.results import summarise

SHIPPED = "0123456789abcdef" * 4  # as long as a real one
ROWS = [row("clean", 0, 70.0), row("clean", 1, 72.0), row("protected", 0, 20.0), row("protected", 1, 22.0)]


def run_document() -> dict[str, Any]:
    return {
        "command": "unseg bench --victim unet --data some/ecssd --seeds 0,1",
        "data": {"train_pictures": 300, "test_pictures": 100, "task": "binary", "foreground_classes": ["foreground"]},
        "settings": {"budget": {"foreground": 8 / 255, "background": 2 / 255}, "limit": None, "image_size": None},
        "generator": {"name": "lite", "sha256": SHIPPED},
        "schedules": {"unet": {"image_size": 96, "epochs": 8, "batch_size": 16, "lr": 0.001}},
        "augmentation": "flips",
        "versions": {"torch": "2.9.0", "python": "3.12.0"},
    }


def document() -> dict[str, Any]:
    return {
        "task": "binary", "data": "some/ecssd", "smoke_test": False, "protect_masks": "gt", "rows": ROWS, "summary": summarise(ROWS),
        "noise": {"protected": {"linf_255": 8.0, "psnr": 36.17, "ssim": 0.97, "difference": 0.412}},
    }  # fmt: skip


class Docs:
    """A docs folder, and weights and README beside it."""

    def __init__(self, root: Path) -> None:
        self.path = root / "docs"
        self.results = self.path / "results"
        self.results.mkdir(parents=True)
        (self.path / "results_intro.md").write_text("# Results\n")
        (root / "weights").mkdir()
        (root / "weights" / "SHA256SUMS").write_text(f"{SHIPPED}  lite.safetensors\n")

    def keep(self, name: str, rows: list[dict[str, Any]], run: dict[str, Any] | None = None) -> Path:
        """Put a run there."""
        folder = self.results / name
        folder.mkdir(exist_ok=True)
        (folder / "results.json").write_text(json.dumps(document() | {"rows": rows, "summary": summarise(rows)}))
        (folder / "run.json").write_text(json.dumps(run or run_document()))
        return folder

    def lines(self, name: str, *lines: dict[str, Any]) -> None:
        """Write a JSONL file."""
        (self.results / name).parent.mkdir(exist_ok=True)
        (self.results / name).write_text("".join(json.dumps(line) + "\n" for line in lines))

    def first(self, *aims: dict[str, Any], weights: str = SHIPPED) -> None:
        """Set what the first generator was meant to reach: targets for U-Net on ECSSD."""
        common = {"masks": "gt", "data": ["ecssd"], "victims": ["unet"]}
        schedules = {"binary": {"pretrained": {"image_size": 96, "epochs": 8, "lr": 0.001}}}
        what = {"weights": weights, "schedules": schedules, "targets": [common | aim for aim in aims]}
        (self.results / "first.json").write_text(json.dumps(what))

    def targets(self, *aims: dict[str, Any]) -> None:
        """Set targets for U-Net on ECSSD."""
        common = {"masks": "gt", "data": ["ecssd"], "victims": ["unet"], "size": 256, "seeds": 1}
        (self.results / "targets.json").write_text(json.dumps([common | aim for aim in aims]))


@pytest.fixture
def docs(tmp_path: Path) -> Docs:
    return Docs(tmp_path)
