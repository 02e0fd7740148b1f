"""JPEG straight into an array, where that can be: Pillow's own way there takes as long as decoding.

The codec is the same, libjpeg-turbo, through simplejpeg, and so are the pixels. Whatever it does not take without complaint is left to
Pillow. So is all encoding: simplejpeg's rounds more coarsely.
"""

from __future__ import annotations

from unseg_cli.core.constants import U8Array

try:
    import simplejpeg
except ImportError:  # no build for this machine
    simplejpeg = None


def decode_rgb(data: bytes) -> U8Array | None:
    """The pixels of a JPEG file that holds YCbCr or RGB, as stored: (h, w, 3).

    Returns:
        None where Pillow has to decode it, which also says what is wrong with it.
    """
    if simplejpeg is None:
        return None
    try:
        pixels: U8Array = simplejpeg.decode_jpeg(data, "RGB", fastdct=False, fastupsample=False, strict=True)
    except ValueError:
        return None
    return pixels
