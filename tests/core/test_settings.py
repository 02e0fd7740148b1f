"""A field of a configuration says what its option looks like, and what is typed becomes its value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.common_settings import budget_options
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.settings import Option, argument, of_preset, option, parse_count, parse_integers, parse_names, settings_of


@dataclass(frozen=True, kw_only=True)
class Example:
    """One of each kind."""

    src: Path = argument(help="a path")
    limit: int | None = option(None, min=1, help="a number or none")
    names: tuple[str, ...] = option(("a", "b"), parse=parse_names, name="name", help="joined by commas")
    globs: tuple[str, ...] = option((), help="repeated")
    size: int | None = option(None, text="auto", parse=parse_count, help="a word stands for none")
    lr: float = of_preset(0.1, help="of a preset")
    budget: NoiseBudget = budget_options()
    inner: int = 7


def options() -> dict[str, Option]:
    return {one.name: one for setting in settings_of(Example) for one in setting.options}


def read(field: str, **typed: Any) -> Any:
    (setting,) = [setting for setting in settings_of(Example) if setting.field == field]
    return setting.read(typed)


BUDGET_OPTIONS = ("strength", "epsilon", "epsilon_bg", "max_difference", "closely", "min_cell")


def test_every_field_with_a_help_is_an_option_and_no_other() -> None:
    assert list(options()) == ["src", "limit", "name", "globs", "size", "lr", *BUDGET_OPTIONS]


def test_kind_and_default_follow_from_the_field() -> None:
    found = {name: (one.type, one.default) for name, one in options().items()}
    assert found["limit"] == (int, None)
    assert found["name"] == (str, "a,b")
    assert found["size"] == (str, "auto")
    assert found["lr"] == (float, None)
    assert options()["src"].required
    assert options()["src"].type is Path
    assert options()["globs"].repeated
    assert options()["epsilon_bg"].flag == "--epsilon-bg"


def test_the_defaults_as_typed_give_the_fields_defaults() -> None:
    typed = {name: one.default for name, one in options().items()}
    values = {setting.field: setting.read(typed) for setting in settings_of(Example) if setting.field not in ("src", "lr")}
    made = Example(src=Path("x"), **values)
    assert made == Example(src=Path("x"))


def test_what_is_typed_is_parsed() -> None:
    assert read("names", name="x, y,x") == ("x", "y")
    assert read("globs", globs=["*.png"]) == ("*.png",)
    assert read("size", size="3") == 3
    assert read("budget", epsilon="4/255") == NoiseBudget(4 / 255, 0.0, visible=None)
    assert read("budget", strength="high") == NoiseBudget(8 / 255, 0.0, visible=None)
    assert parse_integers("0, 3", "--seeds") == (0, 3)


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("names", {"name": " ,"}, "--name names nothing"),
        ("size", {"size": "0"}, "--size '0' is not a whole number from 1"),
        ("budget", {"epsilon": "x"}, "--epsilon 'x' is not a number"),
        ("budget", {"epsilon": "0.1", "strength": "low"}, "--strength and --epsilon exclude each other"),
    ],
)
def test_what_cannot_be_read_is_a_usage_problem(field: str, typed: dict[str, str], message: str) -> None:
    with pytest.raises(UsageProblem, match=message) as caught:
        read(field, **typed)
    assert caught.value.hint
