"""What a picture file says of itself before its pixels."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from unseg_cli.pictures.codec_errors import DECODING_ERRORS
from unseg_cli.pictures.opening import quiet


def pixels_in(data: bytes | Path) -> int:
    """How many pixels a file holds, which is given or named; 0 where that cannot be told."""
    try:
        with quiet(), Image.open(data if isinstance(data, Path) else io.BytesIO(data)) as image:
            return image.width * image.height
    except (*DECODING_ERRORS, Image.DecompressionBombError):
        return 0
