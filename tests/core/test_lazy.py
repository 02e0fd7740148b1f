"""Public names are imported when they are first used, and say what is missing for them."""

from __future__ import annotations

import sys
import types

import pytest

from unseg_cli.core.extras import MissingPackage, install_line
from unseg_cli.core.lazy import offer


def test_a_name_comes_from_its_home_and_others_do_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shop", types.ModuleType("shop"))
    home = types.ModuleType("shop.home")
    home.thing = 7  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shop.home", home)
    get, listed = offer("shop", {"thing": "shop.home"})
    assert get("thing") == 7 and "thing" in listed()
    with pytest.raises(AttributeError, match="'thong'"):
        get("thong")


def test_what_is_not_installed_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "unseg_cli.generators.loading", raising=False)
    get, _ = offer("unseg_cli", {"load_generator": "unseg_cli.generators.loading"})
    with pytest.raises(MissingPackage, match="load_generator needs torch, which is not installed") as caught:
        get("load_generator")
    assert caught.value.hint == install_line('"unseg_cli[torch]"')


def test_a_module_of_the_package_itself_that_is_missing_is_a_defect() -> None:
    get, _ = offer("unseg_cli", {"thing": "unseg_cli.nowhere"})
    with pytest.raises(ModuleNotFoundError, match=r"unseg_cli\.nowhere"):
        get("thing")
