"""What a picture file holds beside pixels, and how much of it is written again."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass, replace
from typing import Any

from unseg_cli.pictures import exif as exif_block

_PHOTOSHOP = b"Photoshop 3.0\x00"
_PHOTOSHOP_THUMBNAILS = (1033, 1036)
_XMP_ORIENTATION = re.compile(rb'(tiff:Orientation(?:="|>))[2-8]')
#: Width and height in XMP, as an attribute or an element.
_XMP_SIZE = re.compile(rb'((?:exif:PixelXDimension|exif:PixelYDimension|tiff:ImageWidth|tiff:ImageLength)(?:="|>))(\d{1,9})\b')
#: Previews in XMP are JPEGs in base64: <xmpGImg:image>/9j/4AA...</xmpGImg:image>, or an attribute. Older files say xapGImg.
_XMP_PREVIEW = re.compile(rb'(<(?:xmp|xap)GImg:image>)[^<]+|((?:xmp|xap)GImg:image=")[^"]+')
#: How ImageMagick puts the metadata of other formats into a text of a PNG: name, length and hexadecimal digits.
_RAW_PROFILE = re.compile(rb"\s*(\w+)\s+(\d+)\s+([0-9a-fA-F\s]*)")
_SEGMENT = 65_533


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Metadata in the forms that the formats share, and what is particular to the source's format.

    Attributes:
        exif: a TIFF structure without the "Exif" prefix.
        icc: colour profile.
        xmp: XMP packet.
        dpi: pixels an inch, across and down.
        comment: JPEG comment.
        photoshop: image resource blocks of a JPEG (IPTC lies in them).
        png_chunks: ancillary chunks of a PNG, (name, data), split at the pixels: before and after them.
        tiff_tags: tags of a TIFF that do not describe the layout of its pixels.
        tiff_types: the types of those tags.
        tiff_prefix: byte order of a TIFF.
    """

    exif: bytes = b""
    icc: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None
    comment: bytes = b""
    photoshop: bytes = b""
    png_chunks: tuple[tuple[tuple[bytes, bytes], ...], tuple[tuple[bytes, bytes], ...]] = ((), ())
    tiff_tags: dict[int, Any] | None = None
    tiff_types: dict[int, int] | None = None
    tiff_prefix: bytes = b"II"


#: Tags that say how a TIFF's pixels are shown; they stay when the rest is stripped.
_TIFF_SHOWN = (282, 283, 296, 34675)
_TIFF_GPS, _TIFF_XMP = 34853, 700
#: PNG chunks that say how the pixels are shown.
_PNG_SHOWN = (b"iCCP", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"pHYs", b"sBIT", b"mDCV", b"cLLI")


def to_write(metadata: Metadata, policy: str, *, upright: bool) -> Metadata:
    """What goes into the written file. Previews in EXIF and XMP always go: they show the clean picture.

    Args:
        metadata: the source's.
        policy: keep | strip | strip-gps. ICC profile and resolution always stay: they say how the pixels are shown.
        upright: the written pixels have the orientation applied, so that the tags must say 1.
    """
    kept = _without_previews(metadata)
    if policy == "strip":
        kept = _stripped(kept)
    elif policy == "strip-gps":
        kept = _without_gps(kept)
    if upright:
        kept = replace(kept, exif=exif_block.upright(kept.exif), xmp=_XMP_ORIENTATION.sub(rb"\g<1>1", kept.xmp))
    before, after = kept.png_chunks
    chunks = (_with_exif(before, kept.exif), _with_exif(after, kept.exif))
    return replace(kept, png_chunks=chunks)


def _without_previews(metadata: Metadata) -> Metadata:
    before, after = metadata.png_chunks
    tags = metadata.tiff_tags
    if tags is not None and (xmp := _bytes(tags.get(_TIFF_XMP, b""))) != without_xmp_previews(xmp):
        tags = {**tags, _TIFF_XMP: without_xmp_previews(xmp)}
    return replace(
        metadata,
        exif=exif_block.without_thumbnail(metadata.exif),
        xmp=without_xmp_previews(metadata.xmp),
        png_chunks=(tuple(map(_text_without_previews, before)), tuple(map(_text_without_previews, after))),
        tiff_tags=tags,
    )


def scaled(metadata: Metadata, scale: float) -> Metadata:
    """The metadata of a picture that was made smaller: the sizes that EXIF and XMP tell, times `scale`."""
    tags = metadata.tiff_tags
    if tags is not None:
        tags = dict(tags)
        if inner := tags.get(exif_block.EXIF_DIRECTORY):
            told = {tag: inner.get(tag) for tag in exif_block.INNER_SIZES}
            sizes = {tag: exif_block.scaled_side(side, scale) for tag, side in told.items() if isinstance(side, int)}
            tags[exif_block.EXIF_DIRECTORY] = inner | sizes
        if _TIFF_XMP in tags:
            tags[_TIFF_XMP] = _scaled_xmp(_bytes(tags[_TIFF_XMP]), scale)
    before, after = (
        tuple((name, _scaled_xmp(body, scale) if name == b"iTXt" else body) for name, body in chunks) for chunks in metadata.png_chunks
    )
    return replace(
        metadata,
        exif=exif_block.scaled(metadata.exif, scale) if metadata.exif else b"",
        xmp=_scaled_xmp(metadata.xmp, scale),
        png_chunks=(before, after),
        tiff_tags=tags,
    )


def _scaled_xmp(xmp: bytes, scale: float) -> bytes:
    return _XMP_SIZE.sub(lambda found: found[1] + b"%d" % exif_block.scaled_side(int(found[2]), scale), xmp)


def without_xmp_previews(xmp: bytes) -> bytes:
    """An XMP packet whose previews are empty; every other byte stays."""
    return _XMP_PREVIEW.sub(lambda found: found[1] or found[2], xmp)


def _text_without_previews(chunk: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """A text chunk of a PNG without the previews in it; one that has none, or that nobody can read, stays as it is."""
    name, body = chunk
    key, _, rest = body.partition(b"\0")
    try:
        if name == b"iTXt" and key == b"XML:com.adobe.xmp" and rest[:1] == b"\x01":
            language, translated, packed = rest[2:].split(b"\0", 2)
            text = zlib.decompress(packed)
            head, clean = b"\0".join((key, rest[:2] + language, translated, b"")), without_xmp_previews(text)
            return chunk if clean == text else (name, head + zlib.compress(clean))
        if name == b"iTXt":
            return name, without_xmp_previews(body)
        if name not in (b"tEXt", b"zTXt") or not key.startswith(b"Raw profile type "):
            return chunk
        found = _RAW_PROFILE.fullmatch(rest if name == b"tEXt" else zlib.decompress(rest[1:]))
        data = bytes.fromhex(found[3].decode()) if found else b""
    except (ValueError, zlib.error):
        return chunk
    clean = _profile_without_previews(data)
    if found is None or clean == data:
        return chunk
    text = b"\n%s\n%8d\n%s\n" % (found[1], len(clean), clean.hex().encode())
    return name, key + (b"\0" + text if name == b"tEXt" else b"\0\0" + zlib.compress(text))


def _profile_without_previews(data: bytes) -> bytes:
    if data.startswith(exif_block.PREFIX):
        return exif_block.PREFIX + exif_block.without_thumbnail(data.removeprefix(exif_block.PREFIX))
    return without_photoshop_thumbnails(data) if data.startswith(b"8BIM") else without_xmp_previews(data)


def _with_exif(chunks: tuple[tuple[bytes, bytes], ...], exif: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name, exif if name == b"eXIf" else data) for name, data in chunks if name != b"eXIf" or exif)


def _stripped(metadata: Metadata) -> Metadata:
    before, after = metadata.png_chunks
    tags = metadata.tiff_tags
    return Metadata(
        icc=metadata.icc,
        dpi=metadata.dpi,
        png_chunks=(tuple(c for c in before if c[0] in _PNG_SHOWN), tuple(c for c in after if c[0] in _PNG_SHOWN)),
        tiff_tags=None if tags is None else {tag: value for tag, value in tags.items() if tag in _TIFF_SHOWN},
        tiff_types=metadata.tiff_types,
        tiff_prefix=metadata.tiff_prefix,
    )


def _without_gps(metadata: Metadata) -> Metadata:
    def placeless(chunks: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[bytes, bytes], ...]:
        # "Raw profile" texts hold EXIF or XMP in hexadecimal, XMP may be compressed: those go as a whole.
        return tuple(c for c in chunks if not (c[0] in (b"tEXt", b"zTXt", b"iTXt") and _may_hold_place(c[1])))

    before, after = metadata.png_chunks
    tags = metadata.tiff_tags
    if tags is not None:
        tags = {tag: value for tag, value in tags.items() if tag != _TIFF_GPS and not (tag == _TIFF_XMP and _may_hold_place(_bytes(value)))}
    return replace(
        metadata,
        exif=exif_block.without_gps(metadata.exif),
        xmp=b"" if _may_hold_place(metadata.xmp) else metadata.xmp,
        png_chunks=(placeless(before), placeless(after)),
        tiff_tags=tags,
    )


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return bytes(value) if isinstance(value, tuple) else str(value).encode()


def _may_hold_place(data: bytes) -> bool:
    compressed_xmp = data.startswith(b"XML:com.adobe.xmp\x00\x01")
    return b"GPS" in data or data.startswith(b"Raw profile type") or compressed_xmp


def photoshop_blocks(segments: list[bytes]) -> bytes:
    """Join the APP13 segments of a JPEG and leave out the thumbnails, which show the clean picture.

    Args:
        segments: payloads of APP13.

    Returns:
        Image resource blocks without a header; b"" where there are none.
    """
    joined = b"".join(segment.removeprefix(_PHOTOSHOP) for segment in segments if segment.startswith(_PHOTOSHOP))
    return without_photoshop_thumbnails(joined)


def without_photoshop_thumbnails(blocks: bytes) -> bytes:
    """Image resource blocks less their thumbnails; what cannot be read is omitted."""
    kept, at = [], 0
    try:
        while blocks[at : at + 4] == b"8BIM":
            (number,) = struct.unpack_from(">H", blocks, at + 4)
            name_end = at + 6 + 1 + blocks[at + 6]
            name_end += (name_end - at) % 2
            (length,) = struct.unpack_from(">I", blocks, name_end)
            end = name_end + 4 + length + length % 2
            if number not in _PHOTOSHOP_THUMBNAILS:
                kept.append(blocks[at:end])
            at = end
    except (struct.error, IndexError):
        pass
    return b"".join(kept)


def jpeg_keywords(metadata: Metadata) -> tuple[dict[str, Any], list[str]]:
    """Pillow's arguments for JPEG, and notes on what a JPEG cannot hold."""
    keywords: dict[str, Any] = {"comment": metadata.comment}
    notes = []
    exif = exif_block.PREFIX + metadata.exif
    for name, data, overhead in (("exif", exif if metadata.exif else b"", 0), ("xmp", metadata.xmp, 29)):
        if len(data) + overhead > _SEGMENT:
            notes.append(f"{name.upper()} of {len(data)} bytes does not fit into a JPEG and is omitted")
        elif data:
            keywords[name] = data
    if metadata.icc:
        keywords["icc_profile"] = metadata.icc
    if metadata.dpi:
        keywords["dpi"] = metadata.dpi
    room = _SEGMENT - len(_PHOTOSHOP)
    pieces = [metadata.photoshop[at : at + room] for at in range(0, len(metadata.photoshop), room)]
    keywords["extra"] = b"".join(b"\xff\xed" + struct.pack(">H", 2 + len(_PHOTOSHOP) + len(piece)) + _PHOTOSHOP + piece for piece in pieces)
    return keywords, notes


def other_keywords(metadata: Metadata) -> dict[str, Any]:
    """Pillow's arguments for WebP, HEIC and AVIF."""
    given = {"exif": metadata.exif, "icc_profile": metadata.icc, "xmp": metadata.xmp}
    return {name: value for name, value in given.items() if value}
