"""The plots of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from tests.bench.conftest import row
from unseg_cli.bench.conditions import SPELLINGS
from unseg_cli.bench.report import plots


def curve(condition: str, epochs: int) -> dict[str, Any]:
    points = [{"epoch": epoch + 1, "metric": 40.0 + epoch} for epoch in range(epochs)]
    return {"row": row(condition, 0, 40.0), "curve": points}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures as they are saved."""
    figures: list[Figure] = []
    save = plots._save
    monkeypatch.setattr(plots, "_save", lambda figure, path: (figures.append(figure), save(figure, path)))
    return figures


@pytest.mark.parametrize(("epochs", "marker"), [(1, "o"), (3, "None")])
def test_a_curve_of_one_epoch_is_a_mark(tmp_path: Path, drawn: list[Figure], epochs: int, marker: str) -> None:
    plots.draw_curves(tmp_path, [curve("clean", epochs), curve("texture", epochs)])
    made = drawn[0].axes[0].get_lines()
    assert [(len(line.get_xdata()), line.get_marker()) for line in made] == [(epochs, marker)] * 2  # type: ignore[arg-type]
    assert [line.get_color() for line in made] == [SPELLINGS[name].colour for name in ("clean", "texture")]
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_every_condition_can_be_drawn(tmp_path: Path, drawn: list[Figure]) -> None:
    plots.draw_curves(tmp_path, [curve(name, 2) for name in SPELLINGS])
    assert {line.get_color() for line in drawn[0].axes[0].get_lines()} == {meant.colour for meant in SPELLINGS.values()}
