"""A phone's .mpo file: a JPEG with further pictures in it, of which the first is protected and the others are omitted aloud."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from unseg_cli.cli.app import main


def test_an_mpo_is_protected_and_what_is_omitted_is_said(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "src").mkdir()
    with Image.open(photos / "cat.jpg") as image:
        image.save(tmp_path / "src" / "cat.mpo", "MPO", save_all=True, append_images=[image.resize((90, 60))])
    assert main(["protect", str(tmp_path / "src"), str(tmp_path / "out"), "--device", "cpu"]) == 0
    words = capsys.readouterr()
    assert "1 further picture(s) in the file (preview, depth or gain map) are omitted" in words.err
    with Image.open(tmp_path / "out" / "cat.mpo") as written:
        assert (written.format, getattr(written, "n_frames", 1)) == ("JPEG", 1)
