"""Metadata of a protected picture: kept, or taken out, as was asked for."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, TiffImagePlugin

from tests.pictures.picture_makers import photo, saved
from tests.pictures.test_picture_files import ANY, RATIONAL, again, profile
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.encode import choose_encoding, encode_picture
from unseg_cli.pictures.formats import png


def exif_with_everything(orientation: int = 1) -> bytes:
    """Orientation, maker, an Exif and a GPS directory, and a thumbnail of the clean picture behind them."""
    exif = Image.Exif()
    exif[274], exif[271] = orientation, "Maker"
    exif.get_ifd(0x8769).update({33434: RATIONAL(1, 250), 36867: "2024:01:01 00:00:00", 37500: b"MAKERNOTE" * 4})
    exif.get_ifd(0x8825).update({1: "N", 2: (RATIONAL(48), RATIONAL(51), RATIONAL(2))})
    block = bytearray(exif.tobytes().removeprefix(b"Exif\0\0"))
    order = "<" if block[:2] == b"II" else ">"
    thumbnail = b"\xff\xd8THUMBNAIL" * 10 + b"\xff\xd9"
    directory = len(block)
    (count,) = struct.unpack_from(order + "H", block, 8)
    struct.pack_into(order + "I", block, 8 + 2 + 12 * count, directory)
    entries = [(0x0201, 4, 1, directory + 2 + 24 + 4), (0x0202, 4, 1, len(thumbnail))]
    block += struct.pack(order + "H", 2) + b"".join(struct.pack(order + "HHII", *entry) for entry in entries) + struct.pack(order + "I", 0)
    return bytes(block) + thumbnail


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_exif_icc_xmp_dpi_are_kept(format: str) -> None:
    exif, icc = exif_with_everything(orientation=3), profile()
    options: dict[str, Any] = {"exif": b"Exif\0\0" + exif, "icc_profile": icc}
    if format != "PNG":
        options["xmp"] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>title</x:xmpmeta>"
    data = saved(Image.fromarray(photo()), format, dpi=(300, 150), **options)
    _, _, out = again(data)
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(out)) as after:
        for image in (before, after):
            image.load()
        assert after.info["icc_profile"] == icc
        assert after.info.get("xmp") == before.info.get("xmp")
        assert after.info.get("dpi") == before.info.get("dpi")
        for directory in (0x8769, 0x8825):
            assert dict(after.getexif().get_ifd(directory)) == dict(before.getexif().get_ifd(directory)) != {}
        assert after.getexif()[271] == "Maker"
        kept = after.info["exif"]
    assert b"THUMBNAIL" in data
    assert b"THUMBNAIL" not in kept
    assert b"MAKERNOTE" in kept
    # nothing has moved: offsets inside the maker's notes stay right
    assert kept.removeprefix(b"Exif\0\0").index(b"MAKERNOTE") == exif.index(b"MAKERNOTE")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_strip_gps_and_strip(format: str) -> None:
    exif = exif_with_everything()
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description exif:GPSLatitude="48,51N"/></x:xmpmeta>'
    options: dict[str, Any] = {"exif": b"Exif\0\0" + exif, "icc_profile": profile()}
    if format in ("JPEG", "WEBP"):
        options["xmp"] = xmp
    data = saved(Image.fromarray(photo()), format, **options)
    with Image.open(io.BytesIO(data)) as opened:
        assert dict(opened.getexif().get_ifd(0x8825))
    _, _, placeless = again(data, metadata="strip-gps")
    with Image.open(io.BytesIO(placeless)) as opened:
        assert not dict(opened.getexif().get_ifd(0x8825))
        assert opened.getexif().get_ifd(0x8769)[36867] == "2024:01:01 00:00:00"
        assert opened.getexif()[271] == "Maker"
    assert b"GPS" not in placeless
    _, _, bare = again(data, metadata="strip")
    with Image.open(io.BytesIO(bare)) as opened:
        opened.load()
        assert opened.info["icc_profile"] == profile()
        assert 271 not in opened.getexif()
    assert b"2024:01:01" not in bare
    assert b"xmpmeta" not in bare


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_tiff_tags_are_kept(compression: str | None) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270], tags[315] = "a description", "José".encode("latin-1")
    tags[282], tags[283], tags[296] = RATIONAL(300), RATIONAL(150), 3
    tags[34665] = {36867: "2024:01:01 00:00:00", 33434: RATIONAL(1, 250)}
    tags[34853] = {1: "N"}
    raw = saved(Image.fromarray(photo()), "TIFF", tiffinfo=tags, icc_profile=profile())
    if compression:
        # Pillow cannot write the directories into a compressed file; the reader must find them in one all the same
        _, _, raw = again(raw)
        tags.pop(34665), tags.pop(34853)
        packed = saved(Image.fromarray(photo()), "TIFF", tiffinfo=tags, compression=compression)
        first, second, out = again(packed)
        assert (first.pixels == second.pixels).all()
        assert len(out) < first.pixels.size * 1.1
    _, _, out = again(raw)
    with Image.open(io.BytesIO(out)) as opened:
        assert dict(opened.getexif().get_ifd(34665)) == {36867: "2024:01:01 00:00:00", 33434: RATIONAL(1, 250)}
        assert dict(opened.getexif().get_ifd(34853)) == {1: "N"}
        assert opened.tag_v2[270] == "a description"
        assert opened.tag_v2[315] == "José"
        assert (opened.tag_v2[282], opened.tag_v2[283], opened.tag_v2[296]) == (300, 150, 3)
        assert opened.info["icc_profile"] == profile()


def test_png_chunks_are_kept_byte_for_byte() -> None:
    chunks_before = ((b"gAMA", struct.pack(">I", 45455)), (b"tEXt", b"Author\0me"), (b"prIv", b"private"))
    chunks_after = ((b"tIME", struct.pack(">HBBBBB", 2024, 1, 2, 3, 4, 5)), (b"iTXt", b"Title\0\0\0\0\0a title"))
    for plain in (saved(Image.fromarray(photo()), "PNG"), png.encode_16(photo(depth=16))):
        _, _, out = again(png.with_chunks(plain, chunks_before, chunks_after))
        assert png.ancillary_chunks(out, recoloured=False) == (chunks_before, chunks_after)
        for name, body in png.chunks(out):
            assert struct.pack(">I", zlib.crc32(name + body)) in out


def test_jpeg_comment_and_iptc_are_kept_and_its_photoshop_thumbnail_is_not() -> None:
    def block(number: int, body: bytes) -> bytes:
        return b"8BIM" + struct.pack(">HBBI", number, 0, 0, len(body)) + body + b"\0" * (len(body) % 2)

    iptc = block(0x0404, b"\x1c\x02\x78\x00\x07caption")
    payload = b"Photoshop 3.0\0" + block(1036, b"THUMBNAIL") + iptc
    extra = b"\xff\xed" + struct.pack(">H", 2 + len(payload)) + payload
    _, _, out = again(saved(Image.fromarray(photo()), "JPEG", comment=b"a comment", extra=extra))
    with Image.open(io.BytesIO(out)) as opened:
        assert opened.info["comment"] == b"a comment"
        assert opened.info["photoshop"][0x0404] == b"\x1c\x02\x78\x00\x07caption"
    assert b"THUMBNAIL" not in out


def test_large_exif_that_jpeg_cannot_hold_is_noted() -> None:
    picture = read_picture(ANY, saved(Image.fromarray(photo()), "PNG", exif=exif_with_everything()))
    picture = replace(picture, metadata=replace(picture.metadata, xmp=b"x" * 70_000))
    encoding = choose_encoding(picture, format="jpeg", quality=None, metadata="keep")
    _, notes = encode_picture(picture, encoding)
    assert any("XMP" in note for note in notes)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_exif_that_cannot_be_read_is_omitted_with_a_word(format: str) -> None:
    """Somewhere in it may be a preview, which nobody can find."""
    broken = exif_with_everything()[:20] + b"\xff" * 40
    picture = read_picture(ANY, saved(Image.fromarray(photo()), format, exif=b"Exif\0\0" + broken))
    for metadata, said in (("keep", True), ("strip", False)):
        encoding = choose_encoding(picture, format="keep", quality=None, metadata=metadata)
        out, notes = encode_picture(picture, encoding)
        assert read_picture(ANY, out).metadata.exif == b""
        assert any("EXIF cannot be read, and is omitted" in note for note in notes) is said
