"""`unseg verify` finds what is missing, unchanged, out of budget or altered; and nothing else."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.pictures.picture_makers import LOSSLESS, lossless_file, photo, saved
from tests.protect.conftest import Protect
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import NothingToDo, UsageProblem
from unseg_cli.core.events import Report
from unseg_cli.protect.config import VerifyConfig
from unseg_cli.protect.verification import verify


def check(src: Path, dst: Path, budget: NoiseBudget | None = None, **more: Any) -> tuple[Report, dict[str, dict[str, Any]]]:
    from unseg_cli.core.events import Events

    report = verify(VerifyConfig(src=src, dst=dst, budget=budget, **more), Events())
    return report, {pair["src"]: pair for pair in report.document["pairs"]}


def test_a_good_tree(trees: tuple[Path, Path]) -> None:
    report, pairs = check(*trees)
    assert report.exit_code == 0
    assert report.document["command"] == "verify"
    assert (report.document["images"], report.document["protected"], report.document["failed"]) == (4, 4, 0)
    assert report.document["generator"]["name"] == "stand-in"
    manifest = {row["src"]: row for row in map(json.loads, (trees[1] / "unseg-manifest.jsonl").read_text().splitlines())}
    for name, pair in pairs.items():
        assert pair["ok"]
        assert pair["in_manifest"]
        for key in ("dst", "linf_255", "psnr", "ssim"):
            assert pair[key] == manifest[name][key]
    assert json.loads(json.dumps(report.document)) == report.document


@pytest.mark.parametrize("epsilons", [(2, 1), (4, 1), (8, 2), (16, 4), (40, 40)])
@pytest.mark.parametrize("quality", [None, 60, 75, 97])
def test_what_protect_wrote_is_always_within(tmp_path: Path, run_protect: Protect, epsilons: tuple[int, int], quality: int | None) -> None:
    src, dst = tmp_path / "src", tmp_path / "out"
    src.mkdir()
    (src / "grey.jpg").write_bytes(saved(Image.fromarray(photo(80, 90, channels=1)[..., 0]), "JPEG"))
    (src / "turned.jpg").write_bytes(
        saved(Image.fromarray(photo(80, 90)), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0")
    )
    (src / "cmyk.jpg").write_bytes(saved(Image.frombytes("CMYK", (90, 80), photo(80, 90, channels=4).tobytes()), "JPEG", quality=95))
    (src / "lossy.webp").write_bytes(saved(Image.fromarray(photo(80, 90, channels=4), "RGBA"), "WEBP", quality=85))
    report = run_protect(src, dst, budget=NoiseBudget(epsilons[0] / 255, epsilons[1] / 255), quality=quality)
    protected = report.document["protected"]
    if quality is None or quality > 90 or epsilons[0] >= 8:
        assert protected == 4
    _, pairs = check(src, dst)
    assert sum(pair["ok"] for pair in pairs.values()) == protected, pairs


def test_lossless_files_of_every_kind(tmp_path: Path, run_protect: Protect) -> None:
    src, dst = tmp_path / "src", tmp_path / "out"
    src.mkdir()
    for format, mode, depth in LOSSLESS:
        suffix = {"PNG": ".png", "TIFF": ".tif", "WEBP": ".webp", "BMP": ".bmp"}[format]
        (src / f"{format}{mode}{depth}{suffix}").write_bytes(lossless_file(format, mode, depth)[0])
    run_protect(src, dst)
    report, pairs = check(src, dst)
    assert report.exit_code == 0
    assert {pair["linf_255"] for pair in pairs.values()} == {8.0}
    assert {pair["allowed_255"] for pair in pairs.values()} == {8.0}


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_formats_that_changed_are_paired(tmp_path: Path, run_protect: Protect, trees: tuple[Path, Path], format: str) -> None:
    src = trees[0]
    data, _ = lossless_file("PNG", "L", 16)
    (src / "deep.png").write_bytes(data)
    dst = tmp_path / "other"
    run_protect(src, dst, format=format)
    report, pairs = check(src, dst)
    assert report.exit_code == 0, pairs
    (dst / "unseg-manifest.jsonl").unlink()
    report, pairs = check(src, dst)
    assert report.exit_code == 0, pairs
    assert report.document["not_in_manifest"] == 5


def test_one_file_is_not_the_copy_of_two_pictures(tmp_path: Path, run_protect: Protect) -> None:
    src, dst = tmp_path / "src", tmp_path / "out"
    src.mkdir()
    for name in ("a.jpg", "a.png"):
        Image.fromarray(photo(90, 120)).save(src / name)
    run_protect(src, dst)
    for lost in (dst / "a.jpg", dst / "unseg-manifest.jsonl"):
        lost.unlink()
        report, pairs = check(src, dst)
        assert pairs["a.jpg"]["verdict"] == "missing"
        assert pairs["a.png"]["ok"]
        assert report.exit_code == 1


def test_missing_unreadable_resized_and_foreign(trees: tuple[Path, Path]) -> None:
    src, dst = trees
    (dst / "a.jpg").unlink()
    (dst / "b.png").write_text("no picture, just text")
    Image.fromarray(photo(90, 121)).save(dst / "sub" / "d.webp", lossless=True)
    report, pairs = check(src, dst)
    assert report.exit_code == 1
    assert (report.document["failed"], report.document["missing"]) == (3, 1)
    assert pairs["a.jpg"]["problem"] == "is missing in DST"
    assert pairs["b.png"]["problem"] == "the protected file is text, not a picture"
    assert "121x90" in pairs["sub/d.webp"]["problem"]
    assert pairs["sub/c.webp"]["ok"]
    assert [failure["path"] for failure in report.document["failures"]] == ["a.jpg", "b.png", "sub/d.webp"]


def test_copies_of_the_originals_are_not_protected(trees: tuple[Path, Path]) -> None:
    src, dst = trees
    shutil.copytree(src, dst, dirs_exist_ok=True)
    report, pairs = check(src, dst)
    assert report.document["failed"] == 4
    assert all("not protected" in pair["problem"] for pair in pairs.values())


@pytest.mark.parametrize("quality", [60, 90, 98])
def test_reencoded_originals_are_not_protected(trees: tuple[Path, Path], quality: int) -> None:
    src, dst = trees
    for name, format in (("a.jpg", "JPEG"), ("sub/c.webp", "WEBP")):
        with Image.open(src / name) as image:
            out = io.BytesIO()
            image.save(out, format, quality=quality if format == "JPEG" else 95)
        (dst / name).write_bytes(out.getvalue())
    _, pairs = check(src, dst)
    for name in ("a.jpg", "sub/c.webp"):
        assert not pairs[name]["ok"]
        assert "but for the codec" in pairs[name]["problem"]


def test_a_file_that_took_the_place_of_the_protected_one_is_noticed(trees: tuple[Path, Path]) -> None:
    src, dst = trees
    (name,) = [one.name for one in src.glob("*.png")][:1]
    with Image.open(src / name) as clean:
        pixels = np.array(clean)
    pixels[0, 0] ^= 1  # within every budget, and no protection
    Image.fromarray(pixels).save(dst / name)
    found = check(src, dst)[1][name]
    assert (found["ok"], found["verdict"]) == (False, "altered otherwise")
    assert "is not what `unseg protect` wrote" in found["problem"]


def test_other_metadata_alone_is_no_problem(trees: tuple[Path, Path]) -> None:
    src, dst = trees
    (name,) = [one.name for one in dst.glob("*.png")][:1]
    with Image.open(dst / name) as protected:
        protected.load()
    before = (dst / name).read_bytes()
    protected.save(dst / name, dpi=(300, 300))
    assert (dst / name).read_bytes() != before
    assert check(src, dst)[1][name]["ok"]


def test_out_of_budget(trees: tuple[Path, Path]) -> None:
    src, dst = trees
    pixels = np.asarray(Image.open(dst / "b.png")).copy()
    clean = np.asarray(Image.open(src / "b.png"))
    pixels[3, 3, 0] = clean[3, 3, 0] + 9
    Image.fromarray(pixels).save(dst / "b.png")
    _, pairs = check(src, dst)
    assert not pairs["b.png"]["ok"]
    assert "9/255, allowed are 8/255" in pairs["b.png"]["problem"]
    assert pairs["a.jpg"]["ok"]
    (dst / "unseg-manifest.jsonl").unlink()  # which knows that the file is another
    _, pairs = check(src, dst, NoiseBudget(9 / 255, 2 / 255))
    assert pairs["b.png"]["ok"]
    _, pairs = check(src, dst, NoiseBudget(1 / 255, 1 / 255))
    assert not any(pairs[name]["ok"] for name in ("b.png", "sub/d.webp"))
    # a lossy file with far too much noise is found, too
    jpeg = np.asarray(Image.open(dst / "a.jpg")).astype(int)
    strong = np.clip(jpeg + 60 * np.sign(np.random.default_rng(0).normal(size=jpeg.shape)), 0, 255).astype(np.uint8)
    Image.fromarray(strong).save(dst / "a.jpg", quality=95, subsampling=0)
    _, pairs = check(src, dst)
    assert "out of budget" in pairs["a.jpg"]["problem"]


def test_an_altered_alpha_channel(tmp_path: Path, run_protect: Protect) -> None:
    src, dst = tmp_path / "src", tmp_path / "out"
    src.mkdir()
    Image.fromarray(photo(channels=4), "RGBA").save(src / "a.png")
    run_protect(src, dst)
    assert check(src, dst)[0].exit_code == 0
    with Image.open(dst / "a.png") as image:
        image.putalpha(255)
        image.save(dst / "a.png")
    _, pairs = check(src, dst)
    assert "alpha" in pairs["a.png"]["problem"]


def test_single_files_and_wrong_arguments(trees: tuple[Path, Path], tmp_path: Path) -> None:
    src, dst = trees
    for target in (dst, dst / "b.png"):
        report, _ = check(src / "b.png", target)
        assert (report.document["images"], report.exit_code) == (1, 0)
    for a, b in ((src, tmp_path / "nowhere"), (tmp_path / "nowhere", dst), (src, dst / "b.png")):
        with pytest.raises(UsageProblem):
            check(a, b)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToDo):
        check(tmp_path / "empty", dst)


def masks_for(src: Path, masks: Path) -> Path:
    """The left third of every picture is an object of class 7."""
    for path in src.rglob("*.*"):
        with Image.open(path) as image:
            labels = np.zeros(image.size[::-1], np.uint8)
        labels[:, : labels.shape[1] // 3] = 7
        target = masks / path.relative_to(src).with_suffix(".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(labels).save(target)
    return masks


def test_masks_say_where_which_bound_counts(trees: tuple[Path, Path], tmp_path: Path, run_protect: Protect) -> None:
    src, masks, dst = trees[0], masks_for(trees[0], tmp_path / "masks"), tmp_path / "masked"
    run_protect(src, dst, masks=masks, budget=NoiseBudget(8 / 255, 2 / 255))
    report, pairs = check(src, dst, masks=masks)
    assert report.exit_code == 0, pairs
    assert pairs["b.png"]["allowed_255"] == 8
    _, pairs = check(src, dst, NoiseBudget(8 / 255, 1 / 255), masks=masks)
    assert pairs["b.png"]["problem"] == "is out of budget outside the object: 2/255, allowed are 1/255"
    _, pairs = check(src, dst, NoiseBudget(7 / 255, 2 / 255), masks=masks)
    assert pairs["b.png"]["problem"] == "is out of budget on the object: 8/255, allowed are 7/255"
    _, pairs = check(src, dst, masks=masks, mask_rule="class:6")  # marks nothing: a whole picture
    assert pairs["b.png"]["ok"]
    # without masks the larger bound counts everywhere, so that noise in the wrong place is not seen
    other = tmp_path / "elsewhere"
    run_protect(src, other)
    assert check(src, other)[1]["b.png"]["ok"]
    _, pairs = check(src, other, masks=masks)
    assert "outside the object: 8/255" in pairs["b.png"]["problem"]


def test_masks_that_do_not_fit(trees: tuple[Path, Path], tmp_path: Path) -> None:
    masks = masks_for(trees[0], tmp_path / "masks")
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(masks / "a.png")
    (masks / "b.tif").write_bytes((masks / "b.png").read_bytes())
    _, pairs = check(*trees, masks=masks)
    assert "its mask a.png is 5x5 pixels" in pairs["a.jpg"]["problem"]
    assert "has 2 masks" in pairs["b.png"]["problem"]
    with pytest.raises(UsageProblem, match="--mask-rule class:7 needs --masks"):
        check(*trees, mask_rule="class:7")
    for wrong in (tmp_path / "nowhere", trees[1] / "sub"):
        with pytest.raises(UsageProblem):
            check(*trees, masks=wrong)


def test_swapped_folders_are_noticed(trees: tuple[Path, Path]) -> None:
    with pytest.raises(UsageProblem, match="is what `unseg protect` wrote") as caught:
        check(trees[1], trees[0])
    assert caught.value.hint == "pass the clean folder first"
