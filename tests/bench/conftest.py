"""A small data set for victims, and a stand-in for the generator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from unseg_cli.bench import run as bench_module
from unseg_cli.bench.config import BenchConfig
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import BoolArray, U8Array
from unseg_cli.generators.session import MaskSource, PictureNoise
from unseg_cli.noise.closed_form import texture_noise
from unseg_cli.noise.field import ArrayField


def pair(rng: np.random.Generator, side: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """A soft background and an ellipse of another colour: what tells them apart differs from picture to picture."""
    ground = rng.integers(60, 196, 3)
    y, x = np.mgrid[:side, :side] / side
    image = ground + 30 * (x[..., None] - 0.5) * rng.normal(0, 1, 3)
    cx, cy, rx, ry = *rng.uniform(0.35, 0.65, 2), *rng.uniform(0.15, 0.3, 2)
    mask = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1
    image[mask] += rng.choice([-35, 35], 3)
    image += rng.normal(0, 4, image.shape)
    return image.clip(0, 255).astype(np.uint8), mask


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 training and 16 test pictures of 64 x 64, of other names."""
    root, rng = tmp_path_factory.mktemp("ellipses"), np.random.default_rng(5)
    for split, count in (("train", 48), ("test", 16)):
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True)
        for i in range(count):
            image, mask = pair(rng, 64)
            Image.fromarray(image).save(root / "images" / split / f"{split[1]}{i:02}.png")
            Image.fromarray(mask).save(root / "masks" / split / f"{split[1]}{i:02}.png")
    return root


@pytest.fixture
def quick(folder: Path, tmp_path: Path) -> BenchConfig:
    """One epoch on eight pictures."""
    return BenchConfig(data=str(folder), image_size=32, epochs=1, batch_size=4, limit=8, out=tmp_path / "run", device="cpu", init="scratch")


class FakeSource:
    """Draws the closed-form texture instead of a generator's noise, and detects a square in the middle. Keeps what it was asked."""

    finder = SimpleNamespace(identity=None)

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.confidences: list[float] = []  # of the next detections; 1 where there are no more

    def noise(
        self, images: Sequence[U8Array], masks: Sequence[BoolArray | None], *, budget: NoiseBudget, target: str = "auto"
    ) -> list[PictureNoise]:
        self.asked.append({"masks": masks, "target": target, "budget": budget})
        out = []
        for image, mask in zip(images, masks, strict=True):
            mask_source: MaskSource = "file"
            confidence: float | None = None
            if mask is None:
                mask_source, confidence = "whole", self.confidences.pop(0) if self.confidences else 1.0
                mask = np.ones(image.shape[:2], bool)
                if target == "auto":
                    mask_source = "auto"
                    mask[:] = False
                    mask[16:48, 16:48] = True
            out.append(PictureNoise(field=ArrayField(texture_noise(mask)), mask=mask, mask_source=mask_source, confidence=confidence))
        return out


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def fake_generator(monkeypatch: pytest.MonkeyPatch, source: FakeSource) -> FakeSource:
    """`bench` with `source` in place of the generator."""

    def load(name: str, **_more: Any) -> Any:
        return SimpleNamespace(source=SimpleNamespace(name=name, sha256="ab" * 32))

    monkeypatch.setattr(bench_module, "open_runtime", load)
    monkeypatch.setattr(bench_module, "Session", lambda runtime: (setattr(source, "generator", runtime), source)[1])
    return source


def label_folder(root: Path) -> Path:
    """A miniature of CamVid: label ids, void in the last class of classes.json, a val split, 4:3."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3)):
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True)
        for i in range(count):
            horizon, car = rng.integers(16, 28), rng.integers(4, 44)
            label = np.zeros((48, 64), np.uint8)
            label[horizon:] = 1
            label[horizon + 4 : horizon + 14, car : car + 14] = 2
            label[:, :2] = 3
            colours = np.array([[150, 190, 230], [90, 90, 95], [170, 40, 40], [0, 0, 0]])
            image = (colours[label] + rng.normal(0, 8, (48, 64, 3))).clip(0, 255).astype(np.uint8)
            Image.fromarray(image).save(root / "images" / split / f"{i}.jpg", quality=95)
            Image.fromarray(label).save(root / "masks" / split / f"{i}.png")
    (root / "classes.json").write_text('["Sky", "Road", {"name": "Car", "thing": true}, "Unlabelled(3)"]')
    return root


def row(condition: str, seed: int, final: float, **more: Any) -> dict[str, Any]:
    """A row of results.json."""
    return {
        "victim": "unet", "condition": condition, "defence": "none", "init": "pretrained", "ratio": 1.0, "seed": seed, "metric": "iou",
        "final": final, "best": final + 5, "best_epoch": 3, "train_metric": 90.0, "seconds": 30.0, "final_per_picture": final - 2,
        "height": 96, "width": 96, "epochs": 8, **more,
    }  # fmt: skip
