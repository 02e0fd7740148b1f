"""A folder of this machine as a `Store`."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from unseg_cli.core.errors import EnvironmentProblem, UnsegError
from unseg_cli.core.runs import around_part, write_atomically
from unseg_cli.pictures.decode import read_bytes
from unseg_cli.pictures.names import Listing, stays_inside, survey_pictures

#: In a folder that a run is writing to.
LOCK_NAME = ".unseg.lock"


class LocalStore:
    """A folder of this machine, which need not exist yet.

    Args:
        root: the folder.
        originals: the picture or folder whose files must stay as they are, also where a link leads to them from here.
    """

    def __init__(self, root: Path, *, originals: Path | None = None) -> None:
        self.root = root
        self._originals = originals

    def read(self, name: str) -> bytes:
        """See `Store`."""
        return read_bytes(self._path(name))

    def exists(self, name: str) -> bool:
        """See `Store`."""
        return stays_inside(name) and (self.root / name).exists()

    def _path(self, name: str) -> Path:
        if not stays_inside(name):
            raise UnsegError(f"{name!r} leads out of {self.root}", hint="names lie below their folder: remove what says otherwise")
        return self.root / name

    def stamp(self, name: str) -> tuple[int, int] | None:
        """What tells that a file was changed, or is still being written: its size and when that was. None where it is not there."""
        try:
            found = (self.root / name).stat()
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns

    def put(self, name: str, data: bytes, *, before: Callable[[], object] = lambda: None) -> None:
        """See `Store`. The bytes are read back from the temporary file before anything else happens."""

        def fill(part: Path) -> None:
            part.write_bytes(data)
            if part.read_bytes() != data:
                raise UnsegError("what lies on the disk is not what was written", hint="check the disk, and run the same command again")
            before()

        write_atomically(self._path(name), fill)

    def append(self, name: str, data: bytes) -> None:
        """See `Store`."""
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(data)

    def where(self, name: str) -> str:
        """See `Store`."""
        return str(self.root / name)

    def check_writable(self) -> None:
        """See `Store`. A folder that does not exist can be made where the nearest one above it can be written to."""
        folder = self._nearest()
        try:
            if not folder.is_dir():
                raise NotADirectoryError(0, f"{folder} is a file")
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as problem:
            raise self._unwritable(problem) from None

    def _nearest(self) -> Path:
        """The folder itself, or the nearest one above that is there."""
        return next(path for path in (self.root, *self.root.absolute().parents) if path.exists())

    def tells_case(self) -> bool:
        """See `Store`. Where nothing can be written it does not matter, and is said by `check_writable`."""
        with contextlib.suppress(OSError), tempfile.NamedTemporaryFile(dir=self._nearest(), prefix=".unseg-case-") as file:
            return not Path(file.name).with_name(Path(file.name).name.upper()).exists()
        return True

    def _unwritable(self, problem: OSError) -> EnvironmentProblem:
        return EnvironmentProblem(
            f"nothing can be written to {self.root} ({problem.strerror or problem})",
            hint="check its permissions and the free space, or name another folder",
        )

    def check_place(self, name: str) -> None:
        """See `Store`."""
        originals, path = self._originals, self.root / name
        if path.is_dir():
            raise UnsegError(f"cannot be written: {path} is a folder", hint="move it away, or name another folder")
        inner = (folder for folder in path.parents if folder.is_relative_to(self.root))
        blocked = next((folder for folder in inner if folder.exists() and not folder.is_dir()), None)
        if blocked is not None:
            what = f"cannot be written: {blocked} is a file, where a folder of that name is needed"
            raise UnsegError(what, hint="move it away, or name another folder")
        if originals is None:
            return
        if originals.is_dir():
            reached = path.parent.resolve().is_relative_to(originals.resolve()) or _same_file(path, originals / name)
        else:
            reached = _same_file(path, originals)
        if reached:
            raise UnsegError(f"{path} is linked to the originals", hint="originals are never overwritten: name another folder")

    def sweep(self, names: Iterable[str]) -> None:
        """See `Store`."""
        wanted: dict[Path, set[tuple[str, str]]] = {}
        for name in names:
            path = self.root / name
            wanted.setdefault(path.parent, set()).add(around_part(path.name))
        for folder, parts in wanted.items():
            if not folder.is_dir():
                continue
            for entry in os.scandir(folder):
                found = re.fullmatch(r"(\..+\.)[a-z0-9_]{8}(\.part(?:\.[^.]+)?)", entry.name)
                if found and (found[1], found[2]) in parts:
                    with contextlib.suppress(OSError):  # it is only untidy
                        os.unlink(entry.path)

    @contextlib.contextmanager
    def locked(self, *, wait: bool = False) -> Iterator[None]:
        """Keep other runs from writing here for as long as the block runs. A lock of a run that was killed does not count.

        Args:
            wait: until another run has ended, instead of refusing to go on.

        Raises:
            EnvironmentProblem: another run is writing here, or nothing can be written.
        """
        lock = FileLock(self.root / LOCK_NAME, timeout=-1 if wait else 0)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            raise EnvironmentProblem(
                f"another run of unseg is writing to {self.root}", hint="wait until it has ended, or name another folder"
            ) from None
        except OSError as problem:
            raise self._unwritable(problem) from None
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # Windows does not delete what is open: it stays, and locks nothing
                os.unlink(lock.lock_file)
            lock.release()

    # Last, since from here on `list` is a method.
    def list(self) -> Listing:
        """See `Store`."""
        return survey_pictures(self.root)


def _same_file(path: Path, original: Path) -> bool:
    return path.exists() and original.exists() and path.samefile(original)
