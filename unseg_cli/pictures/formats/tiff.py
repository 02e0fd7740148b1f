"""TIFF where Pillow falls short: 16 bits a channel, and EXIF directories in compressed files."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin

from unseg_cli.pictures.exif import EXIF_DIRECTORY, PREFIX
from unseg_cli.pictures.metadata import Metadata, without_photoshop_thumbnails

ORIENTATION = 274
GPS_DIRECTORY, INTEROP_DIRECTORY = 34853, 40965
_PHOTOSHOP, _PHOTOSHOP_LAYERS = 34377, 37724
#: Tags about the layout of pixels, links to other pictures in the file, and Photoshop's layers (clean pixels again).
_LAYOUT = frozenset({
    *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 284, 288, 289, 292, 293, 301, 317, 320, 322, 323, 324),
    *(325, 330, 332, 333, 334, 336, 338, 339, 340, 341, 347, *range(512, 522), 529, 530, 531, 532, 34675),
    *(ORIENTATION, _PHOTOSHOP_LAYERS, EXIF_DIRECTORY, GPS_DIRECTORY, INTEROP_DIRECTORY),
})  # fmt: skip
_STRIP_BYTES = 1 << 18


def read_tags(image: TiffImagePlugin.TiffImageFile) -> tuple[dict[int, Any], dict[int, int], list[str]]:
    """Tags to keep, their types, and notes. Call it before the pixels are loaded: Pillow then drops the directories."""
    tags: dict[int, Any] = {}
    types: dict[int, int] = {}
    notes: list[str] = []
    for tag, value in image.tag_v2.items():
        if tag == _PHOTOSHOP_LAYERS:
            notes.append("Photoshop's layers are omitted: they hold the clean picture")
        if tag in _LAYOUT:
            continue
        if tag == _PHOTOSHOP:
            value = without_photoshop_thumbnails(value)
        tags[tag], types[tag] = value, image.tag_v2.tagtype[tag]
    exif = image.getexif()
    for directory in (EXIF_DIRECTORY, GPS_DIRECTORY):
        if entries := {tag: value for tag, value in exif.get_ifd(directory).items() if tag != INTEROP_DIRECTORY}:
            tags[directory] = entries
    return tags, types, notes


def exif_of(tags: dict[int, Any]) -> bytes:
    """EXIF for other formats, from the tags of a TIFF."""
    exif = Image.Exif()
    for tag in (270, 271, 272, 305, 306, 315, 33432):
        if isinstance(tags.get(tag), str):
            exif[tag] = tags[tag]
    for directory in (EXIF_DIRECTORY, GPS_DIRECTORY):
        exif.get_ifd(directory).update(tags.get(directory, {}))
    return exif.tobytes().removeprefix(PREFIX) if len(exif) or any(d in tags for d in (EXIF_DIRECTORY, GPS_DIRECTORY)) else b""


def encode(pixels: npt.NDArray[Any], space: str, *, alpha: bool, compressed: bool, orientation: int, metadata: Metadata) -> bytes:
    """A TIFF file: raw, or ZIP with horizontal prediction (LZW and the like become ZIP, which is lossless too).

    Args:
        pixels: (H, W, C) uint8 or uint16 in stored orientation, alpha last.
        space: "grey", "rgb" or "cmyk".
        alpha: whether the last channel is alpha.
        compressed: ZIP, else raw.
        orientation: value of the orientation tag.
        metadata: its `tiff_tags` are written, or else its common parts.
    """
    height, width, channels = pixels.shape
    rows = max(_STRIP_BYTES // (width * channels * pixels.itemsize), 1)
    strips = [_strip(pixels[top : top + rows], metadata.tiff_prefix, compressed) for top in range(0, height, rows)]
    starts = np.cumsum([0] + [len(strip) for strip in strips[:-1]])

    directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=metadata.tiff_prefix)
    _put_metadata(directory, metadata)
    layout: dict[int, Any] = {
        256: width,
        257: height,
        258: (8 * pixels.itemsize,) * channels,
        259: 8 if compressed else 1,
        262: {"grey": 1, "rgb": 2, "cmyk": 5}[space],
        277: channels,
        278: min(rows, height),
        284: 1,
    }
    if compressed:
        layout[317] = 2
    if alpha:
        layout[338] = 2
    if orientation != 1:
        layout[ORIENTATION] = orientation
    for tag, value in layout.items():
        directory[tag] = value
    for tag, values in ((273, starts), (279, [len(strip) for strip in strips])):
        directory.tagtype[tag] = 4
        directory[tag] = tuple(int(value) for value in values)  # offsets are moved behind the directory by Pillow
    out = io.BytesIO()
    directory.save(out)
    out.writelines(strips)
    return out.getvalue()


def _strip(rows: npt.NDArray[Any], prefix: bytes, compressed: bool) -> bytes:
    if compressed:
        rows = rows.copy()
        rows[:, 1:] -= rows[:, :-1].copy()
    if rows.itemsize == 2:
        rows = rows.astype("<u2" if prefix == b"II" else ">u2")
    return zlib.compress(rows.tobytes(), 6) if compressed else rows.tobytes()


def _put_metadata(directory: TiffImagePlugin.ImageFileDirectory_v2, metadata: Metadata) -> None:
    tags = dict(metadata.tiff_tags or {})
    types = metadata.tiff_types or {}
    for tag, value in tags.items():
        # Text is Latin-1 once Pillow has read it; given as str, what is not ASCII would be written as "?".
        directory[tag] = value.encode("latin-1", "replace") if isinstance(value, str) else value
        if tag in types:
            directory.tagtype[tag] = types[tag]
    if metadata.icc:
        directory[34675] = metadata.icc
        directory.tagtype[34675] = 7
