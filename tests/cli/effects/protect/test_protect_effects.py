"""Each option of `unseg protect` changes what is written, or whether it is. One test an option, of its name; the network is small."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.effects.conftest import Passes, Threads, pixels, run, scene, untested
from tests.cli.effects.protect.conftest import Runs, rows, written
from unseg_cli.protect.config import ProtectConfig
from unseg_cli.protect.engines.watch import arriving


def test_every_option_has_a_test() -> None:
    assert untested(ProtectConfig, globals()) == set()


def test_without_options(plain: Path, protect: Runs) -> None:
    assert set(written(plain)) == {"a.jpg", "b.png", "sub/c.png"}
    assert {row["mask_source"] for row in rows(plain).values()} == {"auto"}
    assert rows(plain)["b.png"]["linf_255"] <= 8
    assert written(protect()) == written(plain)


def test_masks(plain: Path, protect: Runs, masks: Path) -> None:
    dst = protect("--masks", masks)
    assert {row["mask_source"] for row in rows(dst).values()} == {"file"}
    assert written(dst)["b.png"] != written(plain)["b.png"]


def test_mask_rule(protect: Runs, masks: Path) -> None:
    both, one = (protect("--masks", masks, "--epsilon-bg", "2/255", *rule) for rule in ((), ("--mask-rule", "class:7")))
    assert [rows(dst)["b.png"]["mask_share"] for dst in (both, one)] == [0.5, 0.25]
    assert np.abs(pixels(one / "b.png") - pixels(protect.src / "b.png"))[:, :15].max() == 2


def test_dataset(dataset: Path, small_lite: Path, tmp_path: Path) -> None:
    run("protect", "--dataset", dataset, tmp_path / "out", "--generator", small_lite)
    assert {name for name, row in rows(tmp_path / "out").items() if row["status"] == "protected"} == {
        "images/train/a.jpg", "images/train/b.png", "images/test/c.png",
    }  # fmt: skip
    assert written(tmp_path / "out")["masks/train/a.png"] == written(dataset)["masks/train/a.png"]


def test_split(dataset: Path, small_lite: Path, tmp_path: Path) -> None:
    run("protect", "--dataset", dataset, tmp_path / "out", "--generator", small_lite, "--split", "train")
    changed = {name for name, data in written(dataset).items() if written(tmp_path / "out")[name] != data}
    assert changed == {"images/train/a.jpg", "images/train/b.png"}


def test_per_class(protect: Runs, masks: Path) -> None:
    one, each = protect("--masks", masks, "--mask-rule", "not-void"), protect("--masks", masks, "--mask-rule", "not-void", "--per-class")
    assert written(one)["b.png"] != written(each)["b.png"]


def test_target(plain: Path, protect: Runs) -> None:
    made = {target: protect("--target", target) for target in ("whole", "uniform")}
    assert {row["mask_source"] for dst in made.values() for row in rows(dst).values()} == {"whole"}
    assert len({written(dst)["b.png"] for dst in (plain, *made.values())}) == 3


def test_max_difference(plain: Path, protect: Runs) -> None:
    more, less = protect("--max-difference", "9"), protect("--max-difference", "1.2")
    assert rows(less)["b.png"]["recipe"] == {"max_difference": 1.2, "min_cell": 8, "closely": True}
    assert rows(more)["b.png"]["psnr"] < rows(plain)["b.png"]["psnr"] < rows(less)["b.png"]["psnr"]


def test_min_cell(protect: Runs) -> None:
    """Another cell, other pixels."""
    small, large = (protect("--max-difference", "9", "--min-cell", cell) for cell in ("8", "12"))
    assert [rows(dst)["b.png"]["recipe"]["min_cell"] for dst in (small, large)] == [8, 12]
    assert written(small)["b.png"] != written(large)["b.png"]


def test_epsilon(protect: Runs, masks: Path) -> None:
    assert rows(protect("--masks", masks, "--epsilon", "5/255"))["b.png"]["linf_255"] == 5


def test_epsilon_bg(protect: Runs, masks: Path) -> None:
    dst = protect("--masks", masks, "--epsilon-bg", "0")
    change = np.abs(pixels(dst / "b.png") - pixels(protect.src / "b.png"))
    assert change[:, :32].max() == 8
    assert change[:, 32:].max() == 0


def test_strength(protect: Runs, masks: Path) -> None:
    high, low = (rows(protect("--masks", masks, "--strength", strength))["b.png"] for strength in ("high", "low"))
    assert [(one["recipe"]["max_difference"], one["recipe"]["closely"]) for one in (high, low)] == [(None, None), (1.5, True)]
    assert high["psnr"] < low["psnr"]


def test_closely(protect: Runs, masks: Path) -> None:
    once, closely = (rows(protect("--masks", masks, option))["b.png"] for option in ("--no-closely", "--closely"))
    assert (once["recipe"]["closely"], closely["recipe"]["closely"]) == (False, True)
    assert once["psnr"] < closely["psnr"]


def test_generator(plain: Path, protect: Runs, small_vit: tuple[Path, Path]) -> None:
    dst = protect("--generator", small_vit[0])
    assert rows(dst)["b.png"]["generator_sha256"] != rows(plain)["b.png"]["generator_sha256"]
    assert written(dst)["b.png"] != written(plain)["b.png"]


def test_sam_checkpoint(protect: Runs, small_vit: tuple[Path, Path]) -> None:
    own = protect("--generator", small_vit[0], "--target", "whole")
    other = protect("--generator", small_vit[0], "--target", "whole", "--sam-checkpoint", small_vit[1])
    assert written(own)["b.png"] != written(other)["b.png"]
    # Where it changed, finished pictures are done again.
    protect("--generator", small_vit[0], "--target", "whole", "--sam-checkpoint", small_vit[1], dst=own)
    assert written(own)["b.png"] == written(other)["b.png"]


def test_format(protect: Runs) -> None:
    assert set(written(protect("--format", "png"))) == {"a.png", "b.png", "sub/c.png"}


def test_quality(plain: Path, protect: Runs) -> None:
    dst = protect("--quality", "99")
    assert rows(dst)["a.jpg"]["quality"] == 99
    assert len(written(dst)["a.jpg"]) > len(written(plain)["a.jpg"])


def test_metadata(plain: Path, protect: Runs) -> None:
    for dst, kept in ((plain, "a disc"), (protect("--metadata", "strip"), None)):
        with Image.open(dst / "a.jpg") as image:
            assert image.getexif().get(0x010E) == kept


def test_longest_side(plain: Path, protect: Runs) -> None:
    for dst, size in ((plain, (64, 48)), (protect("--longest-side", "32"), (32, 24))):
        with Image.open(dst / "b.png") as image:
            assert image.size == size


def test_workers(plain: Path, protect: Runs, threads: Threads) -> None:
    dst = protect("--workers", "3")
    assert threads.seen == [3]
    assert written(dst) == written(plain)


def test_batch_size(protect: Runs, passes: Passes) -> None:
    protect()
    together = max(passes.sizes)
    passes.sizes.clear()
    protect("--batch-size", "1")
    assert (together, set(passes.sizes)) == (3, {1})


def test_limit(protect: Runs) -> None:
    assert set(written(protect("--limit", "1"))) == {"a.jpg"}


def test_files_from(protect: Runs) -> None:
    names = protect.where / "list"
    names.write_text("sub/c.png\n", encoding="utf-8")
    assert set(written(protect("--files-from", names))) == {"sub/c.png"}


def test_include(protect: Runs) -> None:
    assert set(written(protect("--include", "c.*", "--include", "*.jpg"))) == {"a.jpg", "sub/c.png"}


def test_exclude(protect: Runs) -> None:
    assert set(written(protect("--exclude", "*.jpg", "--exclude", "sub/*"))) == {"b.png"}


def test_overwrite(protect: Runs) -> None:
    dst = protect.where / "foreign"
    dst.mkdir()
    shutil.copy(protect.src / "b.png", dst / "b.png")
    protect(dst=dst, code=1)
    assert written(dst)["b.png"] == (protect.src / "b.png").read_bytes()
    protect("--overwrite", dst=dst)
    assert written(dst)["b.png"] != (protect.src / "b.png").read_bytes()


def test_fail_fast(protect: Runs) -> None:
    tree = protect.where / "many"
    tree.mkdir()
    (tree / "00.png").write_text("no picture")
    for index in range(1, 13):
        Image.fromarray(scene(index, 16, 16)).save(tree / f"{index:02}.png")
    protect.src = tree
    assert len(written(protect(code=1))) == 12
    assert len(written(protect("--fail-fast", "--workers", "1", "--batch-size", "1", code=1))) < 12


def test_dry_run(protect: Runs) -> None:
    dst = protect("--dry-run")
    assert not dst.exists() or not written(dst)


def test_save_noise(protect: Runs) -> None:
    folder = protect.where / "noise"
    protect("--save-noise", folder)
    assert len(written(folder)) == 3


def test_preview(protect: Runs) -> None:
    folder = protect.where / "previews"
    protect("--preview", folder)
    shown = pixels(folder / "b.png.png")
    assert np.array_equal(shown[:48, :64, :3], pixels(protect.src / "b.png"))


def test_report(protect: Runs) -> None:
    protect("--report", protect.where / "report.html")
    assert "b.png" in (protect.where / "report.html").read_text(encoding="utf-8")


def test_watch(protect: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first look finds all pictures, the second finds them unchanged; a third one arrives before Ctrl-C."""
    looks = 0

    def sleep(seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            shutil.copy(protect.src / "b.png", protect.src / "new.png")
        elif looks == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr("unseg_cli.protect.run.arriving", partial(arriving, sleep=sleep))
    assert "new.png" in written(protect("--watch"))


def test_engine(protect: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a cluster does is in tests/protect/engines/test_on_ray.py; here it has one worker, which is this process."""
    tasks = []

    class Here:
        def __init__(self, task: object, *, workers: int | None) -> None:
            tasks.append(task)

        def run(self, jobs: object) -> Iterator[object]:
            yield from ()

    monkeypatch.setattr("unseg_cli.protect.engines.on_ray.RayEngine", Here)
    assert written(protect())
    assert not tasks
    protect("--engine", "ray", dst=protect.where / "elsewhere")
    assert tasks[0].target == str(protect.where / "elsewhere")


def test_device(protect: Runs) -> None:
    assert not written(protect("--device", "cuda:99", code=4))
