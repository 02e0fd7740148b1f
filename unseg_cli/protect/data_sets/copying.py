"""What a data set consists of beside its pictures: label maps, annotations, lists. They go into the copy as they are."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from PIL import Image

from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.generators.sums import sha256_hex
from unseg_cli.pictures.names import is_picture_name
from unseg_cli.pictures.stores.store import Store
from unseg_cli.protect.data_sets.masks import Annotated
from unseg_cli.protect.manifest import NAME as MANIFEST_NAME
from unseg_cli.protect.manifest import Manifest, Record

#: Pillow's modes of label maps: bits, bytes, palettes, 16 and 32 bits.
COLOURLESS = ("1", "L", "P", "I", "I;16")


@dataclass(frozen=True, kw_only=True)
class Rest:
    """What a copy of a data set holds beside protected pictures.

    Attributes:
        files: how many, all in all.
        test_pictures: those of them that are test pictures, left as they are on purpose.
        strangers: pictures that the data set does not list, and that are not in the copy.
    """

    files: int
    test_pictures: int
    strangers: int

    def told_in(self, report: Report, *, dry_run: bool) -> Report:
        """The report of a run over a data set."""
        verb, others = "would be copied" if dry_run else "are in the copy", self.files - self.test_pictures
        lines = [f"{others} other files of the data set (annotations, lists) {verb} as they are"]
        if self.test_pictures:
            lines.append(f"{self.test_pictures} test pictures {verb} WITHOUT protection, to be tested on")
        if self.strangers:
            lines.append(f"{self.strangers} pictures that the data set does not list are not in the copy")
        counts = {"copied": others, "unprotected_test_pictures": self.test_pictures, "left_out": self.strangers}
        return replace(report, document={**report.document, "dataset": counts}, closing=(*lines, *report.closing))


def other_files(annotated: Annotated) -> tuple[list[str], int]:
    """The files of a data set that are not protected: all that are no pictures, label maps, and test pictures that are left on purpose.

    A picture that the data set does not list is left out of the copy: nobody protects it. What is no label map that the data set reads
    counts as one where it lies among label maps, or, where folders do not tell, where it is a PNG without colours.

    Returns:
        Their names below the root, sorted; and how many pictures are left out.
    """
    maps = annotated.label_maps
    of_pictures, of_maps = _above([*annotated.pictures, *annotated.others]), _above(maps)
    names, strangers = [], 0
    for name in _files(annotated.root):
        if name in annotated.pictures:
            continue
        wanted = not is_picture_name(Path(name)) or name in maps or name in annotated.others
        if wanted or _lies_among_maps(annotated.root, name, of_pictures, of_maps):
            names.append(name)
        else:
            strangers += 1
    return sorted(names), strangers


def _above(names: Iterable[str]) -> set[str]:
    """The folders that these lie in, and those above them."""
    return {parent.as_posix() for name in names for parent in PurePosixPath(name).parents}


def _lies_among_maps(root: Path, name: str, of_pictures: set[str], of_maps: set[str]) -> bool:
    """Whether a picture that the data set does not list is a label map: the nearest folder that holds either tells."""
    folder = next(parent.as_posix() for parent in PurePosixPath(name).parents if parent.as_posix() in of_pictures | of_maps)
    if (folder in of_pictures) != (folder in of_maps):
        return folder in of_maps
    with contextlib.suppress(OSError, ValueError), Image.open(root / name) as image:
        return image.format == "PNG" and image.mode in COLOURLESS
    return False


def copy_rest(annotated: Annotated, names: list[str], target: Store, manifest: Manifest, events: Events, *, overwrite: bool) -> None:
    """Copy files byte for byte; those that are there already stay. Pictures among them get a line in the manifest, which `verify` reads.

    Raises:
        UsageProblem: another file has the name.
        UnsegError: a file cannot be read or written, or an original would be reached.
    """
    events.start(len(names), "copying annotations")
    for name in names:
        path = annotated.root / name
        try:
            data, exists = path.read_bytes(), target.exists(name)
            sha256 = sha256_hex(data)
            same = exists and sha256_hex(target.read(name)) == sha256
            if not same:
                if exists and not overwrite and not manifest.owns(name):
                    raise UsageProblem(
                        f"{target.where(name)} exists and is another file than {path}", hint="move it away, or add --overwrite"
                    )
                target.check_place(name)
                target.put(name, data)
            row = manifest.rows.get(name)
            if is_picture_name(Path(name)) and not (same and row and row.get("status") == "copied"):
                manifest.append(Record(src=name, dst=name, status="copied", src_sha256=sha256, dst_sha256=sha256))
        except OSError as problem:
            raise UnsegError(f"{path} cannot be copied ({problem.strerror or problem})", hint="check permissions and free space") from None
        events.advance()
    events.stop()


def _files(root: Path) -> Iterator[str]:
    """All files below a folder, links to files included; what earlier runs of unseg left there is none of them."""
    for folder, _, files in os.walk(root):
        for file in files:
            if file not in (MANIFEST_NAME, ".unseg.lock"):
                yield (Path(folder) / file).relative_to(root).as_posix()
