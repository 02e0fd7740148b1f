"""JPEG straight into an array: the very pixels that Pillow decodes, and Pillow where something is unusual."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.formats import jpeg
from unseg_cli.pictures.formats.jpeg import decode_rgb

pytestmark = pytest.mark.skipif(jpeg.simplejpeg is None, reason="simplejpeg has no build for this machine")


def photo(height: int = 61, width: int = 83) -> np.ndarray:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    return np.clip(np.stack([2 * x, 3 * y, x + y], 2) + rng.normal(0, 9, (height, width, 3)), 0, 255).astype(np.uint8)


def saved(mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(photo()).convert(mode).save(out, "JPEG", **options)
    return out.getvalue()


@pytest.mark.parametrize(
    "options", [{}, {"subsampling": 0}, {"subsampling": 1}, {"progressive": True}, {"quality": 30}, {"keep_rgb": True}]
)
def test_pixels_are_those_of_pillow(options: dict[str, object]) -> None:
    data = saved(**options)
    ours = decode_rgb(data)
    assert ours is not None
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(ours, np.asarray(image))


@pytest.mark.parametrize("data", [saved()[:-200], saved()[:100], b"\xff\xd8", b"no picture", b""])
def test_what_is_damaged_is_left_to_pillow(data: bytes) -> None:
    assert decode_rgb(data) is None


def test_without_simplejpeg_pillow_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg, "simplejpeg", None)
    data = saved()
    assert decode_rgb(data) is None
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(read_picture(Path("a.jpg"), data).pixels, np.asarray(image))
