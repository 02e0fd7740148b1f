"""A dry run says what the run then does, and writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.protect.conftest import Unseg, photo, rows


def bad_folder(folder: Path) -> dict[str, str]:
    """A good picture, and one of each that a run refuses; name -> what is wrong with it."""
    folder.mkdir()
    Image.fromarray(photo()).save(folder / "good.png")
    frames = [Image.fromarray(photo(number)) for number in range(3)]
    frames[0].save(folder / "moving.webp", save_all=True, append_images=frames[1:])
    frames[0].save(folder / "moving.png", save_all=True, append_images=frames[1:])
    frames[0].save(folder / "pages.tif", save_all=True, append_images=frames[1:])
    Image.fromarray(photo()[..., 0].astype(np.float32)).save(folder / "float.tif")
    (folder / "half.png").write_bytes((folder / "good.png").read_bytes()[:-900])
    (folder / "text.jpg").write_text("this is no picture at all")
    (folder / "empty.jpg").touch()
    Image.fromarray(photo()).save(folder / "phone.avif")
    Image.fromarray(photo()).save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(photo()).save(folder / "still.gif")
    transparent = Image.fromarray(np.dstack([photo(), np.full(photo().shape[:2], 9, np.uint8)]))
    transparent.save(folder / "glass.png")
    return {
        "moving.webp": "animated",
        "moving.png": "animated",
        "pages.tif": "pages",
        "float.tif": "floating-point",
        "half.png": "truncated",
        "text.jpg": "text",
        "empty.jpg": "empty",
        "moving.gif": "animated",
        "still.gif": "palette has no room",
    }


@pytest.mark.parametrize("format", ["keep", "jpeg"])
def test_a_dry_run_says_what_the_run_then_does(tmp_path: Path, unseg: Unseg, format: str) -> None:
    expected = bad_folder(tmp_path / "src")
    good = ["glass.png", "good.png", "phone.avif"]
    if format == "jpeg":
        expected["glass.png"] = "transparent"
        del expected["still.gif"]
        good = ["good.png", "phone.avif", "still.gif"]
    line = ("protect", tmp_path / "src", tmp_path / "out", "--format", format, "-q")
    dry = unseg(*line, "--dry-run")
    assert not (tmp_path / "out").exists()
    assert dry.code == 1
    promised = dry.out.splitlines()
    targets = {name: name if format == "keep" else Path(name).with_suffix(".jpg").name for name in good}
    for name in good:
        assert f"would protect {name}" + (f" -> {targets[name]}" if targets[name] != name else "") in promised
    refused = {text.removeprefix("would fail on ").partition(": ")[0]: text for text in promised if text.startswith("would fail on ")}
    assert set(refused) == set(expected)
    assert all(expected[name] in text for name, text in refused.items())
    assert promised[-1] == f"{len(good) + len(expected)} pictures: {len(good)} would be protected, 0 skipped, {len(expected)} would fail"
    run = unseg(*line)
    assert run.code == 1
    told = {text.removeprefix("failed: ") for text in run.out.splitlines() if text.startswith("failed: ")}
    assert told == {text.removeprefix("would fail on ") for text in refused.values()}
    assert {name for name, row in rows(tmp_path / "out").items() if row["status"] == "protected"} == set(good)
    again = unseg(*line, "--dry-run")
    assert f"0 would be protected, {len(good)} skipped, {len(expected)} would fail" in again.out.splitlines()[-1]


def test_a_dry_run_as_json(src: Path, tmp_path: Path, unseg: Unseg) -> None:
    code, out, _ = unseg("protect", src, tmp_path / "out", "--dry-run", "--json", "--limit", 1)
    document = json.loads(out)
    assert (code, document["would_protect"], document["planned"]) == (0, 1, [{"src": "a.png", "dst": "a.png"}])
