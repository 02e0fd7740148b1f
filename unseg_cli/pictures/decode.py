"""Picture files in: from bytes to upright pixels, with everything in the file that is not pixels kept beside them.

What could only be read in part, or not be kept, is refused with a reason.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin, TiffImagePlugin

from unseg_cli.core.errors import UnsegError
from unseg_cli.pictures.codec_errors import SAVE_AS_8_OR_16, decoding_errors, unsupported
from unseg_cli.pictures.coding import coding_of
from unseg_cli.pictures.exif import PREFIX
from unseg_cli.pictures.formats import heif, png, tiff
from unseg_cli.pictures.formats.deep import decode_16, is_deep
from unseg_cli.pictures.formats.jpeg import decode_rgb
from unseg_cli.pictures.formats.raw import refuse_partial
from unseg_cli.pictures.metadata import Metadata, photoshop_blocks
from unseg_cli.pictures.opening import MAX_PIXELS, quiet
from unseg_cli.pictures.picture import Kind, Picture, PixelArray, Space, to_upright

_KINDS: dict[str, Kind] = {
    "JPEG": "jpeg",
    "MPO": "jpeg",
    "PNG": "png",
    "WEBP": "webp",
    "TIFF": "tiff",
    "BMP": "bmp",
    "DIB": "bmp",
    "HEIF": "heif",
    "AVIF": "avif",
    "GIF": "gif",
}
_SPACES: dict[str, tuple[Space, bool]] = {
    "L": ("grey", False),
    "LA": ("grey", True),
    "RGB": ("rgb", False),
    "RGBA": ("rgb", True),
    "CMYK": ("cmyk", False),
}


def read_picture(path: Path, data: bytes | None = None) -> Picture:
    """Decode a picture file.

    Args:
        path: the file; named in errors by the caller, not here.
        data: its bytes, where they have been read already.

    Raises:
        UnsegError: not a picture, damaged, too large, or of a kind that cannot be protected without loss; one line, without the path.
    """
    if data is None:
        data = read_bytes(path)
    with decoding_errors(data):
        image = open_image(data, path)
        with image:
            return _decoded(image, data)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        UnsegError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as problem:
        raise UnsegError(f"cannot be read ({problem.strerror or problem})", hint="check that it exists and its permissions") from None


def open_image(data: bytes, path: Path, *, any_format: bool = False) -> Image.Image:
    """Open a file's bytes with Pillow, without decoding its pixels; use it within `decoding_errors`.

    Args:
        data: the file's bytes.
        path: its name.
        any_format: all that Pillow knows, not only the kinds that can be protected.

    Raises:
        UnsegError: of a kind that is not supported, or one of which only a part could be read.
    """
    refuse_partial(data, path)
    heif.register(data)
    with quiet():
        image = Image.open(io.BytesIO(data))
    if image.width * image.height > MAX_PIXELS:
        raise Image.DecompressionBombError
    if image.format not in _KINDS and not any_format:
        raise unsupported(image.format or path.suffix)
    return image


def refuse_frames(image: Image.Image) -> None:
    """Raise where an opened file has further pages or frames, which would be lost. The extras of an MPO are no pictures of their own.

    Raises:
        UnsegError: it has.
    """
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        what = {"TIFF": f"has {frames} pages", "HEIF": f"holds {frames} pictures"}.get(image.format or "", f"is animated ({frames} frames)")
        raise UnsegError(f"{what}, and only single pictures can be protected", hint="split it into single pictures first")


def kind_of(path: Path, data: bytes) -> Kind:
    """The format of a picture file, from its header alone.

    Raises:
        UnsegError: not a picture, of a kind that is not supported, or with more than one picture in it.
    """
    with decoding_errors(data), open_image(data, path) as image:
        refuse_frames(image)
        return _KINDS[cast(str, image.format)]


def _decoded(image: Image.Image, data: bytes) -> Picture:
    kind = _KINDS[cast(str, image.format)]
    notes: list[str] = []
    frames = getattr(image, "n_frames", 1)
    if image.format == "MPO":
        notes.append(f"{frames - 1} further picture(s) in the file (preview, depth or gain map) are omitted: they may show the clean one")
    refuse_frames(image)
    if kind in heif.KINDS:
        notes += heif.notes_on(image, data)
    deep = is_deep(image)
    direct = decode_rgb(data) if kind == "jpeg" and image.mode == "RGB" else None
    if direct is None and kind != "tiff":
        # Before the metadata: those of a PNG may follow its pixels. Those of a TIFF have to be read first.
        image.load()
    with quiet():
        orientation = image.getexif().get(274, 1)
    orientation = orientation if orientation in range(1, 9) else 1
    metadata, more = _metadata(image, data, kind)
    coding = coding_of(image, data, kind)
    notes += more
    pixels, alpha, space, more = _pixels(image, data if deep else None, orientation, direct)
    notes += more
    return Picture(
        pixels=pixels, alpha=alpha, space=space, kind=kind, orientation=orientation, metadata=metadata, coding=coding, notes=tuple(notes)
    )


def _metadata(image: Image.Image, data: bytes, kind: Kind) -> tuple[Metadata, list[str]]:
    info = image.info
    xmp = info.get("xmp", b"")
    dpi = info.get("dpi")
    common: dict[str, Any] = {
        "exif": bytes(info.get("exif") or b"").removeprefix(PREFIX),
        "icc": info.get("icc_profile") or b"",
        "xmp": xmp.encode() if isinstance(xmp, str) else bytes(xmp),
        "dpi": (float(dpi[0]), float(dpi[1])) if dpi and min(dpi) > 0 else None,
    }
    notes: list[str] = []
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        common["comment"] = info.get("comment", b"")
        common["photoshop"] = photoshop_blocks([body for name, body in image.applist if name == "APP13"])
    elif kind == "png":
        common["png_chunks"] = png.ancillary_chunks(data, recoloured=image.mode in ("1", "P"))
    elif isinstance(image, TiffImagePlugin.TiffImageFile):
        with quiet():
            tags, types, notes = tiff.read_tags(image)
        common |= {"tiff_tags": tags, "tiff_types": types, "tiff_prefix": image.tag_v2.prefix, "exif": tiff.exif_of(tags)}
    return Metadata(**common), notes


def _pixels(
    image: Image.Image, deep: bytes | None, orientation: int, direct: PixelArray | None
) -> tuple[PixelArray, PixelArray | None, Space, list[str]]:
    """Upright pixels, alpha, space and notes; `deep` is the file where Pillow alone would lose bits, `direct` its pixels where known."""
    if direct is not None:
        return np.ascontiguousarray(to_upright(direct, orientation)), None, "rgb", []
    if image.format == "TIFF":
        orientation = 1  # Pillow turns a TIFF upright while it loads it; of other formats it leaves the pixels as stored
    if deep is not None:
        known: tuple[Space, bool] | None = ("cmyk", False) if image.mode == "CMYK" else None
        return _split(to_upright(decode_16(deep), orientation), known, image.info.get("transparency"))
    inverted = isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(262) == 0
    image.load()
    transparency = image.info.get("transparency") if image.mode not in ("P", "PA") else None
    if image.mode.startswith("I;16"):
        grey = np.asarray(image).astype(np.uint16)
        grey = 65535 - grey if inverted else grey
        return _split(to_upright(grey[..., None], orientation), None, transparency)
    image, notes = _plain_mode(image)
    space, has_alpha = _SPACES[image.mode]
    array = np.asarray(image)
    array = array[..., None] if array.ndim == 2 else array
    pixels, opacity, space, more = _split(to_upright(array, orientation), (space, has_alpha), transparency)
    return pixels, opacity, space, notes + more


def _plain_mode(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """The picture in a mode that holds 8-bit channels."""
    mode = image.mode
    if mode in _SPACES:
        return image, []
    if mode == "1":
        return image.convert("L"), ["a black-and-white (1-bit) picture becomes 8-bit grey: noise needs levels between"]
    if mode in ("P", "PA"):
        see_through = mode == "PA" or "transparency" in image.info or (image.palette is not None and image.palette.mode == "RGBA")
        target = "RGBA" if see_through else "RGB"
        return image.convert(target), [f"a palette picture becomes {target}: a palette has no room for noise"]
    if mode in ("RGBX", "YCbCr"):
        return image.convert("RGB"), [] if mode == "RGBX" else ["a YCbCr picture becomes RGB"]
    if mode in ("RGBa", "La"):
        return image.convert({"RGBa": "RGBA", "La": "LA"}[mode]), []
    what = {"I": "32-bit integers", "F": "floating-point numbers", "LAB": "L*a*b* colours"}.get(mode, f"mode {mode}")
    raise UnsegError(f"holds {what}, which cannot be kept", hint=SAVE_AS_8_OR_16)


def _split(
    array: PixelArray, known: tuple[Space, bool] | None, key: Any
) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None, Space, list[str]]:
    """(H, W, C) -> colours and alpha. A transparent colour (`key`) becomes alpha: noise would change which pixels have it."""
    channels = array.shape[2]
    space, alpha = known or ("grey" if channels < 3 else "rgb", channels in (2, 4))
    colours = array[..., :-1] if alpha else array
    opacity = np.ascontiguousarray(array[..., -1]) if alpha else None
    notes = []
    if not alpha and key is not None and not isinstance(key, bytes):
        wanted = np.asarray(key, colours.dtype)
        opacity = np.where((colours == wanted).all(axis=-1), 0, np.iinfo(colours.dtype).max).astype(colours.dtype)
        notes.append("its transparent colour becomes an alpha channel")
    pixels = np.ascontiguousarray(colours[..., 0] if space == "grey" else colours)
    return pixels, opacity, space, notes


def expanded(picture: Picture) -> Picture:
    """A grey picture as RGB, to compare it with one from a format that has no grey."""
    if picture.space != "grey":
        return picture
    return replace(picture, pixels=np.repeat(picture.pixels[..., None], 3, axis=2), space="rgb")
