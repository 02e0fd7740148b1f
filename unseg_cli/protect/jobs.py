"""Which pictures a run protects, what each is called when it is written, and which masks belong to it: names in stores, and no paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import PurePosixPath

from unseg_cli.pictures.encode import written_suffix
from unseg_cli.pictures.names import by_stem, pair_masks, stem_of
from unseg_cli.pictures.stores.store import Store
from unseg_cli.pictures.stores.wanted import wanted_pictures


@dataclass(frozen=True, kw_only=True)
class Job:
    """One picture to protect.

    Attributes:
        name: in the store of the originals: where that is a folder, the path below it, with forward slashes.
        dst_name: in the store that is written to, which holds the manifest.
        masks: in the store of masks: those of its name; more than one are refused when it is its turn.
        note: what its owner should know about where it goes; "" where there is nothing to say.
    """

    name: str
    dst_name: str
    masks: tuple[str, ...] = ()
    note: str = ""


def list_jobs(
    source: Store,
    *,
    target: Store | None = None,
    format: str = "keep",
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    limit: int | None = None,
    may_be_none: bool = False,
) -> tuple[tuple[Job, ...], str]:
    """A job for each picture of a store.

    Args:
        source: the originals.
        target: where copies go, which may not tell all names apart; None: it does.
        format: keep | png | jpeg | webp: what is written; it decides the suffix.
        include: see `is_wanted`.
        exclude: see `is_wanted`.
        limit: only the first so many.
        may_be_none: no picture is no mistake.

    Returns:
        The jobs, sorted by name; and hidden and linked pictures that no job is for, in words, "" where there are none.

    Raises:
        NothingToDo: no picture.
    """
    names, found = wanted_pictures(source, include, exclude, may_be_none=may_be_none)
    # By all pictures of the store, not only those asked for: a run over some of them must not write over the copies of others.
    targets = target_names(found.names, format, tells_case=_always if target is None else target.tells_case)
    jobs = tuple(Job(name=name, dst_name=targets[name], note=_note(name, targets[name], format)) for name in names[:limit])
    return jobs, found.passed_over


def with_masks(jobs: Sequence[Job], masks: Store, *, may_be_none: bool = False) -> tuple[Job, ...]:
    """Each job with the masks of its name.

    Raises:
        UsageProblem: no job has any, and that is a mistake; see `pair_masks`.
    """
    names = masks.list().names
    found = by_stem(names) if may_be_none else pair_masks(names, [job.name for job in jobs], where=masks.where(""))
    return tuple(replace(job, masks=tuple(found.get(stem_of(job.name), ()))) for job in jobs)


def _always() -> bool:
    return True


def target_names(names: Sequence[str], format: str, *, tells_case: Callable[[], bool] = _always) -> dict[str, str]:
    """What each picture is called when it is written, no two alike; the same for the same names.

    A picture that has the wanted suffix keeps its name. Of others that would get the same name, the first in sorted order gets it, and
    each further one a name that says where it came from: a.png and a.bmp become a.jpg (of a.bmp) and a.png.jpg.

    Args:
        names: of the pictures.
        format: see `list_jobs`.
        tells_case: whether A.png and a.png can both be written; asked only where it matters.
    """
    found = {name: name for name in names if target_name(name, format) == name}
    taken = {name.casefold(): name for name in reversed(found)}  # whether or not the disk tells A.jpg from a.jpg
    if len(taken) < len(found) and not tells_case():
        found = {name: name for name in taken.values()}
    for name in sorted(set(names) - set(found)):
        found[name] = next(target for target in _candidates(name, format) if target.casefold() not in taken)
        taken[found[name].casefold()] = name
    return found


def _candidates(name: str, format: str) -> Iterator[str]:
    plain = target_name(name, format)
    suffix = PurePosixPath(plain).suffix
    yield plain
    yield f"{name}{suffix}"
    for number in count(2):
        yield f"{name}.{number}{suffix}"


def _note(name: str, target: str, format: str) -> str:
    plain = target_name(name, format)
    return "" if target == plain else f"is written as {target}, since another picture takes the name {plain}"


def target_name(name: str, format: str) -> str:
    """What a picture would be called when it is written, if no other took the name."""
    if format == "keep":
        return name
    path = PurePosixPath(name)
    return path.with_suffix(written_suffix(format, path.suffix)).as_posix()
