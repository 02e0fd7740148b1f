"""Which pictures there are, and where each goes: trees are mirrored, never flattened, and nothing is written among the originals."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.pictures.encode import SUFFIXES

_WRITABLE = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
#: Known for pictures although they cannot be written, so that a folder of them is not passed over in silence.
_OTHERS = (
    *(".heic", ".heif", ".hif", ".avif", ".gif", ".jp2", ".j2k", ".jxl", ".psd", ".ico", ".tga", ".ppm", ".pgm", ".pnm"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"),
)
PICTURE_SUFFIXES = frozenset((*_WRITABLE, *_OTHERS))


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
