"""Pictures made smaller: pixels, transparency, masks, and what metadata say of the size."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures.picture_makers import photo, saved
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.encode import encode_picture, prepare_picture
from unseg_cli.pictures.metadata import Metadata, scaled
from unseg_cli.pictures.picture import Picture
from unseg_cli.pictures.smaller import smaller, smaller_map, smaller_size


@pytest.mark.parametrize(
    ("size", "longest_side", "expected"),
    [((3024, 4032), 1600, (1200, 1600)), ((400, 100), 200, (200, 50)), ((9000, 2), 100, (100, 1)), ((40, 30), 40, (40, 30))],
)
def test_the_longer_side_counts_and_nothing_is_enlarged(size: tuple[int, int], longest_side: int, expected: tuple[int, int]) -> None:
    assert smaller_size(size, longest_side) == expected
    assert smaller_size(size, None) == size


def test_what_is_small_enough_stays_the_very_picture() -> None:
    picture = Picture(pixels=photo(), space="rgb", kind="png")
    assert smaller(picture, 52) is picture and smaller(picture, None) is picture


@pytest.mark.parametrize(("channels", "space"), [(1, "grey"), (3, "rgb"), (4, "cmyk")])
@pytest.mark.parametrize("depth", [8, 16])
def test_every_kind_of_pixel_shows_what_it_showed(channels: int, space: str, depth: int) -> None:
    ramp = np.linspace(0.1, 0.9, 200)[None, :, None] * np.linspace(1, 0.5, channels) * np.ones((120, 1, 1))
    top = 2**depth - 1
    pixels = np.rint(ramp * top).astype(np.uint8 if depth == 8 else np.uint16)
    pixels = pixels[..., 0] if channels == 1 else pixels
    made = smaller(Picture(pixels=pixels, space=space, kind="tiff"), 50)  # type: ignore[arg-type]
    assert (made.size, made.file_size, made.pixels.dtype) == ((30, 50), (120, 200), pixels.dtype)
    expected = pixels.reshape(30, 4, 50, 4, channels).astype(float).mean(axis=(1, 3))
    inside = np.s_[:, 2:-2]  # at the border Lanczos has less to look at
    assert np.abs(made.pixels.reshape(30, 50, channels)[inside] - expected[inside]).max() <= 1 + top / 500


def test_all_bands_at_once_are_what_each_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (90, 140, 3), np.uint8)
    at_once = smaller(Picture(pixels=pixels, space="rgb", kind="png"), 45).pixels
    monkeypatch.setattr("unseg_cli.pictures.smaller._AT_ONCE", 0)
    alone = smaller(Picture(pixels=pixels, space="rgb", kind="png"), 45).pixels
    assert at_once.shape == (29, 45, 3) and np.array_equal(at_once, alone)


def test_what_is_transparent_does_not_bleed_into_what_is_seen() -> None:
    pixels = np.zeros((80, 80, 3), np.uint8)
    pixels[:, 40:] = 255
    alpha = np.zeros((80, 80), np.uint8)
    alpha[:, :42] = 255  # black is seen, and a little white; the rest of the white is not
    alpha[:, 40:42] = 0
    made = smaller(Picture(pixels=pixels, alpha=alpha, space="rgb", kind="png"), 16)
    assert made.alpha is not None and made.alpha.shape == (16, 16)
    seen = made.alpha > 8
    assert seen.any() and made.pixels[seen].max() <= 4
    assert made.pixels[:, 12:].min() >= 250, "what nobody sees stays what it was"


def test_masks_are_sampled_as_pictures_are() -> None:
    labels = np.zeros((90, 120), np.int32)
    labels[30:60, 40:80] = 7
    made = smaller_map(labels, (30, 40))
    expected = np.zeros((30, 40), np.int32)
    expected[10:20, 13:27] = 7
    assert np.array_equal(made[:, 14:26], expected[:, 14:26]) and set(np.unique(made)) == {0, 7}
    assert abs((made == 7).mean() - (labels == 7).mean()) < 0.02
    assert smaller_map(labels, (90, 120)) is labels


SIZES = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description exif:PixelXDimension="400" tiff:ImageLength="300"/></x:xmpmeta>'


def _exif() -> bytes:
    exif = Image.Exif()
    exif[274], exif[256], exif[257] = 6, 400, 300
    exif.get_ifd(0x8769).update({40962: 400, 40963: 300, 36867: "2024:01:01 00:00:00"})
    return exif.tobytes()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_metadata_tell_the_new_size(format: str) -> None:
    xmp = {} if format == "PNG" else {"xmp": SIZES}
    data = saved(Image.fromarray(photo(300, 400)), format, exif=_exif(), **xmp)
    picture, encoding = prepare_picture(Path("a"), data, longest_side=100)
    assert picture.size == (100, 75), "turned by its orientation"
    out, _ = encode_picture(picture, encoding)
    with Image.open(io.BytesIO(out)) as image:
        exif = image.getexif()
        assert (image.size, exif[274], exif[256], exif[257]) == ((100, 75), 6, 100, 75)
        assert {tag: exif.get_ifd(0x8769)[tag] for tag in (36867, 40962, 40963)} == {36867: "2024:01:01 00:00:00", 40962: 100, 40963: 75}
        if xmp:
            assert image.info["xmp"] == SIZES.replace(b'"400"', b'"100"').replace(b'"300"', b'"75"')


def test_a_tiff_tells_the_new_size() -> None:
    exif = Image.Exif()
    exif.load(_exif())
    exif[700] = SIZES
    data = saved(Image.fromarray(photo(300, 400)), "TIFF", exif=exif)
    picture, encoding = prepare_picture(Path("a.tif"), data, longest_side=100)
    out, _ = encode_picture(picture, encoding)
    with Image.open(io.BytesIO(out)) as image:
        assert sorted(image.size) == [75, 100]
        inner = image.getexif().get_ifd(0x8769)
        assert (inner[40962], inner[40963]) == (100, 75)
        assert b'PixelXDimension="100" tiff:ImageLength="75"' in image.tag_v2[700]


def test_a_picture_too_large_for_its_format_is_written_once_it_is_smaller() -> None:
    data = saved(Image.fromarray(np.zeros((2, 20_000, 3), np.uint8)), "PNG")
    picture, encoding = prepare_picture(Path("a.png"), data, format="webp", longest_side=1_000)
    assert read_picture(Path("a.webp"), encode_picture(picture, encoding)[0]).size == (1, 1_000)


def test_sizes_in_a_tiff_that_are_no_numbers_stay_as_they_are() -> None:
    made = scaled(Metadata(tiff_tags={34665: {40962: (400, 300), 40963: "300"}, 700: SIZES}), 0.25)
    assert made.tiff_tags == {34665: {40962: (400, 300), 40963: "300"}, 700: SIZES.replace(b'"400"', b'"100"').replace(b'"300"', b'"75"')}
