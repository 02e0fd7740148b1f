"""The report as a page that needs nothing else: no network, no fonts, no scripts."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape
from pathlib import Path

from unseg_cli.bench.conditions import CLEAN, SPELLINGS
from unseg_cli.bench.report.text import number, spread
from unseg_cli.bench.summary.runs import Answer, Document
from unseg_cli.bench.summary.words import HOW_IT_WORKS, WHAT_IT_IS_NOT, asked, found, how_sure
from unseg_cli.core.pages import html_table

MARK = '<meta name="generator" content="unseg bench report">'
#: Larger pictures of samples are left out.
MOST_BYTES = 2_000_000
COLUMNS = ("model", "trained on", "defence", "clean score", "score", "lost, %", "lost at its best epoch, %", "trainings")
_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 60rem; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2.5rem } h3 { font-size: 1rem; margin-bottom: .2rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: 14px } th, td { padding: .2rem .9rem .2rem 0; text-align: left }
td.number { text-align: right; font-variant-numeric: tabular-nums } figure { margin: 1rem 0 } img, svg { max-width: 100%; height: auto }
.bar { fill: currentColor } .name { fill: currentColor; font: 13px system-ui, sans-serif } pre { overflow-x: auto; font-size: 13px }
.smoke { color: #b00020; font-weight: 600 } details { margin: .6rem 0 }
"""


def page(answers: list[Answer]) -> str:
    """The whole page."""
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{MARK}',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>What models learn from protected pictures</title><style>{_STYLE}</style></head><body>",
        "<h1>What models learn from protected pictures</h1>",
        f"<p>{escape(HOW_IT_WORKS)}</p>",
    ]
    for answer in answers:
        parts += _answer(answer)
    return "\n".join([*parts, f"<p>{escape(WHAT_IT_IS_NOT)}</p>", "</body></html>", ""])


def _answer(answer: Answer) -> list[str]:
    parts = [f"<h2>{escape(answer.data)}: {escape(answer.task)}</h2>"]
    if answer.smoke_test:
        parts.append('<p class="smoke">A smoke test, no evidence.</p>')
    parts += [f"<h3>What was asked</h3><p>{escape(asked(answer))}</p>", "<h3>What was found</h3>"]
    for victim, defence in answer.victims:
        parts.append(f"<p>{escape(' '.join(found(answer, victim, defence)))}</p>")
        parts.append(_bars(answer.of(victim, defence), f"{victim}: scores of 100, after training on"))
    parts += [f"<h3>How sure that is</h3><p>{escape(how_sure(answer))}</p>"]
    parts += [
        "<details><summary>The numbers</summary>",
        html_table(COLUMNS, rows(answer), numbers=range(3, len(COLUMNS))),
        f"<p>The score is {escape(answer.headline)}, in percent.</p>",
    ]
    for run in answer.runs:
        settings = run.settings
        libraries = {name: version for name, version in settings["versions"].items() if name in ("unseg_cli", "torch", "python")}
        versions = ", ".join(f"{name} {version}" for name, version in libraries.items())
        parts.append(f"<pre>{escape(settings['command'])}</pre><p>{escape(versions)}; {escape(settings['augmentation'])}.</p>")
    parts.append("</details>")
    parts += [_sample(run.path / "samples.png") for run in answer.runs[:1]]
    return parts


def _bars(entries: list[Document], label: str) -> str:
    """Scores side by side; the line at the end of a bar is the standard deviation over seeds."""
    rows = [("clean pictures", entries[0]["clean_mean"], 0.0, SPELLINGS[CLEAN].colour)]
    others = [entry for entry in entries if entry["condition"] != CLEAN]
    rows += [(entry["condition"], entry["mean"], entry["std"], SPELLINGS[entry["condition"]].colour) for entry in others]
    height, left, width = 26, 170, 430
    lines = [f'<figure><svg role="img" viewBox="0 0 680 {height * len(rows) + 6}" width="680"><title>{escape(label)}</title>']
    for place, (name, mean, std, colour) in enumerate(rows):
        top, end = place * height + 4, left + width * mean / 100
        lines += [
            f'<text class="name" x="{left - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{left}" y="{top}" width="{max(end - left, 1):.1f}" height="{height - 8}" fill="{colour}"/>',
            f'<text class="name" x="{end + width * std / 100 + 8:.1f}" y="{top + 14}">{number(mean)}</text>',
        ]
        if std:
            reach = width * std / 100
            lines.append(f'<path d="M{end - reach:.1f} {top + 9}H{end + reach:.1f}" stroke="currentColor" stroke-width="2"/>')
    return "".join([*lines, "</svg></figure>"])


def rows(answer: Answer) -> Iterable[tuple[str, ...]]:
    """The cells of `COLUMNS`, a row for each entry."""
    for victim, defence in answer.victims:
        for entry in answer.of(victim, defence):
            yield (
                victim, entry["condition"], defence, number(entry["clean_mean"]), spread(entry["mean"], entry["std"]),
                number(entry["relative_drop"], 0), number(entry["best_relative_drop"], 0), str(entry["n"]),
            )  # fmt: skip


def _sample(path: Path) -> str:
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    what = "Test pictures, what the trained models say of them, and the truth"
    return f'<figure><img src="data:image/png;base64,{data}" alt="{what}"><figcaption>{what}.</figcaption></figure>'
