"""`--report FILE.html`: one page, which needs nothing else, for whoever wants to know what was done to which picture."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import overload

from PIL import Image

from unseg_cli.core.errors import UnsegError
from unseg_cli.core.events import Report
from unseg_cli.core.pages import html_table, refuse_other_file
from unseg_cli.core.runs import write_atomically
from unseg_cli.generators.sums import sha256_hex
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.smaller import smaller
from unseg_cli.protect.files import JobFiles
from unseg_cli.protect.manifest import Record, longest_side_of
from unseg_cli.protect.results.previews import preview_panels
from unseg_cli.protect.results.report import CLAIM
from unseg_cli.protect.results.words import pictures, size_in_words
from unseg_cli.protect.settings import Settings

#: Pictures that are shown, in panels of at most so many pixels; and how many have a line in the table.
SHOWN, PANEL, LINES = 12, 420, 5_000
_MARK = '<meta name="generator" content="unseg protect">'
_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 76rem; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.5rem } dt { color: #777 } dd { margin: 0; overflow-wrap: anywhere }
figure { margin: 1rem 0 } figure div { display: grid; gap: .5rem } figure img { max-width: 100%; height: auto }
@media (min-width: 46rem) { figure div { grid-template-columns: repeat(3, minmax(0, max-content)) } }
figcaption { overflow-wrap: anywhere } .wide { overflow-x: auto } .bad { color: #c22; font-weight: 600 }
table { border-collapse: collapse } th, td { padding: .15rem .8rem .15rem 0; text-align: left; vertical-align: top; font-size: 13px }
td.number { text-align: right; font-variant-numeric: tabular-nums } td:first-child { overflow-wrap: anywhere; min-width: 12rem }
"""
_SOURCES = {"file": "your mask", "auto": "detected", "whole": "whole picture", None: "-"}


@dataclass(frozen=True)
class ReportPage:
    """A page that is to be written.

    Args:
        path: the file.
        src: where the originals are; the page may not replace one.
        overwrite: replace any other file there.

    Raises:
        UsageProblem: it is no place for a page.
    """

    path: Path
    src: Path
    overwrite: bool = False

    def __post_init__(self) -> None:
        refuse_other_file(
            self.path,
            (".html", ".htm"),
            mark=_MARK,
            overwrite=self.overwrite,
            hint="it is a page for a browser: --report report.html",
            option="--report",
        )

    def write(self, report: Report, files: JobFiles, settings: Settings) -> Report:
        """Write the page, and say so in the report."""
        rows = _Chosen(files.manifest.rows, sorted(files.finished & files.manifest.rows.keys()))
        page = report_page(report, rows, settings, _samples(rows, files))
        write_atomically(self.path, lambda part: part.write_text(page, encoding="utf-8"))
        return replace(report, document=report.document | {"report": str(self.path)}, closing=(*report.closing, f"report: {self.path}"))


@dataclass(frozen=True)
class _Chosen(Sequence[Record]):
    """Lines of a manifest in the order of their names, of which none is held."""

    rows: Mapping[str, Record]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, place: int) -> Record: ...

    @overload
    def __getitem__(self, place: slice) -> _Chosen: ...

    def __getitem__(self, place: int | slice) -> Record | _Chosen:
        return _Chosen(self.rows, self.names[place]) if isinstance(place, slice) else self.rows[self.names[place]]


def report_page(report: Report, rows: Sequence[Record], settings: Settings, samples: Iterable[tuple[Record, Sequence[bytes]]]) -> str:
    """The page.

    Args:
        report: of the run.
        rows: the lines of all pictures that are protected now, by name.
        settings: what decided the result.
        samples: some of them, each with clean, protected and noise as JPEGs.
    """
    facts, failures = report.document, report.document["failures"]
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{_MARK}',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Protected pictures: {len(rows)}</title><style>{_STYLE}</style></head><body><h1>Protected pictures</h1>",
        _list(
            {
                "Protected": f"{len(rows)} pictures, {facts['protected']} of them by this run",
                "Failed": f'<span class="bad">{len(failures)}</span>' if failures else "none",
                "Objects": escape(", ".join(f"{count} {_SOURCES[name]}" for name, count in _counted(rows).items()) or "-"),
                "To be looked at": _doubts(facts),
                "Noise": escape(_noise(settings, rows)),
                "Size of this run's files": f"{size_in_words(facts['src_bytes'])} before, {size_in_words(facts['dst_bytes'])} after",
                "Generator": f"{escape(facts['generator']['name'])}, SHA-256 <code>{facts['generator']['sha256'][:16]}</code>",
            }
        ),
        *(f"<p>{escape(line)}</p>" for line in CLAIM),
        "<p>Objects are what gets noise: protection is only as good as they are. <code>unseg verify SRC DST</code> checks the files.</p>",
    ]
    if failures:
        parts.append("<h2>Not protected</h2>")
        parts.append(html_table(("picture", "why", "what to do"), [[one["path"], one["error"], one["hint"]] for one in failures]))
    shown = [_figure(row, panels) for row, panels in samples]
    if shown:
        parts += ["<h2>Clean, protected, and the noise 16 times as strong</h2>", *shown]
    if rows:
        parts.append("<h2>All of them</h2>")
        heads = ("picture", "object", "confidence", "largest change, 1/255", "PSNR, dB", "SSIM", "size of the file", "notes")
        parts.append(html_table(heads, [_cells(row) for row in rows[:LINES]], numbers=range(2, 7)))
        if len(rows) > LINES:
            parts.append(f"<p>The other {len(rows) - LINES} are in the manifest.</p>")
    return "\n".join([*parts, "</body></html>", ""])


def _samples(rows: Sequence[Record], files: JobFiles) -> Iterable[tuple[Record, Sequence[bytes]]]:
    """Some of the pictures, from one end of the list to the other; those whose files are not what the manifest says are passed over."""
    step = max(len(rows) / SHOWN, 1)
    for row in (rows[int(step * place)] for place in range(min(SHOWN, len(rows)))):
        try:
            clean, written = files.source.read(row["src"]), files.target.read(row["dst"])
            if (sha256_hex(clean), sha256_hex(written)) == (row["src_sha256"], row["dst_sha256"]):
                before = smaller(read_picture(Path(row["src"]), clean), longest_side_of(row))
                after = read_picture(Path(row["dst"]), written)
                yield row, [_jpeg(panel) for panel in preview_panels(before, after, PANEL)]
        except UnsegError:
            continue


def _jpeg(panel: Image.Image) -> bytes:
    out = io.BytesIO()
    panel.save(out, "JPEG", quality=92, subsampling=0)
    return out.getvalue()


def _figure(row: Record, panels: Sequence[bytes]) -> str:
    images = "".join(
        f'<img src="data:image/jpeg;base64,{base64.b64encode(data).decode()}" alt="{what}: {escape(row["src"])}">'
        for what, data in zip(("clean", "protected", "noise"), panels, strict=True)
    )
    return f"<figure><div>{images}</div><figcaption>{escape(row['src'])}: {escape(_object(row))}</figcaption></figure>"


def _object(row: Record) -> str:
    source, share = row.get("mask_source"), row.get("mask_share")
    return _SOURCES[source] + ("" if source == "whole" or share is None else f", {100 * share:.3g} % of it")


def _cells(row: Record) -> list[str]:
    confidence, psnr, ssim, change = row.get("confidence"), row.get("psnr"), row.get("ssim"), row.get("linf_255")
    return [
        row["src"] if row["dst"] == row["src"] else f"{row['src']} → {row['dst']}",
        _object(row),
        "" if confidence is None else f"{confidence:.2f}",
        "" if change is None else f"{change:.3g}",
        "" if psnr is None else f"{psnr:.1f}",
        "" if ssim is None else f"{ssim:.4f}",
        f"{row['dst_bytes'] / max(row['src_bytes'], 1):.2f} times" if "dst_bytes" in row else "",
        "; ".join(row.get("notes", [])),
    ]


def _counted(rows: Sequence[Record]) -> Counter[str | None]:
    return Counter(row.get("mask_source") for row in rows)


def _doubts(facts: dict[str, int]) -> str:
    parts = [f"{facts['unsure']} unsure detections"] if facts["unsure"] else []
    parts += [f"{facts['nothing_found']} with nothing found"] if facts["nothing_found"] else []
    seen = [", ".join(parts) + ": see them with <code>unseg detect</code>"] if parts else []
    faint = [f"{facts['faint']} with hardly any noise, since more would be seen"] if facts["faint"] else []
    plain = [f"{facts['plain']} whose noise can be seen on smooth places"] if facts["plain"] else []
    return "; ".join([*faint, *plain, *seen]) or "nothing"


def _noise(settings: Settings, rows: Sequence[Record]) -> str:
    budget = settings.budget
    limit = "no limit to what may be seen" if budget.visible is None else f"a difference of {budget.visible:g} may be seen"
    closely = sum(bool(row.get("recipe", {}).get("closely")) for row in rows)
    if closely:
        limit += f", no more at 200 %{'' if closely == len(rows) else f', in {pictures(closely)}'}"
    return f"at most {255 * budget.foreground:.3g}/255 on objects and {255 * budget.background:.3g}/255 outside; {limit}"


def _list(facts: dict[str, str]) -> str:
    """Terms and what they are, in HTML."""
    return "<dl>" + "".join(f"<dt>{term}</dt><dd>{what}</dd>" for term, what in facts.items()) + "</dl>"
