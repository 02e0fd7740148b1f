"""docs/cli.md, made of the options themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from unseg_cli.cli.invocation import Flags
from unseg_cli.cli.manual import MANUAL
from unseg_cli.core.settings import settings_of

HEAD = """# The command line

This page is made by `make docs` from the options themselves; `unseg COMMAND --help` says the same.
[using.md](using.md) explains what the options are for.

**Environment.** Every option can be given as `UNSEG_<COMMAND>_<OPTION>`, such as `UNSEG_PROTECT_EPSILON=4/255` or
`UNSEG_WEIGHTS_IMPORT_NAME`; what is typed counts more. Several values of one option are separated by blanks.
`UNSEG_HOME` is where imported weights lie (else `$XDG_CACHE_HOME/unseg`), `NO_COLOR` switches colours off.

**Output.** Results go to standard output, progress, warnings and errors to standard error. An error is one line that
says what is wrong, and one that says what to do. With `--json` standard output has exactly one document, also where
the command fails.

**Every command** also has:

- `--json`: Print the result as one JSON document.
- `-q`, `--quiet`: Only the result, warnings and errors.
- `-v`, `--verbose`: Also details.
- `--debug`: Show the traceback of an error, and details.
- `-h`, `--help`: Show its options.

**Exit status.** 0: done. 1: finished, but some input failed, or a threshold was missed. 2: a command line that cannot be
honoured. 3: no picture found. 4: weights, a package, a device or a folder that is not as it must be. 130: interrupted;
what is finished stays.
"""
#: Options of every command, which HEAD has.
EVERYWHERE = {"help", *(option.name for setting in settings_of(Flags) for option in setting.options)}


def cli_page(commands: Mapping[str, Any]) -> str:
    """The page.

    Args:
        commands: as typed, without "unseg" -> typer's command.
    """
    context = next(iter(commands.values())).context_class
    parts = [HEAD]
    for name, command in commands.items():
        parts.append(_section(name, command, context(command, info_name=f"unseg {name}")))
    return "\n".join(parts)


def _section(name: str, command: Any, context: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    synopsis = " ".join(["unseg", name, *(("[{}]", "{}")[one.required].format(one.name.upper()) for one in arguments), "[OPTIONS]"])
    about = re.sub(r"(?<!`)(--[a-z-]+)", r"`\1`", inspect.cleandoc(command.help))
    lines = [f"## unseg {name}", "", "```text", synopsis, "```", "", about, ""]
    heading = ""
    for one in command.get_params(context):
        record = one.get_help_record(context)
        if record is None or one.name in EVERYWHERE:
            continue
        group = "Arguments" if one.param_type_name == "argument" else getattr(one, "rich_help_panel", None) or heading
        if group != heading:
            lines += ([""] if heading else []) + [f"**{group}**", ""]
            heading = group
        lines.append(f"- `{one.name.upper() if group == 'Arguments' else record[0]}`: {_text(record[1])}")
    manual = MANUAL.get(name)
    if manual is not None and manual.files:
        lines += ["", "**What it leaves**", "", *(f"- `{file}`: {what}" for file, what in manual.files)]
    if manual is not None:
        lines += ["", "**Examples**", "", "```sh"]
        width = max(len(line) for _, line in manual.examples) + 2
        lines += [f"{line:<{width}}# {purpose[0].lower()}{purpose[1:]}" for purpose, line in manual.examples]
        lines.append("```")
    return "\n".join([*lines, ""])


def _text(text: str) -> str:
    """A help text, with typer's notes in brackets as plain words."""
    text = " ".join(text.split()).replace("[required]", "")
    return re.sub(r"\[(?=default|auto:|\d+<=|x[<>]|env var)(.+?)\](?=\s|$)", r"(\1)", text).replace("<", "&lt;").strip()
