"""Which picture of SRC belongs to which of DST, and which of DST belong to none."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from unseg_cli.core.errors import NothingToDo, UsageProblem
from unseg_cli.generators.sums import sha256_of
from unseg_cli.pictures.names import is_picture_name, masks_by_stem, match_by_stem, stays_inside, stem_of, survey_pictures
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.protect.manifest import NAME as MANIFEST_NAME
from unseg_cli.protect.manifest import Manifest, Record


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A clean picture, where its protected copy is, its line in the manifest, and its masks.

    Attributes:
        name: below SRC.
        src: the clean file.
        dst: the protected one; None where there is none.
        dst_name: below DST, or what it would be.
        row: None where the manifest does not know the picture.
        masks: of the same name.
    """

    name: str
    src: Path
    dst: Path | None
    dst_name: str
    row: Record | None
    masks: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class Trees:
    """The two folders, paired.

    Attributes:
        pairs: one for each clean picture.
        strangers: pictures below DST that are no pair's, by name; none are looked for where SRC is a single picture.
        root: DST, or the folder of a single protected picture.
        manifest: DST's.
        passed_over: hidden pictures and linked folders of DST that nobody looked at, in words; "" where there are none.
        copied: pictures that are as they were on purpose: label maps of a data set, and test pictures.
    """

    pairs: tuple[Pair, ...]
    strangers: tuple[str, ...]
    root: Path
    manifest: Manifest
    passed_over: str = ""
    copied: int = 0


def pair_trees(src: Path, dst: Path, masks: Path | None) -> Trees:
    """Pair the pictures of SRC with those of DST.

    Raises:
        UsageProblem: SRC, DST or the masks do not exist, or SRC is what `protect` wrote.
        NothingToDo: no picture in SRC.
        EnvironmentProblem: the manifest cannot be read.
    """
    for option, path in (("SRC", src), ("DST", dst)):
        if not path.exists():
            raise UsageProblem(f"{option} {path} does not exist", hint="pass the same SRC and DST as to `unseg protect`")
    if src.is_file():
        root = dst if dst.is_dir() else dst.parent
        names, folder = [src.name], src.parent
    else:
        if not dst.is_dir():
            raise UsageProblem(f"DST {dst} is a file, but SRC is a folder", hint="pass the folder that `unseg protect` wrote")
        if (src / MANIFEST_NAME).is_file() and not (dst / MANIFEST_NAME).is_file():
            raise UsageProblem(f"SRC {src} is what `unseg protect` wrote, and DST {dst} is not", hint="pass the clean folder first")
        root, folder = dst, src
        listed = survey_pictures(src)
        listed.refuse_unreadable(str(src))
        names = list(listed.names)
    if not names:
        raise NothingToDo(f"no picture in {src}", hint="pictures end in .jpg, .jpeg, .png, .webp, .tif, .tiff or .bmp")
    manifest = Manifest(LocalStore(root))
    copied = _copied(root, manifest)
    names = [name for name in names if name not in copied]
    # A file that could be the copy of several pictures is none of them's: one that is missing would pass for protected.
    of_stem = Counter(map(stem_of, names))
    by_stem = {stem: paths for stem, paths in match_by_stem(root).items() if of_stem[stem] == 1}
    of_masks = masks_by_stem(masks, names) if masks else {}
    pairs = []
    for name in names:
        row = manifest.rows.get(name)
        found = dst if dst.is_file() else _find(root, name, row, by_stem)
        dst_name = found.relative_to(root).as_posix() if found else str((row or {}).get("dst") or name)
        own_masks = tuple(of_masks.get(stem_of(name), ()))
        pairs.append(Pair(name=name, src=folder / name, dst=found, dst_name=dst_name, row=row, masks=own_masks))
    if src.is_file():
        return Trees(pairs=tuple(pairs), strangers=(), root=root, manifest=manifest)
    intact = {dst_name for name, dst_name in copied.items() if sha256_of(root / dst_name) == manifest.rows[name].get("dst_sha256")}
    found_there, there, clean = survey_pictures(root), root.resolve(), src.resolve()
    found_there.refuse_unreadable(str(root))
    paired = {pair.dst_name for pair in pairs if pair.dst}
    strangers = tuple(name for name in found_there.names if name not in paired | intact and not (there / name).is_relative_to(clean))
    return Trees(
        pairs=tuple(pairs), strangers=strangers, root=root, manifest=manifest, passed_over=found_there.passed_over, copied=len(intact)
    )


def _copied(root: Path, manifest: Manifest) -> dict[str, str]:
    """What is there as it was on purpose, by its name in SRC: its name in DST. One that was changed since is a stranger."""
    found = {name: str(row.get("dst")) for name, row in manifest.rows.items() if row.get("status") == "copied"}
    return {name: dst_name for name, dst_name in found.items() if stays_inside(dst_name) and (root / dst_name).is_file()}


def _find(root: Path, name: str, row: Record | None, by_stem: dict[str, list[Path]]) -> Path | None:
    """The protected copy: what the manifest says, else the same name, else the only picture of its stem."""
    for candidate in ((row or {}).get("dst"), name):
        if candidate and stays_inside(candidate) and is_picture_name(Path(candidate)) and (root / candidate).is_file():
            return root / candidate
    same_stem = by_stem.get(stem_of(name), [])
    return same_stem[0] if len(same_stem) == 1 else None
