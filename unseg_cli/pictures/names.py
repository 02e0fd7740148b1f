"""Which pictures a folder holds, by name, what of it is passed over, and which masks belong to which picture."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeVar

from unseg_cli.core.errors import EnvironmentProblem, UnsegError, UsageProblem
from unseg_cli.pictures.encode import SUFFIXES
from unseg_cli.pictures.formats.raw import RAW_SUFFIXES

_WRITABLE = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
#: Known for pictures although they cannot be written, so that a folder of them is not passed over in silence.
_OTHERS = (
    *(".mpo", ".heic", ".heif", ".hif", ".avif", ".gif", ".jp2", ".j2k", ".jxl", ".psd", ".ico", ".tga", ".ppm", ".pgm", ".pnm"),
    *RAW_SUFFIXES,
)
PICTURE_SUFFIXES = frozenset((*_WRITABLE, *_OTHERS))

Name = TypeVar("Name", str, Path)


def is_picture_name(path: Path) -> bool:
    """Whether the suffix, in any case, is one of pictures."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def stays_inside(name: str) -> bool:
    """Whether a name, with forward slashes, leads to a place below its folder: one that a file holds may be made to lead elsewhere."""
    path = PurePosixPath(name)
    here = PurePath(name)  # on Windows backslashes lead out as well, and so does a drive
    return bool(path.parts) and ".." not in (*path.parts, *here.parts) and not (path.root or here.root or here.drive) and "\0" not in name


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The pictures of a folder, and what was passed over.

    Attributes:
        names: below the folder, sorted, with forward slashes.
        hidden_pictures: pictures whose own name begins with a dot.
        hidden_folders: folders with pictures in them whose name begins with a dot.
        linked_folders: links to folders: they are not followed, since they can lead anywhere, also back.
        unreadable: folders whose pictures nobody could see, and why not.
    """

    names: tuple[str, ...]
    hidden_pictures: int = 0
    hidden_folders: int = 0
    linked_folders: int = 0
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def refuse_unreadable(self, place: str, exclude: Sequence[str] = ()) -> None:
        """Raise where pictures may lie that were not seen: they would stay unprotected without a word.

        Args:
            place: what a person would call the folder.
            exclude: globs of what is omitted anyway.

        Raises:
            EnvironmentProblem: they may.
        """
        for name, reason in self.unreadable.items():
            if is_wanted(f"{name}/", (), exclude):
                what = f"{name} in {place} cannot be read ({reason}): there may be pictures in it"
                raise EnvironmentProblem(what, hint=f"change its permissions, or omit it with --exclude '{name}/*'")

    @property
    def passed_over(self) -> str:
        """What was passed over, in words such as "2 hidden pictures and 1 linked folder"; "" where nothing was."""
        counts = (
            (self.hidden_pictures, "hidden picture"),
            (self.hidden_folders, "hidden folder with pictures"),
            (self.linked_folders, "linked folder"),
        )
        parts = [f"{count} {_plural(words) if count > 1 else words}" for count, words in counts if count]
        return " and ".join(([", ".join(parts[:-1])] if parts[:-1] else []) + parts[-1:])


def _plural(words: str) -> str:
    return words.replace("picture", "pictures", 1) if words.startswith("hidden picture") else words.replace("folder", "folders", 1)


def survey_pictures(folder: Path) -> Listing:
    """The pictures below `folder`, and what was passed over: hidden files and folders (a leading dot), and links to folders."""
    names, unreadable = [], {}
    hidden_pictures = hidden_folders = linked = 0

    def note(problem: OSError) -> None:
        if not isinstance(problem, FileNotFoundError):  # it has gone meanwhile
            unreadable[Path(os.fsdecode(problem.filename)).relative_to(folder).as_posix()] = problem.strerror or str(problem)

    for where, folders, files in os.walk(folder, onerror=note):
        hidden = [name for name in folders if name.startswith(".")]
        hidden_folders += sum(_holds_pictures(Path(where, name)) for name in hidden)
        folders[:] = [name for name in folders if not name.startswith(".")]
        linked += sum(os.path.islink(Path(where, name)) for name in folders)
        for file in files:
            path = Path(where, file)
            if not is_picture_name(path):
                continue
            if file.startswith("."):
                hidden_pictures += 1
            else:
                names.append(path.relative_to(folder).as_posix())
    return Listing(
        names=tuple(sorted(names)),
        hidden_pictures=hidden_pictures,
        hidden_folders=hidden_folders,
        linked_folders=linked,
        unreadable=unreadable,
    )


def listing_of(files: Iterable[str]) -> Listing:
    """What `survey_pictures` would say of these files (names with forward slashes), for places that have no folders, only names."""
    names, hidden_pictures, hidden_folders = [], 0, set()
    for name in files:
        path = PurePosixPath(name)
        if not is_picture_name(Path(name)):
            continue
        hidden = next((level for level, folder in enumerate(path.parts[:-1], 1) if folder.startswith(".")), None)
        if hidden:
            hidden_folders.add(path.parts[:hidden])
        elif path.name.startswith("."):
            hidden_pictures += 1
        else:
            names.append(name)
    return Listing(names=tuple(sorted(names)), hidden_pictures=hidden_pictures, hidden_folders=len(hidden_folders))


def list_pictures(folder: Path) -> list[str]:
    """The names of `survey_pictures`."""
    return list(survey_pictures(folder).names)


def _holds_pictures(folder: Path) -> bool:
    return any(is_picture_name(Path(file)) for _, _, files in os.walk(folder) for file in files)


def is_wanted(name: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    """Whether globs leave a name. One is compared with the whole name and with the file's own, regardless of case; `*` matches slashes.

    Args:
        name: below a folder, with forward slashes.
        include: keep only names that match one of these; empty: all.
        exclude: omit names that match one of these.
    """
    return (not include or _matches(name, include)) and not _matches(name, exclude)


def _matches(name: str, globs: Sequence[str]) -> bool:
    whole = name.lower()
    own = whole.rpartition("/")[2]
    return any(fnmatchcase(whole, glob.lower()) or fnmatchcase(own, glob.lower()) for glob in globs)


def by_stem(names: Iterable[str]) -> dict[str, list[str]]:
    """Names by what they are without their suffix, to pair pictures with others of their name."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(stem_of(name), []).append(name)
    return found


def match_by_stem(folder: Path) -> dict[str, list[Path]]:
    """`by_stem` of the pictures below a folder, as paths."""
    return {stem: [folder / name for name in names] for stem, names in by_stem(list_pictures(folder)).items()}


def pair_masks(masks: Iterable[str], names: Sequence[str], *, where: str) -> dict[str, list[str]]:
    """Names of masks by the stems of the pictures that they are for.

    Args:
        masks: with the pictures' relative names, whatever the suffixes.
        names: the pictures; at least one.
        where: what a person would call the place of the masks.

    Raises:
        UsageProblem: no mask for any of them.
    """
    found = by_stem(masks)
    if not any(stem_of(name) in found for name in names):
        raise UsageProblem(
            f"no mask in {where} has the name of a picture, such as {stem_of(names[0])}.png",
            hint="masks are paired by the path below the folder, without the suffix",
        )
    return found


def is_only_mask(masks: Path, names: Sequence[str]) -> bool:
    """Whether `--masks` is the mask of a single picture, and not a folder of masks.

    Raises:
        UsageProblem: it does not exist, or is one file for several pictures.
    """
    if not masks.exists():
        raise UsageProblem(f"--masks {masks} does not exist", hint="pass a folder with masks of the pictures' names")
    if masks.is_file() and len(names) > 1:
        raise UsageProblem(f"--masks {masks} is one file for several pictures", hint="pass a folder of masks")
    return masks.is_file()


def masks_by_stem(masks: Path, names: Sequence[str]) -> dict[str, list[Path]]:
    """Mask files by the stems of the pictures that they are for.

    Args:
        masks: a folder of masks with the pictures' relative names, or the mask of a single picture.
        names: the pictures, as `list_pictures` gives them.

    Raises:
        UsageProblem: there is no such folder, one file for several pictures, or no mask for any of them.
    """
    if is_only_mask(masks, names):
        return {stem_of(names[0]): [masks]}
    found = pair_masks(list_pictures(masks), names, where=str(masks))
    return {stem: [masks / name for name in of_stem] for stem, of_stem in found.items()}


def only_mask(masks: Sequence[Name]) -> Name | None:
    """The mask of a picture, as a name or a path, or None where it has none.

    Raises:
        UnsegError: it has several.
    """
    if len(masks) > 1:
        raise UnsegError(f"has {len(masks)} masks: {', '.join(PurePath(mask).name for mask in masks)}", hint="keep one of them")
    return masks[0] if masks else None


def stem_of(name: str) -> str:
    """A name below a folder, without its suffix."""
    return Path(name).with_suffix("").as_posix()
