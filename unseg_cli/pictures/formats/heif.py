"""HEIC and AVIF, the two formats of phones: pictures in the boxes of a film file."""

from __future__ import annotations

from typing import Any

from PIL import Image

from unseg_cli.core.errors import UnsegError
from unseg_cli.core.extras import install_line

#: Brands of files whose pictures HEVC coded; Pillow needs pillow-heif for them.
_BRANDS = (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc", b"ftypmsf1", b"ftypheim", b"ftypheis")
#: For what is written, since files do not tell the quality that they were made with: at these the codecs keep as much of the noise as JPEG
#: does at 90, in files of its size. Chroma is not halved: the noise lies in it.
QUALITY = {"heif": 80, "avif": 90}
KINDS = tuple(QUALITY)


def register(data: bytes) -> None:
    """Have Pillow open a file, if it is a HEIC.

    Raises:
        UnsegError: the package for it is not installed.
    """
    if data[4:12] not in _BRANDS:
        return
    try:
        import pillow_heif
    except ImportError:
        raise UnsegError("HEIC pictures need the package pillow-heif", hint=install_line("pillow-heif")) from None
    pillow_heif.register_heif_opener()


def can_write(kind: str) -> bool:
    """Whether Pillow, as it is built here, has an encoder."""
    Image.init()
    return kind.upper() in Image.SAVE


def notes_on(image: Image.Image, data: bytes) -> list[str]:
    """What reading an opened file leaves behind: bits beyond eight, and pictures beside the picture."""
    notes = []
    if (bits := _bits(data)) > 8:
        notes.append(f"{bits} bits a channel become 8")
    if any(image.info.get(name) for name in ("aux", "depth_images")):
        notes.append("further pictures in the file (depth or gain map) are omitted: they may show the clean one")
    return notes


def keywords(kind: str, quality: int | None, *, grey: bool) -> dict[str, Any]:
    """Pillow's arguments for pixels."""
    if kind == "heif":  # x265 would search for seconds a megapixel, for files that are hardly smaller
        chroma: dict[str, Any] = {"chroma": 444, "enc_params": {"preset": "ultrafast"}}
    else:
        chroma = {"subsampling": "4:0:0" if grey else "4:4:4"}
    return {"quality": quality or QUALITY[kind], **chroma}


def _bits(data: bytes) -> int:
    """Bits a channel, from the box that says so; 8 where there is none."""
    at = data.find(b"pixi", 0, 1 << 16)
    return data[at + 9] if 0 <= at < len(data) - 9 and data[at + 8] in (1, 3, 4) else 8
