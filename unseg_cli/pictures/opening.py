"""Opening files with Pillow: its warnings are not for our readers, and its limit of size is lower than ours."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

#: Larger pictures are refused: a file of a few bytes can claim to hold any number of pixels.
MAX_PIXELS = 225_000_000
_lock = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """Read headers without Pillow's warnings, up to `MAX_PIXELS`; filters and limit are shared by all threads, hence the lock."""
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        usual = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # Pillow warns of more, and refuses twice as many
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = usual
