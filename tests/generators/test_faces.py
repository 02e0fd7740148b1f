"""Faces, and skin in pictures that have one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from unseg_cli.generators.faces import people

from unseg_cli.generators import faces as module
from unseg_cli.noise.arithmetic import to_tensor_01

SIZE = 64
TONES = [(240, 200, 180), (198, 140, 100), (90, 56, 37)]


def test_finds_the_face_of_a_portrait_and_none_on_a_cup(root: Path) -> None:
    frames = []
    for name in ("portrait.bmp", "coffee.png"):
        with Image.open(root / "examples" / "photos" / name) as picture:
            frames.append(to_tensor_01(np.asarray(picture.convert("RGB").resize((256, 256)))))
    found = people(torch.stack(frames))
    assert found.shape == (2, 1, 256, 256)
    assert set(found.unique().tolist()) <= {0.0, 1.0}
    assert found[0, 0, 100:160, 105:160].mean() > 0.9
    assert found[0, 0, :40].mean() < 0.5
    assert found[1].max() == 0


@pytest.mark.parametrize("tone", TONES)
def test_skin_of_any_tone_counts_in_a_picture_with_a_face(monkeypatch: pytest.MonkeyPatch, tone: tuple[int, int, int]) -> None:
    skin = torch.tensor(tone).view(1, 3, 1, 1).expand(1, 3, SIZE, SIZE // 2) / 255
    image = torch.cat([skin, skin[:, [2, 0, 1]]], -1)
    assert people(image).max() == 0
    corner = F.pad(torch.ones(1, 8, 8), (SIZE - 8, 0, SIZE - 8, 0))
    monkeypatch.setattr(module, "_faces", lambda _: corner)
    found = people(image)[0, 0]
    assert found[:, : SIZE // 2].min() == 1
    assert found[-8:, -8:].min() == 1
    assert found[:-8, SIZE // 2 :].max() == 0
