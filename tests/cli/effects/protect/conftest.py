"""Pictures, masks and runs of `unseg protect` with a small network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.effects.conftest import lines_of, run, scene


@pytest.fixture(scope="module")
def src(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("protect") / "src"
    (folder / "sub").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x010E] = "a disc"
    Image.fromarray(scene(0)).save(folder / "a.jpg", quality=92, exif=exif)
    Image.fromarray(scene(1)).save(folder / "b.png")
    Image.fromarray(scene(2)).save(folder / "sub" / "c.png")
    return folder


@pytest.fixture(scope="module")
def masks(src: Path) -> Path:
    """Class 3 in the left quarter, class 7 in the next."""
    folder = src.parent / "masks"
    for name in ("a", "b", "sub/c"):
        labels = np.zeros((48, 64), np.uint8)
        labels[:, :16], labels[:, 16:32] = 3, 7
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(labels).save(folder / f"{name}.png")
    return folder


class Runs:
    """Runs of `protect`, each into a folder of its own."""

    def __init__(self, src: Path, generator: Path, where: Path) -> None:
        self.src, self.generator, self.where, self.count = src, generator, where, 0

    def __call__(self, *options: object, code: int = 0, dst: Path | None = None) -> Path:
        self.count += 1
        dst = dst or self.where / f"out{self.count}"
        given = () if "--generator" in options else ("--generator", self.generator)
        run("protect", self.src, dst, *given, *options, code=code)
        return dst


@pytest.fixture
def protect(src: Path, small_lite: Path, tmp_path: Path) -> Runs:
    return Runs(src, small_lite, tmp_path)


@pytest.fixture(scope="module")
def plain(src: Path, small_lite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What no option at all leaves. For reading alone."""
    return Runs(src, small_lite, tmp_path_factory.mktemp("plain"))()


def rows(dst: Path) -> dict[str, dict[str, Any]]:
    return {row["src"]: row for row in lines_of(dst / "unseg-manifest.jsonl")}


def written(dst: Path) -> dict[str, bytes]:
    return {path.relative_to(dst).as_posix(): path.read_bytes() for path in dst.rglob("*.*") if path.suffix != ".jsonl"}
