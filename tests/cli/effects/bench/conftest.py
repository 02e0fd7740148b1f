"""Victims of a layer or two, small data, and runs of `unseg bench`, each into a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.bench.pixelwise import Pixelwise
from tests.cli.effects.conftest import run, scene
from unseg_cli.bench.victims.registry import VICTIMS, VictimEntry
from unseg_cli.bench.victims.schedule import Schedule


@pytest.fixture(autouse=True)
def small_victims(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = Schedule(image_size=32, epochs=1, batch_size=4, lr=0.05)
    for name in ("small", "smaller"):
        entry = VictimEntry(
            name=name, description="", schedules=dict.fromkeys(("binary", "semantic"), schedule), packages=(), build=Pixelwise
        )
        monkeypatch.setitem(VICTIMS, name, entry)


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots take longer than everything else, and no option changes how they are drawn."""
    from unseg_cli.bench import run as module
    from unseg_cli.bench import run_cells as work

    for home, name in ((module, "draw_curves"), (module, "draw_bars"), (work, "draw_samples")):
        monkeypatch.setattr(home, name, lambda *_: None)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures to train on and four to test, whose masks are binary."""
    root = tmp_path_factory.mktemp("bench") / "data"
    for split, count in (("train", 8), ("test", 4)):
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True)
        for index in range(count):
            picture = scene(index + 100 * (split == "test"), 64, 64)
            Image.fromarray(picture).save(root / "images" / split / f"{index}.png")
            Image.fromarray((picture[..., 0] > 130).astype(np.uint8) * 255).save(root / "masks" / split / f"{index}.png")
    return root


@pytest.fixture(scope="module")
def labelled(data: Path) -> Path:
    """The same pictures with two classes beside the ground."""
    root = data.parent / "labelled"
    for path in sorted(data.rglob("*.png")):
        target = root / path.relative_to(data)
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            array = np.array(image)
        if "masks" in path.relative_to(data).parts:
            array = np.where(array > 0, 1, array)
            array[:16] = 2
        Image.fromarray(array).save(target)
    (root / "classes.json").write_text('["ground", "disc", "sky"]')
    return root


class Runs:
    """Runs of `bench`, each into a folder of its own."""

    def __init__(self, where: Path, data: Path, generator: Path) -> None:
        self.where, self.data, self.generator, self.count = where, data, generator, 0

    def __call__(self, *options: object, code: int = 0, out: Path | None = None) -> dict[str, Any]:
        self.count += 1
        out = out or self.where / f"run{self.count}"
        own = {"--victim": "small", "--data": self.data, "--conditions": "clean,protected", "--generator": self.generator, "--out": out}
        given = [part for name, value in own.items() if name not in options for part in (name, value)]
        run("bench", *given, *options, code=code)
        document = out / "results.json"
        found: dict[str, Any] = json.loads(document.read_text(encoding="utf-8")) if document.exists() else {}
        return found


@pytest.fixture
def bench(tmp_path: Path, data: Path, small_lite: Path) -> Runs:
    return Runs(tmp_path, data, small_lite)


@pytest.fixture
def plain(bench: Runs) -> dict[str, Any]:
    """What no option of interest gives."""
    return bench()
