"""Which pictures there are, and where each goes: trees are mirrored, never flattened, and nothing is written among the originals."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from unseg_cli.data.encode import SUFFIXES, written_suffix
from unseg_cli.errors import NothingToDo, UnsegError, UsageProblem

_WRITABLE = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
#: Known for pictures although they cannot be written, so that a folder of them is not passed over in silence.
_OTHERS = (
    *(".heic", ".heif", ".hif", ".avif", ".gif", ".jp2", ".j2k", ".jxl", ".psd", ".ico", ".tga", ".ppm", ".pgm", ".pnm"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"),
)
PICTURE_SUFFIXES = frozenset((*_WRITABLE, *_OTHERS))


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


def is_picture_name(path: Path) -> bool:
    """Whether the suffix, in any case, is one of pictures."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def list_pictures(folder: Path, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
    """Names of the pictures below `folder`, sorted, with forward slashes.

    Hidden files and folders (a leading dot) are passed over, and links to folders are not followed.

    Args:
        folder: where to look.
        include: keep only names that match one of these; empty: all.
        exclude: leave out names that match one of these. A glob is compared with the whole name and with the file's own,
            regardless of case; `*` also matches slashes.
    """
    names = []
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in files:
            path = Path(where, file)
            if file.startswith(".") or not is_picture_name(path):
                continue
            name = path.relative_to(folder).as_posix()
            if (not include or _matches(name, include)) and not _matches(name, exclude):
                names.append(name)
    return sorted(names)


def _matches(name: str, globs: Sequence[str]) -> bool:
    whole = name.lower()
    own = whole.rpartition("/")[2]
    return any(fnmatchcase(whole, glob.lower()) or fnmatchcase(own, glob.lower()) for glob in globs)


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


def match_by_stem(folder: Path) -> dict[str, list[Path]]:
    """Pictures below a folder by their name without suffix, to pair masks with pictures."""
    found: dict[str, list[Path]] = {}
    for name in list_pictures(folder):
        found.setdefault(stem_of(name), []).append(folder / name)
    return found


def masks_by_stem(masks: Path, names: Sequence[str]) -> dict[str, list[Path]]:
    """Mask files by the stems of the pictures that they are for.

    Args:
        masks: a folder of masks with the pictures' relative names, or the mask of a single picture.
        names: the pictures, as `list_pictures` gives them.

    Raises:
        UsageProblem: there is no such folder, one file for several pictures, or no mask for any of them.
    """
    if not masks.exists():
        raise UsageProblem(f"--masks {masks} does not exist", hint="give a folder with masks of the pictures' names")
    if masks.is_file():
        if len(names) > 1:
            raise UsageProblem(f"--masks {masks} is one file for several pictures", hint="give a folder of masks")
        return {stem_of(names[0]): [masks]}
    found = match_by_stem(masks)
    if not any(stem_of(name) in found for name in names):
        raise UsageProblem(
            f"no mask in {masks} has the name of a picture, such as {stem_of(names[0])}.png",
            hint="masks are paired by the path below the folder, without the suffix",
        )
    return found


def only_mask(masks: Sequence[Path]) -> Path | None:
    """The mask of a picture, or None where it has none.

    Raises:
        UnsegError: it has several.
    """
    if len(masks) > 1:
        raise UnsegError(f"has {len(masks)} masks: {', '.join(path.name for path in masks)}", hint="leave one of them")
    return masks[0] if masks else None


def stem_of(name: str) -> str:
    """A name below a folder, without its suffix."""
    return Path(name).with_suffix("").as_posix()
