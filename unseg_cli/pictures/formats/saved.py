"""A picture of Pillow's as the bytes of a file."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from typing import IO, Any

from PIL import Image

from unseg_cli.core.errors import UnsegError


def saved(image: Image.Image, format: str, options: dict[str, Any]) -> bytes:
    """The file that `Image.save` would write.

    Args:
        image: what is in it.
        format: Pillow's name of it.
        options: of that format.

    Raises:
        UnsegError: the format cannot hold the picture.
    """
    with _file_in_memory() as out:
        try:
            image.save(out, format, **options)
        except (OSError, ValueError, RuntimeError) as problem:
            raise UnsegError(f"cannot be written as {format} ({problem})", hint="add --format png") from None
        out.seek(0)
        return out.read()


def _file_in_memory() -> IO[bytes]:
    """One that the system knows, where it has such: while Pillow writes a JPEG into any other, no other thread gets any further."""
    with suppress(AttributeError, OSError):
        return io.BufferedRandom(io.FileIO(os.memfd_create("picture"), "r+"))
    return io.BytesIO()
