"""The commands: configuration -> workflow -> console. Each one's body names the library function that it calls.

Nothing heavy is imported before a command runs, so that `--help` is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from unseg_cli import __version__
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.summary.config import ReportConfig
from unseg_cli.cli.invocation import INTERRUPTED, usage_error
from unseg_cli.cli.options import command
from unseg_cli.cli.weights import weights_app
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.detect.config import DetectConfig
from unseg_cli.protect.config import ProtectConfig, RestoreConfig, VerifyConfig, protect_config
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.presets import train_config
from unseg_cli.ui.config import UiConfig

#: As one command: `unseg bench` has options and no commands of its own.
BENCH_REPORT = "bench-report"

app = typer.Typer(
    add_completion=True,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"auto_envvar_prefix": "UNSEG", "help_option_names": ["-h", "--help"]},
    help="Protect pictures against unauthorised training of segmentation models, and measure how well it works.",
    epilog="Every option of a command can also be given as UNSEG_<COMMAND>_<OPTION>, such as UNSEG_PROTECT_EPSILON.",
)


@app.callback(invoke_without_command=True)
def root(
    # Not from the environment: whoever sets UNSEG_VERSION for a container does not ask for this.
    version: Annotated[bool, typer.Option("--version", help="Print the version.", show_envvar=False, allow_from_autoenv=False)] = False,
) -> None:
    """Print the version, or leave it to a command."""
    if version:
        typer.echo(f"unseg {__version__}")
        raise typer.Exit(0)


@command(app, unit="pictures", make=protect_config)
def protect(config: ProtectConfig, events: Events) -> Report:
    """Protect a picture or a folder of pictures. Names, formats, sizes and metadata stay."""
    from unseg_cli.protect.run import protect as workflow

    return workflow(config, events, processes=True)


@command(app, unit="pictures")
def detect(config: DetectConfig, events: Events) -> Report:
    """Find the objects of pictures, to look at and correct them before protecting. Writes masks, and a page that shows them."""
    from unseg_cli.detect.run import detect as workflow

    return workflow(config, events)


@command(app, unit="pictures")
def verify(config: VerifyConfig, events: Events) -> Report:
    """Compare a protected folder with the clean one. Per picture: largest change, PSNR, SSIM, within the budget or not."""
    from unseg_cli.protect.verification import verify as workflow

    return workflow(config, events, processes=True)


@command(app, unit="pictures")
def restore(config: RestoreConfig, events: Events) -> Report:
    """Take the noise away again, with what --save-noise kept. For lossless formats: the very pixels, or an error."""
    from unseg_cli.protect.restore import restore as workflow

    return workflow(config, events)


@command(app, unit="steps", make=train_config)
def train(config: TrainConfig, events: Events) -> Report:
    """Train a noise generator, or adapt the shipped one to other kinds of pictures."""
    from unseg_cli.train.loop import train as workflow

    return workflow(config, events)


@command(app, unit="steps")
def bench(config: BenchConfig, events: Events) -> Report:
    """Measure what models learn from protected pictures. Trains victims on clean and on protected ones; tests both on clean ones."""
    from unseg_cli.bench.run import bench as workflow

    return workflow(config, events)


@command(app, name=BENCH_REPORT)
def bench_report(config: ReportConfig, events: Events) -> Report:
    """Put runs of bench together: a page that a layman can read, with the numbers behind it. Also called `unseg bench report`."""
    from unseg_cli.bench.summary.run import report_runs as workflow

    return workflow(config, events)


@command(app)
def ui(config: UiConfig, events: Events) -> Report:
    """Open a page in the browser that finds objects, corrects and protects them by clicks. No picture leaves the machine."""
    from unseg_cli.ui.run import ui as workflow

    return workflow(config, events)


@command(app)
def doctor(events: Events) -> Report:
    """Check that everything needed is here. Python, torch, devices, codecs, weights and their hashes, a write."""
    from unseg_cli.doctor.checks import doctor as workflow

    return workflow(events)


@command(app)
def victims(events: Events) -> Report:
    """List the models that bench can train. Tasks, encoders, sizes, minutes of a training on two cores, and the extra that each needs."""
    from unseg_cli.bench.victims.listing import list_victims

    return list_victims()


app.add_typer(weights_app, name="weights")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        argv: arguments without the program's name; None: those of the process.

    Returns:
        The exit code: 0 done, 1 some input failed, 2 usage, 3 nothing to do, 4 environment, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:  # typer would first import what it converts values with: several times the work
        typer.echo(f"unseg {__version__}")
        return 0
    if arguments[:2] == BENCH_REPORT.split("-"):
        arguments[:2] = [BENCH_REPORT]
    command = typer.main.get_command(app)
    try:
        result = command.main(args=arguments, prog_name="unseg", standalone_mode=False)
    except typer.TyperException as problem:
        message = problem.format_message().replace("Value error, ", "")
        if type(problem).__name__ == "NoArgsIsHelpError":
            typer.echo(message)
            return UsageProblem.exit_code
        context = getattr(problem, "ctx", None)
        program = context.command_path if context else called(command, arguments)
        return usage_error(program, message, as_json="--json" in arguments)
    except typer.Abort:
        return INTERRUPTED
    return result if isinstance(result, int) else 0


def called(command: Any, arguments: Sequence[str]) -> str:
    """The program and the commands that arguments begin with: an option without its value is reported without them."""
    names = ["unseg"]
    for name in arguments:
        command = getattr(command, "commands", {}).get(name)
        if command is None:
            break
        names.append(name)
    return " ".join(names)


def run() -> None:
    """Entry point of the `unseg` script."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # `unseg ... | head`: the reader has gone, and the interpreter must not complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)
