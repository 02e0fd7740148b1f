"""SRC, DST and the folders around them as stores: nothing is written among the originals.

What is asked here are questions about paths; which pictures there are, and what they are called, is known to the stores and `jobs.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from unseg_cli.core.errors import NothingToDo, UsageProblem
from unseg_cli.pictures.encode import SUFFIXES, written_suffix
from unseg_cli.pictures.masks import DETECTIONS
from unseg_cli.pictures.names import is_only_mask, is_picture_name
from unseg_cli.pictures.stores.apart import refuse_mirror, refuse_overlap, refuse_same
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.pictures.stores.remote import store_at, url_of
from unseg_cli.pictures.stores.store import Readable, Store
from unseg_cli.protect.jobs import Job, list_jobs, target_name, with_masks


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All pictures of a run.

    Attributes:
        source: what the names of `jobs` are in.
        target: what their `dst_name`s are in, which holds the manifest.
        jobs: sorted by name.
        masks: what the masks of `jobs` are in; None where there are none.
        masks_of_detect: whether `detect` made them.
        passed_over: hidden and linked ones that no job is for, in words; "" where there are none.
    """

    source: Store
    target: Store
    jobs: tuple[Job, ...]
    masks: Readable | None = None
    masks_of_detect: bool = False
    passed_over: str = ""

    def only(self, lines: Iterable[str]) -> Plan:
        """The jobs of some pictures.

        Args:
            lines: their names below SRC, or whole paths; blank lines do not count.

        Raises:
            UsageProblem: a line that names no picture of SRC.
            NothingToDo: no line names one.
        """
        root, jobs = Path(self.source.where("")), {job.name: job for job in self.jobs}
        wanted: dict[str, Job] = {}
        for line in filter(None, (line.strip("\r\n") for line in lines)):
            path = Path(line)
            name = (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
            if name not in jobs:
                raise UsageProblem(f"--files-from lists {line}, which is no picture of {root}", hint="list paths below SRC, one a line")
            wanted[name] = jobs[name]
        if not wanted:
            raise NothingToDo("--files-from lists no picture", hint="list paths below SRC, one a line")
        return replace(self, jobs=tuple(wanted[name] for name in sorted(wanted)))

    def of_data_set(self, masks: Readable, names: Mapping[str, str], *, limit: int | None) -> Plan:
        """The jobs of a data set's pictures.

        Args:
            masks: the store of their masks.
            names: of each picture, and of its mask in that store.
            limit: only the first so many.

        Raises:
            UsageProblem: a picture of it is hidden, or a link.
            NothingToDo: --include and --exclude leave none.
        """
        jobs = {job.name: job for job in self.jobs}
        found = tuple(replace(jobs[name], masks=(mask,)) for name, mask in sorted(names.items()) if name in jobs)
        absent = next((name for name in names if name not in jobs), None)
        if absent is not None and self.passed_over:
            raise UsageProblem(
                f"{self.source.where(absent)} is passed over: {self.passed_over}", hint="protect the folder that links lead to"
            )
        if not found:
            raise NothingToDo("no picture of the data set is wanted", hint="check --include and --exclude")
        return replace(self, jobs=found[:limit], masks=masks, passed_over="")

    def with_masks(self, masks: Path, *, may_be_none: bool = False) -> Plan:
        """Each job with the masks of its name.

        Args:
            masks: a folder of masks, or the mask of a single picture.
            may_be_none: that no job has any is no mistake.

        Raises:
            UsageProblem: see `is_only_mask` and `pair_masks`.
        """
        if url_of(masks) is None and is_only_mask(masks, [job.name for job in self.jobs]):
            jobs = tuple(replace(job, masks=(masks.name,)) for job in self.jobs)
            return self._with(jobs, LocalStore(masks.parent))
        store = store_at(masks)
        return self._with(with_masks(self.jobs, store, may_be_none=may_be_none), store)

    def _with(self, jobs: tuple[Job, ...], masks: Store) -> Plan:
        return replace(self, jobs=jobs, masks=masks, masks_of_detect=masks.exists(DETECTIONS))


def plan_jobs(
    src: Path,
    dst: Path,
    *,
    format: str = "keep",
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    limit: int | None = None,
    may_be_none: bool = False,
) -> Plan:
    """Pair every picture of SRC with its place in DST.

    Args:
        src: a picture or a folder.
        dst: a folder; for a single picture also a file name.
        format: see `list_jobs`, as for what follows.
        include: which pictures of a folder.
        exclude: which not.
        limit: only the first so many.
        may_be_none: that a folder holds no picture is no mistake.

    Raises:
        UsageProblem: SRC does not exist, SRC and DST overlap, or DST's suffix is of another format than asked for.
        NothingToDo: no picture in SRC.
    """

    def of_tree(source: Store, target: Store) -> Plan:
        jobs, passed_over = list_jobs(
            source, target=target, format=format, include=include, exclude=exclude, limit=limit, may_be_none=may_be_none
        )
        return Plan(source=source, target=target, jobs=jobs, passed_over=passed_over)

    if url_of(src) or url_of(dst):
        source, target = _elsewhere(src, dst)
        return of_tree(source, target)
    if not src.exists():
        raise UsageProblem(f"SRC {src} does not exist", hint="name a picture or a folder of pictures")
    if src.is_file():
        return _single(src, dst, format)
    refuse_mirror(src, dst)
    return of_tree(LocalStore(src), LocalStore(dst, originals=src))


def refuse_extras(src: Path, root: Path, masks: Path | None, extras: Mapping[str, Path | None]) -> None:
    """Previews and noise files replace what has their name: never among originals, masks, or the pictures that are to be published.

    Args:
        src: a picture or a folder.
        root: the folder that protected pictures are written to.
        masks: a folder of masks.
        extras: option -> the folder that it names.

    Raises:
        UsageProblem: a folder that is written to is, or lies in, one whose files must stay as they are.
    """
    if url_of(src):
        return
    written = [(option, folder) for option, folder in extras.items() if folder]
    tree = src.is_dir()
    trees = [("SRC", src), ("DST", root)] if tree else []
    # What lies around a single picture, or around masks, may hold anything: of those the folder itself alone is refused.
    folders = [("--masks", masks)] if masks else []
    folders += [] if tree else [("SRC's folder", src.parent), ("DST's folder", root)]
    for (option, folder), (name, kept) in product(written, trees):
        refuse_overlap(kept, folder, option, of=name)
    for (option, folder), (name, kept) in product(written, folders):
        refuse_same(kept, folder, option, of=name)
    if tree and masks:
        refuse_same(masks, root, "DST", of="--masks")


def _elsewhere(src: Path, dst: Path) -> tuple[Store, Store]:
    """The stores of SRC and DST, of which at least one is an address."""
    inner, outer = (url_of(place) or str(place.resolve()) for place in (src, dst))
    if f"{inner}/".startswith(f"{outer}/") or f"{outer}/".startswith(f"{inner}/"):
        raise UsageProblem(f"SRC {inner} and DST {outer} lie in each other", hint="originals could be overwritten: name another place")
    if url_of(src) is None and not src.is_dir():
        raise UsageProblem(f"SRC {src} is no folder", hint="with an address for DST name a folder, or an address")
    return store_at(src), store_at(dst, originals=src)


def _single(src: Path, dst: Path, format: str) -> Plan:
    target = dst / target_name(src.name, format)
    if not dst.is_dir() and is_picture_name(dst):
        target = dst
        wanted = written_suffix(format, dst.suffix) if format != "keep" else _family(src.suffix, dst.suffix)
        if wanted != dst.suffix:
            raise UsageProblem(
                f"DST {dst} ends in {dst.suffix}, but the picture would be written as {wanted}",
                hint=f"end it in {wanted}, or pass a fitting --format",
            )
    if target.exists() and target.samefile(src):
        raise UsageProblem(f"DST {dst} would overwrite SRC", hint="originals are never overwritten: name another folder or file")
    jobs = (Job(name=src.name, dst_name=target.name),)
    return Plan(source=LocalStore(src.parent), target=LocalStore(target.parent, originals=src), jobs=jobs)


def _family(suffix: str, wanted: str) -> str:
    """`wanted` where it is a name for the same format, else `suffix`."""
    return wanted if any(suffix.lower() in family and wanted.lower() in family for family in SUFFIXES.values()) else suffix
