"""A setting is written once: the field of a configuration also says what its option looks like on the command line.

A configuration is a frozen dataclass; `option(...)` stands where `dataclasses.field(...)` would. Nothing here knows the library that
reads command lines: `cli/options.py` turns each `Option` into one of its options.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, replace
from typing import Any, get_args, get_type_hints

from unseg_cli.core.errors import UsageProblem

_KEY = "setting"


@dataclass(frozen=True, kw_only=True)
class Option:
    """What stands for a setting on the command line. What is empty follows from the field: `settings_of` fills it in.

    Attributes:
        help: one line that says what it does.
        name: of the value and of the environment variable, as a Python identifier; "": the field's.
        flags: as typed, such as ("--quiet", "-q"); (): made of the name.
        type: of the value as typed; None: that of the field.
        default: what counts where it is not typed, in the form in which it would be typed.
        required: it has to be typed.
        positional: an argument instead of an option.
        metavar: what stands for its value in the help.
        choices: the only values there are.
        min: the smallest value.
        max: the largest value.
        repeated: may be passed several times; its value is a tuple, and `parse` reads each of them.
        parse: from the text and the flag to the value; None: the text's own type is enough.
        from_preset: where it is not typed, a preset says the value, not the field.
        group: the heading in the help that it stands under; "": the one before it.
    """

    help: str
    name: str = ""
    flags: tuple[str, ...] = ()
    type: Any = None
    default: Any = MISSING
    required: bool = False
    positional: bool = False
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None
    repeated: bool = False
    parse: Callable[[str, str], Any] | None = None
    from_preset: bool = False
    group: str = ""

    @property
    def flag(self) -> str:
        """As messages name it."""
        return self.flags[0] if self.flags else "--" + self.name.replace("_", "-")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A field of a configuration, and the options that it is read from.

    Attributes:
        field: its name.
        options: mostly one; a budget has three.
        read: from what was typed for every option of the command, by name, to the field's value.
    """

    field: str
    options: tuple[Option, ...]
    read: Callable[[Mapping[str, Any]], Any]


def option(default: Any = MISSING, *, help: str, text: str | None = None, **more: Any) -> Any:
    """A field of a configuration that is an option of its command.

    Args:
        default: the field's default.
        help: what the option does.
        text: the default as one would type it, where that is another than `default`.
        more: see `Option`.
    """
    typed = default if text is None else text
    return dataclasses.field(default=default, metadata={_KEY: (Option(help=help, default=typed, **more),)})


def of_preset(default: Any, *, help: str, **more: Any) -> Any:
    """An option that replaces what a preset says; where it is not typed, the preset counts."""
    return option(default, help=help, from_preset=True, **more)


def argument(default: Any = MISSING, *, help: str) -> Any:
    """A field that is an argument of its command; without a default it has to be typed."""
    return option(default, help=help, positional=True, required=default is MISSING)


def joined(default: Any, *options: Option, read: Callable[[Mapping[str, Any]], Any]) -> Any:
    """A field that several options stand for; `read` makes its value of what was typed for them."""
    return dataclasses.field(default=default, metadata={_KEY: options, "read": read})


def settings_of(config: Any) -> list[Setting]:
    """Every field of a configuration that has options, in their order, with nothing left empty."""
    types = get_type_hints(config)
    found = []
    for field in dataclasses.fields(config):
        if "read" in field.metadata:
            found.append(Setting(field=field.name, options=field.metadata[_KEY], read=field.metadata["read"]))
        elif _KEY in field.metadata:
            (stated,) = field.metadata[_KEY]
            full = _completed(stated, field.name, types[field.name])
            found.append(Setting(field=field.name, options=(full,), read=_reader(full)))
    return found


def _completed(stated: Option, field: str, type_: Any) -> Option:
    repeated = stated.repeated or (stated.parse is None and getattr(type_, "__origin__", None) is tuple)
    plain = [inner for inner in get_args(type_) if inner is not type(None)] if get_args(type_) and not repeated else [type_]
    kind = str if stated.parse or repeated else plain[0]
    default = None if stated.from_preset or repeated or stated.required else stated.default
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    return replace(stated, name=stated.name or field, type=kind, default=default, repeated=repeated)


def _reader(known: Option) -> Callable[[Mapping[str, Any]], Any]:
    def read(typed: Mapping[str, Any]) -> Any:
        value = typed[known.name]
        if known.repeated:
            return tuple(one if known.parse is None else known.parse(one, known.flag) for one in value or ())
        return value if value is None or known.parse is None else known.parse(value, known.flag)

    return read


def parse_names(text: str, flag: str) -> tuple[str, ...]:
    """Comma-joined names, each once, in their order."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise UsageProblem(f"{flag} names nothing", hint="pass one name, or several joined by commas")
    return names


def parse_integers(text: str, flag: str) -> tuple[int, ...]:
    """Comma-joined whole numbers."""
    try:
        return tuple(int(name) for name in parse_names(text, flag))
    except ValueError:
        raise UsageProblem(f"{flag} {text!r} are not whole numbers", hint=f"write {flag} 0,1,2") from None


def parse_count(text: str, flag: str) -> int | None:
    """A whole number from 1; None: auto."""
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageProblem(f"{flag} {text!r} is not a whole number from 1", hint="pass auto, or a whole number from 1")
    return int(text)
