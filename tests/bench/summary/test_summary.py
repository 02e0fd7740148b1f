"""Runs put together on one page: what is merged, what is said, and what is refused."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from unseg_cli.bench.headlines import HEADLINES
from unseg_cli.bench.summary.config import ReportConfig
from unseg_cli.bench.summary.run import report_runs
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events

Document = dict[str, Any]


def row(condition: str, seed: int, final: float, *, victim: str = "unet", defence: str = "none", floor: float = 10.0) -> Document:
    return {
        "victim": victim, "condition": condition, "defence": defence, "init": "pretrained", "ratio": 1.0, "seed": seed, "metric": "iou",
        "final": final, "best": final + 5, "best_epoch": 3, "final_per_picture": None, "floor": floor,
    }  # fmt: skip


def write_run(path: Path, rows: list[Document], *, data: str = "./<cats>", smoke_test: bool = False, **settings: Any) -> Path:
    path.mkdir()
    summary = [
        {**one, "mean": one["final"], "std": 0.0, "n": 1, "relative_drop": 0.0, "best_mean": one["best"], "best_relative_drop": 0.0}
        for one in rows
        if one["condition"] == "clean"
    ]
    results = {
        "data": data, "task": "binary", "train_pictures": 300, "test_pictures": 100, "smoke_test": smoke_test, "rows": rows,
        "summary": summary,
    }  # fmt: skip
    run = {
        "command": f"unseg bench --data {data} --out {path.name}", "fixed": {"data": data, "limit": None} | settings, "settings": settings,
        "noise_code": "3", "versions": {"unseg_cli": "0.1", "torch": "2", "numpy": "1"}, "augmentation": "flips",
    }  # fmt: skip
    (path / "results.json").write_text(json.dumps(results))
    (path / "run.json").write_text(json.dumps(run))
    Image.new("RGB", (8, 8)).save(path / "samples.png")
    return path


def report(tmp_path: Path, *runs: Path, **more: Any) -> tuple[Document, str, str]:
    config = ReportConfig(runs=runs, out=tmp_path / "page.html", markdown=tmp_path / "page.md", **more)
    document = report_runs(config, Events()).document
    return document, config.out.read_text(), (tmp_path / "page.md").read_text()


def test_seeds_of_several_runs_are_one_number_and_everything_is_said(tmp_path: Path) -> None:
    one = write_run(tmp_path / "a", [row("clean", 0, 70), row("protected", 0, 14), row("random", 0, 71)])
    other = write_run(tmp_path / "b", [row("clean", 1, 70), row("protected", 1, 28)])
    document, page, text = report(tmp_path, one, other)
    (answer,) = document["answers"]
    protected = next(entry for entry in answer["entries"] if entry["condition"] == "protected")
    assert (protected["n"], protected["mean"], protected["relative_drop"]) == (2, 21, 70)
    for said in (
        "Can a model that was trained on protected copies of 300 pictures of",
        "find the object in a picture, in 100 other pictures that are clean? Models: unet.",
        "unet: trained on clean pictures it scores 70.0 of 100.",
        "Trained on protected pictures it scores 21.0: it has lost 70 % of what it would have learned, and 65 % if",
        "Trained on pictures with random noise, a control, it scores 71.0: it has lost nothing.",
        "Who looks at no picture scores 10.0.",
        "Each training was done once.",  # the control was
        HEADLINES["binary"],
    ):
        assert said in page and said in text, said
    assert "&lt;cats&gt;" in page and "<cats>" not in page
    assert "unseg bench --data ./<cats> --out b" in text


def test_other_questions_have_other_sections(tmp_path: Path) -> None:
    one = write_run(tmp_path / "a", [row("clean", 0, 70), row("protected", 0, 14)])
    other = write_run(tmp_path / "b", [row("clean", 0, 70), row("protected", 0, 14)], epochs=99)
    another = write_run(tmp_path / "c", [row("clean", 0, 70)], data="dogs")
    document, _, text = report(tmp_path, one, other, another)
    assert len(document["answers"]) == 3 and text.count("## ") == 3
    assert "dogs: binary" in text and text.count("it has lost 80 %") == 2


def test_who_has_learned_nothing_has_lost_nothing(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", [row("clean", 0, 9), row("protected", 0, 2)])
    _, page, _ = report(tmp_path, run)
    assert "It had learned too little from clean ones for a loss to mean anything." in page and "it has lost" not in page


def test_a_smoke_test_says_so(tmp_path: Path) -> None:
    _, page, text = report(tmp_path, write_run(tmp_path / "a", [row("clean", 0, 70)], quick=True))
    assert "A smoke test, no evidence." in page and "Not at all: these trainings only show that everything runs." in text


class Seen(HTMLParser):
    """What a page loads, and whether its tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "rect", "path", "!doctype"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [str(value) for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else_and_is_whole(tmp_path: Path) -> None:
    plain, gray = (70.0, 14.0), (60.0, 40.0)
    rows = [row("clean", 0, plain[0]), row("protected", 0, plain[1])]
    rows += [row("clean", 0, gray[0], defence="gray"), row("protected", 0, gray[1], defence="gray")]
    run = write_run(tmp_path / "a", rows)
    _, page, _ = report(tmp_path, run)
    seen = Seen()
    seen.feed(page)
    assert seen.open == [] and len(seen.loaded) == 1 and seen.loaded[0].startswith("data:image/png;base64,")
    assert "<script" not in page and "http" not in page
    assert "with gray done to all training pictures" in page


def test_a_report_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", [row("clean", 0, 70)])
    report(tmp_path, run)
    report(tmp_path, run)
    (tmp_path / "page.md").write_text("mine")
    with pytest.raises(UsageProblem, match=r"page\.md exists and is no report"):
        report(tmp_path, run)
    assert (tmp_path / "page.md").read_text() == "mine"
    report(tmp_path, run, overwrite=True)
    with pytest.raises(UsageProblem, match="does not end in"):
        report_runs(ReportConfig(runs=(run,), out=tmp_path / "page.pdf"), Events())


def test_folders_that_are_no_runs_are_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", [row("clean", 0, 70)])
    with pytest.raises(UsageProblem, match="nowhere is not what `unseg bench` left"):
        report(tmp_path, run, tmp_path / "nowhere")
    (run / "results.json").unlink()
    with pytest.raises(UsageProblem, match="the run is not finished") as caught:
        report(tmp_path, run)
    assert "--resume" in caught.value.hint and not (tmp_path / "page.html").exists()
    (run / "run.json").write_text('{"schema": 1, "command": "train"}')
    with pytest.raises(UsageProblem, match="a is not what `unseg bench` left"):
        report(tmp_path, run)
