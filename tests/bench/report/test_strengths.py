"""The table of docs/using.md: what a U-Net lost, for how far the noise might show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.bench.conftest import row
from tests.bench.report.conftest import Docs, run_document
from unseg_cli.bench.report.kept import CLOSE_NOISE
from unseg_cli.bench.report.page import STRENGTHS_BEGIN, STRENGTHS_END, pages

NOW = {"augment": "jitter", "height": 256, "width": 256}


def keep(docs: Docs, name: str, budget: dict[str, Any], scores: dict[str, float], seeds: int = 1, code: int = CLOSE_NOISE) -> None:
    run = run_document() | {"noise_code": str(code)}
    run["schedules"]["unet"]["image_size"] = 256
    run["settings"]["budget"] = {"foreground": 8 / 255, "background": 0.0, "visible": 1.5, "min_cell": 8.0, "closely": None} | budget
    docs.keep(name, [row(condition, seed, score, **NOW) for condition, score in scores.items() for seed in range(seeds)], run)


def table(docs: Docs) -> dict[str, list[str]]:
    """The first cell of every line, without its signs -> the others."""
    (docs.path / "using.md").write_text(f"before\n{STRENGTHS_BEGIN}\nold\n{STRENGTHS_END}\nafter\n", encoding="utf-8")
    text = pages(docs.path)[docs.path / "using.md"]
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")]
    return {re.sub(r"`|--strength |, .*", "", name): cells for name, *cells in lines}


def test_each_strength_stands_beside_what_it_cost_on_each_kind_of_masks(docs: Docs) -> None:
    keep(docs, "usual", {}, {"clean": 80.0, "protected": 8.0, "protected-auto": 60.0}, seeds=2)
    keep(docs, "low", {"closely": True}, {"clean": 80.0, "protected": 40.0})
    keep(docs, "openly", {"closely": False}, {"clean": 80.0, "protected-auto": 20.0})
    keep(docs, "high", {"visible": None}, {"clean": 80.0, "protected": 4.0})
    assert table(docs) == {
        "low": ["50 % (1 seed)", "25 % (2 seeds)", "-"],
        "medium": ["90 % (2 seeds)", "25 % (2 seeds)", "-"],
        "--no-closely": ["90 % (2 seeds)", "75 % (1 seed)", "-"],
        "high": ["95 % (1 seed)", "-", "-"],
    }


def test_other_limits_and_cells_are_left_out(docs: Docs) -> None:
    keep(docs, "faint", {"visible": 0.5}, {"clean": 80.0, "protected": 70.0})
    keep(docs, "large", {"min_cell": 20.0}, {"clean": 80.0, "protected": 30.0})
    assert {cell for cells in table(docs).values() for cell in cells} == {"-"}


def test_noise_that_was_hidden_less_well_does_not_count(docs: Docs) -> None:
    keep(docs, "then", {}, {"clean": 80.0, "protected": 8.0, "protected-auto": 20.0}, code=CLOSE_NOISE - 1)
    keep(docs, "openly", {"closely": False}, {"clean": 80.0, "protected-auto": 16.0}, code=CLOSE_NOISE - 1)
    keep(docs, "high", {"visible": None}, {"clean": 80.0, "protected-auto": 4.0}, code=CLOSE_NOISE - 1)
    found = table(docs)
    assert (found["medium"], found["--no-closely"][1], found["high"][1]) == (["90 % (1 seed)", "-", "-"], "80 % (1 seed)", "95 % (1 seed)")
    keep(docs, "now", {}, {"clean": 80.0, "protected-auto": 60.0})
    assert table(docs)["medium"][1] == "25 % (1 seed)"
    runs = pages(docs.path)[docs.path / "results_runs.md"]
    assert re.findall(r"\*\*(.+): drawn before noise code (\d+)", runs) == [("protected-auto", str(CLOSE_NOISE))]


def test_the_committed_page_has_all_of_them(root: Path) -> None:
    text = pages(root / "docs")[root / "docs" / "using.md"]
    lines = text.split(STRENGTHS_BEGIN)[1].split(STRENGTHS_END)[0].splitlines()
    assert sum(bool(re.search(r"\d+ % \(\d seed", line)) for line in lines) == 4
