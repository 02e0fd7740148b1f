"""How the C library hands out memory."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from typing import Any

#: Parameters of glibc's mallopt.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
#: Bytes that are kept, and the size from which on an array is not: one of 24 megapixels is smaller, in Pillow's four bytes a pixel, too.
_KEPT, _LARGEST = 256 << 20, 128 << 20


def keep_freed_memory() -> None:
    """Have the C library keep what is freed instead of giving it back at once.

    Arrays of a few megabytes come and go all the time where pictures are worked on. Each time the system has to take their pages away and
    clear new ones, which takes a fifth of the time. Threads share one pool of memory: what glibc gives each of its own holds no more than
    64 MB, so large arrays would come from the system all the same. Elsewhere than on Linux with glibc nothing happens.
    """
    with _glibc() as library:
        library.mallopt(_ARENA_MAX, 1)
        library.mallopt(_TRIM_THRESHOLD, _KEPT)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST)


def give_back_freed_memory() -> None:
    """Have the C library give all that is freed back to the system, where it is about to be missed: between the stages of a huge picture.

    What a thread has freed it would otherwise keep. Elsewhere than on Linux with glibc nothing happens.
    """
    with _glibc() as library:
        library.malloc_trim(0)


@contextlib.contextmanager
def _glibc() -> Iterator[Any]:
    """The C library; what follows is not done where it is another one."""
    with contextlib.suppress(OSError, AttributeError):
        yield ctypes.CDLL(None) if sys.platform.startswith("linux") else None
