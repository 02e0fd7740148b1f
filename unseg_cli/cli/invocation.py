"""One run of one command: call its workflow, print the report, and turn whatever goes wrong into a line, a hint and an exit code."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass

from unseg_cli.core.errors import EnvironmentProblem, UnsegError, UsageProblem, unforeseen
from unseg_cli.core.events import Events, Report
from unseg_cli.core.extras import MissingPackage, how_to_install
from unseg_cli.core.settings import option

INTERRUPTED = 130
#: Heading of the options that every command has.
MESSAGES = "Messages"
#: What to do after Ctrl-C.
AGAIN = {
    "protect": "finished pictures stay; run the same command again to protect the rest",
    "restore": "restored pictures stay; run the same command again for the rest",
    "detect": "finished masks stay; run the same command again for the rest",
    "train": "run the same command again with --resume",
    "bench": "run the same command again with --resume",
}


@dataclass(frozen=True)
class Flags:
    """The options that every command has."""

    json: bool = option(False, group=MESSAGES, help="Print the result as one JSON document.")
    quiet: bool = option(False, flags=("--quiet", "-q"), help="Only the result, warnings and errors.")
    verbose: bool = option(False, flags=("--verbose", "-v"), help="Also details.")
    debug: bool = option(False, help="Show the traceback of an error, and details.")


def run_workflow(command: str, work: Callable[[Events], Report], flags: Flags, *, unit: str = "") -> int:
    """Run `work` with a console for its events and print what it returns.

    Args:
        command: what the user called, such as "protect" or "weights list".
        work: builds the configuration and calls the workflow.
        flags: how much to print, and in what form.
        unit: what the progress bar counts; "" for a command that answers at once, which shows none unless its workflow starts one.

    Returns:
        The exit code: the report's, that of the `UnsegError`, 130 after Ctrl-C, else 1.
    """
    from unseg_cli.cli.console import Console

    console = Console(json_output=flags.json, quiet=flags.quiet, verbose=flags.verbose or flags.debug, unit=unit)
    try:
        # A stray print of another package must not end up in the JSON document, nor its warnings between the messages.
        with redirect_stdout(sys.stderr), warnings.catch_warnings():
            if not flags.debug:
                warnings.simplefilter("ignore")
            if unit:
                console.start(None, "loading")  # torch alone takes seconds, weights and lists of files take theirs
            report = work(console)
    except KeyboardInterrupt as stopped:  # a workflow that knows how far it came says so
        console.error(command, str(stopped) or "interrupted", AGAIN.get(command, "run the same command again"), INTERRUPTED)
        return INTERRUPTED
    except Exception as problem:
        console.stop()
        if flags.debug:
            traceback.print_exc()
        message, hint, exit_code = explain(command, problem)
        console.error(command, message, hint, exit_code)
        return exit_code
    if report.document:  # one of several processes that work together leaves it to the main one
        console.report(report)
    return report.exit_code


def usage_error(program: str, message: str, *, as_json: bool) -> int:
    """Print a command line that cannot be understood, as found before any command was called.

    Args:
        program: as far as it was understood, such as "unseg protect".
        message: what is wrong.
        as_json: also print a document.

    Returns:
        The exit code of usage errors.
    """
    from unseg_cli.cli.console import Console

    command = program.removeprefix("unseg").strip()
    Console(json_output=as_json).error(command, message, f"see `{program} --help`", UsageProblem.exit_code)
    return UsageProblem.exit_code


def explain(command: str, problem: Exception) -> tuple[str, str, int]:
    """What to tell a person about an exception: message, hint, exit code."""
    if isinstance(problem, MissingPackage):
        return problem.message, how_to_install(problem.module, command), problem.exit_code
    if isinstance(problem, UnsegError):
        return problem.message, problem.hint, problem.exit_code
    if isinstance(problem, ModuleNotFoundError) and problem.name and problem.name.partition(".")[0] != "unseg_cli":
        package = problem.name.partition(".")[0]
        return f"the package {package} is not installed", how_to_install(problem.name, command), EnvironmentProblem.exit_code
    if isinstance(problem, MemoryError) or type(problem).__name__ == "OutOfMemoryError":
        return "out of memory", "pass a smaller --batch-size, or --device cpu", EnvironmentProblem.exit_code
    found = unforeseen(problem)
    return f"{found.message}; rerun with --debug", found.hint, found.exit_code
