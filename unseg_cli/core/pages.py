"""What the pages that commands write for browsers have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from unseg_cli.core.errors import UsageProblem

#: So many bytes of a file tell whether an earlier run wrote it.
_BEGINNING = 1000


def html_table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    """A table of text, which is escaped.

    Args:
        heads: one for each column.
        rows: their cells.
        numbers: the places of columns that are aligned as numbers.
    """
    right = set(numbers)
    lines = ["<tr>" + "".join(f"<th>{escape(head)}</th>" for head in heads) + "</tr>"]
    for row in rows:
        cells = (f"<td{' class=number' if place in right else ''}>{escape(cell)}</td>" for place, cell in enumerate(row))
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return '<div class="wide"><table>' + "\n".join(lines) + "</table></div>"


def refuse_other_file(path: Path, endings: Sequence[str], *, mark: str, overwrite: bool, hint: str, option: str = "") -> None:
    """Refuse to write a page where it does not belong, or over what is none.

    Args:
        path: where it is to go.
        endings: what its name may end in, such as ".html".
        mark: text near the beginning of pages of its kind.
        overwrite: replace any other file.
        hint: what to do about another ending.
        option: that named it, for messages.

    Raises:
        UsageProblem: another ending, a folder, or another file.
    """
    named = f"{option} {path}".lstrip()
    if path.suffix.lower() not in endings:
        raise UsageProblem(f"{named} does not end in {endings[0]}", hint=hint)
    if path.is_dir() or (path.exists() and not overwrite and mark.encode() not in path.read_bytes()[:_BEGINNING]):
        raise UsageProblem(f"{named} exists and is no report", hint="name another file, or add --overwrite")
