"""How the pixels of a file were compressed, as far as the file tells; the quality of a JPEG is read from its quantisation tables."""

from __future__ import annotations

import math
import struct

from PIL import Image, JpegImagePlugin

from unseg_cli.pictures.picture import Coding, Kind

# Tables K.1 and K.2 of the JPEG standard, row by row; libjpeg scales them by a quality from 1 to 100.
_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    *(99,) * 32,
)  # fmt: skip


def estimated_quality(tables: dict[int, list[int]]) -> int | None:
    """The libjpeg quality whose tables are as fine as these, rounded up.

    Args:
        tables: quantisation tables by number, 64 values each in row order; 0 is luma, the others chroma.

    Returns:
        1 to 100, the finest over the tables; None where there are none.
    """
    qualities = []
    for number, table in tables.items():
        standard = _LUMA if number == 0 else CHROMA
        pairs = list(zip(table, standard, strict=True))
        # Values clipped to 255 would make a coarse table look finer than it is.
        pairs = [(value, base) for value, base in pairs if value < 255] or pairs
        percent = 100 * sum(value for value, _ in pairs) / sum(base for _, base in pairs)
        quality = (200 - percent) / 2 if percent <= 100 else 5000 / percent
        qualities.append(min(max(math.ceil(quality - 0.25), 1), 100))
    return max(qualities, default=None)


def coding_of(image: Image.Image, data: bytes, kind: Kind) -> Coding:
    """How an opened file was compressed.

    Args:
        image: the file, opened with Pillow.
        data: its bytes.
        kind: its format.
    """
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        tables = {number: list(table) for number, table in image.quantization.items()}
        sampling = JpegImagePlugin.get_sampling(image) if image.mode in ("RGB", "YCbCr") else -1
        return Coding(
            lossless=False, quality=estimated_quality(tables), progressive="progressive" in image.info, tables=tables, sampling=sampling
        )
    if kind == "webp":
        return Coding(lossless=is_lossless_webp(data))
    if kind == "tiff":
        return Coding(compressed=image.info.get("compression", "raw") != "raw")
    return Coding(lossless=kind not in ("heif", "avif"))


def is_lossless_webp(data: bytes) -> bool:
    """Whether a WebP file holds the pixels that were given to its encoder."""
    return b"VP8L" in _riff_chunks(data)


def _riff_chunks(data: bytes) -> set[bytes]:
    names, at = set(), 12
    while at + 8 <= len(data):
        names.add(data[at : at + 4])
        (length,) = struct.unpack_from("<I", data, at + 4)
        at += 8 + length + length % 2
    return names
