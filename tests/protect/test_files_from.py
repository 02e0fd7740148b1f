"""Only the pictures that a list names."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from tests.protect.conftest import Protect, photo, rows
from unseg_cli.core.errors import NothingToDo, UsageProblem


@pytest.fixture
def src(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    (folder / "sub").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.png", "sub/c d.png", "sub/ü.png")):
        Image.fromarray(photo(number)).save(folder / name)
    return folder


def test_names_and_paths_in_any_order_with_blank_lines(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    (tmp_path / "list").write_text(f"sub/ü.png\r\n\n{src / 'sub' / 'c d.png'}\n./a.png\nsub/ü.png\n", encoding="utf-8")
    report = run_protect(src, tmp_path / "out", files_from=str(tmp_path / "list"))
    assert report.document["protected"] == 3
    assert set(rows(tmp_path / "out")) == {"a.png", "sub/c d.png", "sub/ü.png"}
    report = run_protect(src, tmp_path / "out", files_from=str(tmp_path / "list"), limit=1, overwrite=True)
    assert (report.document["images"], report.document["skipped"]) == (1, 1)
    assert run_protect(src, tmp_path / "out").document["protected"] == 1


def test_from_standard_input(src: Path, tmp_path: Path, run_protect: Protect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"b.png\n")))
    run_protect(src, tmp_path / "out", files_from="-")
    assert set(rows(tmp_path / "out")) == {"b.png"}


@pytest.mark.parametrize(
    ("lines", "error", "message"),
    [
        (b"a.png\nnowhere.png\n", UsageProblem, "lists nowhere.png, which is no picture of"),
        (b"../out/a.png\n", UsageProblem, "is no picture of"),
        (b"\n\n", NothingToDo, "lists no picture"),
        (b"\xff\xfe\n", UsageProblem, "is not text"),
        (None, UsageProblem, "cannot be read"),
    ],
)
def test_a_wrong_list_is_one_line_and_nothing_is_written(
    lines: bytes | None, error: type[Exception], message: str, src: Path, tmp_path: Path, run_protect: Protect
) -> None:
    if lines is not None:
        (tmp_path / "list").write_bytes(lines)
    with pytest.raises(error, match=message):
        run_protect(src, tmp_path / "out", files_from=str(tmp_path / "list"))
    assert not (tmp_path / "out").exists()
