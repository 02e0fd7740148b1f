"""What codecs raise over files that are no pictures, or damaged ones, in words for a person."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from unseg_cli.core.errors import UnsegError
from unseg_cli.pictures.opening import MAX_PIXELS

_TIFF = (b"II*\0", b"MM\0*")
_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")  # codestream, container
SAVE_AS_8_OR_16 = "save it as 8-bit or 16-bit RGB"
_REPLACE = "replace it with the original, or omit it (protect, detect: --exclude)"
#: What codecs raise over damaged files.
DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
)


@contextmanager
def decoding_errors(data: bytes) -> Iterator[None]:
    """Turn what codecs raise into one clear line."""
    if not data:
        raise UnsegError("is an empty file", hint=_REPLACE)
    try:
        yield
    except UnsegError:
        raise
    except UnidentifiedImageError:
        if data.startswith(_TIFF):
            what = "is a TIFF of a kind that cannot be read (for example with floating-point colours)"
            raise UnsegError(what, hint=SAVE_AS_8_OR_16) from None
        if data.startswith(_JPEG_XL):
            raise unsupported("JPEG XL") from None
        what = "is text, not a picture" if _looks_like_text(data) else "is not a picture that can be read"
        raise UnsegError(what, hint=_REPLACE) from None
    except Image.DecompressionBombError:
        raise UnsegError(
            f"has more than {MAX_PIXELS // 1_000_000} million pixels, which may be a decompression bomb", hint="scale it down first"
        ) from None
    except DECODING_ERRORS as problem:
        detail = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
        raise UnsegError(f"is damaged or truncated ({detail})", hint=_REPLACE) from None


def unsupported(name: str) -> UnsegError:
    """The refusal of a format by its name."""
    hint = "convert it to PNG, JPEG, WebP, TIFF or BMP, or omit it (protect, detect: --exclude)"
    return UnsegError(f"is of a format that is not supported ({name})", hint=hint)


def _looks_like_text(data: bytes) -> bool:
    head = data[:4096]
    if b"\x00" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as problem:
        return problem.start > len(head) - 4
    return True
