"""`unseg bench report`: read the runs, and write what they have found as a page, and as Markdown."""

from __future__ import annotations

from unseg_cli.bench.report.text import markdown_table
from unseg_cli.bench.summary.config import ReportConfig
from unseg_cli.bench.summary.html import COLUMNS, MARK, page, rows
from unseg_cli.bench.summary.runs import Answer, answers, read_run
from unseg_cli.bench.summary.words import HOW_IT_WORKS, WHAT_IT_IS_NOT, asked, found, how_sure
from unseg_cli.core.events import Events, Report
from unseg_cli.core.pages import refuse_other_file
from unseg_cli.core.runs import write_atomically

_MARKDOWN_MARK = "<!-- unseg bench report -->"


def report_runs(config: ReportConfig, events: Events) -> Report:
    """Put runs together.

    Returns:
        A report that names what was written, with every entry of every answer.

    Raises:
        UsageProblem: a folder is not that of a finished run, or another file is in the way.
    """
    refuse_other_file(config.out, (".html", ".htm"), mark=MARK, overwrite=config.overwrite, hint="name a file such as report.html")
    if config.markdown is not None:
        hint = "name a file such as report.md"
        refuse_other_file(config.markdown, (".md", ".markdown"), mark=_MARKDOWN_MARK, overwrite=config.overwrite, hint=hint)
    merged = answers([read_run(path) for path in config.runs])
    events.detail(f"{len(config.runs)} runs asked {len(merged)} questions")
    written = {config.out: page(merged)}
    if config.markdown is not None:
        written[config.markdown] = markdown(merged)
    for path, text in written.items():
        write_atomically(path, lambda part, text=text: part.write_text(text, encoding="utf-8"))  # type: ignore[misc]
    document = {
        "schema": 1,
        "command": "bench report",
        "runs": [str(path) for path in config.runs],
        "answers": [{"data": one.data, "task": one.task, "smoke_test": one.smoke_test, "entries": list(one.entries)} for one in merged],
        "written": [str(path) for path in written],
    }
    return Report(document=document, closing=tuple(f"report: {path}" for path in written))


def markdown(merged: list[Answer]) -> str:
    """The same as the page, without its pictures."""
    lines = [_MARKDOWN_MARK, "# What models learn from protected pictures", "", HOW_IT_WORKS, ""]
    for answer in merged:
        lines += [f"## {answer.data}: {answer.task}", ""]
        lines += ["**A smoke test, no evidence.**", ""] if answer.smoke_test else []
        lines += ["**Asked.** " + asked(answer), "", "**Found.**", ""]
        lines += [f"- {' '.join(found(answer, *pair))}" for pair in answer.victims]
        lines += ["", "**How sure.** " + how_sure(answer), "", *markdown_table(COLUMNS, rows(answer)), ""]
        lines += [f"The score is {answer.headline}, in percent.", ""]
        lines += [f"    {run.settings['command']}" for run in answer.runs]
        lines += [""]
    return "\n".join([*lines, WHAT_IT_IS_NOT, ""])
