"""Targets beside what kept runs say: which runs count, what is met, and what was not measured yet."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.bench.conftest import row
from tests.bench.report.conftest import SHIPPED, Docs, run_document
from unseg_cli.bench.report import kept
from unseg_cli.bench.report.targets import NOT_YET, targets
from unseg_cli.core.budget import NoiseBudget

AIM: dict[str, Any] = {"row": "A", "what": "true masks", "final": 85, "best": 60}
NOW: dict[str, Any] = {"augment": "jitter", "height": 256, "width": 256}


def run(side: int = 256, **settings: Any) -> dict[str, Any]:
    """run.json of a victim that is trained as it is without options, at this size."""
    document = run_document()
    document["schedules"]["unet"]["image_size"] = side
    usual = NoiseBudget()
    document["settings"] |= {"budget": dataclasses.asdict(usual), **settings}
    return document


def rows(final: float, best: float, *, seeds: tuple[int, ...] = (0,), **more: Any) -> list[dict[str, Any]]:
    """Clean rows of 80 and protected ones."""
    made = []
    for seed in seeds:
        common = NOW | more
        made += [row("clean", seed, 80.0, **{"best": 80.0, **common}), row("protected", seed, final, **{**common, "best": best})]
    return made


def page(docs: Docs, *aims: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The lines of the summary, and those below."""
    docs.targets(*aims)
    text = targets(docs.path, kept.pooled(kept.kept_runs(docs.path), SHIPPED))
    tables = [part.splitlines()[2:] for part in text.split("\n\n") if part.startswith("| target |")]
    return tables[0], tables[1]


def test_a_target_is_judged_by_the_final_and_by_the_best_epoch(docs: Docs) -> None:
    docs.keep("run", rows(8.0, 24.0))
    docs.keep("run", rows(8.0, 24.0), run())
    summary, lines = page(docs, AIM)
    assert lines == ["| A | true masks | ecssd | unet | 256 px | - | 80.0 | 85 | 90 | 60 | 70 | 1 | met |"]
    assert summary == ["| A | true masks | 256 px | 85 | 90 | 90 | 60 | 70 | 70 | met |"]
    docs.keep("run", rows(8.0, 40.0), run())
    assert page(docs, AIM)[1][0].endswith("| 60 | 50 | 1 | missed |")
    docs.keep("run", rows(20.0, 24.0), run())
    assert page(docs, AIM)[1][0].endswith("| 75 | 60 | 70 | 1 | missed |")


def test_what_does_not_fit_is_not_counted(docs: Docs) -> None:
    for name, made, document in (
        ("crops", rows(8.0, 24.0, augment="crops"), run()),
        ("size", rows(8.0, 24.0, height=128, width=128), run(128)),
        ("part", rows(8.0, 24.0), run(limit=100)),
        ("budget", rows(8.0, 24.0), run(budget={"foreground": 0.5, "background": 0.0})),
        ("files", rows(8.0, 24.0), run(source_size=1600)),
        ("defence", rows(8.0, 24.0, defence="gray"), run()),
        ("share", rows(8.0, 24.0, ratio=0.5), run()),
        ("start", rows(8.0, 24.0, init="scratch"), run()),
        ("weights", rows(8.0, 24.0), run() | {"generator": {"name": "lite", "sha256": "other"}}),
    ):
        folder = docs.keep("run", made, document)
        summary, lines = page(docs, AIM)
        assert lines[0].endswith(f"| - | 85 | - | 60 | - | - | {NOT_YET} |"), name
        assert summary[0].endswith(f"| {NOT_YET} |"), name
        assert folder.is_dir()


def test_other_sizes_and_parts_of_the_data_count_where_the_target_says_so(docs: Docs) -> None:
    docs.keep("run", rows(8.0, 24.0, height=512, width=512), run(512, limit=100))
    docs.keep("less", rows(40.0, 40.0, height=512, width=512), run(512, limit=50))
    aims = (AIM | {"size": 512, "part": True}, AIM | {"size": 512})
    lines = page(docs, *aims)[1]
    assert [line.split(" | ")[-1] for line in lines] == ["met |", f"{NOT_YET} |"]


def test_the_worst_stands_beside_the_mean_and_too_few_seeds_are_told(docs: Docs) -> None:
    docs.keep("unet", rows(8.0, 24.0, seeds=(0, 1)), run())
    other = run()
    other["schedules"] = {"unetplusplus": other["schedules"]["unet"]}
    docs.keep("other", rows(24.0, 40.0, seeds=(0, 1), victim="unetplusplus"), other)
    summary, lines = page(docs, AIM | {"victims": ["unet", "unetplusplus"], "seeds": 3, "final": 60, "best": 50})
    assert summary == ["| A | true masks | 256 px | 60 | 80 | 70 (unetplusplus) | 50 | 60 | 50 (unetplusplus) | met, 2 of 3 seeds |"]
    assert all(line.endswith("| 2 | met, 2 of 3 seeds |") for line in lines)
    summary, _ = page(docs, AIM | {"victims": ["unet", "unetplusplus", "segformer"], "final": 60})
    assert summary[0].endswith("| 2 of 3 measured |")


def test_defences_have_aims_of_their_own_and_one_for_their_mean(docs: Docs) -> None:
    made = [*rows(8.0, 24.0), *rows(40.0, 40.0, defence="gray"), *rows(16.0, 40.0, defence="jpeg75")]
    docs.keep("run", made, run())
    docs.keep("large", rows(60.0, 60.0, defence="jpeg75"), run(source_size=1600))
    aim = {"row": "E", "what": "defended", "defences": {"gray": 40, "jpeg75": 30, "jpeg75 1600": 30}, "mean_of_undefended": 0.6}
    summary, lines = page(docs, aim)
    assert [line.split(" | ")[5:] for line in lines] == [
        ["gray", "80.0", "40", "50", "-", "50", "1", "met |"],
        ["jpeg75", "80.0", "30", "80", "-", "50", "1", "met |"],
        ["jpeg75, files of 1600 px", "80.0", "30", "25", "-", "25", "1", "missed |"],
        ["all of these", "-", "54", "52", "-", "-", "-", "missed |"],
    ]
    assert summary == ["| E | defended | 256 px | each its own | 52 | 25 (jpeg75 1600) | - | 42 | 25 (jpeg75 1600) | missed |"]


def test_random_noise_may_cost_little_either_way(docs: Docs) -> None:
    control = {"row": "control", "what": "random noise", "masks": "random", "at_most": 5}
    for final, verdict in ((78.0, "met"), (82.0, "met"), (74.0, "missed"), (86.0, "missed")):
        docs.keep("run", [row("clean", 0, 80.0, **NOW), row("random", 0, final, **NOW)], run())
        assert page(docs, control)[0][0].endswith(f"| {verdict} |")
