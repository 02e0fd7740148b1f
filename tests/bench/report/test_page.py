"""The pages of results and the table of README.md, made of what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.conftest import row
from tests.bench.report.conftest import ROWS, SHIPPED, Docs, document, run_document
from unseg_cli.bench.report import kept
from unseg_cli.bench.report.page import BEGIN, END, pages, stale
from unseg_cli.core.errors import UsageProblem

NAMES = ("results.md", "results_runs.md", "results_tried.md")


def page(docs: Docs) -> str:
    """All pages as one."""
    return "\n".join(pages(docs.path)[docs.path / name] for name in NAMES)


def first_page(docs: Docs, *aims: dict[str, Any]) -> str:
    docs.first(*aims)
    return page(docs)


def test_a_finished_run_is_kept_without_its_pictures(docs: Docs, tmp_path: Path) -> None:
    run = tmp_path / "ecssd-unet"
    run.mkdir()
    with pytest.raises(UsageProblem, match="not a finished bench run"):
        kept.keep(run, docs.path)
    for name in kept.FILES:
        (run / name).write_text("x")
    (run / "results.json").write_text(json.dumps(document()))
    (run / "run.json").write_text(json.dumps(run_document()))
    (run / "samples.png").write_text("not kept")
    folder = kept.keep(run, docs.path)
    assert {path.name for path in folder.iterdir()} == set(kept.FILES)
    (run / "curves.png").write_bytes(bytes(kept.LARGEST + 1))
    with pytest.raises(UsageProblem, match="larger"):
        kept.keep(run, docs.path)
    text = page(docs)
    assert text.startswith("# Results\n\n## What protection costs\n")
    assert "\n## ecssd-unet\n\n    unseg bench --victim unet" in pages(docs.path)[docs.path / "results_runs.md"]
    assert "| 70.4 |" in text
    assert "](results/ecssd-unet/bars.png)" in text


def test_the_tables_stand_before_the_other_sections_of_the_introduction(docs: Docs) -> None:
    docs.keep("run", ROWS)
    (docs.path / "results_intro.md").write_text("# Results\n\nWhat this is.\n\n## More\n\nOf it.\n", encoding="utf-8")
    headings = [line for line in pages(docs.path)[docs.path / "results.md"].splitlines() if line.startswith("#")]
    assert headings == ["# Results", "## What protection costs", "## More"]


def test_files_are_stale_until_they_are_written(docs: Docs, tmp_path: Path) -> None:
    docs.first()
    docs.keep("run", ROWS)
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    made = pages(docs.path)
    assert stale(made) == [*(docs.path / name for name in NAMES), readme]
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    assert stale(pages(docs.path)) == []
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    docs.keep("run", ROWS[:2])
    assert stale(pages(docs.path)) == [docs.path / "results.md", docs.path / "results_runs.md", readme]


def test_the_readme_shows_the_usual_settings_alone(docs: Docs, tmp_path: Path) -> None:
    docs.first()
    others = [
        row(*what, defence="gray", init=init) for init in ("pretrained", "scratch") for what in (("clean", 0, 60.0), ("protected", 0, 30.0))
    ]
    docs.keep("run", [*ROWS, *others])
    fewer = run_document()
    fewer["settings"]["limit"] = 100
    docs.keep("fewer", ROWS, fewer)
    (tmp_path / "README.md").write_text(f"{BEGIN}\n{END}")
    lines = [line for line in pages(docs.path)[tmp_path / "README.md"].splitlines() if line.startswith("| ecssd")]
    assert lines == ["| ecssd | unet, pretrained, 96 px, crops | true masks | - | 71.0 | 21.0 ± 1.4 | **70 %** | 66 % | - | 2 |"]
    text = page(docs)
    assert "| ecssd | unet, pretrained, 96 px, crops | true masks | gray | 60.0 | 30.0 | **50 %** |" in text
    assert "| ecssd, 100 pictures | unet, pretrained, 96 px, crops, 8 epochs | true masks |" in text


def test_the_readme_shows_victims_as_they_are_trained_now_once_there_are_such_runs(docs: Docs, tmp_path: Path) -> None:
    docs.first()
    docs.keep("then", ROWS)
    now = {"augment": "jitter", "height": 256, "width": 256}
    run = run_document()
    run["schedules"]["unet"]["image_size"] = 256
    docs.keep("now", [row("clean", 0, 80.0, **now), row("protected", 0, 8.0, **now)], run)
    (tmp_path / "README.md").write_text(f"{BEGIN}\n{END}")
    lines = [line for line in pages(docs.path)[tmp_path / "README.md"].splitlines() if line.startswith("| ecssd")]
    assert lines == ["| ecssd | unet, pretrained, 256 px, jitter | true masks | - | 80.0 | 8.0 | **90 %** | 85 % | - | 1 |"]


def test_another_budget_and_larger_files_are_settings_of_their_own(docs: Docs) -> None:
    docs.keep("usual", ROWS)
    other = run_document()
    other["settings"] |= {"budget": {"foreground": 4 / 255, "background": 0.0}, "source_size": 1600}
    docs.keep("other", [row("clean", 2, 80.0), row("protected", 2, 60.0)], other)
    text = page(docs)
    assert "| unet, pretrained, 96 px, crops, 8 epochs | true masks | - | 71.0 |" in text
    assert "| unet, pretrained, 96 px, crops, 8 epochs | true masks, 4/255 and 0/255, files of 1600 px | - | 80.0 | 60.0 | **25 %**" in text


@pytest.mark.parametrize(
    ("visible", "words"), [(None, ", --strength high"), (0.5, ", difference at most 0.5"), (2.0, ", difference at most 2"), (1.5, "")]
)
def test_how_far_the_noise_may_show_is_said_where_it_is_not_as_far_as_usual(
    docs: Docs, tmp_path: Path, visible: float | None, words: str
) -> None:
    run = run_document()
    run["settings"]["budget"] = {"foreground": 8 / 255, "background": 0.0, "visible": visible, "min_cell": 8.0}
    run["schedules"]["unet"]["image_size"] = 256
    now = {"augment": "jitter", "height": 256, "width": 256}
    docs.keep("run", [row("clean", 0, 80.0, **now), row("protected", 0, 20.0, **now)], run)
    (tmp_path / "README.md").write_text(f"{BEGIN}\n{END}")
    made = pages(docs.path)
    assert f"| true masks, 8/255 and 0/255{words} | - | 80.0 | 20.0 |" in made[docs.path / "results.md"]
    assert ("| true masks" in made[tmp_path / "README.md"]) == (not words)


@pytest.mark.parametrize(
    ("masks", "closely", "words"),
    [
        ("gt", {}, ""),
        ("gt", {"closely": None}, ""),
        ("gt", {"closely": False}, ""),
        ("gt", {"closely": True}, ", --strength low"),
        ("auto", {}, ""),
        ("auto", {"closely": True}, ""),
        ("auto", {"closely": False}, ", --no-closely"),
        ("corrected", {}, ", --no-closely"),  # as it was in versions that do not say
        ("corrected", {"closely": None}, ""),
    ],
)
def test_how_closely_it_was_looked_at_is_said_where_it_is_not_as_without_options(
    docs: Docs, masks: str, closely: dict[str, Any], words: str
) -> None:
    run = run_document()
    run["settings"]["budget"] = {"foreground": 8 / 255, "background": 0.0, "visible": 1.5, "min_cell": 8.0, **closely}
    condition = "protected" if masks == "gt" else f"protected-{masks}"
    docs.keep("run", [row("clean", 0, 80.0), row(condition, 0, 20.0), row("random", 0, 72.0)], run)
    (line,) = (line for line in page(docs).splitlines() if "and 0/255" in line and "**75 %**" in line)
    assert f"and 0/255{words} | - | 80.0 | 20.0 | **75 %**" in line and "| 10 % |" in line, "its control and its clean victim"


def test_the_first_generator_keeps_its_section_when_another_one_ships(docs: Docs) -> None:
    docs.keep("run", ROWS, run_document() | {"generator": {"name": "lite", "sha256": "first"}})
    docs.first({"row": "A", "what": "true masks", "at_least": 60}, weights="first")
    text = page(docs)
    assert "## What protection costs" not in text or "**70 %**" not in text.split("## The first generator")[0]
    section = text.split("## The first generator")[1].split("\n## ")[0]
    assert "| A | true masks | ecssd | unet, pretrained | - | at least 60 | 70 | - | 2 | met |" in section
    assert "**70 %**" in section  # what it cost no longer stands in the table of what ships


def test_the_committed_readme_table_has_ten_rows_at_most(root: Path) -> None:
    readme = pages(root / "docs")[root / "README.md"]
    table = [line for line in readme.split(BEGIN)[1].split(END)[0].splitlines() if line.startswith("|")]
    assert 2 + 1 <= len(table) <= 2 + 10


def test_the_committed_page_is_what_the_committed_runs_say(root: Path) -> None:
    assert stale(pages(root / "docs")) == []


def test_kept_runs_of_earlier_versions_and_of_this_one_stand_side_by_side(docs: Docs) -> None:
    docs.keep("old", ROWS[:1] + ROWS[2:3])
    scores = {"iou": 50.0, "iou_per_picture": 48.0, "dice": 60.0}
    new = [row("clean", 1, 50.0, scores=scores), row("protected", 1, 10.0, scores=scores)]
    docs.keep("new", new, run_document() | {"noise_code": "1"})
    assert "**75 %**" in page(docs)  # 100 * (1 - (20 + 10) / (70 + 50))


def test_a_run_of_pictures_protected_before_says_how(docs: Docs) -> None:
    folder = docs.keep("run", ROWS)
    (folder / kept.BEFOREHAND).write_text(json.dumps({"masks": "half of the masks", "commands": ["unseg protect a b"]}))
    text = first_page(docs, {"row": "A", "what": "true masks", "at_least": 60})
    assert "\n    unseg protect a b\n    unseg bench --victim unet" in text
    assert "| A | true masks | ecssd | unet, pretrained | - | at least 60 | - | - | - | not measured |" in text
    assert "| half of the masks | - |" in text


def test_runs_of_earlier_weights_are_marked_and_not_counted(docs: Docs) -> None:
    docs.keep("run", ROWS, run_document() | {"generator": {"name": "lite", "sha256": "other"}})
    text = first_page(docs, {"row": "A", "what": "true masks", "at_least": 60})
    assert "Made with an earlier generator" in text
    docs.keep("run", ROWS, run_document() | {"generator": {"name": "sam_lite", "sha256": "other"}})
    assert "Made with the generator `sam_lite`, not with the one that ships" in first_page(
        docs, {"row": "A", "what": "true masks", "at_least": 60}
    )
    assert "not measured" in text and "**70 %**" not in text


def test_a_share_of_the_pictures_is_said(docs: Docs) -> None:
    rows = [row("clean", 0, 70.0), row("protected", 0, 60.0), row("clean-subset", 0, 30.0)]
    docs.keep("run", [{**one, "ratio": 0.8} for one in rows])
    text = first_page(docs, {"row": "A", "what": "true masks", "at_least": 60})
    assert "| true masks, 80 % of the pictures | - | 70.0 | 60.0 |" in text
    assert "| nothing: the clean 20 % of the pictures alone | - | 70.0 | 30.0 |" in text


def test_a_target_without_a_run_and_one_of_fewer_pictures_are_not_measured(docs: Docs) -> None:
    docs.keep("run", ROWS)
    aim = {"row": "A", "what": "true masks", "at_least": 60, "victims": ["unet", "segformer"]}
    text = first_page(docs, aim)
    assert "| A | true masks | ecssd | unet, pretrained | - | at least 60 | 70 | - | 2 | met |" in text
    assert "| A | true masks | ecssd | segformer, pretrained | - | at least 60 | - | - | - | not measured |" in text
    fewer = run_document()
    fewer["settings"]["limit"] = 100
    docs.keep("run", ROWS, fewer)
    assert "| ecssd | unet, pretrained | - | at least 60 | - | - | - | not measured |" in first_page(docs, aim)


def test_seeds_of_several_runs_count_together(docs: Docs) -> None:
    docs.keep("first", ROWS[:1] + ROWS[2:3])  # seed 0
    docs.keep("more", [row("clean", 1, 50.0), row("clean", 2, 50.0), row("protected", 1, 10.0), row("protected", 2, 10.0)])
    text = first_page(docs, {"row": "A", "what": "true masks", "at_least": 76})
    # 100 * (1 - (20 + 10 + 10) / (70 + 50 + 50)) = 76.5
    assert "| A | true masks | ecssd | unet, pretrained | - | at least 76 | 76 | - | 3 | met |" in text


def test_a_run_at_another_learning_rate_is_a_setting_of_its_own(docs: Docs) -> None:
    docs.keep("own", ROWS)
    docs.keep("other", [row("clean", 2, 80.0), row("protected", 2, 60.0)])
    settings = run_document()
    settings["schedules"]["unet"]["lr"] = 0.004
    (docs.results / "other" / "run.json").write_text(json.dumps(settings))
    text = first_page(docs, {"row": "A", "what": "true masks", "at_least": 60})
    assert "| at least 60 | 70 | - | 2 | met |" in text
    assert "| unet, pretrained, 96 px, crops, 8 epochs, learning rate 0.004 | true masks | - | 80.0 | 60.0 | **25 %** |" in text


def test_runs_with_another_augmentation_are_a_setting_of_their_own(docs: Docs) -> None:
    docs.keep("before", ROWS)  # of the time when nothing but crops was known
    docs.keep("after", [row("clean", 2, 80.0, augment="jitter"), row("protected", 2, 60.0, augment="jitter")])
    text = page(docs)
    assert "| unet, pretrained, 96 px, crops, 8 epochs | true masks | - | 71.0 | 21.0 ± 1.4 | **70 %** | 66 % | - | 2 |" in text
    assert "| unet, pretrained, 96 px, jitter | true masks | - | 80.0 | 60.0 | **25 %** |" in text


def test_true_masks_must_reach_the_rival_and_random_noise_must_not(docs: Docs) -> None:
    docs.keep("run", [*ROWS, row("texture", 0, 10.0), row("random", 0, 63.0)])
    text = first_page(
        docs, {"row": "A", "what": "ours", "at_least": 60}, {"row": "control", "what": "noise", "masks": "random", "at_most": 8}
    )
    assert "| A | ours | ecssd | unet, pretrained | - | at least 60 | 70 | 86 | 2 | missed: under the rival |" in text
    assert "| control | noise | ecssd | unet, pretrained | - | at most 8 | 10 | - | 1 | missed |" in text
    docs.keep("without-a-generator", [row("clean", 1, 70.0), row("random", 1, 69.0)])
    (docs.results / "without-a-generator" / "run.json").write_text(json.dumps(run_document() | {"generator": None}))
    text = first_page(docs, {"row": "control", "what": "noise", "masks": "random", "at_most": 8})
    assert "| control | noise | ecssd | unet, pretrained | - | at most 8 | 6 | - | 2 | met |" in text
    assert "## without-a-generator\n\n    unseg bench" in text, "no word of earlier weights"


def test_defences_are_judged_one_by_one_and_on_average(docs: Docs) -> None:
    defended = [
        row(*what, defence=defence)
        for defence, final in (("gray", 60.0), ("blur", 15.0))
        for what in (("clean", 0, 60.0), ("protected", 0, final))
    ]
    docs.keep("run", [*ROWS, *defended])
    aim = {"row": "E", "what": "weakened", "at_least": 33, "defences": ["gray", "blur"], "mean_of_undefended": 0.5}
    text = first_page(docs, aim)
    assert "| E | weakened | ecssd | unet, pretrained | gray | at least 33 | 0 | - | 1 | missed |" in text
    assert "| E | weakened | ecssd | unet, pretrained | blur | at least 33 | 75 | - | 1 | met |" in text
    assert "| E | weakened: mean | ecssd | unet, pretrained | all of these | at least 35 | 38 | - | - | met |" in text


def test_visibility_comes_from_the_manifest_of_the_shipped_weights(docs: Docs) -> None:
    docs.keep("run", ROWS)
    manifest = docs.results / "examples-photos" / "unseg-manifest.jsonl"
    manifest.parent.mkdir()
    lines = [
        {"psnr": 36.04, "ssim": 0.95, "generator_sha256": SHIPPED},
        {"psnr": 40.0, "ssim": 0.99, "generator_sha256": SHIPPED},
    ]
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = first_page(docs)
    assert "[2 pictures](results/examples-photos/unseg-manifest.jsonl) with a PSNR of at least 36.0 dB" in text
    assert "at least 0.950 (aim: 0.93): met." in text
    manifest.write_text(json.dumps(lines[0] | {"psnr": 33.9}) + "\n")
    assert ": missed." in first_page(docs)
    manifest.write_text(json.dumps(lines[0] | {"generator_sha256": "other"}) + "\n")
    assert ": made with other weights." in first_page(docs)
