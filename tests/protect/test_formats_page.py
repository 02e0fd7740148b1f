"""docs/formats.md: what becomes of each kind of file, found out by protecting one of each with the shipped generator."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Page
from tests.protect.kinds_of_files import kinds
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UnsegError
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.session import Session
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.picture import Picture
from unseg_cli.protect.manifest import Record
from unseg_cli.protect.one import protect_source
from unseg_cli.protect.settings import Settings
from unseg_cli.protect.stages import Source

HEAD = """# Kinds of files

What `unseg protect` makes of each kind of file. `make docs` writes this page: a test protects one of each (a photograph of
320 x 213 pixels, with `--max-difference 5`: by default grey copies of it would have too little noise), decodes what was
written, and compares.

*kept*: what the clean file has beside pixels, and the written one has, too. Previews inside of metadata are always left out: they
show the clean picture. *noise*: how much of it the codec left. *size*: of the written file, where the clean one is 1.

"""
#: What Pillow calls channels, in words.
MODES = {"L": "grey", "LA": "grey, alpha", "P": "palette", "1": "1 bit", "RGBA": "RGB, alpha", "I;16": "grey"}


@dataclass(frozen=True)
class File:
    """A picture file, as far as the page tells of it."""

    data: bytes
    picture: Picture

    @property
    def channels(self) -> str:
        """As stored: 8-bit where nothing else is said."""
        with Image.open(io.BytesIO(self.data)) as image:
            mode = MODES.get(image.mode, image.mode)
        return f"16-bit {mode}" if self.picture.pixels.dtype == np.uint16 else mode

    @property
    def beside(self) -> dict[str, object]:
        """What it has beside colours."""
        picture, metadata = self.picture, self.picture.metadata
        facts = {
            "alpha": None if picture.alpha is None else picture.alpha.tobytes(),
            "profile": metadata.icc,
            "EXIF": metadata.exif,
            "XMP": metadata.xmp,
            "resolution": metadata.dpi,
            "orientation": picture.orientation if picture.orientation > 1 else None,
        }
        return {name: fact for name, fact in facts.items() if fact}


@dataclass(frozen=True)
class Result:
    """What became of a file: a written one and its line of the manifest, or a reason."""

    kind: str
    clean: File | None = None
    written: File | None = None
    record: Record | None = None
    refused: str = ""

    @property
    def line(self) -> str:
        """Its line of the table."""
        clean, written, record = self.protected
        channels = clean.channels if written.channels == clean.channels else f"{clean.channels} → {written.channels}"
        noise = "all" if record["lossless"] else f"{100 * record['noise_kept']:.0f} %"
        size = f"{record['dst_bytes'] / record['src_bytes']:.1f}"
        cells = (self.kind, channels, ", ".join(self.kept), noise, size, "; ".join(record["notes"]))
        return "| " + " | ".join(cells) + " |"

    @property
    def protected(self) -> tuple[File, File, Record]:
        assert self.clean is not None and self.written is not None and self.record is not None
        return self.clean, self.written, self.record

    @property
    def kept(self) -> list[str]:
        clean, written, _ = self.protected
        return [name for name, fact in clean.beside.items() if written.beside.get(name) == fact]

    @property
    def lost(self) -> list[str]:
        return [name for name in self.protected[0].beside if name not in self.kept]


@pytest.fixture(scope="module")
def results(photos: Path) -> dict[str, Result]:
    """Each kind of file, protected or refused."""
    session = Session(open_runtime("lite", device="cpu"))
    with Image.open(photos / "coffee.png") as opened:
        photo = opened.convert("RGB").resize((320, 213), Image.Resampling.LANCZOS)
    found = {}
    for kind, name, data in kinds(photo):
        try:
            made = protect_source(Source.of(data, name=name), session, Settings(budget=NoiseBudget(visible=5)))
        except UnsegError as problem:
            found[kind] = Result(kind, refused=f"{problem.message}: {problem.hint}")
        else:
            files = (File(one, read_picture(Path(name), one)) for one in (data, made.data))
            found[kind] = Result(kind, *files, made.record)
    return found


def test_the_page_says_what_happens(page: Page, results: dict[str, Result]) -> None:
    heads = ("file", "channels", "kept", "noise", "size", "what is said")
    lines = [_line(heads), _line(["---"] * len(heads)), *(one.line for one in results.values() if one.record is not None)]
    lines += ["", "These are refused, each with one line that says why and what to do; a run goes on with the others.", ""]
    lines += [_line(("file", "why, and what to do")), _line(("---", "---"))]
    lines += [_line((one.kind, one.refused)) for one in results.values() if one.refused]
    page("docs/formats.md", HEAD + "\n".join([*lines, ""]), but_for=r"\d+ %|\b\d+\.\d\b|noise of \d\.\d\d of 255")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def test_what_is_written_is_the_clean_picture_with_noise(results: dict[str, Result]) -> None:
    protected = [one for one in results.values() if one.record is not None]
    assert len(protected) > 30
    for one in protected:
        clean, written, record = one.protected
        assert written.picture.size == clean.picture.size, one.kind
        assert record["noise_kept"] > 0.5, one.kind
        if record["lossless"]:
            assert 0 < record["linf_255"] <= 8, one.kind


def test_nothing_is_lost_without_a_word(results: dict[str, Result]) -> None:
    """Channels that a format has no room for have a note; all else is kept, but for the orientation of what is stored upright."""
    for one in results.values():
        if one.record is not None:
            clean, written, record = one.protected
            assert set(one.lost) <= ({"orientation"} if clean.picture.kind == "heif" else set()), one.kind
            assert record["notes"] or clean.channels == written.channels, one.kind


def test_files_hardly_grow_where_their_quality_is_kept(results: dict[str, Result]) -> None:
    compared = 0
    for one in results.values():
        if one.record is not None and one.protected[0].picture.coding.quality == one.record["quality"] is not None:
            compared += 1
            assert one.record["dst_bytes"] <= 1.3 * one.record["src_bytes"], one.kind
    assert compared >= 5
