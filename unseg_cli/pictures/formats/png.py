"""PNG where Pillow falls short: ancillary chunks kept byte for byte, and 16 bits a channel."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from unseg_cli.pictures.metadata import Metadata

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
# Chunks that belong to pixels as they were coded, or to an animation.
_LAYOUT = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"hIST", b"sPLT", b"acTL", b"fcTL", b"fdAT")

Chunk = tuple[bytes, bytes]


def chunks(data: bytes) -> Iterator[Chunk]:
    """(name, data) of each whole chunk of a PNG file."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if at + 12 + length > len(data):
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def ancillary_chunks(data: bytes, *, recoloured: bool) -> tuple[tuple[Chunk, ...], tuple[Chunk, ...]]:
    """The chunks that hold metadata, before and after the pixels.

    Args:
        data: a PNG file.
        recoloured: the pixels will be of another colour type (a palette is left), so that sBIT and bKGD no longer fit.
    """
    before: list[Chunk] = []
    after: list[Chunk] = []
    place = before
    left_out = (*_LAYOUT, b"sBIT", b"bKGD") if recoloured else _LAYOUT
    for name, body in chunks(data):
        if name == b"IDAT":
            place = after
        elif name not in left_out:
            place.append((name, body))
    return tuple(before), tuple(after)


def metadata_chunks(metadata: Metadata) -> tuple[tuple[Chunk, ...], tuple[Chunk, ...]]:
    """Chunks for metadata that comes from another format."""
    made: list[Chunk] = []
    if metadata.icc:
        made.append((b"iCCP", b"ICC Profile\x00\x00" + zlib.compress(metadata.icc)))
    if metadata.dpi:
        across, down = (max(round(value / 0.0254), 1) for value in metadata.dpi)
        made.append((b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.exif:
        made.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        made.append((b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + metadata.xmp))
    return tuple(made), ()


def with_chunks(data: bytes, before: tuple[Chunk, ...], after: tuple[Chunk, ...]) -> bytes:
    """A PNG file with these chunks in place of its own ancillary ones."""
    out = [SIGNATURE]
    pixels_seen = False
    for name, body in chunks(data):
        if name not in (b"IHDR", b"IDAT", b"IEND"):
            continue
        if name == b"IDAT" and not pixels_seen:
            pixels_seen = True
            out += [_packed(*chunk) for chunk in before]
        if name == b"IEND":
            out += [_packed(*chunk) for chunk in after]
        out.append(_packed(name, body))
    return b"".join(out)


def _packed(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def encode_16(pixels: npt.NDArray[np.uint16]) -> bytes:
    """A 16-bit PNG file of (H, W, C) uint16.

    C is 1 grey, 2 grey + alpha, 3 RGB or 4 RGBA. Pixels are predicted from those to the left and above (Paeth).
    """
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)
    packer = zlib.compressobj(6)
    body = []
    above = np.zeros((1, width * channels * 2), np.uint8)
    for top in range(0, height, 64):
        rows = np.ascontiguousarray(pixels[top : top + 64].astype(">u2")).view(np.uint8).reshape(-1, width * channels * 2)
        filtered = _paeth(rows, np.concatenate([above, rows[:-1]]), 2 * channels)
        body.append(packer.compress(np.insert(filtered, 0, 4, axis=1).tobytes()))
        above = rows[-1:]
    body.append(packer.flush())
    return SIGNATURE + _packed(b"IHDR", header) + _packed(b"IDAT", b"".join(body)) + _packed(b"IEND", b"")


def _paeth(rows: npt.NDArray[np.uint8], above: npt.NDArray[np.uint8], step: int) -> npt.NDArray[np.uint8]:
    def shifted(values: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
        return np.pad(values[:, :-step], ((0, 0), (step, 0)))

    now, up = rows.astype(np.int16), above.astype(np.int16)
    left, corner = shifted(now), shifted(up)
    to_left, to_up, to_corner = np.abs(up - corner), np.abs(left - corner), np.abs(left + up - 2 * corner)
    guess = np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))
    return (now - guess).astype(np.uint8)
