"""What `make bench-speed` kept, as a table and as a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unseg_cli.bench.report import page, speed

ROWS = [
    {"what": "protect, 12 megapixels", "value": 4.26, "unit": "pictures/s", "beside": 20.0, "rival": "Pillow", "ratio": 4.69,
     "aim": "at most 2 times", "met": False},
    {"what": "most memory, 12 megapixels", "value": 0.61, "unit": "GB", "beside": None, "rival": "", "ratio": None,
     "aim": "under 1 GB", "met": True},
    {"what": "protect, 640 x 480", "value": 19.6, "unit": "pictures/s", "beside": 800.0, "rival": "Pillow", "ratio": 40.8,
     "aim": "", "met": None},
    {"what": "first picture is there after", "value": 1.23, "unit": "s", "beside": None, "rival": "", "ratio": None,
     "aim": "", "met": None},
]  # fmt: skip


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    (tmp_path / "results" / "speed").mkdir(parents=True)
    keep(tmp_path, "one", ROWS)
    return tmp_path


def keep(docs: Path, machine: str, rows: list[dict[str, object]]) -> None:
    document = {"command": "python scripts/bench_speed.py", "machine": machine, "cores": 2, "rows": rows}
    (docs / "results" / "speed" / f"{machine}.json").write_text(json.dumps(document), encoding="utf-8")


def test_the_table_has_every_row_and_says_what_was_missed(docs: Path) -> None:
    text = speed.section(docs)
    assert "### one, 2 cores" in text and "    python scripts/bench_speed.py" in text
    assert "| protect, 12 megapixels | 4.26 pictures/s | 20.00 pictures/s | 4.69 | Pillow | at most 2 times | missed |" in text
    assert "| most memory, 12 megapixels | 0.61 GB | - | - | - | under 1 GB | met |" in text
    assert text.count("\n| ") == len(ROWS) + 2


def test_the_sentence_for_a_reader(docs: Path) -> None:
    text = speed.sentence(docs)
    assert "2 cores do 20 pictures of 640 x 480 a second, 4.3 of 12 megapixels, the first within 1.2 s, in 0.6 GB: [" in text


def test_a_second_machine_has_a_table_of_its_own_and_stands_beside_the_first(docs: Path) -> None:
    keep(docs, "faster", [{**row, "value": 2 * float(str(row["value"]))} for row in ROWS])
    text = speed.section(docs)
    assert 0 < text.index("### faster") < text.index("### one") and text.count("beside*: what the same machine") == 1
    said = "2 cores do 20 to 39 pictures of 640 x 480 a second, 4.3 to 8.5 of 12 megapixels, the first within 2.5 s, in 1.2 GB"
    assert said in speed.sentence(docs)


def test_where_nothing_was_kept_nothing_is_said(tmp_path: Path) -> None:
    assert speed.section(tmp_path) == speed.sentence(tmp_path) == ""


def test_the_sentence_stands_between_its_comments(docs: Path) -> None:
    readme = f"a\n{page.SPEED_BEGIN}\nold\n{page.SPEED_END}\nb"
    made = page.with_table(readme, speed.sentence(docs), page.SPEED_BEGIN, page.SPEED_END)
    assert "old" not in made and "640 x 480" in made and made.startswith("a\n") and made.endswith("\nb")
    assert page.with_table("no comments", "text", page.SPEED_BEGIN, page.SPEED_END) == "no comments"
