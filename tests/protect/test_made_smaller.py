"""`--longest-side`: copies with fewer pixels than their pictures; masks, verify, restore and reruns go with them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.protect.conftest import Protect, photo, rows
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.smaller import smaller
from unseg_cli.protect.config import RestoreConfig, VerifyConfig
from unseg_cli.protect.restore import restore
from unseg_cli.protect.verification import verify


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A picture of 240 x 160 pixels as PNG and as JPEG, and one of 64 x 48."""
    folder = tmp_path / "large"
    folder.mkdir()
    for seed, name in enumerate(("a.png", "b.jpg")):
        Image.fromarray(photo(seed, 160, 240)).save(folder / name, quality=92)
    Image.fromarray(photo(2)).save(folder / "small.png")
    return folder


def _clean(path: Path) -> np.ndarray:
    return smaller(read_picture(path), 120).pixels


def test_larger_ones_become_smaller_and_verify(large: Path, tmp_path: Path, run_protect: Protect) -> None:
    before = {path.name: path.read_bytes() for path in large.iterdir()}
    report = run_protect(large, tmp_path / "out", longest_side=120)
    assert (report.exit_code, report.document["protected"], report.document["made_smaller"]) == (0, 3, 2)
    assert "2 pictures made smaller" in report.closing[0]
    sizes = {name: read_picture(tmp_path / "out" / name).size for name in before}
    assert sizes == {"a.png": (80, 120), "b.jpg": (80, 120), "small.png": (48, 64)}
    assert {name: row["longest_side"] for name, row in rows(tmp_path / "out").items()} == {"a.png": 120, "b.jpg": 120, "small.png": None}
    step = read_picture(tmp_path / "out" / "a.png").pixels.astype(int) - _clean(large / "a.png")
    assert np.abs(step).max() == rows(tmp_path / "out")["a.png"]["linf_255"] == 8
    found = verify(VerifyConfig(src=large, dst=tmp_path / "out"), Events())
    assert found.exit_code == 0 and all(pair["ok"] for pair in found.document["pairs"])
    assert {path.name: path.read_bytes() for path in large.iterdir()} == before


def test_a_copy_without_noise_is_found_out(large: Path, tmp_path: Path, run_protect: Protect) -> None:
    run_protect(large, tmp_path / "out", longest_side=120)
    Image.fromarray(_clean(large / "a.png")).save(tmp_path / "out" / "a.png")
    found = {pair["src"]: pair["verdict"] for pair in verify(VerifyConfig(src=large, dst=tmp_path / "out"), Events()).document["pairs"]}
    assert found == {"a.png": "not protected", "b.jpg": "protected", "small.png": "protected"}


@pytest.mark.parametrize("said", ["1600", -3, 0, 119])
def test_a_manifest_that_says_another_size_is_not_believed(said: object, large: Path, tmp_path: Path, run_protect: Protect) -> None:
    run_protect(large, tmp_path / "out", longest_side=120)
    path = tmp_path / "out" / "unseg-manifest.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line | {"longest_side": said}) + "\n" for line in lines))
    found = {pair["src"]: pair for pair in verify(VerifyConfig(src=large, dst=tmp_path / "out"), Events()).document["pairs"]}
    assert found["a.png"]["verdict"] == "altered otherwise" and "differs in size" in found["a.png"]["problem"]


@pytest.mark.parametrize("per_class", [False, True])
def test_masks_are_those_of_the_large_picture(per_class: bool, large: Path, tmp_path: Path, run_protect: Protect) -> None:
    labels = np.zeros((160, 240), np.uint8)
    labels[40:120, 60:180] = 3
    for name, size in (("a", None), ("b", None), ("small", (48, 64))):
        mask = labels if size is None else np.ones(size, np.uint8)
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    run_protect(
        large,
        tmp_path / "out",
        masks=tmp_path / "masks",
        budget=NoiseBudget(8 / 255, 0.0, visible=None),
        per_class=per_class,
        longest_side=120,
    )
    step = np.abs(read_picture(tmp_path / "out" / "a.png").pixels.astype(int) - _clean(large / "a.png")).max(axis=2)
    inside = np.zeros((80, 120), bool)
    inside[20:60, 30:90] = True
    assert step[~inside].max() == 0 and step[inside].max() == 8
    assert rows(tmp_path / "out")["a.png"]["mask_share"] == 0.25
    found = verify(VerifyConfig(src=large, dst=tmp_path / "out", masks=tmp_path / "masks", budget=NoiseBudget(8 / 255, 0.0)), Events())
    assert {pair["src"]: pair["verdict"] for pair in found.document["pairs"]}["a.png"] == "protected"


def test_a_mask_of_the_small_size_is_refused(large: Path, tmp_path: Path, run_protect: Protect) -> None:
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.ones((80, 120), np.uint8)).save(tmp_path / "masks" / "a.png")
    report = run_protect(large / "a.png", tmp_path / "out", masks=tmp_path / "masks", longest_side=120)
    assert "is 120x80 pixels, the picture 240x160" in report.document["failures"][0]["error"]


def test_restore_gives_back_the_small_clean_picture(large: Path, tmp_path: Path, run_protect: Protect) -> None:
    run_protect(large / "a.png", tmp_path / "out", save_noise=tmp_path / "noise", longest_side=120)
    report = restore(RestoreConfig(protected=tmp_path / "out", noise=tmp_path / "noise", out=tmp_path / "again"), Events())
    assert report.document["restored"] == 1
    assert np.array_equal(read_picture(tmp_path / "again" / "a.png").pixels, _clean(large / "a.png"))


def test_previews_and_the_report_show_it(large: Path, tmp_path: Path, run_protect: Protect) -> None:
    run_protect(large, tmp_path / "out", longest_side=120, preview=tmp_path / "previews", report=tmp_path / "report.html")
    assert (tmp_path / "previews" / "a.png.png").is_file()
    assert (tmp_path / "report.html").read_text().count("<figure>") == 3


def test_another_size_is_done_again_and_the_same_is_not(large: Path, tmp_path: Path, run_protect: Protect) -> None:
    counts = [run_protect(large, tmp_path / "out", longest_side=side).document for side in (120, 120, 100, None)]
    assert [(one["protected"], one["skipped"]) for one in counts] == [(3, 0), (0, 3), (3, 0), (3, 0)]
    assert read_picture(tmp_path / "out" / "a.png").size == (160, 240)


def test_a_data_set_keeps_its_sizes(tmp_path: Path, run_protect: Protect) -> None:
    with pytest.raises(UsageProblem, match="--longest-side and --dataset exclude each other"):
        run_protect(tmp_path, tmp_path / "out", dataset=f"ecssd:{tmp_path}", longest_side=120)
