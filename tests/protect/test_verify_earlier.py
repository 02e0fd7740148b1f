"""What verify makes of files that earlier runs and versions left, and of noise that is faint."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures.picture_makers import photo
from tests.protect.conftest import Protect
from tests.protect.test_verify import check, masks_for
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.noise.version import NOISE_CODE


def test_a_file_of_an_earlier_run_is_judged_by_its_own_budget_and_named(
    trees: tuple[Path, Path], tmp_path: Path, run_protect: Protect
) -> None:
    src, dst = trees
    masks = masks_for(src, tmp_path / "masks")
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(masks / "b.png")
    report = run_protect(src, dst, masks=masks, budget=NoiseBudget(4 / 255, 1 / 255))
    assert report.document["failed"] == 1
    report, pairs = check(src, dst)
    assert report.exit_code == 0
    assert "failed on it (its mask b.png is 5x5 pixels" in pairs["b.png"]["note"]
    assert not pairs["b.png"]["in_manifest"]
    assert (pairs["b.png"]["allowed_255"], pairs["sub/d.webp"]["allowed_255"]) == (8, 4)
    assert pairs["a.jpg"]["note"] is None
    (dst / "b.png").unlink()
    _, pairs = check(src, dst)
    assert pairs["b.png"]["note"] == "the last run of `unseg protect` failed on it (its mask b.png is 5x5 pixels, the picture 120x90)"


def test_a_manifest_of_the_version_before_is_read_judged_by_its_own_epsilons_and_done_anew(
    trees: tuple[Path, Path], run_protect: Protect
) -> None:
    """It said `spared`, knew no `recipe`, and another code drew."""
    src, dst = trees
    run_protect(src, dst, budget=NoiseBudget(16 / 255, 4 / 255), overwrite=True)
    manifest = dst / "unseg-manifest.jsonl"
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    for row in rows:
        del row["recipe"]
        row |= {"spared": True, "noise_code": "1", "settings": "0" * len(row["settings"])}
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report, pairs = check(src, dst)
    assert report.exit_code == 0 and all(pair["in_manifest"] for pair in pairs.values())
    assert {pairs[name]["allowed_255"] for name in ("b.png", "sub/d.webp")} == {16}
    assert check(src, dst, NoiseBudget())[0].exit_code == 1
    again = run_protect(src, dst).document
    assert (again["protected"], again["skipped"], again["failed"]) == (4, 0, 0)
    now = {row["src"]: row for row in map(json.loads, manifest.read_text().splitlines())}
    assert all("spared" not in row and row["recipe"]["min_cell"] == 8 and row["noise_code"] == NOISE_CODE for row in now.values())
    assert run_protect(src, dst).document["skipped"] == 4


def faint(tmp_path: Path, run_protect: Protect, suffix: str) -> tuple[Path, Path]:
    """A large photograph with little noise, as one without masks gets."""
    src, dst = tmp_path / "src", tmp_path / "out"
    src.mkdir()
    Image.fromarray(photo(300, 400)).save(src / f"a{suffix}", quality=92)
    run_protect(src, dst, budget=NoiseBudget(2 / 255, 0))
    return src, dst


@pytest.mark.parametrize("suffix", [".jpg", ".avif", ".heic"])
def test_little_noise_is_noise_in_a_file_that_protect_measured(tmp_path: Path, run_protect: Protect, suffix: str) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    src, dst = faint(tmp_path, run_protect, suffix)
    report, pairs = check(src, dst)
    assert report.exit_code == 0 and pairs[f"a{suffix}"]["ok"]


def test_a_clean_copy_in_its_place_is_found_all_the_same(tmp_path: Path, run_protect: Protect) -> None:
    src, dst = faint(tmp_path, run_protect, ".jpg")
    with Image.open(src / "a.jpg") as clean:
        clean.save(dst / "a.jpg", quality=92, subsampling=0)
    report, pairs = check(src, dst)
    assert report.exit_code == 1 and pairs["a.jpg"]["verdict"] == "not protected"
