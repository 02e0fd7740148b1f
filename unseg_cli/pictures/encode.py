"""Pixels back into a file: in kind, or in the format asked for.

What is written keeps the stored orientation and its EXIF tag, which changes the file least. Only where the tag would be lost (metadata
stripped, BMP) or the format changes are pixels stored upright, with the tag set to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unseg_cli.core.errors import UnsegError
from unseg_cli.pictures.channels import rgb_from_cmyk, strips, to_8_bit
from unseg_cli.pictures.decode import expanded, kind_of, read_picture
from unseg_cli.pictures.formats import heif, jpeg_tables, png, tiff
from unseg_cli.pictures.formats.jpeg_tables import Tables
from unseg_cli.pictures.formats.saved import saved
from unseg_cli.pictures.metadata import jpeg_keywords, other_keywords, to_write
from unseg_cli.pictures.picture import Kind, Picture, PixelArray, PixelRows, from_upright, to_upright
from unseg_cli.pictures.smaller import smaller

#: The lowest quality chosen without being asked for.
MINIMUM_QUALITY = 90
#: For lossy WebP, whose files do not tell their quality.
WEBP_QUALITY = 95
#: Suffixes of the formats that can be written.
SUFFIXES: dict[str, tuple[str, ...]] = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "webp": (".webp",),
    "tiff": (".tif", ".tiff"),
    "bmp": (".bmp", ".dib"),
    "heif": (".heic", ".heif", ".hif"),
    "avif": (".avif",),
}


#: What a format can hold; wider or higher pictures are refused before noise is made for them.
LONGEST_SIDE = {"jpeg": 65_500, "webp": 16_383, "heif": 16_384, "avif": 16_384}
#: Likewise, in pixels: x265 takes no more.
LARGEST = {"heif": 142_606_336}


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How a picture is written.

    Attributes:
        kind: the format.
        lossless: whether the file decodes to the very pixels given.
        quality: of a lossy format, 1 to 100; None for lossless ones.
        metadata: keep | strip | strip-gps.
        tables: of a JPEG whose noise is in its colour, in place of those of the quality.
    """

    kind: Kind
    lossless: bool
    quality: int | None
    metadata: str
    tables: Tables | None = None


def choose_encoding(picture: Picture, *, format: str, quality: int | None, metadata: str) -> Encoding:
    """Decide how to write a picture.

    Args:
        picture: the source.
        format: keep | png | jpeg | webp.
        quality: 1 to 100 as asked for; None: the source's estimate, but at least 90, in a JPEG for the colour alone where the noise is
            in colour. A lossless source stays lossless in WebP unless a quality is asked for.
        metadata: keep | strip | strip-gps.

    Raises:
        UnsegError: the source's format can be read but not written, or the format cannot hold a picture of this size.
    """
    kind = written_kind(picture.kind, format)
    if max(picture.size) > LONGEST_SIDE.get(kind, max(picture.size)):
        raise UnsegError(f"is longer than the {LONGEST_SIDE[kind]} pixels that {kind.upper()} can hold", hint="add --format png")
    most = LARGEST.get(kind)
    if most is not None and math.prod(picture.size) > most:
        raise UnsegError(f"has more than the {most // 1_000_000} million pixels that {kind.upper()} can hold", hint="add --format png")
    if kind == "jpeg":
        chosen = quality or max(picture.coding.quality or WEBP_QUALITY, MINIMUM_QUALITY)
        tables = jpeg_tables.tables_for_colour(picture.coding, MINIMUM_QUALITY) if quality is None and picture.space == "rgb" else None
        return Encoding(kind=kind, lossless=False, quality=chosen, metadata=metadata, tables=tables)
    if kind == "webp":
        # A lossless WebP has no quality to lower; one made from another format is lossy where that is asked for.
        lossless = picture.coding.lossless and (quality is None or picture.kind == "webp")
        chosen_webp = None if lossless else quality or max(picture.coding.quality or WEBP_QUALITY, WEBP_QUALITY)
        return Encoding(kind=kind, lossless=lossless, quality=chosen_webp, metadata=metadata)
    if kind in heif.KINDS:
        return Encoding(kind=kind, lossless=False, quality=quality or heif.QUALITY[kind], metadata=metadata)
    return Encoding(kind=kind, lossless=True, quality=None, metadata=metadata)


def written_kind(kind: Kind, format: str) -> Kind:
    """The format that a picture of some format is written in.

    Args:
        kind: the source's.
        format: keep | png | jpeg | webp.

    Raises:
        UnsegError: the source's format can be read but not written.
    """
    written: Kind = kind if format == "keep" else format  # type: ignore[assignment]
    if written == "gif":
        raise UnsegError("is a GIF, whose palette has no room for noise", hint="add --format png, jpeg or webp")
    if written in heif.KINDS and not heif.can_write(written):
        raise UnsegError(f"{written.upper()} pictures cannot be written on this machine", hint="add --format jpeg, png or webp")
    return written


def prepare_picture(
    path: Path, data: bytes, *, format: str = "keep", quality: int | None = None, metadata: str = "keep", longest_side: int | None = None
) -> tuple[Picture, Encoding]:
    """Decode a picture and settle how it is written: whatever a file can be refused for is refused here, before any noise is made.

    A dry run calls it, too. It has to decode the pixels, unless the header is reason enough: nothing else tells of a truncated file or of
    transparent pixels.

    Args:
        path: its name.
        data: its bytes.
        format: see `choose_encoding`, as for `quality` and `metadata`.
        quality: 1 to 100, or None.
        metadata: keep | strip | strip-gps.
        longest_side: in pixels; larger pictures are made smaller. None: none is.

    Returns:
        The picture as the written format can hold it, and how it is written.

    Raises:
        UnsegError: not a picture, damaged, or of a kind that cannot be protected or written; one line, without the path.
    """
    written_kind(kind_of(path, data), format)  # from the header: HEIC, animations and the like need no decoding to be refused
    picture = smaller(read_picture(path, data), longest_side)
    encoding = choose_encoding(picture, format=format, quality=quality, metadata=metadata)
    return converted(picture, encoding.kind), encoding


def converted(picture: Picture, kind: Kind) -> Picture:
    """The picture as a format can hold it; what that costs is added to the notes. Noise is added afterwards.

    Raises:
        UnsegError: an alpha channel that the format cannot hold.
    """
    pixels, alpha, space, notes = picture.pixels, picture.alpha, picture.space, list(picture.notes)
    if alpha is not None and kind in ("jpeg", "bmp", *heif.KINDS):
        if int(alpha.min()) < np.iinfo(alpha.dtype).max:
            what = "cannot hold" if kind in ("jpeg", "bmp") else "does not keep exactly"
            raise UnsegError(f"has transparent pixels, which {kind.upper()} {what}", hint="add --format png or webp")
        alpha = None
        notes.append(f"its alpha channel, opaque everywhere, is omitted in {kind.upper()}")
    if pixels.dtype == np.uint16 and kind in ("jpeg", "webp", "bmp", *heif.KINDS):
        pixels, alpha = to_8_bit(pixels), None if alpha is None else to_8_bit(alpha)
        notes.append(f"16 bits a channel become 8: {kind.upper()} has no more")
    if space == "cmyk" and kind not in ("jpeg", "tiff"):
        pixels, space = rgb_from_cmyk(pixels), "rgb"
        notes.append(f"CMYK becomes RGB: {kind.upper()} has no CMYK")
        picture = replace(picture, metadata=replace(picture.metadata, icc=b""))  # a profile of inks does not fit RGB
    return replace(picture, pixels=pixels, alpha=alpha, space=space, notes=tuple(notes))


def encode_picture(picture: Picture, encoding: Encoding, *, pixels: PixelRows | None = None) -> tuple[bytes, list[str]]:
    """The bytes of a picture file, and notes on what could not be kept.

    Args:
        picture: as returned by `converted` for the kind of `encoding`.
        encoding: how to write it.
        pixels: in place of the picture's own, and like them.

    Raises:
        UnsegError: the format cannot hold the picture (for example its size).
    """
    same_kind = encoding.kind == picture.kind
    upright = not same_kind or encoding.metadata == "strip" or encoding.kind in ("bmp", *heif.KINDS)
    metadata = to_write(picture.metadata, encoding.metadata, upright=upright)
    notes = []
    if picture.metadata.exif and not metadata.exif and encoding.metadata != "strip":
        notes.append("its EXIF cannot be read, and is omitted: it may hold a preview of the clean picture, or the place")
    orientation = 1 if upright else picture.orientation
    alpha = None if picture.alpha is None else from_upright(picture.alpha, orientation)
    given: PixelRows = picture.pixels if pixels is None else pixels

    def stacked() -> PixelArray:
        return _stacked(from_upright(np.asarray(given), orientation), alpha)

    def as_image() -> Image.Image:
        row_by_row = not isinstance(given, np.ndarray) and alpha is None and orientation == 1
        return _pasted(given, picture.space) if row_by_row else _pil(stacked(), picture.space)

    if encoding.kind == "tiff":
        how = {"alpha": alpha is not None, "compressed": picture.coding.compressed}
        return tiff.encode(stacked(), picture.space, orientation=orientation, metadata=metadata, **how), notes
    if encoding.kind == "png":
        chunks = metadata.png_chunks if same_kind else png.metadata_chunks(metadata)
        plain = png.encode_16(stacked()) if given.dtype == np.uint16 else saved(as_image(), "PNG", {})
        return png.with_chunks(plain, *chunks), notes
    image = as_image()
    if encoding.kind == "webp":
        image = image if picture.space == "rgb" else image.convert("RGBA" if alpha is not None else "RGB")
        options: dict[str, Any] = {"lossless": True, "quality": 80} if encoding.lossless else {"quality": encoding.quality}
        # exact: colours under full transparency are part of the picture, too
        return saved(image, "WEBP", options | {"exact": True, "method": 4} | other_keywords(metadata)), notes
    if encoding.kind == "jpeg":
        keywords, more = jpeg_keywords(metadata)
        own = encoding.tables is not None and jpeg_tables.is_in_colour(picture.pixels, given)
        fine = {"qtables": encoding.tables} if own else {"quality": encoding.quality}
        options = fine | {"subsampling": 0, "progressive": picture.coding.progressive and same_kind}
        return saved(image, "JPEG", options | keywords), [*notes, *more]
    if encoding.kind in heif.KINDS:
        options = heif.keywords(encoding.kind, encoding.quality, grey=picture.space == "grey") | other_keywords(metadata)
        return saved(image, encoding.kind.upper(), options), notes
    return saved(image, "BMP", {"dpi": metadata.dpi} if metadata.dpi else {}), notes


def codec_copy(picture: Picture, like: Picture, quality: int) -> PixelArray:
    """What the codec of `like` makes of the pixels of `picture`: encoded at the same settings and decoded again.

    Args:
        picture: 8-bit pixels, of the space of `like`.
        like: a decoded lossy file; a JPEG brings its quantisation tables and chroma subsampling.
        quality: for the other formats, whose files do not tell theirs.

    Returns:
        Upright pixels.
    """
    stored = from_upright(picture.pixels, like.orientation)
    image = _pil(stored[..., None] if stored.ndim == 2 else stored, picture.space)
    if like.kind == "jpeg":
        data = saved(image, "JPEG", {"qtables": like.coding.tables, "subsampling": like.coding.sampling})
    elif like.kind in heif.KINDS:
        data = saved(image, like.kind.upper(), heif.keywords(like.kind, quality, grey=picture.space == "grey"))
    else:
        data = saved(image.convert("RGB"), "WEBP", {"quality": quality, "method": 4})
    copy = read_picture(Path("copy"), data)
    pixels = expanded(copy).pixels if picture.space == "rgb" else copy.pixels
    return to_upright(pixels, like.orientation)


def written_suffix(kind: str, suffix: str) -> str:
    """The suffix of a written file: its own where it fits the format, else the format's usual one."""
    return suffix if suffix.lower() in SUFFIXES[kind] else SUFFIXES[kind][0]


def _stacked(pixels: PixelArray, alpha: PixelArray | None) -> PixelArray:
    channels = pixels[..., None] if pixels.ndim == 2 else pixels
    return np.ascontiguousarray(channels if alpha is None else np.concatenate([channels, alpha[..., None]], axis=2))


def _pasted(pixels: PixelRows, space: str) -> Image.Image:
    """(H, W[, C]) uint8 as a Pillow picture, some rows at a time: the array need not be there as a whole."""
    image = Image.new(_mode(space, 1 if len(pixels.shape) == 2 else pixels.shape[2]), (pixels.shape[1], pixels.shape[0]), None)
    for rows in strips(len(pixels)):
        image.paste(_pil(_stacked(pixels[rows], None), space), (0, rows.start))
    return image


def _pil(stacked: PixelArray, space: str) -> Image.Image:
    """(H, W, C) uint8 as a Pillow picture."""
    height, width = stacked.shape[:2]
    # Not filled with black first, and the array is not copied, as Pillow's shortcuts do.
    image = Image.new(_mode(space, stacked.shape[2]), (width, height), None)
    image.frombytes(np.ascontiguousarray(stacked).data)
    return image


def _mode(space: str, channels: int) -> str:
    """Pillow's name of it."""
    return {("grey", 1): "L", ("grey", 2): "LA", ("rgb", 3): "RGB", ("rgb", 4): "RGBA", ("cmyk", 4): "CMYK"}[space, channels]
