"""Edits inside an EXIF block that leave every other byte where it was.

Writing a block anew moves what camera makers address by offset (their notes), so nothing here is re-encoded.
"""

from __future__ import annotations

import struct

PREFIX = b"Exif\x00\x00"
ORIENTATION, GPS, EXIF_DIRECTORY = 0x0112, 0x8825, 0x8769
#: Width and height of the picture, in the block's first directory and in the one for EXIF.
_SIZES, INNER_SIZES = (0x0100, 0x0101), (0xA002, 0xA003)
_SHORT, _LONG = 3, 4
_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


class _Block:
    """A TIFF structure in memory, editable in place."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.order = {b"II": "<", b"MM": ">"}[bytes(data[:2])]
        self.first = self.u32(4)

    def u16(self, at: int) -> int:
        return int(struct.unpack_from(self.order + "H", self.data, at)[0])

    def u32(self, at: int) -> int:
        return int(struct.unpack_from(self.order + "I", self.data, at)[0])

    def put16(self, at: int, value: int) -> None:
        struct.pack_into(self.order + "H", self.data, at, value)

    def put32(self, at: int, value: int) -> None:
        struct.pack_into(self.order + "I", self.data, at, value)

    def entries(self, directory: int) -> dict[int, int]:
        """Tag -> position of its 12-byte entry."""
        return {self.u16(at): at for at in (directory + 2 + 12 * i for i in range(self.u16(directory)))}

    def link(self, directory: int) -> int:
        """Position of the pointer to the next directory."""
        return directory + 2 + 12 * self.u16(directory)

    def erase(self, start: int, length: int) -> None:
        stop = min(start + length, len(self.data))
        self.data[start:stop] = bytes(max(stop - start, 0))

    def erase_directory(self, directory: int) -> None:
        """Zero a directory and the values it points to."""
        for at in self.entries(directory).values():
            length = _TYPE_SIZES.get(self.u16(at + 2), 1) * self.u32(at + 4)
            if length > 4:
                self.erase(self.u32(at + 8), length)
        self.erase(directory, 2 + 12 * self.u16(directory) + 4)


_BROKEN = (struct.error, KeyError, IndexError)


def scaled_side(side: int, scale: float) -> int:
    """Width or height of a picture that was made smaller, in pixels."""
    return max(1, round(side * scale))


def scaled(exif: bytes, scale: float) -> bytes:
    """Multiply the sizes that a block tells (of the picture, in pixels), for a picture that was made smaller."""
    try:
        block = _Block(exif)
        entries = block.entries(block.first)
        places = [entries.get(tag) for tag in _SIZES]
        if EXIF_DIRECTORY in entries:
            inner = block.entries(block.u32(entries[EXIF_DIRECTORY] + 8))
            places += [inner.get(tag) for tag in INNER_SIZES]
        for at in places:
            if at is None or block.u32(at + 4) != 1:
                continue
            if block.u16(at + 2) == _SHORT:
                block.put16(at + 8, scaled_side(block.u16(at + 8), scale))
            elif block.u16(at + 2) == _LONG:
                block.put32(at + 8, scaled_side(block.u32(at + 8), scale))
    except _BROKEN:
        return exif
    return bytes(block.data)


def without_thumbnail(exif: bytes) -> bytes:
    """Remove the embedded preview, which shows the clean picture. A block that cannot be read is dropped (b"")."""
    if not exif:
        return exif
    try:
        block = _Block(exif)
        link = block.link(block.first)
        directory = block.u32(link)
        if directory == 0:
            return exif
        entries = block.entries(directory)
        if _THUMBNAIL_OFFSET in entries and _THUMBNAIL_LENGTH in entries:
            start, length = block.u32(entries[_THUMBNAIL_OFFSET] + 8), block.u32(entries[_THUMBNAIL_LENGTH] + 8)
            block.erase_directory(directory)
            block.erase(start, length)
            if start + length >= len(block.data):
                del block.data[start:]
        else:
            block.erase_directory(directory)
        block.put32(link, 0)
    except _BROKEN:
        return b""
    return bytes(block.data)


def without_gps(exif: bytes) -> bytes:
    """Remove the place. A block that cannot be read is dropped as a whole, since it may hold one."""
    if not exif:
        return exif
    try:
        block = _Block(exif)
        entry = block.entries(block.first).get(GPS)
        if entry is None:
            return exif
        block.erase_directory(block.u32(entry + 8))
        end = block.link(block.first) + 4
        block.data[entry : end - 12] = block.data[entry + 12 : end]
        block.erase(end - 12, 12)
        block.put16(block.first, block.u16(block.first) - 1)
    except _BROKEN:
        return b""
    return bytes(block.data)


def upright(exif: bytes) -> bytes:
    """Set the orientation to 1, for pixels that are stored upright now."""
    try:
        block = _Block(exif)
        entry = block.entries(block.first).get(ORIENTATION)
        if entry is not None:
            block.put16(entry + 8, 1)
    except _BROKEN:
        return exif
    return bytes(block.data)
