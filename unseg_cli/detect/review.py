"""`review.html`: every detection on one page that needs nothing else, least sure first.

The page is its own store of thumbnails: those of pictures and masks that have not changed are taken from the page that is there. Its size
is bounded: the least sure `SHOWN` pictures are shown, in at most `thumbnail.MOST_BYTES` each (so that all of them take at most 40 MB), the
rest has a line of text each.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from unseg_cli.core.shell import quoted
from unseg_cli.detect.records import Detection, is_nothing, is_owners, is_unsure
from unseg_cli.detect.review_style import SCRIPT, STYLE
from unseg_cli.detect.thumbnail import VERSION

NAME = "review.html"
#: Pictures that are shown; the rest has a line of text each.
SHOWN = 2_500
_KEPT = re.compile(r'<img data-key="([0-9a-f.]+)" src="data:image/jpeg;base64,([A-Za-z0-9+/=]+)"')


@dataclass(frozen=True, kw_only=True)
class Commands:
    """What the page tells its reader to type, up to the name of a picture.

    Attributes:
        correct: such as "unseg detect photos masks --only"; without "--only" where SRC is a picture.
        protect: such as "unseg protect photos DST --masks masks".
        single: SRC is a picture, so that none has to be named.
    """

    correct: str
    protect: str
    single: bool = False


def key_of(row: Detection) -> str:
    """What a thumbnail depends on."""
    return f"{row['src_sha256'][:16]}.{row['mask_sha256'][:16]}.{VERSION}"


def kept_thumbnails(page: str) -> dict[str, bytes]:
    """Those that an earlier page holds, by `key_of`."""
    return {key: base64.b64decode(data) for key, data in _KEPT.findall(page)}


def least_sure_first(rows: Sequence[Detection], threshold: float) -> list[Detection]:
    """What nothing was found on, what is not known, by rising confidence, and what the owner knows; by name within that."""

    def order(row: Detection) -> tuple[int, float, str]:
        kind = 0 if is_nothing(row) else 1 if is_unsure(row, threshold) else 3 if is_owners(row) else 2
        return kind, -1.0 if row["confidence"] is None else row["confidence"], row["src"]

    return sorted(rows, key=order)


def review_page(rows: Sequence[Detection], thumbnails: Mapping[str, bytes], *, threshold: float, commands: Commands) -> str:
    """The page.

    Args:
        rows: the detections.
        thumbnails: by `key_of`; a picture without one has a line of text.
        threshold: confidence below which a detection is unsure.
        commands: what to type.
    """
    rows = least_sure_first(rows, threshold)
    nothing, unsure, owners = (sum(map(test, rows)) for test in (is_nothing, lambda row: is_unsure(row, threshold), is_owners))
    shown = [row for row in rows[:SHOWN] if key_of(row) in thumbnails]
    names = {row["src"] for row in shown}
    lines = [row for row in rows if row["src"] not in names]
    of_one = "" if commands.single else " NAME"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Detected objects: {len(rows)} pictures</title><style>{STYLE}</style></head><body>",
        f"<header><h1>Detected objects</h1><p><b>{len(rows)}</b> pictures: <b>{unsure}</b> unsure (confidence below {threshold:g}, or not"
        f" known), <b>{nothing}</b> with nothing found (the whole picture would be protected),"
        f" <b>{owners}</b> by you. Least sure first.</p>",
        "<p>The yellow line is what counts as the object. Where it is wrong, say where the object is, in pixels of the picture:</p>",
        f'<pre>{escape(commands.correct)}{of_one} --box "X0,Y0,X1,Y1"\n'
        f'{escape(commands.correct)}{of_one} --point "X,Y"      or --not-point "X,Y", or --whole</pre>',
        '<p class="click" hidden>Drag a box over a picture, or click on its object: the command appears below it.</p>',
        f"<p>Then:</p><pre>{escape(commands.protect)}</pre></header><main>",
    ]
    parts += [_card(row, thumbnails[key_of(row)], threshold, commands) for row in shown]
    parts.append("</main>")
    if lines:
        parts.append(f"<h2>{len(lines)} without a picture here</h2><table>")
        parts += [f"<tr><td>{escape(row['src'])}</td><td>{_what(row, threshold)}</td></tr>" for row in lines]
        parts.append("</table>")
    parts.append(f"<script>{SCRIPT}</script></body></html>")
    return "\n".join(parts) + "\n"


def _card(row: Detection, data: bytes, threshold: float, commands: Commands) -> str:
    width, height = row["size"]
    kind = "nothing" if is_nothing(row) else "unsure" if is_unsure(row, threshold) else "owner" if is_owners(row) else "sure"
    line = commands.correct if commands.single else f"{commands.correct} {quoted(row['src'])}"
    picture = base64.b64encode(data).decode("ascii")
    return (
        f'<figure class="{kind}" data-width="{width}" data-height="{height}" data-line="{escape(line)}">'
        f'<div><img data-key="{key_of(row)}" src="data:image/jpeg;base64,{picture}" alt="{escape(row["src"])}" loading="lazy"'
        f' draggable="false"></div>'
        f"<figcaption><b>{escape(row['src'])}</b><br>{_what(row, threshold)}, {width} × {height} px<code></code></figcaption></figure>"
    )


def _what(row: Detection, threshold: float) -> str:
    """A detection in words, as HTML."""
    if is_nothing(row):
        return '<i class="mark">nothing found</i>'
    area = f"{100 * row['area']:.3g} % of the picture"
    if is_owners(row):
        return f"yours, {area}"
    known = "confidence not known" if row["confidence"] is None else f"confidence {row['confidence']:.2f}"
    mark = '<i class="mark">unsure</i> ' if is_unsure(row, threshold) else ""
    return f"{mark}{known}, {area}"
