"""Previews of the clean picture that lie in metadata other than EXIF: they go, and everything beside them stays."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.pictures.picture_makers import photo, saved
from tests.pictures.test_kept_metadata import exif_with_everything
from unseg_cli.pictures.encode import encode_picture, prepare_picture
from unseg_cli.pictures.formats import png
from unseg_cli.pictures.metadata import without_xmp_previews

PREVIEW = b"/9j/4AAQSkZJRgABAQ&#xA;THUMBNAIL//Z"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:title>a title</dc:title>%s</x:xmpmeta>'
ELEMENT = XMP % b"<xmp:Thumbnails><xmpGImg:width>64</xmpGImg:width><xmpGImg:image>%s</xmpGImg:image></xmp:Thumbnails>"
ATTRIBUTE = XMP % b'<rdf:li xapGImg:format="JPEG" xapGImg:image="%s"/>'
PICTURE = Image.fromarray(photo(40, 50))


def written(data: bytes, format: str = "keep") -> bytes:
    picture, encoding = prepare_picture(Path("picture"), data, format=format)
    return encode_picture(picture, encoding)[0]


def png_with(*chunks: tuple[bytes, bytes]) -> bytes:
    return png.with_chunks(saved(PICTURE, "PNG"), chunks, ())


def itxt(xmp: bytes, *, compressed: bool) -> tuple[bytes, bytes]:
    flags, text = (b"\1\0", zlib.compress(xmp)) if compressed else (b"\0\0", xmp)
    return b"iTXt", b"XML:com.adobe.xmp\0" + flags + b"en\0\0" + text


def raw_profile(kind: str, data: bytes, *, compressed: bool) -> tuple[bytes, bytes]:
    digits = data.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    text, key = f"\n{kind}\n{len(data):8}\n{lines}\n".encode(), f"Raw profile type {kind}\0".encode()
    return (b"zTXt", key + b"\0" + zlib.compress(text)) if compressed else (b"tEXt", key + text)


def texts(data: bytes) -> bytes:
    """All metadata of a file in one piece, what is packed in it unpacked."""
    with Image.open(io.BytesIO(data)) as opened:
        opened.load()
        found = [value if isinstance(value, bytes) else str(value).encode() for value in opened.info.values()]
        found += [bytes.fromhex("".join(str(opened.info[key]).split()[2:])) for key in opened.info if str(key).startswith("Raw profile")]
        if opened.format == "TIFF":
            found.append(bytes(opened.tag_v2.get(700, b"")))  # type: ignore[attr-defined]
    return b"|".join(found)


@pytest.mark.parametrize("template", [ELEMENT, ATTRIBUTE])
@pytest.mark.parametrize("format", ["JPEG", "WEBP", "TIFF", "PNG", "PNG, packed"])
def test_xmp_loses_its_preview_alone(format: str, template: bytes) -> None:
    xmp, kind = template % PREVIEW, format.partition(",")[0]
    if kind == "PNG":
        data = png_with(itxt(xmp, compressed=format != kind))
    elif kind == "TIFF":
        data = saved(PICTURE, kind, tiffinfo={700: xmp})
    else:
        data = saved(PICTURE, kind, xmp=xmp)
    assert PREVIEW in texts(data)
    for out in (written(data), written(data, "png")):
        assert b"THUMBNAIL" not in texts(out)
    assert template % b"" in texts(written(data))


@pytest.mark.parametrize("compressed", [False, True])
def test_raw_profiles_of_a_png_lose_their_previews_alone(compressed: bool) -> None:
    exif = b"Exif\0\0" + exif_with_everything()
    assert b"THUMBNAIL" in exif
    out = texts(written(png_with(raw_profile("exif", exif, compressed=compressed))))
    assert b"THUMBNAIL" not in out
    assert b"MAKERNOTE" in out
    out = texts(written(png_with(raw_profile("xmp", ELEMENT % PREVIEW, compressed=compressed))))
    assert b"THUMBNAIL" not in out
    assert b"a title" in out


def test_what_holds_no_preview_stays_byte_for_byte() -> None:
    plain = [itxt(XMP % b"", compressed=packed) for packed in (False, True)]
    plain += [raw_profile("iptc", b"\x1c\x02\x78\0\7caption", compressed=packed) for packed in (False, True)]
    plain += [(b"tEXt", b"Comment\0text"), (b"zTXt", b"Raw profile type exif\0\0no zlib"), (b"tEXt", b"Raw profile type exif\0no digits")]
    out = written(png_with(*plain))
    assert [chunk for chunk in png.chunks(out) if chunk[0] not in (b"IHDR", b"IDAT", b"IEND")] == plain
    assert without_xmp_previews(XMP) == XMP
