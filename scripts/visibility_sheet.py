"""A contact sheet for a person to look at: where a protected picture differs most from the clean one, and where noise is seen first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from unseg_cli.core.constants import BoolArray, FloatArray, U8Array
from unseg_cli.noise.arithmetic import LUMA
from unseg_cli.pictures.difference import perceived_map

#: BT.601 chroma of human skin of any tone: Chai and Ngan 1999.
SKIN_CB, SKIN_CR = (77 / 255, 127 / 255), (133 / 255, 173 / 255)
SIDE, ZOOM, GAP, CAPTION = 120, 2, 8, 14
STEP = SIDE // 3
WORST = 6  # crops of the places with the largest difference, one a picture
EACH = 3  # crops of each kind of place
MOSTLY = 0.8  # a crop is of a kind where so much of it is


@dataclass(frozen=True, kw_only=True)
class Crop:
    """A place in a picture.

    Attributes:
        name: of the picture.
        kind: what the place is.
        seen: the mean difference there.
        clean: (SIDE, SIDE, 3) or smaller.
        protected: of the same shape.
    """

    name: str
    kind: str
    seen: float
    clean: U8Array
    protected: U8Array


def _light(picture: U8Array) -> FloatArray:
    return picture.astype(np.float32) @ np.array(LUMA, np.float32) / 255


def _smooth_and_bright(picture: U8Array) -> BoolArray:
    light = _light(picture)
    down, across = np.gradient(light) if min(light.shape) > 1 else (light * 0, light * 0)
    return (light > 0.6) & (np.hypot(down, across) < 0.02)


def _skin(picture: U8Array) -> BoolArray:
    light, rgb = _light(picture), picture.astype(np.float32) / 255
    cb = 0.5 + (rgb[..., 2] - light) / (2 - 2 * LUMA[2])
    cr = 0.5 + (rgb[..., 0] - light) / (2 - 2 * LUMA[0])
    return (cb >= SKIN_CB[0]) & (cb <= SKIN_CB[1]) & (cr >= SKIN_CR[0]) & (cr <= SKIN_CR[1]) & (light > 0.2)


def _dark(picture: U8Array) -> BoolArray:
    return _light(picture) < 0.15


KINDS: dict[str, Callable[[U8Array], BoolArray]] = {"smooth, bright": _smooth_and_bright, "skin": _skin, "dark": _dark}


def crops_of(name: str, clean: U8Array, protected: U8Array) -> list[Crop]:
    """The place of a picture where the difference is largest, and the like among places of each kind.

    Args:
        name: of the picture.
        clean: (H, W, 3).
        protected: (H, W, 3).
    """
    seen = perceived_map(clean, protected)
    height, width = seen.shape
    places = [
        (slice(top, top + SIDE), slice(left, left + SIDE))
        for top in range(0, max(height - SIDE, 0) + 1, STEP)
        for left in range(0, max(width - SIDE, 0) + 1, STEP)
    ]
    found = []
    for kind, of_kind in {"largest difference": None, **KINDS}.items():
        there = None if of_kind is None else of_kind(clean)
        fitting = [place for place in places if there is None or there[place].mean() >= MOSTLY]
        if fitting:
            place = max(fitting, key=lambda place: float(seen[place].mean()))
            found.append(Crop(name=name, kind=kind, seen=float(seen[place].mean()), clean=clean[place], protected=protected[place]))
    return found


def sheet(crops: list[Crop]) -> Image.Image:
    """The worst crops of each kind, clean | protected side by side at 200 %, two pairs a row."""
    chosen: list[Crop] = []
    for kind in dict.fromkeys(crop.kind for crop in crops):
        of_kind = sorted((crop for crop in crops if crop.kind == kind), key=lambda crop: -crop.seen)
        chosen += of_kind[: EACH if kind in KINDS else WORST]
    wide, high = SIDE * ZOOM, SIDE * ZOOM + CAPTION
    rows = -(-len(chosen) // 2)
    page = Image.new("RGB", (4 * wide + 3 * GAP, rows * (high + GAP)), "white")
    draw = ImageDraw.Draw(page)
    for number, crop in enumerate(chosen):
        left, top = number % 2 * 2 * (wide + GAP), number // 2 * (high + GAP)
        draw.text((left, top), f"{crop.kind}, {crop.seen:.2f}: {crop.name}", fill="black")
        for column, pixels in enumerate((crop.clean, crop.protected)):
            image = Image.fromarray(np.ascontiguousarray(pixels))
            large = image.resize((image.width * ZOOM, image.height * ZOOM), Image.Resampling.NEAREST)
            page.paste(large, (left + column * wide, top + CAPTION))
    return page
