"""Each option of `unseg detect` changes what is written, or whether it is. One test an option, of its name; the network is small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.effects.conftest import Passes, Threads, lines_of, pixels, run, scene, untested
from unseg_cli.cli.app import main
from unseg_cli.detect.config import DetectConfig


@pytest.fixture(scope="module")
def src(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("detect") / "src"
    (folder / "sub").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.png", "sub/c.png")):
        Image.fromarray(scene(number)).save(folder / name)
    return folder


class Runs:
    """Runs of `detect`, each into a folder of its own."""

    def __init__(self, src: Path, generator: Path, where: Path) -> None:
        self.src, self.generator, self.where, self.count = src, generator, where, 0

    def __call__(self, *options: object, code: int = 0, masks: Path | None = None) -> Path:
        self.count += 1
        masks = masks or self.where / f"masks{self.count}"
        given = () if "--generator" in options else ("--generator", self.generator)
        run("detect", self.src, masks, *given, *options, code=code)
        return masks


@pytest.fixture
def detect(src: Path, small_lite: Path, tmp_path: Path) -> Runs:
    return Runs(src, small_lite, tmp_path)


@pytest.fixture(scope="module")
def plain(src: Path, small_lite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What no option at all leaves. For reading alone."""
    return Runs(src, small_lite, tmp_path_factory.mktemp("plain"))()


def rows(masks: Path) -> dict[str, dict[str, Any]]:
    return {row["src"]: row for row in lines_of(masks / "detections.jsonl")}


def written(masks: Path) -> set[str]:
    return {path.relative_to(masks).as_posix() for path in masks.rglob("*.png")}


def test_every_option_has_a_test() -> None:
    assert untested(DetectConfig, globals()) == set()


def test_without_options(plain: Path) -> None:
    assert written(plain) == {"a.png", "b.png", "sub/c.png"}
    assert all(0 <= row["confidence"] <= 1 for row in rows(plain).values())
    assert all(0 < row["area"] < 0.5 for row in rows(plain).values())


def test_threshold(detect: Runs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from unseg_cli.generators.find import Found
    from unseg_cli.generators.finders.agreeing import AgreeingFinders

    sure = [Found(mask=np.ones((48, 64), bool), confidence=0.5)]
    monkeypatch.setattr(AgreeingFinders, "find", lambda self, scenes, prompt=None: sure * len(scenes))
    counts = []
    for threshold in ("0.4", "0.6"):
        main(["detect", str(detect.src), str(detect.where / "m"), "--json", "-q", "--threshold", threshold])
        counts.append(json.loads(capsys.readouterr().out)["unsure"])
    assert counts == [0, 3]


def test_only(detect: Runs) -> None:
    assert written(detect("--only", "sub/c.png")) == {"sub/c.png"}


def test_point(detect: Runs, plain: Path) -> None:
    masks = detect("--only", "b.png", "--point", "32,24", "--point", "30,20")
    assert rows(masks)["b.png"]["correction"]["points"] == [[32, 24], [30, 20]]
    assert rows(masks)["b.png"]["finder"] == "owner"


def test_not_point(detect: Runs, plain: Path) -> None:
    x, y = next((x, y) for y, x in np.argwhere(pixels(plain / "b.png")))
    masks = detect("--only", "b.png", "--not-point", f"{x},{y}")
    assert pixels(masks / "b.png")[y, x] == 0 and pixels(masks / "b.png").any()


def test_box(detect: Runs) -> None:
    masks = detect("--only", "b.png", "--box", "16,8,48,40")
    ys, xs = np.nonzero(pixels(masks / "b.png"))
    assert xs.min() >= 16 and xs.max() < 48 and ys.min() >= 8 and ys.max() < 40


def test_whole(detect: Runs) -> None:
    assert (pixels(detect("--only", "b.png", "--whole") / "b.png") == 255).all()


def test_overwrite(detect: Runs) -> None:
    masks = detect.where / "drawn"
    masks.mkdir()
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(masks / "b.png")
    detect("--only", "b.png", "--whole", masks=masks, code=1)
    assert not pixels(masks / "b.png").any()
    detect("--only", "b.png", "--whole", "--overwrite", masks=masks)
    assert pixels(masks / "b.png").all()


def test_generator(detect: Runs, plain: Path, small_vit: tuple[Path, Path]) -> None:
    detect("--generator", small_vit[0], code=2)  # it has to be told where the object is
    masks = detect("--generator", small_vit[0], "--only", "b.png", "--box", "0,0,64,48", code=0)
    assert rows(masks)["b.png"]["generator_sha256"] != rows(plain)["b.png"]["generator_sha256"]


def test_sam_checkpoint(detect: Runs, small_vit: tuple[Path, Path]) -> None:
    line = ("--generator", small_vit[0], "--only", "b.png", "--box", "0,0,64,48")
    masks = [detect(*line, *more) for more in ((), ("--sam-checkpoint", small_vit[1]))]
    assert len({rows(one)["b.png"]["settings"] for one in masks}) == 2
    assert not np.array_equal(*(pixels(one / "b.png") for one in masks))


def test_workers(detect: Runs, plain: Path, threads: Threads) -> None:
    masks = detect("--workers", "3")
    assert set(threads.seen) == {3}
    assert {name: (masks / name).read_bytes() for name in written(masks)} == {name: (plain / name).read_bytes() for name in written(plain)}


def test_batch_size(detect: Runs, passes: Passes) -> None:
    detect()
    together = max(passes.sizes)
    passes.sizes.clear()
    detect("--batch-size", "1")
    assert (together, set(passes.sizes)) == (3, {1})


def test_limit(detect: Runs) -> None:
    assert written(detect("--limit", "1")) == {"a.png"}


def test_include(detect: Runs) -> None:
    assert written(detect("--include", "c.*", "--include", "a*")) == {"a.png", "sub/c.png"}


def test_exclude(detect: Runs) -> None:
    assert written(detect("--exclude", "sub/*")) == {"a.png", "b.png"}


def test_dry_run(detect: Runs) -> None:
    assert not detect("--dry-run").exists()


def test_device(detect: Runs) -> None:
    assert not detect("--device", "cuda:99", code=4).exists()
