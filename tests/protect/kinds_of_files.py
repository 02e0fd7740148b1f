"""One file of each kind that a folder of pictures may hold, with metadata where the format has a place for them."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

from tests.pictures.picture_makers import plain_tiff, saved
from unseg_cli.pictures.formats import heif, png

#: One colour, 320 x 213 pixels, in a container: Pillow cannot write it.
JPEG_XL = (
    "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c200000005e6a786c63ff0aa0067e82480804010024014b188b1500d48831eeeec6"
    "3dc01ee0f08d80922279999a004e186c83b5baa1dccf040420124d3d0563c1db16840ba22b431f2ed75bfe9f23bf0e2c1f2f186044a549163fbdf69524f3"
)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description dc:rights="mine"/></rdf:RDF></x:xmpmeta>'
#: Not sRGB, so that a profile that is lost is lost for good.
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()


def kinds(photo: Image.Image) -> Iterator[tuple[str, str, bytes]]:
    """What it is, a file name, and the file.

    Args:
        photo: RGB, a photograph.
    """
    grey, clear = photo.convert("L"), _half_clear(photo)
    deep = np.asarray(photo).astype(np.uint16) * 257
    info = {"exif": _exif(1), "icc_profile": ICC}
    jpeg = {**info, "xmp": XMP, "dpi": (300, 300)}

    yield "JPEG, baseline, quality 92", "a.jpg", saved(photo, "JPEG", quality=92, subsampling=0, **jpeg)
    yield "JPEG, 4:2:0, quality 75", "a.jpg", saved(photo, "JPEG", quality=75, **jpeg)
    yield "JPEG, progressive", "a.jpg", saved(photo, "JPEG", quality=92, progressive=True, **jpeg)
    yield "JPEG, grey", "a.jpg", saved(grey, "JPEG", quality=92, **jpeg)
    yield "JPEG, CMYK", "a.jpg", saved(photo.convert("CMYK"), "JPEG", quality=92, **jpeg)
    yield "JPEG, turned by its EXIF", "a.jpg", saved(photo, "JPEG", quality=92, **{**jpeg, "exif": _exif(6)})
    yield "JPEG with 60 kB of EXIF", "a.jpg", saved(photo, "JPEG", quality=92, **{**jpeg, "exif": _exif(1, 60_000)})
    yield "MPO (two JPEGs in a file)", "a.mpo", saved(photo, "MPO", save_all=True, append_images=[photo.reduce(2)])

    yield "PNG", "a.png", saved(photo, "PNG", dpi=(300, 300), **info)
    yield "PNG with alpha", "a.png", saved(clear, "PNG", **info)
    yield "PNG, grey", "a.png", saved(grey, "PNG", **info)
    yield "PNG, grey with alpha", "a.png", saved(clear.convert("LA"), "PNG", **info)
    yield "PNG, palette", "a.png", saved(photo.quantize(64), "PNG", **info)
    yield "PNG, palette with a transparent colour", "a.png", saved(photo.quantize(64), "PNG", transparency=3)
    yield "PNG, 1 bit", "a.png", saved(grey.convert("1"), "PNG", **info)
    yield "PNG, grey, 16 bits", "a.png", saved(Image.fromarray(deep[..., 1]), "PNG", **info)
    yield "PNG, 16 bits a channel", "a.png", png.encode_16(deep)
    yield "PNG, 16 bits a channel, with alpha", "a.png", png.encode_16(np.dstack([deep, np.asarray(clear)[..., 3].astype(np.uint16) * 257]))
    yield "APNG (animated)", "a.png", _moving(photo, "PNG")

    yield "WebP", "a.webp", saved(photo, "WEBP", quality=90, xmp=XMP, **info)
    yield "WebP, lossless", "a.webp", saved(photo, "WEBP", lossless=True, xmp=XMP, **info)
    yield "WebP, lossless, with alpha", "a.webp", saved(clear, "WEBP", lossless=True, exact=True, xmp=XMP, **info)
    yield "WebP, animated", "a.webp", _moving(photo, "WEBP")

    tiff: dict[str, Any] = {"icc_profile": ICC, "dpi": (300, 300), "description": "mine"}
    yield "TIFF", "a.tif", saved(photo, "TIFF", **tiff)
    yield "TIFF, LZW", "a.tif", saved(photo, "TIFF", compression="tiff_lzw", **tiff)
    yield "TIFF, deflate", "a.tif", saved(photo, "TIFF", compression="tiff_adobe_deflate", **tiff)
    yield "TIFF with JPEG inside", "a.tif", saved(photo, "TIFF", compression="jpeg", quality=95, **tiff)
    yield "TIFF in tiles", "a.tif", _tiled(np.asarray(photo))
    yield "TIFF with alpha", "a.tif", saved(clear, "TIFF", **tiff)
    yield "TIFF, CMYK", "a.tif", saved(photo.convert("CMYK"), "TIFF", **tiff)
    yield "TIFF, grey, 16 bits", "a.tif", saved(Image.fromarray(deep[..., 1]), "TIFF", **tiff)
    yield "TIFF, 16 bits a channel", "a.tif", plain_tiff(deep, "RGB")
    yield "TIFF, 32-bit floating point", "a.tif", saved(Image.fromarray(np.asarray(grey, np.float32)), "TIFF")
    yield "TIFF of several pages", "a.tif", _moving(photo, "TIFF")

    yield "BMP", "a.bmp", saved(photo, "BMP", dpi=(300, 300))
    yield "BMP, palette", "a.bmp", saved(photo.quantize(64), "BMP")
    pillow_heif.register_heif_opener()
    if heif.can_write("heif"):
        yield "HEIC", "a.heic", saved(photo, "HEIF", quality=90, xmp=XMP, **info)
    if heif.can_write("avif"):
        yield "AVIF", "a.avif", saved(photo, "AVIF", quality=90, xmp=XMP, **info)
        yield "AVIF with alpha", "a.avif", saved(clear, "AVIF", quality=90)
    yield "GIF", "a.gif", saved(photo.quantize(64), "GIF")
    yield "GIF, animated", "a.gif", _moving(photo, "GIF")
    yield "JPEG 2000", "a.jp2", saved(photo, "JPEG2000")
    yield "JPEG XL", "a.jxl", bytes.fromhex(JPEG_XL)
    yield "TGA", "a.tga", saved(photo, "TGA")
    yield "PPM", "a.ppm", saved(photo, "PPM")
    yield "Camera RAW (DNG)", "a.dng", b"II*\0" + struct.pack("<IHHHII", 8, 1, 0xC612, 1, 4, 0x00000401) + bytes(4)
    yield "an empty file", "a.jpg", b""
    yield "text", "a.jpg", b"no picture at all\n"
    yield "cut off", "a.jpg", saved(photo, "JPEG", quality=92)[:-5_000]

    yield "one pixel", "a.png", saved(photo.resize((1, 1)), "PNG")
    yield "one row of 5,000 pixels", "a.png", saved(photo.resize((5_000, 1)), "PNG")
    yield "one column of 5,000 pixels, JPEG", "a.jpg", saved(photo.resize((1, 5_000)), "JPEG", quality=92)


def _exif(orientation: int, maker_note: int = 0) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = orientation, "Photographer"
    exif.get_ifd(0x8769).update({0x9003: "2024:01:01 00:00:00", **({0x927C: b"N" * maker_note} if maker_note else {})})
    return exif.tobytes()


def _half_clear(photo: Image.Image) -> Image.Image:
    clear = photo.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(photo.size))
    return clear


def _moving(photo: Image.Image, format: str) -> bytes:
    others = [photo.transpose(way) for way in (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM)]
    return saved(photo, format, save_all=True, append_images=others)


def _tiled(pixels: np.ndarray, side: int = 64) -> bytes:
    """An uncompressed TIFF of tiles, made by hand: Pillow writes none."""
    height, width, channels = pixels.shape
    rows, columns = -(-height // side), -(-width // side)
    whole = np.pad(pixels, ((0, rows * side - height), (0, columns * side - width), (0, 0)), mode="edge")
    tiles = whole.reshape(rows, side, columns, side, channels).swapaxes(1, 2).tobytes()
    count, each = rows * columns, side * side * channels
    entries = 11
    after = 8 + 2 + 12 * entries + 4
    bits, offsets, sizes, data = after, after + 6, after + 6 + 4 * count, after + 6 + 8 * count
    tags: list[tuple[int, int, int, int]] = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, bits), (259, 3, 1, 1), (262, 3, 1, 2), (277, 3, 1, channels),
        (284, 3, 1, 1), (322, 4, 1, side), (323, 4, 1, side), (324, 4, count, offsets), (325, 4, count, sizes),
    ]  # fmt: skip
    out = io.BytesIO()
    out.write(b"II*\0" + struct.pack("<IH", 8, entries) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4))
    out.write(struct.pack("<3H", 8, 8, 8) + struct.pack(f"<{count}I", *(data + each * place for place in range(count))))
    out.write(struct.pack(f"<{count}I", *(each,) * count) + tiles)
    return out.getvalue()
