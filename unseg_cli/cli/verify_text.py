"""What a person reads of `unseg verify`: how many of which kind, then the pictures, in words."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from unseg_cli.cli.words import pictures

#: More pictures than this, and those without a problem are not listed unless asked for.
MANY = 20
#: A longer name has a line of its own.
_LONGEST_NAME = 36
_NARROWEST_RESULT = 24


def verify_lines(document: Mapping[str, Any], *, width: int, quiet: bool) -> list[str]:
    """The report in lines that are no longer than `width` where file names allow it.

    Args:
        document: of `unseg verify`.
        width: in columns.
        quiet: list nothing but problems, unless all pictures are asked for.
    """
    pairs, strangers, wanted = document["pairs"], document["strangers"], document["only_problems"]
    only_problems = (quiet or len(pairs) > MANY) if wanted is None else wanted
    shown = [pair for pair in pairs if not (only_problems and pair["ok"] and not pair["note"])]
    lines = _wrapped(_summary(document), width)
    if document["linf_255_max"] is not None:
        measured = f"largest change {document['linf_255_max']:.4g}/255"
        for name, unit in (("psnr", " dB"), ("ssim", "")):
            if document[f"{name}_mean"] is not None:
                measured += f", mean {name.upper()} {document[f'{name}_mean']:.4g}{unit}"
        lines.append(measured)
    if document["not_in_manifest"]:
        lines += _wrapped(f"not in the manifest, or failed there: {document['not_in_manifest']}", width)
    if shown:
        lines += ["", *_table([_row(pair) for pair in shown], width)]
    if strangers:
        lines += ["", f"in DST, but of no picture in SRC: {len(strangers)}"]
        for stranger in strangers:
            lines += [stranger["dst"], *_wrapped(f"    {stranger['problem']}", width, later="    ")]
    return lines


def _summary(document: Mapping[str, Any]) -> str:
    counts = [f"{count} {verdict}" for verdict, count in document["verdicts"].items() if count]
    return f"{pictures(document['images'])}: {', '.join(counts)}"


def _row(pair: Mapping[str, Any]) -> tuple[str, ...]:
    """Name, change, PSNR, SSIM and result of a picture."""
    change = "-" if pair["linf_255"] is None else f"{pair['linf_255']:.4g} of {pair['allowed_255']:.4g}"
    # What has no measured change is copied bit by bit, or could not be compared.
    quality = ["-" if pair[name] is None else f"{pair[name]:.4g}" for name in ("psnr", "ssim")]
    result = pair["problem"] or pair["verdict"]
    return (pair["src"], change, *quality, f"{result}; {pair['note']}" if pair["note"] else result)


def _table(rows: list[tuple[str, ...]], width: int) -> list[str]:
    """Rows under a header; results are wrapped, names never."""
    rows = [("picture", "change in 1/255", "PSNR", "SSIM", "result"), *rows]
    sizes = [min(max(len(row[0]) for row in rows), _LONGEST_NAME), *(max(len(row[i]) for row in rows) for i in (1, 2, 3))]
    start = sum(sizes) + 2 * len(sizes)
    lines = []
    for name, *values, result in rows:
        head = f"{name:<{sizes[0]}}"
        if len(name) > sizes[0]:
            lines.append(name)
            head = " " * sizes[0]
        head = "  ".join([head, *(f"{value:>{size}}" for value, size in zip(values, sizes[1:], strict=True)), ""])
        first, *others = textwrap.wrap(result, max(width - start, _NARROWEST_RESULT), break_long_words=False, break_on_hyphens=False)
        lines += [head + first, *(" " * start + line for line in others)]
    return lines


def _wrapped(text: str, width: int, later: str = "") -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=later, break_long_words=False, break_on_hyphens=False)
