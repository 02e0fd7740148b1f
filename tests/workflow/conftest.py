"""Stand-ins for the generator, so that the workflows around it are tested without weights and in milliseconds, and pictures for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from unseg_cli import bench as bench_module
from unseg_cli import bench_conditions
from unseg_cli.checkpoints import GeneratorFile
from unseg_cli.config import BenchConfig, ProtectConfig
from unseg_cli.events import Events, Report
from unseg_cli.noise import texture_noise
from unseg_cli.picture_noise import PictureNoise


class StandInGenerator(torch.nn.Linear):
    """Has what `protect` asks of a generator; the noise is a fixed texture."""

    def __init__(self) -> None:
        super().__init__(1, 1)
        self.source = GeneratorFile(name="stand-in", path=Path("stand-in"), sha256="5" * 64)


def texture(generator: Any, images: list[Any], masks: list[Any], target: str, spare: bool | None = None) -> list[PictureNoise]:
    made = []
    for image, mask in zip(images, masks, strict=True):
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
        region, source = mask, "file"
        if mask is None and target == "auto":
            region, source = np.zeros(image.shape[:2], bool), "auto"
            region[: image.shape[0] // 2] = True
        elif mask is None or not mask.any():
            region, source = np.ones(image.shape[:2], bool), "whole"
        made.append(PictureNoise(texture_noise(region, cells_per_side=24), region, source))
    return made


class Recorder(Events):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.infos: list[str] = []
        self.warnings: list[str] = []
        self.advanced = 0

    def info(self, message: str) -> None:
        self.infos.append(message)

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def advance(self, n: int = 1, note: str = "") -> None:
        self.advanced += n


@pytest.fixture
def events() -> Recorder:
    return Recorder()


@pytest.fixture
def run_protect(monkeypatch: pytest.MonkeyPatch, events: Recorder) -> Callable[..., Report]:
    """`protect` with the stand-in generator; keyword arguments are those of ProtectConfig."""
    import unseg_cli.protect as workflow

    monkeypatch.setattr(workflow, "load_generator", lambda *_, **__: StandInGenerator())
    monkeypatch.setattr(workflow, "picture_noise", texture)

    def run(src: Path, dst: Path, **changes: Any) -> Report:
        return workflow.protect(ProtectConfig(src=src, dst=dst, **{"device": "cpu", **changes}), events)

    return run


def photo(seed: int = 0, height: int = 48, width: int = 64) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    base = 60 + 120 * np.stack([x / width, y / height, (x + y) / (width + height)], axis=-1)
    return np.clip(base + rng.normal(0, 3, base.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def src(tmp_path: Path) -> Path:
    """Five good pictures in a tree, with text between them."""
    folder = tmp_path / "src"
    (folder / "sub" / "deep").mkdir(parents=True)
    Image.fromarray(photo(0)).save(folder / "a.png")
    Image.fromarray(photo(1)).save(folder / "b.JPG", quality=93)
    Image.fromarray(photo(2)).save(folder / "sub" / "c.webp", lossless=True)
    Image.fromarray(photo(3)).save(folder / "sub" / "deep" / "a.tif")
    Image.fromarray(photo(4)[..., 0]).save(folder / "sub" / "deep" / "d.bmp")
    (folder / "sub" / "readme.txt").write_text("no picture")
    return folder


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows(dst: Path) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in (dst / "unseg-manifest.jsonl").read_text().splitlines()]
    assert len({row["src"] for row in lines}) == len(lines)
    return {row["src"]: row for row in lines}


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


@pytest.fixture
def fake_generator(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Instead of the generator: the closed-form texture, with a square in the middle as the object it finds. Gives what it was asked."""
    asked: list[dict[str, Any]] = []

    def load(name: str, **_more: Any) -> Any:
        return SimpleNamespace(source=SimpleNamespace(name=name, sha256="ab" * 32))

    def noise(_generator: Any, images: list[Any], masks: list[Any], target: str, _spare: bool | None = None) -> list[PictureNoise]:
        asked.append({"masks": masks, "target": target})
        out = []
        for image, mask in zip(images, masks, strict=True):
            if mask is None:
                mask = np.ones(image.shape[:2], bool)
                if target == "auto":
                    mask[:] = False
                    mask[16:48, 16:48] = True
            out.append(PictureNoise(texture_noise(mask), mask, "file"))
        return out

    monkeypatch.setattr(bench_module, "load_generator", load)
    monkeypatch.setattr(bench_conditions, "picture_noise", noise)
    return asked


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
