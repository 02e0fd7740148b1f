"""Stand-ins for the generator, so that the workflows around it are tested without weights and in milliseconds, and pictures for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

import unseg_cli.protect.run as workflow
from tests.pictures import picture_makers
from unseg_cli.cli.app import main
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.events import Events, Report
from unseg_cli.generators.files import GeneratorFile
from unseg_cli.generators.session import PictureNoise
from unseg_cli.noise.closed_form import texture_noise
from unseg_cli.noise.field import ArrayField
from unseg_cli.protect.config import ProtectConfig

#: Runs `protect` on two folders, with the stand-in generator.
Protect = Callable[..., Report]


class StandInGenerator(torch.nn.Linear):
    """Has what `protect` asks of a generator; the noise is a fixed texture."""

    def __init__(self) -> None:
        super().__init__(1, 1)
        self.source = GeneratorFile(name="stand-in", path=Path("stand-in"), sha256="5" * 64)


def texture(generator: Any, images: list[Any], masks: list[Any], target: str) -> list[PictureNoise]:
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
        field, closely = ArrayField(texture_noise(region, cells_per_side=24)), mask is None and target == "auto"
        made.append(PictureNoise(field=field, mask=region, mask_source=source, closely=closely))
    return made


def session_of(noise: Callable[..., list[PictureNoise]], *, keeps_all_cores: bool = False) -> type:
    """A session whose noise is what a function says."""

    class StandInSession:
        finder_identity: str | None = None

        def __init__(self, generator: Any) -> None:
            self.generator = generator
            self.finder = SimpleNamespace(name="stand-in", identity=self.finder_identity)
            self.device, self.threads_of_its_own = "cpu", keeps_all_cores

        def noise(self, images: list[Any], masks: list[Any], *, budget: NoiseBudget, target: str = "auto") -> list[PictureNoise]:
            return noise(self.generator, images, masks, target)

    return StandInSession


class Recorder(Events):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.infos: list[str] = []
        self.warnings: list[str] = []
        self.details: list[str] = []
        self.advanced = 0

    def info(self, message: str) -> None:
        self.infos.append(message)

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def detail(self, message: str) -> None:
        self.details.append(message)

    def advance(self, n: int = 1, note: str = "") -> None:
        self.advanced += n


@pytest.fixture
def events() -> Recorder:
    return Recorder()


@pytest.fixture
def run_protect(monkeypatch: pytest.MonkeyPatch, events: Recorder) -> Callable[..., Report]:
    """`protect` with the stand-in generator; keyword arguments are those of ProtectConfig."""
    import unseg_cli.protect.run as workflow

    monkeypatch.setattr(workflow, "open_runtime", lambda *_, **__: StandInGenerator())
    monkeypatch.setattr(workflow, "Session", session_of(texture))

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


class Printed(NamedTuple):
    code: int
    out: str
    err: str


Unseg = Callable[..., Printed]


@pytest.fixture
def unseg(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Unseg:
    """The command line, with the stand-in generator."""
    monkeypatch.setattr(workflow, "open_runtime", lambda *_, **__: StandInGenerator())
    monkeypatch.setattr(workflow, "Session", session_of(texture))
    monkeypatch.setenv("UNSEG_PROTECT_DEVICE", "cpu")

    def run(*arguments: object) -> Printed:
        code = main(list(map(str, arguments)))
        printed = capsys.readouterr()
        return Printed(code, printed.out, printed.err)

    return run


def test_a_place_that_cannot_be_written_to_is_noticed_first(
    src: Path, tmp_path: Path, unseg: Unseg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "open_runtime", lambda *_, **__: pytest.fail("nothing heavy before the check"))
    (tmp_path / "file").write_text("a file where a folder is needed")
    out = tmp_path / "out"
    for arguments in (
        (tmp_path / "file" / "out",),
        (tmp_path / "file" / "out", "--dry-run"),
        (out, "--preview", tmp_path / "file" / "p"),
        (out, "--save-noise", tmp_path / "file" / "n"),
    ):
        code, printed, err = unseg("protect", src, *arguments)
        assert (code, printed) == (4, "")
        first, second = err.splitlines()
        assert first.startswith(f"error: nothing can be written to {tmp_path / 'file'}") and second.startswith("hint: ")
    assert not out.exists()


@pytest.fixture
def trees(tmp_path: Path, run_protect: Protect) -> tuple[Path, Path]:
    """A clean and a protected tree: JPEG, lossy and lossless WebP, PNG."""
    src, dst = tmp_path / "src", tmp_path / "out"
    (src / "sub").mkdir(parents=True)
    Image.fromarray(picture_makers.photo(90, 120)).save(src / "a.jpg", quality=88)
    Image.fromarray(picture_makers.photo(90, 120)).save(src / "b.png")
    Image.fromarray(picture_makers.photo(90, 120)).save(src / "sub" / "c.webp", quality=80)
    Image.fromarray(picture_makers.photo(90, 120)).save(src / "sub" / "d.webp", lossless=True)
    run_protect(src, dst)
    return src, dst
