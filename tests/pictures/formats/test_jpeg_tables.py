"""JPEGs whose noise is in their colour keep the table of their brightness, and hardly grow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures.picture_makers import photo, saved
from unseg_cli.pictures.channels import noise_kept
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.encode import MINIMUM_QUALITY, encode_picture, prepare_picture
from unseg_cli.pictures.formats.jpeg_tables import is_in_colour, tables_for_colour
from unseg_cli.pictures.picture import Coding, Picture

MAGENTA, BRIGHT = (8, -4, 8), (8, 8, 8)
CELL = 8


def noised(picture: Picture, colour: tuple[int, int, int]) -> np.ndarray:
    """A checkerboard of a colour and its opposite."""
    height, width = picture.pixels.shape[:2]
    down, across = np.arange(height)[:, None] // CELL, np.arange(width) // CELL
    sign = np.where((down + across) % 2, 1, -1)[..., None]
    return np.clip(picture.pixels + sign * np.array(colour), 0, 255).astype(np.uint8)


def written(data: bytes, colour: tuple[int, int, int], **how: int) -> tuple[Picture, float, float]:
    """The written picture, how many times as large its file is, and how much of the noise is in it."""
    picture, encoding = prepare_picture(Path("a.jpg"), data, **how)
    meant = noised(picture, colour)
    out, _ = encode_picture(picture, encoding, pixels=meant)
    again = read_picture(Path("a.jpg"), out)
    return again, len(out) / len(data), noise_kept(picture.pixels, meant, again.pixels)


@pytest.mark.parametrize("quality", [50, 75, 85])
def test_brightness_keeps_its_table_and_colour_gets_a_finer_one(quality: int) -> None:
    data = saved(Image.fromarray(photo(320, 240)), "JPEG", quality=quality, subsampling="4:2:0")
    source = read_picture(Path("a.jpg"), data).coding
    again, larger, kept = written(data, MAGENTA)
    fine, much_larger, kept_by_fine = written(data, MAGENTA, quality=MINIMUM_QUALITY)
    assert (again.coding.tables[0], again.coding.sampling) == (source.tables[0], 0)
    assert again.coding.tables[1] == fine.coding.tables[1]
    assert larger < 0.9 * much_larger and kept > kept_by_fine - 0.1


def test_noise_in_brightness_gets_a_finer_table_there() -> None:
    data = saved(Image.fromarray(photo()), "JPEG", quality=50)
    again, _, _ = written(data, BRIGHT)
    assert again.coding.quality is not None and again.coding.quality >= MINIMUM_QUALITY
    assert max(again.coding.tables[0]) < max(read_picture(Path("a.jpg"), data).coding.tables[0])


def test_a_finer_table_of_the_source_stays() -> None:
    finest = {0: [1] * 64, 1: [2] * 64}
    assert tables_for_colour(Coding(tables=finest), 90) == (finest[0], finest[1])
    assert tables_for_colour(Coding(tables={0: [1] * 64}), 90) == ([1] * 64, [1] * 64), "one table for all"
    assert tables_for_colour(Coding(), 90) is None


def test_what_has_no_noise_has_none_in_its_colour() -> None:
    picture = photo()
    assert not is_in_colour(picture, picture)
    few = picture.copy()
    few[::2, :, 0] ^= 8
    assert not is_in_colour(picture, few), "a third of red is brightness"
