"""The pictures of one visitor, from the upload to the zip: what `detect` and `protect` do, step by step. Knows no web page."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from unseg_cli.core.budget import STRENGTHS, NoiseBudget
from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.core.runs import write_atomically
from unseg_cli.detect.config import DetectConfig
from unseg_cli.detect.correction import Correction, Point
from unseg_cli.detect.one import open_image, open_mask
from unseg_cli.detect.records import Detection, Detections
from unseg_cli.detect.review import key_of, least_sure_first
from unseg_cli.detect.run import detect
from unseg_cli.detect.thumbnail import outlined, thumbnail
from unseg_cli.generators.find import UNSURE
from unseg_cli.generators.session import Session
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.names import is_picture_name
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.protect.config import ProtectConfig
from unseg_cli.protect.manifest import Manifest
from unseg_cli.protect.one import protect_source
from unseg_cli.protect.results.previews import preview_panels
from unseg_cli.protect.run import protect
from unseg_cli.protect.settings import Settings
from unseg_cli.protect.stages import Source

#: Longer side of a picture on the page, in pixels.
SHOWN = 1024
#: How far the noise may show, by the names that the page knows. There are masks of every picture, and still people look at all of them.
BUDGETS: dict[str, NoiseBudget] = {
    "hidden": STRENGTHS["low"],
    "faint": replace(STRENGTHS["medium"], closely=False),
    "plain": STRENGTHS["high"],
}


@dataclass(frozen=True)
class Choices:
    """How pictures are protected.

    Attributes:
        strength: one of `BUDGETS`.
        longest_side: in pixels; larger pictures are made smaller. None: none is.
        format, metadata: as `unseg protect` knows them.
    """

    strength: str = "hidden"
    longest_side: int | None = None
    format: str = "keep"
    metadata: str = "keep"

    def settings(self) -> dict[str, Any]:
        """Of `unseg protect`."""
        facts = {"format": self.format, "metadata": self.metadata, "longest_side": self.longest_side}
        return {"budget": BUDGETS[self.strength], **facts}


@dataclass(frozen=True)
class Comparison:
    """A picture before and after: three pictures of the same size, and its line of the manifest."""

    clean: Image.Image
    protected: Image.Image
    noise: Image.Image
    record: dict[str, Any]


@dataclass
class Work:
    """What one visitor is working on.

    Attributes:
        session: the generator, which all visitors share.
        root: a folder of this visitor's own; `close` removes it.
        src: where the pictures are: below `root`, or a folder of this machine that is only read.
        corrections: what was said about the outline of a picture so far, by its name.
    """

    session: Session
    root: Path
    src: Path
    corrections: dict[str, Correction] = field(default_factory=dict)
    _order: list[str] = field(default_factory=list)

    @classmethod
    def of_uploads(cls, session: Session, folder: Path, uploads: Iterable[tuple[Path, str]]) -> Work:
        """Take uploaded files under the names that they had.

        Args:
            session: the generator.
            folder: in which the visitor gets a folder.
            uploads: each file, and its name: perhaps with folders before it.

        Raises:
            UsageProblem: no picture among them.
        """
        root = Path(tempfile.mkdtemp(prefix="visitor-", dir=folder))
        work = cls(session, root, root / "pictures")
        work.src.mkdir()
        taken: set[str] = set()
        for path, name in uploads:
            if is_picture_name(Path(name)):
                place = work.src / _free_name(name, taken)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
        if not taken:
            work.close()
            raise UsageProblem("There is no picture among these files", hint="choose JPEG, PNG, WebP, TIFF, BMP, HEIC or AVIF files")
        return work

    @classmethod
    def of_folder(cls, session: Session, folder: Path, named: str) -> Work:
        """Take a folder of this machine, which is only read.

        Raises:
            UsageProblem: there is no such folder.
        """
        src = Path(named.strip()).expanduser()
        if not src.is_dir():
            raise UsageProblem(f"There is no folder {src} on this computer", hint="type its whole path, such as /home/me/photos")
        return cls(session, Path(tempfile.mkdtemp(prefix="visitor-", dir=folder)), src)

    def close(self) -> None:
        """Remove everything that was made for this visitor."""
        shutil.rmtree(self.root, ignore_errors=True)

    @property
    def masks(self) -> Path:
        """Where the masks of the outlines lie."""
        return self.root / "masks"

    def find_objects(self, events: Events) -> Report:
        """Find the object of every picture that has none yet.

        Raises:
            UnsegError: see `detect`.
        """
        return detect(DetectConfig(src=self.src, masks=self.masks), events, self.session)

    def detections(self) -> list[Detection]:
        """What was found, least sure first, as at the first look: a list that jumps with every correction cannot be worked off."""
        rows = Detections(LocalStore(self.masks)).rows
        new = [row for name, row in rows.items() if name not in self._order and (self.src / name).is_file()]
        self._order += [row["src"] for row in least_sure_first(new, UNSURE)]
        return [rows[name] for name in self._order if name in rows]

    def row(self, name: str) -> Detection:
        """What was found on a picture."""
        return Detections(LocalStore(self.masks)).rows[name]

    def thumbnail(self, row: Detection) -> Path:
        """A file with a small picture and its outline."""
        path = self.root / "thumbnails" / f"{key_of(row)}.jpg"
        if not path.exists():
            image = self._image(row["src"])
            drawn = thumbnail(image, open_mask(row["mask"], (self.masks / row["mask"]).read_bytes(), image.shape[:2]))
            write_atomically(path, lambda part: part.write_bytes(drawn))
        return path

    def outline(self, row: Detection, longest: int) -> Image.Image:
        """The picture with a line around its object.

        Raises:
            UnsegError: picture or mask cannot be read.
        """
        image = self._image(row["src"])
        return outlined(image, open_mask(row["mask"], (self.masks / row["mask"]).read_bytes(), image.shape[:2]), longest)

    def _image(self, name: str) -> np.ndarray:
        return open_image(name, LocalStore(self.src).read(name))

    def point(self, row: Detection, at: tuple[float, float], *, on: bool) -> None:
        """Say that a place is on the object, or is not.

        Args:
            row: of which picture.
            at: shares of width and height, in [0, 1].
            on: whether it is.

        Raises:
            UnsegError: that leads to no object; nothing is changed.
        """
        before = self.corrections.get(row["src"], Correction())
        here = _pixel(row, at)
        # The last word counts: who clicks the same place again has thought again.
        points, not_points = (tuple(one for one in kind if one != here) for kind in (before.points, before.not_points))
        points, not_points = ((*points, here), not_points) if on else (points, (*not_points, here))
        self._correct(row, Correction(points=points, not_points=not_points, box=before.box))

    def box(self, row: Detection, one: tuple[float, float], other: tuple[float, float]) -> None:
        """Say that the object lies in a box between two corners; see `point`."""
        (x0, y0), (x1, y1) = _pixel(row, one), _pixel(row, other)
        corners = (min(x0, x1), min(y0, y1), max(x0, x1) + 1, max(y0, y1) + 1)
        self._correct(row, Correction(box=corners))

    def whole(self, row: Detection) -> None:
        """Say that the whole picture is the object."""
        self._correct(row, Correction(whole=True))

    def anew(self, row: Detection) -> None:
        """Forget what was said about a picture, and find its object again."""
        self.corrections.pop(row["src"], None)
        (self.masks / row["mask"]).unlink(missing_ok=True)
        detect(DetectConfig(src=self.src, masks=self.masks, only=row["src"]), Events(), self.session)

    def _correct(self, row: Detection, correction: Correction) -> None:
        config = DetectConfig(
            src=self.src,
            masks=self.masks,
            only=row["src"],
            point=correction.points,
            not_point=correction.not_points,
            box=correction.box,
            whole=correction.whole,
            overwrite=True,
        )
        try:
            failed = detect(config, Events(), self.session).document["failures"]
        except UnsegError as problem:
            failed = [{"error": problem.message}]
        if failed:
            raise UnsegError("No object could be found from that", hint="Use the box: click two opposite corners of the object")
        self.corrections[row["src"]] = correction

    def compare(self, row: Detection, choices: Choices) -> Comparison:
        """Protect one picture, and write it nowhere.

        Raises:
            UnsegError: it cannot be protected like this.
        """
        data, mask = LocalStore(self.src).read(row["src"]), LocalStore(self.masks).read(row["mask"])
        source = Source.of(data, mask, name=row["src"], mask_name=row["mask"])
        made = protect_source(source, self.session, Settings(**choices.settings()))
        panels = preview_panels(made.clean, read_picture(Path(row["src"]), made.data), SHOWN)
        return Comparison(*panels, record=dict(made.record))

    def protect(self, choices: Choices, dst: Path, events: Events) -> Report:
        """Protect all pictures into a folder.

        Raises:
            UnsegError: see `protect` of `unseg_cli.protect`.
        """
        config = ProtectConfig(src=self.src, dst=dst, masks=self.masks, **choices.settings())
        return protect(config, events, self.session)

    def zipped(self, choices: Choices, events: Events) -> tuple[Report, Path]:
        """Protect all pictures into a zip, which also holds the manifest.

        Raises:
            UnsegError: see `protect`.
        """
        dst = self.root / "protected"
        report = self.protect(choices, dst, events)
        rows = Manifest(LocalStore(dst)).rows.values()
        known = {row["dst"] for row in rows if row["status"] == "protected"}  # not what was made with other choices before
        packed = self.root / "protected-pictures.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:  # pictures do not get smaller
            for name in sorted(known):
                archive.write(dst / name, name)
            archive.write(dst / "unseg-manifest.jsonl", "unseg-manifest.jsonl")
        return report, packed


def _pixel(row: Detection, at: tuple[float, float]) -> Point:
    """Shares of width and height -> a pixel of the picture."""
    width, height = row["size"]
    return min(int(at[0] * width), width - 1), min(int(at[1] * height), height - 1)


def _free_name(name: str, taken: set[str]) -> str:
    """A name below a folder that no other file has, whatever its suffix: pictures of one stem would share a mask.

    Args:
        name: as the browser told it, which may be anything.
        taken: stems so far; grows.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    parts = [part.lstrip("./").rstrip(": ") for part in path.with_suffix("").parts]  # no hidden ones, none above, no drives
    stem, number = "/".join(filter(None, parts)) or "picture", 1
    free = stem
    while free.casefold() in taken:
        number += 1
        free = f"{stem}-{number}"
    taken.add(free.casefold())
    return free + path.suffix
