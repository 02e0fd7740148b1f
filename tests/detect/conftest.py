"""A generator of no weights that sees bright things and follows boxes and points, and small pictures for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.generators.stand_in import StandIn
from tests.protect.conftest import Recorder
from unseg_cli.core.events import Report
from unseg_cli.detect.config import DetectConfig
from unseg_cli.generators.files import GeneratorFile
from unseg_cli.generators.find import Found, OwnFinder
from unseg_cli.generators.runtimes.on_torch import TorchRuntime
from unseg_cli.generators.session import Session
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.protocols import Embedding

SHAPE = (48, 64)


class Pointed(StandIn):
    """The object is where the picture is bright, in the box, or within three pixels of a point on it."""

    def __init__(self, sha256: str = "5" * 64) -> None:
        super().__init__()
        self.source = GeneratorFile(name="stand-in", path=Path("stand-in"), sha256=sha256)

    def segment(self, embedding: Embedding, prompt: Prompt) -> Tensor:
        if prompt.points is None:
            return super().segment(embedding, prompt)
        logits = torch.full_like(embedding.image, -1.0)
        rows, columns = torch.meshgrid(*(torch.arange(side) + 0.5 for side in logits.shape[-2:]), indexing="ij")
        for (x, y), label in zip(prompt.points[0], prompt.point_labels[0], strict=True):
            if label > 0:
                logits[0, 0][(rows - y) ** 2 + (columns - x) ** 2 < 9] = 1.0
        return logits


class WithConfidence(OwnFinder):
    """Surer, the larger the object."""

    name = "two finders"

    def find(self, scenes: Any, prompt: Prompt | None = None) -> list[Found | None]:
        found = super().find(scenes, prompt)
        return [None if one is None else Found(mask=one.mask, confidence=float(one.mask.mean()), finder=self.name) for one in found]


@pytest.fixture
def events() -> Recorder:
    return Recorder()


class Detect:
    """Runs of `detect` with the stand-in; keyword arguments are those of DetectConfig."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, events: Recorder) -> None:
        import unseg_cli.detect.run as workflow

        self.generator, self.finder, self.events, self._workflow = Pointed(), OwnFinder, events, workflow
        monkeypatch.setattr(workflow, "open_runtime", lambda *_, **__: TorchRuntime(self.generator))
        monkeypatch.setattr(workflow, "Session", lambda runtime: Session(runtime, self.finder(runtime)))

    def __call__(self, src: Path, masks: Path, **changes: Any) -> Report:
        return self._workflow.detect(DetectConfig(src=src, masks=masks, **{"device": "cpu", **changes}), self.events)


@pytest.fixture
def run_detect(monkeypatch: pytest.MonkeyPatch, events: Recorder) -> Callable[..., Report]:
    return Detect(monkeypatch, events)


def scene(share: float = 0.5, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """The left part is bright."""
    image = np.full((*shape, 3), 40, np.uint8)
    image[:, : round(shape[1] * share)] = 220
    return image


@pytest.fixture
def src(tmp_path: Path) -> Path:
    """Three pictures in a tree: a large object, a small one, and none."""
    folder = tmp_path / "src"
    (folder / "sub").mkdir(parents=True)
    Image.fromarray(scene(0.75)).save(folder / "a.png")
    Image.fromarray(scene(0.25)).save(folder / "sub" / "b.jpg", quality=95)
    Image.fromarray(scene(0)).save(folder / "sub" / "c.webp", lossless=True)
    return folder


def rows(masks: Path) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in (masks / "detections.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len({row["src"] for row in lines}) == len(lines)
    return {row["src"]: row for row in lines}


def marked(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        values = np.asarray(image)
    assert image.mode == "L" and set(np.unique(values)) <= {0, 255}
    return values > 0
