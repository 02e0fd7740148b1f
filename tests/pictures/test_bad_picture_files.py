"""Files that are no picture, or none that can be protected: one clear line each."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures.picture_makers import photo, plain_tiff, saved
from unseg_cli.core.errors import UnsegError
from unseg_cli.pictures.decode import kind_of, read_picture
from unseg_cli.pictures.encode import prepare_picture
from unseg_cli.pictures.formats import png
from unseg_cli.pictures.header import pixels_in

ANY = Path("picture")


def frames(format: str) -> bytes:
    images = [Image.fromarray(np.roll(photo(), shift, axis=0)) for shift in (0, 5, 9)]
    return saved(images[0], format, save_all=True, append_images=images[1:])


BAD = {
    "text": (b"this is text, whatever it is called\n" * 20, "is text, not a picture"),
    "rubbish": (bytes(range(256)) * 20, "not a picture"),
    "truncated jpeg": (saved(Image.fromarray(photo(200, 200)), "JPEG")[:-2000], "damaged or truncated"),
    "truncated png": (saved(Image.fromarray(photo(200, 200)), "PNG")[:-20000], "damaged or truncated"),
    "truncated 16-bit png": (png.encode_16(photo(200, 200, depth=16))[:-20000], "damaged or truncated"),
    "truncated tiff": (saved(Image.fromarray(photo(200, 200)), "TIFF")[:-20000], "damaged or truncated"),
    "truncated webp": (saved(Image.fromarray(photo(200, 200)), "WEBP")[:-200], "damaged|not a picture"),
    "truncated bmp": (saved(Image.fromarray(photo(200, 200)), "BMP")[:-20000], "damaged or truncated"),
    "animated webp": (frames("WEBP"), "animated"),
    "animated png": (frames("PNG"), "animated"),
    "gif": (frames("GIF"), "is animated"),
    "pages": (frames("TIFF"), "has 3 pages"),
    "float tiff": (saved(Image.fromarray(photo()[..., 0].astype(np.float32)), "TIFF"), "floating-point"),
    "separate planes": (plain_tiff(photo(depth=16), "RGB", planes=True), "separate planes"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_get_one_clear_line(name: str) -> None:
    data, message = BAD[name]
    with pytest.raises(UnsegError, match=message) as caught:
        read_picture(ANY, data)
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


def claiming(width: int, height: int) -> bytes:
    """A PNG whose header says so."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = bytearray(saved(Image.fromarray(photo()), "PNG"))
    data[16:29], data[29:33] = header, struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return bytes(data)


def test_decompression_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnsegError, match="decompression bomb"):
        read_picture(ANY, claiming(60_000, 60_000))
    with pytest.raises(UnsegError, match="decompression bomb"):
        kind_of(ANY, claiming(15_001, 15_000))
    limit = Image.MAX_IMAGE_PIXELS
    assert kind_of(ANY, claiming(20_000, 10_000)) == "png"  # more than Pillow by itself would open
    assert pixels_in(claiming(20_000, 10_000)) == 200_000_000
    assert limit == Image.MAX_IMAGE_PIXELS
    monkeypatch.setattr("unseg_cli.pictures.decode.MAX_PIXELS", 100)
    with pytest.raises(UnsegError, match="decompression bomb"):
        read_picture(ANY, saved(Image.fromarray(photo()), "PNG"))


@pytest.mark.parametrize("name", BAD)
def test_preparing_refuses_what_reading_refuses(name: str) -> None:
    data, message = BAD[name]
    with pytest.raises(UnsegError, match=message):
        prepare_picture(ANY, data)


@pytest.mark.parametrize(
    ("format", "kind", "message"), [("keep", "AVIF", "AVIF does not keep exactly"), ("jpeg", "PNG", "transparent pixels")]
)
def test_preparing_refuses_what_cannot_be_written(format: str, kind: str, message: str) -> None:
    see_through = Image.fromarray(photo()).convert("RGBA")
    see_through.putalpha(40)
    with pytest.raises(UnsegError, match=message):
        prepare_picture(ANY, saved(see_through, kind), format=format)


def test_preparing_accepts_what_can_be_protected() -> None:
    for format in ("JPEG", "PNG", "TIFF", "WEBP", "BMP"):
        picture, encoding = prepare_picture(ANY, saved(Image.fromarray(photo()), format))
        assert (picture.size, picture.kind, encoding.kind) == (photo().shape[:2], format.lower(), format.lower())
    _, encoding = prepare_picture(ANY, saved(Image.fromarray(photo()), "AVIF"), format="jpeg")
    assert encoding.kind == "jpeg"


@pytest.mark.parametrize(("format", "side"), [("webp", 16_384), ("jpeg", 65_501)])
def test_pictures_too_long_for_their_format_are_refused_before_any_noise_is_made(format: str, side: int) -> None:
    with pytest.raises(UnsegError, match="is longer than") as caught:
        prepare_picture(ANY, saved(Image.new("RGB", (side, 1)), "PNG"), format=format)
    assert "--format png" in caught.value.hint
    prepare_picture(ANY, saved(Image.new("RGB", (side, 1)), "PNG"))


def test_animations_are_refused_without_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("pixels were decoded"))
    with pytest.raises(UnsegError, match="animated"):
        prepare_picture(ANY, BAD["animated png"][0])


def test_a_tiff_that_nobody_here_reads_is_not_called_damaged() -> None:
    """Three channels of float32: what scientific tools write, and Pillow does not know."""
    tags = {256: (4, 8), 257: (4, 8), 259: (3, 1), 262: (3, 2), 273: (4, 200), 277: (3, 3), 278: (4, 8), 279: (4, 768), 339: (3, 3)}
    entries = [(tag, struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", value)) for tag, (kind, value) in tags.items()]
    entries.append((258, struct.pack("<HHII", 258, 3, 1, 32)))
    directory = struct.pack("<H", len(entries)) + b"".join(body for _, body in sorted(entries)) + struct.pack("<I", 0)
    data = (b"II*\0" + struct.pack("<I", 8) + directory).ljust(200, b"\0") + bytes(768)
    with pytest.raises(UnsegError, match="TIFF of a kind that cannot be read") as caught:
        prepare_picture(Path("float.tif"), data)
    assert "8-bit or 16-bit" in caught.value.hint


def test_numbers_that_are_too_large_for_the_codec_are_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TIFF whose offsets are beyond what a file can have makes Pillow raise an OverflowError."""

    def beyond(*_: object) -> None:
        raise OverflowError("Python int too large to convert to C ssize_t")

    monkeypatch.setattr(Image, "open", beyond)
    with pytest.raises(UnsegError, match="is damaged or truncated"):
        read_picture(ANY, b"II*\0")
