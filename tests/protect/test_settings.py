"""Every value that changes a byte of the result changes the fingerprint, and no other."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.generators.files import GeneratorFile
from unseg_cli.protect.settings import Settings

GENERATOR = GeneratorFile(name="lite", path=Path("a"), sha256="1" * 64)
MASK = "2" * 64
#: Field of `Settings` -> another value than the default.
OTHER: dict[str, Any] = {
    "budget": NoiseBudget(16 / 255, 2 / 255),
    "target": "whole",
    "mask_rule": "not-void",
    "per_class": True,
    "format": "png",
    "quality": 95,
    "metadata": "strip",
    "longest_side": 1600,
}


def test_every_setting_is_tried() -> None:
    assert set(OTHER) == {field.name for field in dataclasses.fields(Settings)}


@pytest.mark.parametrize("name", OTHER)
def test_another_value_is_another_fingerprint(name: str) -> None:
    mask = MASK if name in ("mask_rule", "per_class") else None
    assert Settings(**{name: OTHER[name]}).fingerprint(GENERATOR, mask) != Settings().fingerprint(GENERATOR, mask)


@pytest.mark.parametrize(
    "budget", [NoiseBudget(background=1 / 255), NoiseBudget(visible=0.5), NoiseBudget(visible=None), NoiseBudget(min_cell=4)], ids=str
)
def test_so_is_every_part_of_the_budget(budget: NoiseBudget) -> None:
    assert Settings(budget=budget).fingerprint(GENERATOR, MASK) != Settings().fingerprint(GENERATOR, MASK)


@pytest.mark.parametrize(("name", "mask"), [("target", MASK), ("mask_rule", None), ("per_class", None)])
def test_what_has_no_effect_does_not_count(name: str, mask: str | None) -> None:
    assert Settings(**{name: OTHER[name]}).fingerprint(GENERATOR, mask) == Settings().fingerprint(GENERATOR, mask)


@pytest.mark.parametrize(("mask", "by_default"), [(None, True), (MASK, False)])
def test_how_closely_it_is_looked_at_counts_where_it_is_not_what_it_would_be_anyway(mask: str | None, by_default: bool) -> None:
    said = {closely: Settings(budget=NoiseBudget(closely=closely)).fingerprint(GENERATOR, mask) for closely in (None, True, False)}
    assert said[None] == said[by_default] != said[not by_default]
    without_limit = Settings(budget=NoiseBudget(visible=None))
    assert replace(without_limit, budget=NoiseBudget(visible=None, closely=not by_default)).fingerprint(
        GENERATOR, mask
    ) == without_limit.fingerprint(GENERATOR, mask)


def test_so_are_other_weights_another_checkpoint_another_mask_and_another_code(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Settings().fingerprint(GENERATOR, None)
    others = [
        Settings().fingerprint(dataclasses.replace(GENERATOR, sha256="3" * 64), None),
        Settings().fingerprint(dataclasses.replace(GENERATOR, sam_checkpoint_sha256="3" * 64), None),
        Settings().fingerprint(GENERATOR, MASK),
        Settings().fingerprint(GENERATOR, "3" * 64),
    ]
    monkeypatch.setattr("unseg_cli.protect.settings.NOISE_CODE", "another")
    others.append(Settings().fingerprint(GENERATOR, None))
    assert len({plain, *others}) == len(others) + 1


def test_where_the_weights_lie_does_not_count() -> None:
    elsewhere = dataclasses.replace(GENERATOR, path=Path("elsewhere"), name="another")
    assert Settings().fingerprint(elsewhere, None) == Settings().fingerprint(GENERATOR, None)


def test_what_finds_objects_counts_where_there_is_no_mask() -> None:
    plain, finder = Settings(), "two networks:1:abc"
    assert plain.fingerprint(GENERATOR, None, finder) not in (
        plain.fingerprint(GENERATOR, None),
        plain.fingerprint(GENERATOR, None, "another"),
    )
    assert plain.fingerprint(GENERATOR, MASK, finder) == plain.fingerprint(GENERATOR, MASK)
    uniform = Settings(target="uniform")
    assert uniform.fingerprint(GENERATOR, None, finder) == uniform.fingerprint(GENERATOR, None)
