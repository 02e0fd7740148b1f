"""What a person or a script sees: results on stdout, progress and messages on stderr. The only file that imports rich."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import IO, Any, cast

from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from unseg_cli.cli.detect_text import detect_lines
from unseg_cli.cli.protect_text import protect_lines, restore_lines
from unseg_cli.cli.verify_text import verify_lines
from unseg_cli.cli.words import cell, one_line
from unseg_cli.core.events import Events, Report

#: Document and list -> the columns that a person wants to see; the rest is for --json and the files of a run.
COLUMNS = {("bench", "summary"): ("victim", "condition", "defence", "metric", "mean", "std", "n", "relative_drop")}
#: Column -> its heading, where that is not its name.
HEADINGS = {"relative_drop": "drop %"}
#: Lists of rows that are shown in files only, or say what another table says.
UNSEEN = {("bench", "rows"), ("bench report", "answers")}
#: Where stdout is no terminal, lines are as long as they need to be: a script must not meet a folded file name.
ENDLESS = 10_000
#: Except in texts that are written for a page: they keep to its width as far as file names allow.
PAGE = 100


def rate_of(task: Task) -> float | None:
    """Items a second over all the time since the start, without those that an earlier run had done; None before the first.

    Pictures come in batches: a rate over the last moments would be a batch's size over the instant in which it was counted.
    """
    seconds, here = task.elapsed, task.completed - task.fields["done"]
    return here / seconds if seconds and here > 0 else None


class _CountColumn(ProgressColumn):
    """How many of how many; nothing where that is not known."""

    def render(self, task: Task) -> Text:
        return Text("" if task.total is None else f"{int(task.completed)}/{int(task.total)}", style="progress.download")


class _RateColumn(ProgressColumn):
    """Items a second, in the unit of the command."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        rate = rate_of(task)
        return Text("" if rate is None else f"{rate:.3g} {self.unit}/s", style="progress.data.speed")


class _TimeLeftColumn(ProgressColumn):
    """What is left at the rate so far."""

    def render(self, task: Task) -> Text:
        rate = rate_of(task)
        if rate is None or task.total is None:
            return Text("")
        return Text(f"ETA {timedelta(seconds=round((task.total - task.completed) / rate))}", style="progress.remaining")


class Console(Events):
    """Prints events while a workflow runs, and its report at the end.

    Args:
        json_output: the report goes to stdout as one JSON document instead of text.
        quiet: only the result, warnings and errors.
        verbose: also details.
        unit: what the progress bar counts.
    """

    def __init__(self, *, json_output: bool = False, quiet: bool = False, verbose: bool = False, unit: str = "") -> None:
        self.json_output, self.quiet, self.verbose, self.unit = json_output, quiet, verbose, unit
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # names of files need not be text, and not every terminal has every letter
                stream.reconfigure(errors="backslashreplace")
        # sys.stdout is remembered: while a workflow runs, prints of other libraries are sent to stderr.
        width = None if sys.stdout.isatty() else ENDLESS
        self._out = RichConsole(file=sys.stdout, highlight=False, markup=False, emoji=False, width=width)
        self._err = RichConsole(file=sys.stderr, highlight=False, markup=False, emoji=False)
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def start(self, total: int | None, what: str, *, done: int = 0) -> None:
        """Open a progress bar; none where stderr is no terminal."""
        self.stop()
        if self.quiet or not self._err.is_terminal:
            return
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            _CountColumn(),
            TimeElapsedColumn(),
            _RateColumn(self.unit),
            _TimeLeftColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._err,
            transient=True,
            redirect_stdout=False,
        )
        self._task = self._progress.add_task(what, total=total, completed=done, note="", done=done)
        self._progress.start()

    def advance(self, n: int = 1, note: str = "") -> None:
        """Move the progress bar."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, n)
            if note:
                self._progress.update(self._task, note=one_line(note))

    def stop(self) -> None:
        """Close the progress bar."""
        if self._progress is not None:
            self._progress.stop()
        self._progress = self._task = None

    def info(self, message: str) -> None:
        """Print a message, unless quiet."""
        if not self.quiet:
            self._say(message)

    def detail(self, message: str) -> None:
        """Print a message if verbose."""
        if self.verbose and not self.quiet:
            self._say(message, style="dim")

    def warn(self, message: str) -> None:
        """Print a warning."""
        self._say(f"warning: {one_line(message)}", style="yellow")

    def error(self, command: str, message: str, hint: str, exit_code: int) -> None:
        """Print one line saying what is wrong and one saying what to do; with JSON output also a document."""
        self.stop()
        message, hint = one_line(message), one_line(hint)
        self._say(f"error: {message}", style="bold red")
        if hint:
            self._say(f"hint: {hint}")
        if self.json_output:
            self._document({"schema": 1, "command": command, "exit_code": exit_code, "error": {"message": message, "hint": hint}})

    def report(self, report: Report) -> None:
        """Print the result of a workflow and its closing lines."""
        self.stop()
        if report.data is not None:
            self._out.file.flush()
            cast("IO[bytes]", getattr(self._out.file, "buffer", self._out.file)).write(report.data)
            self._out = self._err
            if self.quiet:
                return
        if self.json_output:
            self._document(report.document)
        elif report.document.get("command") == "weights path":
            # Bare, so that it can stand inside a shell's $(...).
            self._out.print(report.document["path"], soft_wrap=True)
            return
        else:
            self._render(report.document)
        if not self.quiet:
            for line in report.closing:
                (self._err if self.json_output else self._out).print(line, soft_wrap=True)

    def _say(self, message: str, style: str | None = None) -> None:
        self._err.print(message, style=style, soft_wrap=True)

    def _document(self, document: Mapping[str, Any]) -> None:
        self._out.file.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")

    def _render(self, document: Mapping[str, Any]) -> None:
        """Text form of a report: `protect`, `detect` and `verify` in words, anything else as tables of what the document holds."""
        in_words = {"protect": protect_lines, "restore": restore_lines, "detect": detect_lines}.get(str(document.get("command")))
        if in_words is not None:
            for line in in_words(document):
                self._out.print(line, soft_wrap=True)
            return
        command = document.get("command")
        if command == "verify":
            width = self._out.width if self._out.is_terminal else PAGE
            for line in verify_lines(document, width=width, quiet=self.quiet):
                self._out.print(line, soft_wrap=True)
            return
        rows = {key: value for key, value in document.items() if _is_rows(value)}
        plain = {
            key: value
            for key, value in document.items()
            if key not in rows and key not in ("schema", "command") and value is not None and value != [] and not _holds_mappings(value)
        }
        if plain:
            grid = Table.grid(padding=(0, 2))
            for key, value in plain.items():
                grid.add_row(key.replace("_", " "), cell(value))
            self._out.print(grid)
        for key, value in rows.items():
            if (command, key) not in UNSEEN:
                self._out.print(_rows_table(value, COLUMNS.get((str(command), key))))


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _holds_mappings(value: Any) -> bool:
    return isinstance(value, Mapping) and any(isinstance(item, Mapping) for item in value.values())


def _rows_table(rows: list[Mapping[str, Any]], columns: tuple[str, ...] | None) -> Table:
    """The rows under their column names; a column that is empty in all rows is omitted."""
    wanted = columns or tuple(dict.fromkeys(key for row in rows for key in row))
    table = Table(box=None, pad_edge=False)
    shown = [column for column in wanted if any(row.get(column) not in (None, "") for row in rows)]
    for column in shown:
        numeric = all(isinstance(row.get(column), int | float | None) and not isinstance(row.get(column), bool) for row in rows)
        table.add_column(HEADINGS.get(column, column.replace("_", " ")), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell(row.get(column)) for column in shown))
    return table
