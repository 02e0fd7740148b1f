"""Picture files for tests, made by hand where Pillow is under test."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from PIL import Image

from unseg_cli.pictures.formats import png

LOSSLESS = [
    ("PNG", "L", 8),
    ("PNG", "LA", 8),
    ("PNG", "RGB", 8),
    ("PNG", "RGBA", 8),
    ("PNG", "L", 16),
    ("PNG", "LA", 16),
    ("PNG", "RGB", 16),
    ("PNG", "RGBA", 16),
    ("TIFF", "L", 8),
    ("TIFF", "LA", 8),
    ("TIFF", "RGB", 8),
    ("TIFF", "RGBA", 8),
    ("TIFF", "CMYK", 8),
    ("TIFF", "L", 16),
    ("TIFF", "RGB", 16),
    ("TIFF", "RGBA", 16),
    ("TIFF", "CMYK", 16),
    ("WEBP", "RGB", 8),
    ("WEBP", "RGBA", 8),
    ("BMP", "L", 8),
    ("BMP", "RGB", 8),
]
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}


def photo(height: int = 37, width: int = 52, channels: int = 3, depth: int = 8) -> np.ndarray:
    """Smooth with some grain, and no symmetry."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:height, :width]
    base = np.stack([(x * (c + 1) / width + y * y / height**2) / 4 for c in range(channels)], axis=-1)
    values = np.clip(base + rng.normal(0, 0.01, base.shape) + 0.2, 0, 1)
    return np.rint(values * (2**depth - 1)).astype(np.uint16 if depth == 16 else np.uint8)


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def lossless_file(format: str, mode: str, depth: int, array: np.ndarray | None = None) -> tuple[bytes, np.ndarray]:
    """A file and the (H, W, C) array that it holds; alpha has fully transparent pixels with colours under them."""
    array = photo(channels=CHANNELS[mode], depth=depth) if array is None else array
    if mode in ("LA", "RGBA"):
        array[:5, :, -1] = 0
    if depth == 8:
        plain = array[..., 0] if mode == "L" else array
        options = {"lossless": True, "exact": True} if format == "WEBP" else {}
        height, width = array.shape[:2]
        return saved(Image.frombytes(mode, (width, height), plain.tobytes()), format, **options), array
    if format == "PNG":
        return png.encode_16(array), array
    return plain_tiff(array, mode), array


def plain_tiff(array: np.ndarray, mode: str, *, order: str = "<", planes: bool = False) -> bytes:
    """A baseline TIFF of 16 bits a channel, made by hand: nothing that is under test."""
    height, width, channels = array.shape
    pixels = array.astype(order + "u2").tobytes()
    photometric = {"L": 1, "RGB": 2, "RGBA": 2, "CMYK": 5}[mode]
    tags = {256: (4, width), 257: (4, height), 259: (3, 1), 262: (3, photometric), 277: (3, channels), 278: (4, height), 284: (3, 1)}
    tags[279] = (4, len(pixels))
    if mode == "RGBA":
        tags[338] = (3, 2)
    if planes:
        tags[284] = (3, 2)
        pixels = np.moveaxis(array, -1, 0).astype(order + "u2").tobytes()
    count = len(tags) + 2
    bits_at = 8 + 2 + 12 * count + 4
    data_at = bits_at + 2 * channels
    tags[273] = (4, data_at)
    entries = []
    for tag, (kind, value) in tags.items():
        body = struct.pack(order + ("HH" if kind == 3 else "I"), *((value, 0) if kind == 3 else (value,)))
        entries.append((tag, struct.pack(order + "HHI", tag, kind, 1) + body))
    bits = struct.pack(order + f"{channels}H", *(16,) * channels)
    place = struct.pack(order + "I", bits_at) if channels > 2 else bits.ljust(4, b"\0")
    entries.append((258, struct.pack(order + "HHI", 258, 3, channels) + place))
    header = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    table = b"".join(body for _, body in sorted(entries))
    return header + struct.pack(order + "H", count) + table + struct.pack(order + "I", 0) + bits + pixels
