"""Colour pictures of 16 bits a channel, which Pillow can open but gives in 8 bits.

Pillow's decoders undo the compression and then pick one byte of each pair: the upper. Asked for the other byte order they pick the lower.
Two passes give both, for every compression that Pillow knows.
"""

from __future__ import annotations

import io
import sys

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from unseg_cli.core.errors import UnsegError
from unseg_cli.pictures.opening import quiet

_OTHER_BYTE = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}
_GREY_ALPHA = "LA;16B"


def is_deep(image: Image.Image) -> bool:
    """Whether an opened, not yet loaded PNG or TIFF holds several channels of 16 bits."""
    if image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        return max(tags.get(258, (1,))) == 16 and tags.get(277, 1) > 1
    return image.format == "PNG" and image.mode != "I;16" and any(";16" in rawmode for rawmode in _rawmodes(image))


def decode_16(data: bytes) -> npt.NDArray[np.uint16]:
    """(H, W, C) uint16 of a file for which `is_deep` holds: 2 channels are grey + alpha. A TIFF comes upright, a PNG as stored.

    Raises:
        UnsegError: a layout that would lose bits.
    """
    with _opened(data) as image:
        rawmodes = _rawmodes(image)
        if rawmodes == {_GREY_ALPHA}:
            # Four bytes a pixel: read as if they were RGBA, they are the two bytes of grey and the two of alpha.
            pairs = _decoded(data, "RGBA")
            return pairs.view(">u2").astype(np.uint16)
        base, _, depth = next(iter(rawmodes)).partition(";")
        if len(rawmodes) > 1 or base != image.mode or depth not in _OTHER_BYTE or _separate_planes(image):
            raise UnsegError(
                "this layout of 16-bit channels is not supported (separate planes, premultiplied alpha or further channels)",
                hint="save it as interleaved 16-bit RGB, or as 8 bits a channel",
            )
    pixels = _decoded(data, f"{base};{depth}").astype(np.uint16)
    pixels <<= 8
    pixels |= _decoded(data, f"{base};{_OTHER_BYTE[depth]}")
    return pixels


def _decoded(data: bytes, rawmode: str) -> npt.NDArray[np.uint8]:
    with _opened(data) as image:
        image.tile = [tile._replace(args=(rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode) for tile in image.tile]
        return np.ascontiguousarray(image)


def _opened(data: bytes) -> ImageFile.ImageFile:
    with quiet():
        return Image.open(io.BytesIO(data))


def _rawmodes(image: Image.Image) -> set[str]:
    return {tile.args[0] if isinstance(tile.args, tuple) else tile.args for tile in image.tile}  # type: ignore[attr-defined]


def _separate_planes(image: Image.Image) -> bool:
    return image.format == "TIFF" and image.tag_v2.get(284, 1) != 1  # type: ignore[attr-defined]
