"""`unseg protect` says how sure its detections were, and what to do about the others."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.protect.conftest import hashes, rows, session_of, texture
from unseg_cli.core.events import Report
from unseg_cli.generators.find import UNSURE
from unseg_cli.protect.results.unsure import Unsure, detect_command


@pytest.fixture
def confidences(monkeypatch: pytest.MonkeyPatch, run_protect: Callable[..., Report]) -> None:
    """The first picture of every batch is unsure, the others are not."""
    import unseg_cli.protect.run as workflow

    def noise(generator, images, masks, target):
        made = texture(generator, images, masks, target)
        sure = [0.25 if not place else 0.98765 for place in range(len(made))]
        return [replace(one, confidence=how if mask is None else None) for one, mask, how in zip(made, masks, sure, strict=True)]

    monkeypatch.setattr(workflow, "Session", session_of(noise))


def test_the_manifest_has_the_confidence_and_the_end_says_what_to_do(
    confidences: None, run_protect: Callable[..., Report], src: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    Image.fromarray(np.full((48, 64), 255, np.uint8)).save(masks / "b.png")
    report = run_protect(src, tmp_path / "out", masks=masks, batch_size=5, workers=1)
    found = {name: row["confidence"] for name, row in rows(tmp_path / "out").items()}
    assert sorted(found.values(), key=str) == [0.25, 0.9877, 0.9877, 0.9877, None]
    assert found["b.JPG"] is None
    assert (report.document["unsure"], report.document["nothing_found"]) == (1, 0)
    assert report.closing[-2] == "To be looked at: 1 detected object unsure."
    assert f"`unseg detect {src} {masks}`" in report.closing[-1]
    again = run_protect(src, tmp_path / "out", masks=masks)
    assert (again.document["skipped"], again.document["unsure"]) == (5, 1)


def test_manifests_of_the_version_before_say_nothing_of_it_and_are_skipped(
    run_protect: Callable[..., Report], src: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run_protect(src, out)
    manifest = out / "unseg-manifest.jsonl"
    old = [json.loads(line) for line in manifest.read_text().splitlines()]
    for row in old:
        del row["confidence"]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in old))
    before = hashes(out)
    report = run_protect(src, out)
    assert (report.document["skipped"], report.document["protected"], report.exit_code) == (5, 0, 0)
    assert hashes(out) == before
    assert (report.document["unsure"], report.closing) == (5, ())


def test_only_what_was_detected_is_counted() -> None:
    lines = [
        {"mask_source": "auto", "confidence": UNSURE},
        {"mask_source": "auto", "confidence": UNSURE - 0.01},
        {"mask_source": "auto"},
        {"mask_source": "whole", "confidence": None, "mask_empty": False},
        {"mask_source": "whole", "mask_empty": True},
        {"mask_source": "file", "confidence": None},
    ]
    found, others = Unsure(), Unsure()
    for line in lines:
        found.add(line)
        others.add(line, "whole")
    assert (found.unsure, found.unknown, found.nothing) == (2, 1, 1)
    sure = Unsure()
    sure.add(lines[0])
    assert others.lines("x") == sure.lines("x") == ()
    assert found.lines("unseg detect a b")[0] == (
        "To be looked at: 1 detected object unsure, 1 of unknown certainty, 1 picture with nothing found, protected as a whole."
    )


def test_the_command_names_a_folder_that_is_not_among_the_originals(tmp_path: Path) -> None:
    (tmp_path / "my photos").mkdir()
    quote, photos = '"' if os.name == "nt" else "'", tmp_path / "my photos"
    assert detect_command(photos, None) == f"unseg detect {quote}{photos}{quote} {quote}{photos}-masks{quote}"
    assert detect_command(tmp_path / "a.jpg", None).endswith("a.jpg masks")
    assert detect_command(tmp_path / "my photos", tmp_path).endswith(f" {tmp_path}")
