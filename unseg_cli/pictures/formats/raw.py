"""Files that hold more than the picture which can be read from them: camera RAW files, and TIFFs with previews or sub-images.

Most RAW formats are TIFFs whose first picture is a thumbnail. A reader that takes the first picture gets 160x120 pixels and no warning, so
that these files are recognised before anything is read: by their names, by their signatures, and by the tags of their first picture.
"""

from __future__ import annotations

import struct
from pathlib import Path

from unseg_cli.core.errors import UnsegError

#: Camera RAW formats, by suffix.
RAW_SUFFIXES = frozenset({
    *(".3fr", ".arq", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".k25", ".kdc", ".mef", ".mos"),
    *(".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
})  # fmt: skip
_SIGNATURES = (
    ("CR2", 8, b"CR\x02"),
    ("CR3", 4, b"ftypcrx"),
    ("CRW", 6, b"HEAPCCDR"),
    ("MRW", 0, b"\x00MRM"),
    ("ORF", 0, b"IIRO"),
    ("ORF", 0, b"IIRS"),
    ("ORF", 0, b"MMOR"),
    ("RAF", 0, b"FUJIFILMCCD-RAW"),
    ("RW2", 0, b"IIU\x00"),
    ("X3F", 0, b"FOVb"),
)
_TIFF_HEADERS = {b"II*\x00": ("<", False), b"MM\x00*": (">", False), b"II+\x00": ("<", True), b"MM\x00+": (">", True)}
#: Format characters of the TIFF types whose value says something here: BYTE, SHORT, LONG, IFD, LONG8, IFD8.
_TYPES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}

_SUBFILE, _OLD_SUBFILE, _PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 254, 255, 262, 330, 50706
_CFA_PATTERN, _CFA_REPEAT = 33422, 33421
_SENSOR_DATA = (32803, 34892)  # colour filter array, linear raw
_DEVELOP = "develop it in the program you edit photos with, and protect the TIFF, PNG or JPEG that you export"


def refuse_partial(data: bytes, path: Path) -> None:
    """Raise where what can be read of a file is only a part of it.

    Args:
        data: the file's bytes; only headers are looked at.
        path: its name; the suffix counts.

    Raises:
        UnsegError: a camera RAW file, or a TIFF whose first picture is a preview or has sub-images beside it.
    """
    name = path.suffix[1:].upper() if path.suffix.lower() in RAW_SUFFIXES else _by_signature(data)
    tags = first_tags(data)
    if not name and _DNG_VERSION in tags:
        name = "DNG"
    if not name and (tags.get(_PHOTOMETRIC) in _SENSOR_DATA or _CFA_PATTERN in tags or _CFA_REPEAT in tags):
        name = "undeveloped sensor data in a TIFF"
    if name:
        raise UnsegError(f"is a camera RAW file ({name}), of which only a preview could be read", hint=_DEVELOP)
    if tags.get(_SUBFILE, 0) & 1 or tags.get(_OLD_SUBFILE) == 2:
        raise UnsegError("is a TIFF whose first picture is a preview of another one, as in camera RAW files", hint=_DEVELOP)
    if _SUB_IFDS in tags:
        raise UnsegError(
            "is a TIFF with sub-images (previews or a pyramid of sizes), which would be lost",
            hint="export it as a TIFF of a single picture",
        )


def first_tags(data: bytes) -> dict[int, int]:
    """Tags of the first picture of a TIFF with their first value as a number, or 0 where it is none; {} for everything else."""
    if data[:4] not in _TIFF_HEADERS:
        return {}
    order, big = _TIFF_HEADERS[data[:4]]
    try:
        (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
        at += 8 if big else 2
        size, value_at = (20, 12) if big else (12, 8)
        tags = {}
        for entry in range(at, min(at + count * size, len(data)), size):
            tag, kind = struct.unpack_from(order + "HH", data, entry)
            letter = _TYPES.get(kind)
            tags[tag] = struct.unpack_from(order + letter, data, entry + value_at)[0] if letter else 0
    except struct.error:
        return {}
    return tags


def _by_signature(data: bytes) -> str:
    return next((name for name, at, mark in _SIGNATURES if data[at : at + len(mark)] == mark), "")
