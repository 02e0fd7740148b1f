"""What `make bench-train` kept, as a table."""

from __future__ import annotations

import json
from pathlib import Path

from unseg_cli.bench.report import train_speed

ROW = {
    "generator": "vit_b",
    "step": "noise",
    "pictures": 2,
    "px": 1024,
    "seconds": 26.652,
    "rate": 0.08,
    "other": 0.12,
    "gigabytes": 11.49,
}


def test_the_table_has_every_row_and_the_command(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    document = {"command": "python scripts/bench_train.py", "cores": 2, "device": "auto", "rows": [ROW, ROW | {"step": "surrogate"}]}
    (tmp_path / "results" / train_speed.FILE).write_text(json.dumps(document), encoding="utf-8")
    text = train_speed.section(tmp_path)
    assert "on 2 cores" in text and "    python scripts/bench_train.py" in text
    assert "| vit_b | noise | 2 of 1024 | 26.65 | 0.08 | 0.1 | 11.5 |" in text
    assert text.count("\n| ") == 4


def test_where_nothing_was_kept_nothing_is_said(tmp_path: Path) -> None:
    assert train_speed.section(tmp_path) == ""
