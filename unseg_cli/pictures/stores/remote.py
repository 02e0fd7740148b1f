"""A place that fsspec knows (`s3://bucket/folder` and others) as a `Store`, and which of the two kinds a name on the command line means.

Objects appear whole or not at all. They cannot be appended to: what is appended to a ledger becomes an object of its own beside it, and
putting the ledger anew removes those.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from unseg_cli.core.errors import EnvironmentProblem, UnsegError, UsageProblem
from unseg_cli.core.extras import MissingPackage
from unseg_cli.pictures.names import Listing, listing_of, stays_inside
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.pictures.stores.store import Store

#: As a path: two slashes of an address have become one. One letter before the colon is a drive of Windows.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.+)")
_LEDGER = ".jsonl"


def url_of(place: Path) -> str | None:
    """The address that was typed, or None where it is a path of this machine (see `without_scheme`)."""
    found = _ADDRESS.fullmatch(place.as_posix())
    return None if found is None else f"{found[1].lower()}://{found[2].rstrip('/')}"


def without_scheme(place: Path) -> Path:
    """The path that an address such as "file:///home/me" means; any other place as it is.

    At the door: whether folders lie in each other is asked of paths.
    """
    url = url_of(place)
    if url is None or not url.startswith("file://"):
        return place
    path = url.removeprefix("file://")
    return Path(path if Path(path).drive else f"/{path}")  # Windows: "C:/Users/me"


def store_at(place: Path, *, originals: Path | None = None) -> Store:
    """The store that SRC, DST or --masks names.

    Args:
        place: a folder of this machine, or an address.
        originals: see `LocalStore`.

    Raises:
        UsageProblem: nobody knows such addresses.
        EnvironmentProblem: the package for them is not installed.
    """
    place = without_scheme(place)
    url = url_of(place)
    return LocalStore(place, originals=originals) if url is None else RemoteStore(url)


class RemoteStore:
    """A folder behind an address.

    Args:
        url: such as "s3://bucket/folder".

    Raises:
        UsageProblem: nobody knows such addresses.
        EnvironmentProblem: the package for them is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            import fsspec
        except ImportError:
            raise MissingPackage(f"{url} needs fsspec, which is not installed", module="fsspec") from None
        self.url = url.rstrip("/")
        try:
            # Listings are not kept: other machines write here, too.
            self._files, self._root = fsspec.url_to_fs(self.url, use_listings_cache=False)
        except ValueError as problem:
            raise UsageProblem(f"{url} is no place that is known ({problem})", hint="s3://bucket/folder, or a folder") from None
        except ImportError as problem:
            raise EnvironmentProblem(f"{url} needs a package that is not installed ({problem})", hint="install it beside unseg") from None

    def read(self, name: str) -> bytes:
        """See `Store`."""
        with self._asked(name, "read"):
            if not name.endswith(_LEDGER):
                return bytes(self._files.cat_file(self._path(name)))
            parts = [self._path(name), *self._parts(name)]
            found = self._files.cat(parts, on_error="omit")
            if not found:
                raise FileNotFoundError("no such object")
            return b"".join(bytes(found[part]) for part in parts if part in found)

    def exists(self, name: str) -> bool:
        """See `Store`."""
        if not stays_inside(name):
            return False
        with self._asked(name, "looked for"):
            return bool(self._files.exists(self._path(name)) or (name.endswith(_LEDGER) and self._parts(name)))

    def put(self, name: str, data: bytes, *, before: Callable[[], object] = lambda: None) -> None:
        """See `Store`; what arrives is known to be whole by its size, and by the checksum that S3 is sent with it."""
        path = self._path(name)
        parts = self._parts(name) if name.endswith(_LEDGER) else []
        before()
        self._write(path, data)
        for part in parts:  # their lines are in what was put
            with suppress(Exception):
                self._files.rm_file(part)

    def append(self, name: str, data: bytes) -> None:
        """See `Store`; of ledgers alone."""
        if not name.endswith(_LEDGER):
            raise ValueError("only ledgers are appended to")
        self._write(f"{self._path(name)}.parts/{time.time_ns():020d}-{uuid.uuid4().hex[:8]}", data)

    def _write(self, path: str, data: bytes) -> None:
        try:
            self._files.pipe_file(path, data)
            size = self._files.info(path)["size"]
        except Exception as problem:  # every kind of store has errors of its own
            raise OSError(0, _said(problem)) from None
        if size != len(data):
            raise UnsegError("what lies in the store is not what was written", hint="run the same command again")

    def _parts(self, name: str) -> list[str]:
        folder = f"{self._path(name)}.parts"
        try:
            return sorted(self._files.find(folder))
        except FileNotFoundError:
            return []

    def where(self, name: str) -> str:
        """See `Store`."""
        return f"{self.url}/{name}" if name else self.url

    def check_writable(self) -> None:
        """See `Store`."""
        probe = f"{self._root}/.unseg-{uuid.uuid4().hex}"
        try:
            self._files.pipe_file(probe, b"")
            self._files.rm_file(probe)
        except Exception as problem:
            what = f"nothing can be written to {self.url} ({_said(problem)})"
            raise EnvironmentProblem(what, hint="check that it exists, the credentials and what they permit") from None

    def check_place(self, name: str) -> None:
        """See `Store`."""
        self._path(name)

    def tells_case(self) -> bool:
        """See `Store`."""
        return True

    def sweep(self, names: Iterable[str]) -> None:
        """See `Store`: nothing is ever half-written here."""

    def _path(self, name: str) -> str:
        if not stays_inside(name):
            raise UnsegError(f"{name!r} leads out of {self.url}", hint="names lie below their folder: remove what says otherwise")
        return f"{self._root}/{name}"

    @contextmanager
    def _asked(self, name: str, what: str) -> Iterator[None]:
        try:
            yield
        except UnsegError:
            raise
        except FileNotFoundError:
            raise UnsegError(f"cannot be {what} (there is no {self.where(name)})", hint="check the address") from None
        except Exception as problem:
            raise UnsegError(f"cannot be {what} ({_said(problem)})", hint="check the credentials and what they permit") from None

    # Last, since from here on `list` is a method.
    def list(self) -> Listing:
        """See `Store`.

        Raises:
            EnvironmentProblem: it cannot be listed.
        """
        try:
            found = self._files.find(self._root)
        except FileNotFoundError:
            found = []
        except Exception as problem:
            raise EnvironmentProblem(f"{self.url} cannot be listed ({_said(problem)})", hint="check address and credentials") from None
        return listing_of(path.removeprefix(self._root).lstrip("/") for path in found)


def _said(problem: Any) -> str:
    """The first line of what a store's own library says."""
    text = getattr(problem, "strerror", None) or str(problem)
    return (text.strip().splitlines() or [type(problem).__name__])[0]
