"""One picture through standard input and output."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures.picture_makers import photo, saved
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.session import Session
from unseg_cli.protect.one import protect_bytes
from unseg_cli.protect.settings import Settings


@pytest.fixture(scope="module")
def data() -> bytes:
    return saved(Image.fromarray(photo(120, 160)), "PNG")


def run(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "unseg_cli", "protect", *map(str, arguments), "--device", "cpu"]
    return subprocess.run(command, input=given, capture_output=True, check=False)


def test_what_comes_out_is_the_protected_file_and_nothing_else(data: bytes) -> None:
    done = run("-", "-", given=data)
    assert done.returncode == 0, done.stderr
    assert done.stdout == protect_bytes(data, None, Session(open_runtime("lite", device="cpu")), Settings()).data
    assert b"1 picture: 1 protected" in done.stderr
    quiet = run("-", "-", "-q", given=data)
    assert (quiet.stdout, quiet.stderr) == (done.stdout, b"")


def test_a_file_may_be_either_end(data: bytes, tmp_path: Path) -> None:
    src, dst = tmp_path / "a.png", tmp_path / "b.png"
    src.write_bytes(data)
    out = run(src, "-", "-q")
    assert run("-", dst, "-q", given=data).returncode == 0
    assert dst.read_bytes() == out.stdout and src.read_bytes() == data
    again = run("-", dst, given=data)
    assert again.returncode == 2 and b"exists" in again.stderr and dst.read_bytes() == out.stdout
    assert run("-", dst, "--overwrite", "-q", given=data).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"], "no manifest, no parts"


def test_a_mask_and_another_format(data: bytes, tmp_path: Path) -> None:
    mask = np.zeros((120, 160), np.uint8)
    mask[:, :80] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    done = run("-", "-", "--masks", tmp_path / "mask.png", "--format", "webp", "-q", given=data)
    with Image.open(io.BytesIO(done.stdout)) as image, Image.open(io.BytesIO(data)) as clean:
        assert image.format == "WEBP"
        change = np.abs(np.asarray(image).astype(int) - np.asarray(clean)).max(2)
    assert change[:, :80].any() and not change[:, 80:].any()
    assert NoiseBudget().foreground * 255 >= change.max()


def test_a_mask_of_detect_is_that_of_a_photograph(data: bytes, tmp_path: Path) -> None:
    Image.new("L", (160, 120), 255).save(tmp_path / "mask.png")
    own = run("-", "-", "--masks", tmp_path / "mask.png", given=data).stdout
    (tmp_path / "detections.jsonl").write_text("")
    detected, said = (run("-", "-", "--masks", tmp_path / "mask.png", *more, given=data).stdout for more in ((), ("--closely",)))
    assert detected == said != own


def test_the_document_goes_to_stderr(data: bytes) -> None:
    done = run("-", "-", "--json", given=data)
    assert json.loads(done.stderr[done.stderr.index(b"{") : done.stderr.rindex(b"}") + 1])["protected"] == 1
    assert done.stdout.startswith(b"\x89PNG")


@pytest.mark.parametrize(("given", "what"), [(b"", "is an empty file"), (b"no picture", "is text, not a picture")])
def test_bad_input_is_an_error_and_nothing_on_stdout(given: bytes, what: str, tmp_path: Path) -> None:
    done = run("-", "-", given=given)
    assert (done.returncode, done.stdout) == (1, b"") and done.stderr.decode().startswith(f"error: stdin: {what}{os.linesep}")
    file = tmp_path / "a.png"
    file.write_bytes(given)
    done = run(str(file), "-")
    assert (done.returncode, done.stdout) == (1, b"") and done.stderr.decode().startswith(f"error: {file}: {what}{os.linesep}")


@pytest.mark.parametrize("option", [("--limit", "1"), ("--dry-run",), ("--preview", "p"), ("--include", "*.png"), ("--masks", ".")])
def test_what_needs_folders_is_refused(option: tuple[str, ...], data: bytes) -> None:
    done = run("-", "-", *option, given=data)
    assert (done.returncode, done.stdout) == (2, b"") and option[0].encode() in done.stderr


def test_a_folder_cannot_go_to_stdout(tmp_path: Path) -> None:
    assert run(tmp_path, "-").returncode == 2
