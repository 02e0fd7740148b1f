"""Which pictures a run protects, and where each goes: trees are mirrored, and nothing is written among the originals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unseg_cli.core.errors import NothingToDo, UsageProblem
from unseg_cli.pictures.encode import SUFFIXES, written_suffix
from unseg_cli.pictures.names import is_picture_name, list_pictures


@dataclass(frozen=True, kw_only=True)
class Job:
    """One picture to protect.

    Attributes:
        src, dst: the files.
        name: path of `src` below SRC, with forward slashes.
        dst_name: path of `dst` below the folder that holds the manifest.
        problem: why this picture cannot be protected, known before it is read; "" where it can.
        hint: what to do about it.
    """

    src: Path
    dst: Path
    name: str
    dst_name: str
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All pictures of a run, sorted by name, and the folder of the manifest."""

    jobs: tuple[Job, ...]
    root: Path


def plan_jobs(
    src: Path, dst: Path, *, format: str = "keep", include: Sequence[str] = (), exclude: Sequence[str] = (), limit: int | None = None
) -> Plan:
    """Pair every picture of SRC with its place in DST.

    Args:
        src: a picture or a folder.
        dst: a folder; for a single picture also a file name.
        format: keep | png | jpeg | webp: what is written; it decides the suffix.
        include: see `list_pictures`.
        exclude: see `list_pictures`.
        limit: only the first so many.

    Raises:
        UsageProblem: SRC does not exist, SRC and DST overlap, or DST's suffix is of another format than asked for.
        NothingToDo: no picture in SRC.
    """
    if not src.exists():
        raise UsageProblem(f"SRC {src} does not exist", hint="give a picture or a folder of pictures")
    if src.is_file():
        return _single(src, dst, format)
    if dst.exists() and not dst.is_dir():
        raise UsageProblem(f"DST {dst} is a file, but SRC is a folder", hint="give a folder for DST")
    refuse_overlap(src, dst)
    if src.resolve().is_relative_to(dst.resolve()):  # the mirrored tree could meet the originals
        raise UsageProblem(f"SRC {src} lies inside DST {dst}", hint="give DST a folder of its own")
    names = list_pictures(src, include, exclude)
    if not names:
        filtered = " that --include and --exclude leave" if include or exclude else ""
        raise NothingToDo(f"no picture{filtered} in {src}", hint="pictures end in .jpg, .jpeg, .png, .webp, .tif, .tiff or .bmp")
    targets = [_target(name, format) for name in names]
    counts = Counter(targets)
    jobs = []
    for name, target in zip(names[:limit], targets, strict=False):
        clash = counts[target] > 1
        jobs.append(
            Job(
                src=src / name,
                dst=dst / target,
                name=name,
                dst_name=target,
                problem=f"{counts[target]} pictures would be written to {target}" if clash else "",
                hint="give them different names, or leave all but one out with --exclude" if clash else "",
            )
        )
    return Plan(jobs=tuple(jobs), root=dst)


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
            f"{what} {other} lies inside {of}", hint="give a folder outside of it, such as " + str(outer.parent / f"{outer.name}-out")
        )


def refuse_same(src: Path, other: Path, what: str, *, of: str) -> None:
    """`refuse_overlap` for a folder that may hold others: only itself is refused."""
    if other.resolve() == src.resolve():
        raise UsageProblem(f"{what} {other} is {of} itself", hint="files there could be overwritten: give another folder")


def _single(src: Path, dst: Path, format: str) -> Plan:
    target = dst / _target(src.name, format)
    if not dst.is_dir() and is_picture_name(dst):
        target = dst
        wanted = written_suffix(format, dst.suffix) if format != "keep" else _family(src.suffix, dst.suffix)
        if wanted != dst.suffix:
            raise UsageProblem(
                f"DST {dst} ends in {dst.suffix}, but the picture would be written as {wanted}",
                hint=f"end it in {wanted}, or give a fitting --format",
            )
    if target.exists() and target.samefile(src):
        raise UsageProblem(f"DST {dst} would overwrite SRC", hint="originals are never overwritten: give another folder or name")
    return Plan(jobs=(Job(src=src, dst=target, name=src.name, dst_name=target.name),), root=target.parent)


def _target(name: str, format: str) -> str:
    if format == "keep":
        return name
    path = Path(name)
    return path.with_suffix(written_suffix(format, path.suffix)).as_posix()


def _family(suffix: str, wanted: str) -> str:
    """`wanted` where it is a name for the same format, else `suffix`."""
    return wanted if any(suffix.lower() in family and wanted.lower() in family for family in SUFFIXES.values()) else suffix
