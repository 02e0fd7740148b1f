"""What the page says of problems. Messages of the workflows advise on command lines, which a visitor does not have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from unseg_cli.protect.results.words import pictures

#: Advice that names an option, at the end of a message.
_ON_OPTIONS = re.compile(r"(: | - )[^:]*(?<![\w-])--[a-z].*$")


def problem(message: str, hint: str = "") -> str:
    """What went wrong and what to do, as HTML that a screen reader reads out at once. Of a hint about options see `advice`."""
    return f'<p class="problem" role="alert">{escape(f"{message}. {advice(hint)}".rstrip())}</p>'


def said(text: str) -> str:
    """What was done, as HTML; `text` is HTML already."""
    return f'<p role="status">{text}</p>'


def advice(hint: str) -> str:
    """A hint without command lines; "": nothing that a visitor can do."""
    if "--strength" in hint:
        return f"A higher strength{' or a smaller size' if '--longest-side' in hint else ''} allows more."
    return "" if "--" in hint else hint


def failures(found: Iterable[dict[str, str]]) -> str:
    """The pictures that were left out, and why."""
    return "".join(problem(f"{one['path']}: {one['error']}", f"It is left out. {advice(one['hint'])}".strip()) for one in found)


def notes(warnings: Iterable[str], found: Iterable[dict[str, str]]) -> str:
    """What a visitor should know, of the warnings of a run.

    Failures stand on the page already, and so do pictures in which no object was found: for a run their masks are empty.
    """
    failed = tuple(f"{one['path']}: {one['error']}" for one in found)
    kept = [line for line in warnings if not line.startswith(failed) and "--mask-rule" not in line]
    return "".join(f"<p>Note: {escape(_ON_OPTIONS.sub('', line))}</p>" for line in kept)


def protected(facts: Mapping[str, Any], into: str) -> str:
    """What became of the pictures.

    Args:
        facts: the document of the run, see `protect/results/report.py`.
        into: the folder that they are in; "": they are downloaded.
    """
    where = f" in {escape(into)}" if into else ""
    there = facts["protected"] + facts["skipped"]
    told = said(f"<b>{there} of {facts['images']} pictures are protected{where}.</b>") + failures(facts["failures"])
    if facts["made_smaller"]:
        told += f"<p>Made smaller: {pictures(facts['made_smaller'])}.</p>"
    if facts["faint"]:
        more = "since more would be seen: a higher strength, or a smaller size of large ones, allows more"
        told += f"<p>In {facts['faint']} of them hardly any noise is left, {more}.</p>"
    if facts["plain"]:
        told += f"<p>In {facts['plain']} of them the noise can be seen on skin, skies and other smooth places: Hidden hides it better.</p>"
    return told
