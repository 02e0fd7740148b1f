"""Which pictures a run protects, and where each goes: trees are mirrored, and nothing is written among the originals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, product
from pathlib import Path, PurePosixPath

from unseg_cli.core.errors import NothingToDo, UsageProblem
from unseg_cli.pictures.encode import SUFFIXES, written_suffix
from unseg_cli.pictures.names import is_picture_name, list_pictures, masks_by_stem, stem_of, survey_pictures


@dataclass(frozen=True, kw_only=True)
class Job:
    """One picture to protect.

    Attributes:
        name: in the store of the originals: its path below SRC, with forward slashes.
        dst_name: in the store that is written to: its path below the folder that holds the manifest.
        masks: the mask files that belong to it; more than one are refused when it is its turn.
        note: what its owner should know about where it goes; "" where there is nothing to say.
    """

    name: str
    dst_name: str
    masks: tuple[Path, ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All pictures of a run.

    Attributes:
        source: the folder that the names of `jobs` are below.
        root: the folder that their `dst_name`s are below, which holds the manifest.
        jobs: sorted by name.
        passed_over: hidden and linked ones that no job is for, in words; "" where there are none.
    """

    source: Path
    root: Path
    jobs: tuple[Job, ...]
    passed_over: str = ""

    def with_masks(self, masks: Path) -> Plan:
        """Each job with the mask files of its name.

        Raises:
            UsageProblem: see `masks_by_stem`.
        """
        found = masks_by_stem(masks, [job.name for job in self.jobs])
        jobs = tuple(replace(job, masks=tuple(found.get(stem_of(job.name), ()))) for job in self.jobs)
        return replace(self, jobs=jobs)


def plan_jobs(
    src: Path, dst: Path, *, format: str = "keep", include: Sequence[str] = (), exclude: Sequence[str] = (), limit: int | None = None
) -> Plan:
    """Pair every picture of SRC with its place in DST.

    Args:
        src: a picture or a folder.
        dst: a folder; for a single picture also a file name.
        format: keep | png | jpeg | webp: what is written; it decides the suffix.
        include: see `survey_pictures`.
        exclude: see `survey_pictures`.
        limit: only the first so many.

    Raises:
        UsageProblem: SRC does not exist, SRC and DST overlap, or DST's suffix is of another format than asked for.
        NothingToDo: no picture in SRC.
    """
    if not src.exists():
        raise UsageProblem(f"SRC {src} does not exist", hint="name a picture or a folder of pictures")
    if src.is_file():
        return _single(src, dst, format)
    if dst.exists() and not dst.is_dir():
        raise UsageProblem(f"DST {dst} is a file, but SRC is a folder", hint="name a folder for DST")
    refuse_overlap(src, dst)
    if src.resolve().is_relative_to(dst.resolve()):  # the mirrored tree could meet the originals
        raise UsageProblem(f"SRC {src} lies inside DST {dst}", hint="name a folder of its own for DST")
    found = survey_pictures(src, include, exclude)
    if not found.names:
        filtered = " that --include and --exclude leave" if include or exclude else ""
        passed = f" ({found.passed_over} passed over)" if found.passed_over else ""
        raise NothingToDo(f"no picture{filtered} in {src}{passed}", hint="pictures end in .jpg, .jpeg, .png, .webp, .tif, .tiff or .bmp")
    # By all pictures of SRC, not only those asked for: a run over some of them must not write over the copies of others.
    targets = target_names(list_pictures(src) if include or exclude else found.names, format)
    jobs = tuple(Job(name=name, dst_name=targets[name], note=_note(name, targets[name], format)) for name in found.names[:limit])
    return Plan(source=src, root=dst, jobs=jobs, passed_over=found.passed_over)


def target_names(names: Sequence[str], format: str) -> dict[str, str]:
    """What each picture is called when it is written, no two alike; the same for the same names.

    A picture that has the wanted suffix keeps its name. Of others that would get the same name, the first in sorted order gets it, and
    each further one a name that says where it came from: a.png and a.bmp become a.jpg (of a.bmp) and a.png.jpg.
    """
    found = {name: name for name in names if _target(name, format) == name}
    taken = {name.casefold() for name in found}  # whether or not the disk tells A.jpg from a.jpg
    for name in sorted(set(names) - set(found)):
        found[name] = next(target for target in _candidates(name, format) if target.casefold() not in taken)
        taken.add(found[name].casefold())
    return found


def _candidates(name: str, format: str) -> Iterator[str]:
    plain = _target(name, format)
    suffix = PurePosixPath(plain).suffix
    yield plain
    yield f"{name}{suffix}"
    for number in count(2):
        yield f"{name}.{number}{suffix}"


def _note(name: str, target: str, format: str) -> str:
    plain = _target(name, format)
    return "" if target == plain else f"is written as {target}, since another picture takes the name {plain}"


def refuse_overlap(src: Path, other: Path, what: str = "DST", *, of: str = "SRC") -> None:
    """Raise where a folder is another, or lies in it: originals could be overwritten, or results taken for originals.

    Args:
        src: a folder whose files must stay as they are.
        other: a folder that is written to.
        what: the name of `other` on the command line.
        of: the name of `src` there.

    Raises:
        UsageProblem: it is, or does.
    """
    refuse_same(src, other, what, of=of)
    outer = src.resolve()
    if other.resolve().is_relative_to(outer):
        raise UsageProblem(
            f"{what} {other} lies inside {of}", hint="name a folder outside of it, such as " + str(outer.parent / f"{outer.name}-out")
        )


def refuse_same(src: Path, other: Path, what: str, *, of: str) -> None:
    """`refuse_overlap` for a folder that may hold others: only itself is refused."""
    if other.resolve() == src.resolve():
        raise UsageProblem(f"{what} {other} is {of} itself", hint="files there could be overwritten: name another folder")


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


def _single(src: Path, dst: Path, format: str) -> Plan:
    target = dst / _target(src.name, format)
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
    return Plan(source=src.parent, root=target.parent, jobs=(Job(name=src.name, dst_name=target.name),))


def _target(name: str, format: str) -> str:
    if format == "keep":
        return name
    path = PurePosixPath(name)
    return path.with_suffix(written_suffix(format, path.suffix)).as_posix()


def _family(suffix: str, wanted: str) -> str:
    """`wanted` where it is a name for the same format, else `suffix`."""
    return wanted if any(suffix.lower() in family and wanted.lower() in family for family in SUFFIXES.values()) else suffix
