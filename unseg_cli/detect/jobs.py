"""Which pictures a run looks at, what the mask of each is called, and where nothing may be written: among the originals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from unseg_cli.core.errors import UsageProblem
from unseg_cli.pictures.formats.raw import RAW_SUFFIXES
from unseg_cli.pictures.names import by_stem, is_picture_name, stem_of
from unseg_cli.pictures.stores.apart import refuse_mirror, refuse_same
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.pictures.stores.store import Store
from unseg_cli.pictures.stores.wanted import wanted_pictures


@dataclass(frozen=True, kw_only=True)
class Job:
    """One picture to look at.

    Attributes:
        name: in the store of the originals.
        mask_name: what its mask is called when it is written.
        masks: the masks of its name that are there, under any suffix: what `unseg protect --masks` would find.
        rivals: other pictures that would have the same mask.
    """

    name: str
    mask_name: str
    masks: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()


def places(src: Path, masks: Path) -> tuple[LocalStore, LocalStore]:
    """The store of the originals, and that of the masks.

    Args:
        src: a picture or a folder.
        masks: a folder, which need not exist yet.

    Raises:
        UsageProblem: SRC does not exist, or the masks would lie among the originals.
    """
    if not src.exists():
        raise UsageProblem(f"SRC {src} does not exist", hint="name a picture or a folder of pictures")
    if masks.exists() and not masks.is_dir():
        raise UsageProblem(f"MASKS {masks} is a file", hint="name a folder: more than the mask is written there")
    if src.is_dir():
        refuse_mirror(src, masks, "MASKS")
        return LocalStore(src), LocalStore(masks, originals=src)
    if is_picture_name(masks) and not masks.exists():
        raise UsageProblem(f"MASKS {masks} looks like a file", hint="name a folder: more than the mask is written there")
    refuse_same(src.parent, masks, "MASKS", of="SRC's folder")
    return LocalStore(src.parent), LocalStore(masks, originals=src)


def list_jobs(
    source: Store,
    masks: Store,
    *,
    only: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    limit: int | None = None,
) -> tuple[tuple[Job, ...], str]:
    """A job for each picture of a folder.

    Args:
        source: the originals.
        masks: where masks are, and go.
        only: the one picture that is wanted; None: all.
        include: see `is_wanted`.
        exclude: see `is_wanted`.
        limit: only the first so many.

    Returns:
        The jobs, sorted by name; and hidden and linked pictures that no job is for, in words, "" where there are none.

    Raises:
        NothingToDo: no picture.
        UsageProblem: there is no picture called `only`.
    """
    names, found = wanted_pictures(source, include, exclude)
    if only is not None:
        wanted = PurePosixPath(only).as_posix()
        if wanted not in names:
            raise UsageProblem(
                f"--only {only} is no picture in {source.where('')}", hint="name it by its path below SRC, such as " + names[0]
            )
        names = (wanted,)
    # By all pictures of the folder, not only those asked for: `unseg protect` goes by all of them, too. RAW files need no mask.
    sharing: dict[str, list[str]] = {}
    for name in found.names:
        if PurePosixPath(name).suffix.lower() not in RAW_SUFFIXES:
            sharing.setdefault(_mask_key(name), []).append(name)
    there = by_stem(masks.list().names)
    jobs = [_job(name, there, [other for other in sharing.get(_mask_key(name), ()) if other != name]) for name in names[:limit]]
    return tuple(jobs), found.passed_over


def single_job(name: str, masks: Store) -> Job:
    """The job of a picture that was named by itself."""
    return _job(name, by_stem(masks.list().names), ())


def _job(name: str, there: dict[str, list[str]], rivals: Sequence[str]) -> Job:
    stem = stem_of(name)
    return Job(name=name, mask_name=f"{stem}.png", masks=tuple(there.get(stem, ())), rivals=tuple(rivals))


def _mask_key(name: str) -> str:
    """Alike for pictures whose masks would be one file, whether or not the disk tells A.png from a.png."""
    return stem_of(name).casefold()
