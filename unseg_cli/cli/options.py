"""From a configuration to a command: every field that has options becomes those of typer, and what is typed becomes the field."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

import typer
from typer.core import TyperCommand

from unseg_cli.cli.invocation import MESSAGES, Flags, run_workflow
from unseg_cli.cli.manual import MANUAL
from unseg_cli.core.events import Events, Report
from unseg_cli.core.settings import Option, Setting, settings_of

#: What stands for a value in the help, where nothing better is known.
METAVARS: dict[Any, str] = {int: "N", float: "X", Path: "PATH", str: "NAME"}

Work = TypeVar("Work", bound=Callable[..., Report])


def command(app: typer.Typer, *, name: str = "", unit: str = "", make: Callable[..., Any] | None = None) -> Callable[[Work], Work]:
    """Make a command of a function `(config, events) -> Report`, or `(events) -> Report` where there is nothing to set.

    The options are those of the configuration that the function's annotation names, then the flags that every command has. The
    function's docstring is the command's help; in it, the workflow is imported and called.

    Args:
        app: whose command it becomes.
        name: as messages and documents name it, such as "weights path"; "": the function's.
        unit: what the progress bar counts; "" where the command answers at once.
        make: makes the configuration of the fields' values; None: the configuration itself does.
    """

    def decorate(work: Work) -> Work:
        config = get_type_hints(work).get("config")
        settings = settings_of(config) if config else []
        full_name = name or work.__name__

        def run(**typed: Any) -> int:
            flags = Flags(**read_settings(settings_of(Flags), typed))

            def called(events: Events) -> Report:
                return work((make or config)(**read_settings(settings, typed)), events) if config else work(events)

            return run_workflow(full_name, called, flags, unit=unit)

        known = grouped([option for setting in (*settings, *settings_of(Flags)) for option in setting.options])
        parameters = [parameter(option) for option in known]
        run.__doc__ = work.__doc__
        run.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        app.command(full_name.split()[-1], cls=GroupedCommand)(run)
        return work

    return decorate


class GroupedCommand(TyperCommand):
    """A command whose help has its options under headings. As plain text: rich's tables would be imported for every `--help`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, in the order of the headings' first ones."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for one in self.get_params(ctx):
            heading = "Arguments" if one.param_type_name == "argument" else getattr(one, "rich_help_panel", None) or MESSAGES
            if (line := one.get_help_record(ctx)) is not None:
                groups.setdefault(heading, []).append(line)
        for heading, lines in groups.items():
            with formatter.section(heading):
                formatter.write_dl(lines)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write examples, each on a line of its own however long it is: they are there to be copied."""
        manual = MANUAL.get(ctx.command_path.removeprefix("unseg "))
        if manual is not None:
            with formatter.section("Examples"):
                for purpose, line in manual.examples:
                    formatter.write_text(f"{purpose}:")
                    formatter.write(f"{'':{formatter.current_indent + 2}}{line}\n")


def grouped(options: Sequence[Option]) -> list[Option]:
    """The options, each with a heading: its own, or that of the one before it."""
    heading, found = "Options", []
    for one in options:
        heading = one.group or heading
        found.append(replace(one, group=heading))
    return found


def read_settings(settings: list[Setting], typed: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each field, from what was typed or stood in the environment.

    Raises:
        UsageProblem: something typed cannot be read, or excludes something else.
    """
    return {setting.field: setting.read(typed) for setting in settings}


def parameter(option: Option) -> inspect.Parameter:
    """An option as typer reads it from a function's signature."""
    kind, default = _kind(option), inspect.Parameter.empty if option.required else option.default
    if option.positional:
        info: Any = typer.Argument(help=option.help)
    else:
        info = typer.Option(
            *_flags(option),
            help=option.help,
            metavar=option.metavar or (None if option.choices else METAVARS.get(option.type)),
            min=option.min,
            max=option.max,
            rich_help_panel=option.group,
            show_envvar=False,  # the rule for all of them is in the epilogue
        )
    return inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info])


def _kind(option: Option) -> Any:
    kind = Literal[option.choices] if option.choices else option.type
    if option.repeated:
        kind = list[option.type]  # type: ignore[name-defined]
    return kind if option.default is not None or option.required else kind | None


def _flags(option: Option) -> tuple[str, ...]:
    if option.flags or option.type is not bool or option.default is None:
        return option.flags  # typer makes them of the name; --x/--no-x of a switch that can be left as it is
    return (option.flag,)
