"""What the controls of the page do: each calls a function of `Work`, and says what came of it beside the control."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from unseg_cli.core.errors import UnsegError
from unseg_cli.core.events import Events
from unseg_cli.detect.records import Detection, is_nothing, is_owners, is_unsure
from unseg_cli.generators.find import UNSURE
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.session import Session
from unseg_cli.protect.results.report import CLAIM
from unseg_cli.ui import words
from unseg_cli.ui.controls import CORNER, OBJECT, Controls, lay_out
from unseg_cli.ui.work import SHOWN, Choices, Work

#: Pictures in the list: a browser has to hold all of them.
LISTED = 200

#: What changes on the page: control -> its new value.
Changes = dict[Any, Any]


def build_page(folder: Path) -> gr.Blocks:
    """The page; each visitor has pictures of their own.

    Args:
        folder: in which visitors get folders.
    """
    with gr.Blocks(title="unseg: protect your pictures", analytics_enabled=False) as page:
        Page(lay_out(), folder)
    return page


class Page:
    """The controls at work.

    Args:
        controls: laid out on the page that is being built.
        folder: in which visitors get folders.
    """

    def __init__(self, controls: Controls, folder: Path) -> None:
        self._on, self._folder = controls, folder
        on = controls
        on.files.preprocess = _with_names  # gradio alone would give names of its own making
        shown: list[Any] = [on.outlines, on.picture, on.about, on.corner]
        pointed = [on.work, on.chosen]
        on.files.change(lambda: "", None, on.said_1)
        on.begin.click(self._begin, [on.work, on.files, on.folder], [on.work, on.chosen, on.steps, on.said_1, *shown])
        on.outlines.select(self._choose, [on.work], [on.chosen, on.said_2, *shown])
        on.picture.select(self._click, [*pointed, on.click, on.corner], [on.said_2, *shown])
        on.whole.click(self._whole, pointed, [on.said_2, *shown])
        on.anew.click(self._anew, pointed, [on.said_2, *shown])
        on.use_box.click(self._box, [*pointed, *on.box], [on.said_2, *shown])
        on.onward.click(lambda: gr.Walkthrough(selected=3), None, on.steps)
        choices: list[Any] = [on.strength, on.size, on.format, on.metadata]
        on.compare.click(self._compare, [*pointed, *choices], [on.compared, on.slider, on.noise, on.numbers])
        on.protect.click(self._protect, [on.work, *choices, on.into], [on.said_3, on.download])

    def _begin(self, work: Work | None, files: list[tuple[Path, str]] | None, folder: str, progress: Any = gr.Progress()) -> Changes:  # noqa: B008
        on = self._on
        if not files and not folder.strip():
            return {on.said_1: words.problem("Nothing is chosen yet", "Drop pictures above, or type a folder")}
        bar = _Bar(progress)
        try:
            bar.start(None, "loading")
            session = _session()
            threading.Thread(target=_prepare_corrections, daemon=True).start()
            if work is not None:
                work.close()
            made = Work.of_uploads(session, self._folder, files) if files else Work.of_folder(session, self._folder, folder)
            failures = made.find_objects(bar).document["failures"]
            rows = made.detections()
        except UnsegError as problem:
            return {on.said_1: words.problem(problem.message, problem.hint)}
        if not rows:
            return {on.said_1: words.failures(failures)}
        more = words.said(f"{len(rows)} pictures are ready.") + words.failures(failures)
        first = rows[0]["src"]
        return {on.work: made, on.chosen: first, on.said_1: more, on.steps: gr.Walkthrough(selected=2), **self._shown(made, first)}

    def _choose(self, work: Work, event: gr.SelectData) -> Changes:
        name = work.detections()[int(event.index)]["src"]
        return {self._on.chosen: name, self._on.said_2: "", **self._shown(work, name, outlines=False)}

    def _click(self, work: Work, name: str, meaning: str, corner: tuple[float, float] | None, event: gr.SelectData) -> Changes:
        row = work.row(name)
        width, height = _shown_size(row)
        at = ((event.index[0] + 0.5) / width, (event.index[1] + 0.5) / height)
        if meaning == CORNER and corner is None:
            return {self._on.corner: at, self._on.said_2: words.said("Now click the opposite corner.")}
        if meaning == CORNER and corner is not None:
            return self._corrected(work, name, lambda: work.box(row, corner, at))
        return self._corrected(work, name, lambda: work.point(row, at, on=meaning == OBJECT))

    def _whole(self, work: Work | None, name: str) -> Changes:
        return {} if work is None else self._corrected(work, name, lambda: work.whole(work.row(name)))

    def _anew(self, work: Work | None, name: str) -> Changes:
        return {} if work is None else self._corrected(work, name, lambda: work.anew(work.row(name)))

    def _box(self, work: Work | None, name: str, left: float, top: float, right: float, bottom: float) -> Changes:
        if work is None:
            return {}
        corners = ((left / 100, top / 100), (right / 100, bottom / 100))
        return self._corrected(work, name, lambda: work.box(work.row(name), *corners))

    def _corrected(self, work: Work, name: str, correct: Callable[[], None]) -> Changes:
        try:
            correct()
        except UnsegError as problem:
            return {self._on.said_2: words.problem(problem.message, problem.hint), self._on.corner: None}
        return {self._on.said_2: words.said("Done."), **self._shown(work, name)}

    def _shown(self, work: Work, name: str, *, outlines: bool = True) -> Changes:
        """The chosen picture, and where it has changed the list."""
        on, row = self._on, work.row(name)
        found = {on.picture: gr.Image(work.outline(row, SHOWN), alt_text=f"{name} with the outline of its object"), on.corner: None}
        found[on.about] = f"<p><b>{escape(name)}</b>: {_what(row)}</p>"
        if outlines:
            rows = work.detections()
            found[on.outlines] = [(str(work.thumbnail(one)), f"{_mark(one)} {one['src']}") for one in rows[:LISTED]]
            if len(rows) > LISTED:
                found[on.about] += f"<p>The {LISTED} least sure of {len(rows)} pictures are listed.</p>"
        return found

    def _compare(self, work: Work | None, name: str, strength: str, size: int, format: str, metadata: str) -> Changes:
        on, shown = self._on, gr.Column(visible=True)
        if work is None:
            return {on.compared: shown, on.numbers: words.problem("There are no pictures yet", "Begin with the first step")}
        try:
            found = work.compare(work.row(name), Choices(strength, size or None, format, metadata))
        except UnsegError as problem:
            return {
                on.compared: shown,
                on.numbers: words.problem(f"{name}: {problem.message}", problem.hint),
                on.slider: None,
                on.noise: None,
            }
        facts = found.record
        growth = facts["dst_bytes"] / max(facts["src_bytes"], 1)
        ssim = "" if facts["ssim"] is None else f", SSIM {facts['ssim']:.4f}"
        change = f"largest change {facts['linf_255']:.3g} of 255, PSNR {facts['psnr']:.1f} dB{ssim}"
        return {
            on.compared: shown,
            on.slider: gr.ImageSlider((found.clean, found.protected), width=found.clean.width),  # enlarged it would show what is not seen
            on.noise: gr.Image(found.noise, alt_text=f"the changes of {name}, 16 times as strong"),
            on.numbers: words.said(f"{escape(name)}: {change}. Its file has {growth:.2f} times the size."),
        }

    def _protect(
        self,
        work: Work | None,
        strength: str,
        size: int,
        format: str,
        metadata: str,
        into: str,
        progress: Any = gr.Progress(),  # noqa: B008
    ) -> Changes:
        on, bar, choices = self._on, _Bar(progress), Choices(strength, size or None, format, metadata)
        hidden = gr.DownloadButton(visible=False)
        if work is None:
            return {on.said_3: words.problem("There are no pictures yet", "Begin with the first step"), on.download: hidden}
        packed = None
        try:
            if into.strip():
                report = work.protect(choices, Path(into.strip()).expanduser(), bar)
            else:
                report, packed = work.zipped(choices, bar)
        except UnsegError as problem:
            return {on.said_3: words.problem(problem.message, problem.hint), on.download: hidden}
        facts = report.document
        there = facts["protected"] + facts["skipped"]
        said = words.protected(facts, into.strip() if packed is None else "")
        said += "".join(f"<p>{escape(line)}</p>" for line in CLAIM) + (words.notes(bar.warnings, facts["failures"]) if there else "")
        return {on.said_3: said, on.download: hidden if packed is None else gr.DownloadButton(value=packed, visible=there > 0)}


@cache
def _session() -> Session:
    """The generator at work, the same for all visitors."""
    return Session(open_runtime("lite"))


def _prepare_corrections() -> None:
    """Load what the first correction needs while the visitor looks at the outlines: it takes seconds."""
    from unseg_cli.detect import pointing  # noqa: F401

    _ = getattr(_session().generator, "in_torch", None)


class _Bar(Events):
    """Events as the page's progress bar."""

    def __init__(self, progress: Any) -> None:
        self._progress, self._done, self._total, self._what = progress, 0, 0, ""
        self.warnings: list[str] = []

    def start(self, total: int | None, what: str, *, done: int = 0) -> None:
        """Begin a stage."""
        self._done, self._total, self._what = done, total or 0, what
        self.advance(0)

    def advance(self, n: int = 1, note: str = "") -> None:
        """Move on."""
        self._done += n
        self._progress((self._done, self._total) if self._total else None, desc=self._what, unit="pictures")

    def warn(self, message: str) -> None:
        """Keep what the visitor should know."""
        self.warnings.append(message)


def _with_names(payload: Any) -> list[tuple[Path, str]] | None:
    """Uploaded files with the names that they had on the visitor's disk."""
    return None if payload is None else [(Path(one.path), one.orig_name or Path(one.path).name) for one in payload.root]


def _shown_size(row: Detection) -> tuple[float, float]:
    """Width and height of the chosen picture as the page has it."""
    scale = min(1.0, SHOWN / max(row["size"]))
    return row["size"][0] * scale, row["size"][1] * scale


def _what(row: Detection) -> str:
    if is_owners(row):
        return "outlined by you"
    if is_nothing(row):
        return "nothing found: the whole picture would be protected"
    return "please check" if is_unsure(row, UNSURE) else "looks right"


def _mark(row: Detection) -> str:
    """The same in a word: the captions of the list are short."""
    return "yours:" if is_owners(row) else "nothing:" if is_nothing(row) else "check:" if is_unsure(row, UNSURE) else "fine:"
