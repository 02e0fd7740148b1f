"""Where pictures, masks and manifests come from and where they go: names with forward slashes, and bytes.

Nothing else of `protect` and `detect` opens any of them: with another store they lie somewhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from unseg_cli.pictures.names import Listing


class Readable(Protocol):
    """Something that files are read from."""

    def read(self, name: str) -> bytes:
        """See `Store`."""
        ...

    def where(self, name: str) -> str:
        """See `Store`."""
        ...


class Store(Protocol):
    """A place for files. Every method may be called from several threads at once."""

    def list(self) -> Listing:
        """The pictures (`is_picture_name`), and what was passed over: hidden ones, and links."""
        ...

    def read(self, name: str) -> bytes:
        """The bytes under a name, which may be none at all: b"".

        Raises:
            UnsegError: there is nothing under it, or it cannot be read; a line that goes on after its name.
        """
        ...

    def exists(self, name: str) -> bool:
        """Whether there is something under a name."""
        ...

    def put(self, name: str, data: bytes, *, before: Callable[[], object] = lambda: None) -> None:
        """Store bytes, in place of what was there; whoever looks sees the old ones or the new ones, never a part.

        Args:
            name: a new or an old one.
            data: the bytes.
            before: called once the bytes are known to lie in the store as they are, and before they appear under their name.
                What it raises is passed on, and the old bytes stay.

        Raises:
            UnsegError: what lies in the store is not what was to be put there.
            OSError: it cannot be written.
        """
        ...

    def append(self, name: str, data: bytes) -> None:
        """Add bytes to what is under a name, which may be nothing; once this returns, they outlast the end of this process.

        A kill may leave a part of them; what was there before stays. A store without appends may put old and new together in place of
        the old: what calls this for one name at the same time are only the threads of one process, one after the other.

        Args:
            name: a new or an old one.
            data: the bytes.

        Raises:
            OSError: it cannot be written.
        """
        ...

    def where(self, name: str) -> str:
        """What a person would call the place of a name: a path or an address. That of "" is the store itself."""
        ...

    def check_writable(self) -> None:
        """Find out, without leaving a trace, whether anything can be put here.

        Raises:
            EnvironmentProblem: it cannot.
        """
        ...

    def check_place(self, name: str) -> None:
        """Find out whether `put` under this name could work, and would not reach an original.

        Raises:
            UnsegError: something else is in the way, or it would.
        """
        ...

    def tells_case(self) -> bool:
        """Whether A.png and a.png are two files here."""
        ...

    def sweep(self, names: Iterable[str]) -> None:
        """Delete what puts under these names left half-written when they were killed."""
        ...
