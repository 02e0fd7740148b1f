"""A manifest that was damaged, or written by somebody who means harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.protect.conftest import hashes, rows
from tests.protect.faults.conftest import Unharmed, Unseg

BROKEN = {
    "half a line": b'{"src": "a.png", "dst": "a',
    "no object": b"[1, 2]\n",
    "a number": b"7\n",
    "nothing": b"\n\n\n",
    "zeros, as after a power cut": bytes(5000),
    "a line without a name": b'{"dst": "a.png"}\n',
    "a name that is no text": b'{"src": 5, "dst": ["a.png"]}\n',
    "values of other types": b'{"src": "a.png", "dst": 7, "dst_sha256": {}, "settings": null, "status": 3, "confidence": "high"}\n',
    "deep nesting": b"[" * 100_000 + b"\n",
    "a huge number": b'{"src": "a.png", "seconds": ' + b"9" * 5000 + b"}\n",
}


@pytest.mark.parametrize("where", ["end", "beginning"])
@pytest.mark.parametrize("what", BROKEN)
def test_broken_lines_cost_at_most_their_picture(
    what: str, where: str, originals: Path, tmp_path: Path, unseg: Unseg, unharmed: Unharmed
) -> None:
    dst = tmp_path / "out"
    assert unseg(originals, dst) == 0
    manifest = dst / "unseg-manifest.jsonl"
    good = manifest.read_bytes()
    manifest.write_bytes(good + BROKEN[what] if where == "end" else BROKEN[what] + b"\n" + good)
    assert unseg(originals, dst) == 0
    unharmed.and_again(dst, unseg)
    assert set(rows(dst)) == {"a.png", "b.jpg", "e.bmp", "sub/c.webp", "sub/d.tif"}


def test_what_is_no_text_is_said_and_nothing_is_written(
    originals: Path, tmp_path: Path, unseg: Unseg, capsys: pytest.CaptureFixture[str]
) -> None:
    dst = tmp_path / "out"
    dst.mkdir()
    (dst / "unseg-manifest.jsonl").write_bytes(b"\xff\xfe\x00rubbish")
    assert unseg(originals, dst) == 4
    assert f"error: {dst / 'unseg-manifest.jsonl'} cannot be read" in capsys.readouterr().err
    assert set(hashes(dst)) == {"unseg-manifest.jsonl"}


@pytest.mark.parametrize("name", ["../outside.png", "/etc/hostname", "sub/../../outside.png", "..", "", "\0"])
def test_a_line_cannot_lead_out_of_the_folder(
    name: str, originals: Path, tmp_path: Path, unseg: Unseg, unharmed: Unharmed, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a manifest names is only ever looked for where the run writes: no line makes a file outside of it ours, or read."""
    outside, dst = tmp_path / "outside.png", tmp_path / "out"
    outside.write_bytes(b"not yours")
    assert unseg(originals, dst) == 0
    manifest = dst / "unseg-manifest.jsonl"
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    for row in lines:
        row["dst"] = name
    manifest.write_text("".join(json.dumps(row) + "\n" for row in lines))
    (dst / "a.png").unlink()
    assert unseg(originals, dst, "--report", tmp_path / "report.html", "--overwrite") == 0
    assert outside.read_bytes() == b"not yours"
    assert b"not yours" not in (tmp_path / "report.html").read_bytes()
    (dst / "a.png").unlink()
    capsys.readouterr()
    assert unseg(originals, dst, "--json", command="verify") == 1
    assert json.loads(capsys.readouterr().out)["missing"] == 1  # what lies outside is not taken for the copy
    unharmed.and_again(dst, unseg)
