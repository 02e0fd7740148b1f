"""Small pictures, small generators and runs of commands, to see what each option does to what a command leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from unseg_cli.cli.app import main
from unseg_cli.core.settings import settings_of
from unseg_cli.generators.loading import load_generator, save_generator
from unseg_cli.models.build import build_generator
from unseg_cli.models.specs import GeneratorSpec

SMALL_VIT = GeneratorSpec(
    kind="sam_vit", name="vit_b", image_size=32, embed_stride=16, noise_size=8, vit_width=24, vit_depth=1, vit_heads=3,
    vit_global_blocks=(0,), vit_window=2,
)  # fmt: skip


def options_of(config: Any) -> set[str]:
    """Names of all options of a command, as Python identifiers."""
    return {option.name for setting in settings_of(config) for option in setting.options if not option.positional}


def untested(config: Any, module: dict[str, Any]) -> set[str]:
    """Options without a test function of their name."""
    return {name for name in options_of(config) if f"test_{name}" not in module}


def scene(seed: int, height: int = 48, width: int = 64) -> npt.NDArray[np.uint8]:
    """A bright disc on a dark, soft ground."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    disc = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2
    picture = 60 + 40 * np.stack([x / width, y / height, (x + y) / (width + height)], axis=-1) + 100 * disc[..., None]
    return np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A data folder: two pictures to train on, one to test on."""
    for seed, name in enumerate(("train/a.jpg", "train/b.png", "test/c.png")):
        picture = scene(seed)
        for kind, path, pixels in (("images", name, picture), ("masks", f"{name[:-4]}.png", np.uint8(255) * (picture[..., 0] > 130))):
            target = tmp_path / "set" / kind / path
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(target)
    return tmp_path / "set"


@pytest.fixture(scope="session")
def small_lite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped generator's weights for pictures of 64 px: milliseconds a picture."""
    shipped = load_generator("lite")
    small = build_generator(shipped.spec.at_size(64))
    small.load_state_dict(shipped.state_dict())
    path = tmp_path_factory.mktemp("generators") / "small.safetensors"
    save_generator(path, small, {})
    return path


@pytest.fixture(scope="session")
def small_vit(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small generator of the paper's kind, and a checkpoint of SAM for it."""
    folder = tmp_path_factory.mktemp("vit")
    torch.manual_seed(0)
    save_generator(folder / "vit.safetensors", build_generator(SMALL_VIT), {})
    torch.manual_seed(1)
    other = build_generator(SMALL_VIT).state_dict()
    torch.save({name: tensor for name, tensor in other.items() if not name.startswith("mask_decoder.noise_")}, folder / "sam.pth")
    return folder / "vit.safetensors", folder / "sam.pth"


class Threads:
    """How many workers each pool of threads was made for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self.seen: list[int | None] = []
        original = ThreadPoolExecutor.__init__

        def init(pool: ThreadPoolExecutor, max_workers: int | None = None, *rest: Any, **more: Any) -> None:
            self.seen.append(max_workers)
            original(pool, max_workers, *rest, **more)

        monkeypatch.setattr(ThreadPoolExecutor, "__init__", init)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threads:
    return Threads(monkeypatch)


class Passes:
    """How many pictures went through a network at once, each time that any convolution of three channels saw some."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        if isinstance(module, torch.nn.Conv2d) and module.in_channels == 3:
            self.sizes.append(len(inputs[0]))


@pytest.fixture
def passes() -> Any:
    seen = Passes()
    handle = torch.nn.modules.module.register_module_forward_pre_hook(seen)
    yield seen
    handle.remove()


def run(*line: object, code: int = 0) -> None:
    """Run a command quietly; its exit code has to be `code`."""
    assert main([*map(str, line), "-q"]) == code


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def pixels(path: Path) -> npt.NDArray[np.int_]:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)
