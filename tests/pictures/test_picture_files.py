"""Picture files in and out: what is kept, for every format and mode that can be written."""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin

from tests.pictures.picture_makers import LOSSLESS, lossless_file, photo, plain_tiff, saved
from unseg_cli.core.errors import UnsegError
from unseg_cli.pictures.coding import estimated_quality
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.encode import choose_encoding, converted, encode_picture
from unseg_cli.pictures.formats import png
from unseg_cli.pictures.picture import Picture, from_upright, same_alpha, to_upright

ANY = Path("picture")
RATIONAL = TiffImagePlugin.IFDRational


def again(data: bytes, *, metadata: str = "keep", format: str = "keep", quality: int | None = None) -> tuple[Picture, Picture, bytes]:
    """Read, write unchanged, read: the first picture, the second, and the written bytes."""
    picture = read_picture(ANY, data)
    encoding = choose_encoding(picture, format=format, quality=quality, metadata=metadata)
    picture = converted(picture, encoding.kind)
    out, _ = encode_picture(picture, encoding)
    return picture, read_picture(ANY, out), out


@lru_cache  # it holds the time at which it was made
def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def stacked(picture: Picture) -> np.ndarray:
    pixels = picture.pixels if picture.pixels.ndim == 3 else picture.pixels[..., None]
    return pixels if picture.alpha is None else np.concatenate([pixels, picture.alpha[..., None]], axis=2)


@pytest.mark.parametrize(("format", "mode", "depth"), LOSSLESS)
def test_lossless_formats_keep_every_bit(format: str, mode: str, depth: int) -> None:
    data, array = lossless_file(format, mode, depth)
    first, second, out = again(data)
    assert (stacked(first) == array).all()
    assert (stacked(second) == array).all()
    assert second.pixels.dtype == array.dtype
    assert (second.kind, second.space, second.alpha is None) == (first.kind, first.space, mode not in ("LA", "RGBA"))
    with Image.open(io.BytesIO(out)) as opened, Image.open(io.BytesIO(data)) as source:
        assert (opened.format, opened.mode, opened.size) == (source.format, source.mode, source.size)


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_tiff_of_either_byte_order(order: str) -> None:
    array = photo(channels=3, depth=16)
    first, second, out = again(plain_tiff(array, "RGB", order=order))
    assert (first.pixels == array).all()
    assert (second.pixels == array).all()
    assert out[:2] == {"<": b"II", ">": b"MM"}[order]


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3, 4]), st.integers(1, 70), st.integers(1, 9))
def test_16_bit_png_codec(seed: int, channels: int, height: int, width: int) -> None:
    array = np.random.default_rng(seed).integers(0, 65536, (height, width, channels), dtype=np.uint16)
    assert (stacked(read_picture(ANY, png.encode_16(array))) == array).all()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_webp_and_jpeg_from_16_bits_say_so(mode: str) -> None:
    data, array = lossless_file("PNG", mode, 16)
    first, second, _ = again(data, format="webp")
    assert any("16 bits" in note for note in first.notes)
    eight = np.rint(array / 257).astype(np.uint8)
    assert (stacked(first) == eight).all()
    assert (second.pixels == (eight if mode == "RGB" else np.repeat(eight, 3, axis=2))).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_orientation(format: str, orientation: int) -> None:
    image = Image.fromarray(photo())
    exif = Image.Exif()
    exif[274] = orientation
    options: dict[str, Any] = {"tiffinfo": {274: orientation}} if format == "TIFF" else {"exif": exif}
    data = saved(image, format, **options, **({"lossless": True, "exact": True} if format == "WEBP" else {}))
    with Image.open(io.BytesIO(data)) as opened:
        upright = np.asarray(ImageOps.exif_transpose(opened))
    first, second, out = again(data)
    assert (first.pixels == upright).all()
    assert (first.orientation, second.orientation) == (orientation, orientation)
    assert second.size == first.size
    if format != "JPEG":
        assert (second.pixels == upright).all()
    _, stripped, out = again(data, metadata="strip")
    with Image.open(io.BytesIO(out)) as opened:
        assert opened.getexif().get(274, 1) == 1
        assert opened.size == (first.size[1], first.size[0])
    assert stripped.size == first.size


@given(st.integers(1, 8), st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_orientation_has_an_inverse(orientation: int, height: int, width: int, colour: bool) -> None:
    array = np.arange(height * width * (3 if colour else 1)).reshape((height, width, 3) if colour else (height, width))
    assert (from_upright(to_upright(array, orientation), orientation) == array).all()


def test_changed_format_is_upright() -> None:
    exif = Image.Exif()
    exif[274], exif[271] = 6, "Maker"
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    data = saved(Image.fromarray(photo()), "JPEG", exif=exif, xmp=xmp)
    first, second, out = again(data, format="png")
    assert (second.pixels == first.pixels).all()
    with Image.open(io.BytesIO(out)) as opened:
        opened.load()
        assert opened.getexif()[274] == 1
        assert opened.getexif()[271] == "Maker"
        assert opened.size == (37, 52)
        assert b'tiff:Orientation="1"' in opened.info["xmp"]


@pytest.mark.parametrize("quality", [10, 50, 75, 85, 90, 95, 98, 100])
def test_jpeg_quality_is_estimated_and_never_lowered(quality: int) -> None:
    data = saved(Image.fromarray(photo()), "JPEG", quality=quality)
    picture, second, _ = again(data)
    assert picture.coding.quality is not None
    assert abs(picture.coding.quality - quality) <= 1
    assert second.coding.quality is not None
    assert second.coding.quality >= max(quality, 90)
    assert second.coding.sampling == 0  # 4:4:4
    _, asked, _ = again(data, quality=80)
    assert asked.coding.quality == 80
    assert estimated_quality({}) is None


def test_progressive_jpeg_stays_progressive() -> None:
    for progressive in (False, True):
        _, second, _ = again(saved(Image.fromarray(photo()), "JPEG", progressive=progressive))
        assert second.coding.progressive is progressive


@pytest.mark.parametrize("lossless", [False, True])
def test_webp_keeps_its_kind_of_compression(lossless: bool) -> None:
    data = saved(Image.fromarray(photo(channels=4), "RGBA"), "WEBP", lossless=lossless, exact=True)
    first, second, _ = again(data)
    assert first.coding.lossless is second.coding.lossless is lossless
    assert same_alpha(first, second)


def test_cmyk_jpeg_stays_cmyk() -> None:
    data = saved(Image.frombytes("CMYK", (52, 37), photo(channels=4).tobytes()), "JPEG", quality=100, subsampling=0)
    first, second, out = again(data)
    assert (first.space, second.space) == ("cmyk", "cmyk")
    assert np.abs(first.pixels.astype(int) - second.pixels).max() <= 3
    with Image.open(io.BytesIO(out)) as opened:
        assert opened.mode == "CMYK"


def test_palettes_and_transparent_colours() -> None:
    palette = Image.fromarray(photo()).quantize(16)
    first, second, _ = again(saved(palette, "PNG"))
    assert any("palette" in note for note in first.notes)
    assert (second.pixels == np.asarray(palette.convert("RGB"))).all()
    see_through = saved(palette, "PNG", transparency=3)
    first, second, _ = again(see_through)
    assert second.alpha is not None
    assert (second.alpha == np.where(np.asarray(palette) == 3, 0, 255)).all()
    keyed = photo()
    keyed[:4] = (7, 8, 9)
    first, second, _ = again(saved(Image.fromarray(keyed), "PNG", transparency=(7, 8, 9)))
    assert second.alpha is not None
    assert (second.alpha == 0).sum() == 4 * 52
    assert (second.pixels == keyed).all()
    one_bit = Image.fromarray(photo()[..., 0]).convert("1")
    first, second, _ = again(saved(one_bit, "PNG"))
    assert first.space == "grey"
    assert first.notes


def test_a_gif_is_read_and_written_in_another_format() -> None:
    palette = Image.fromarray(photo()).quantize(16)
    with pytest.raises(UnsegError, match="palette has no room") as caught:
        again(saved(palette, "GIF"))
    assert "--format png" in caught.value.hint
    first, second, out = again(saved(palette, "GIF", transparency=3), format="png")
    assert out.startswith(b"\x89PNG") and any("palette" in note for note in first.notes)
    assert second.alpha is not None
    shown = np.asarray(palette) != 3
    assert (second.pixels == np.asarray(palette.convert("RGB")))[shown].all()
    assert (second.alpha == np.where(shown, 255, 0)).all()


def test_min_is_white_tiff_is_read_as_it_looks() -> None:
    array = photo(channels=1, depth=16)
    data = plain_tiff(array, "L").replace(struct.pack("<HHIHH", 262, 3, 1, 1, 0), struct.pack("<HHIHH", 262, 3, 1, 0, 0))
    first, second, _ = again(data)
    assert (first.pixels == 65535 - array[..., 0]).all()
    assert (second.pixels == first.pixels).all()


def test_alpha_does_not_go_into_jpeg_silently() -> None:
    array = photo(channels=4)
    array[..., 3] = 255
    first, second, _ = again(saved(Image.fromarray(array, "RGBA"), "PNG"), format="jpeg")
    assert any("alpha" in note for note in first.notes)
    assert second.alpha is None
    array[0, 0, 3] = 254
    with pytest.raises(UnsegError, match="transparent"):
        again(saved(Image.fromarray(array, "RGBA"), "PNG"), format="jpeg")


def test_multi_picture_jpeg_gives_its_first_picture() -> None:
    images = [Image.fromarray(photo()), Image.fromarray(255 - photo())]
    data = saved(images[0], "MPO", save_all=True, append_images=images[1:], quality=95)
    first, _, out = again(data)
    assert any("further picture" in note for note in first.notes)
    assert np.abs(first.pixels.astype(int) - photo()).mean() < 6
    with Image.open(io.BytesIO(out)) as opened:
        assert opened.format == "JPEG"
        assert getattr(opened, "n_frames", 1) == 1
