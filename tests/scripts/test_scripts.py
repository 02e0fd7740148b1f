"""The scripts that make data sets and tune victims, run as a user runs them."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import runpy
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.datasets.registry import open_labelled, open_training
from unseg_cli.generators.loading import load_generator
from unseg_cli.generators.session import Session


def run(root: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `python scripts/NAME.py` does, but in this process: starting PyTorch anew takes longer than most scripts."""
    script, out, err = root / "scripts" / f"{name}.py", io.StringIO(), io.StringIO()
    command = [str(script), *arguments]
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", command)
        patch.syspath_prepend(str(script.parent))
        patch.chdir(root)
        try:
            runpy.run_path(str(script), run_name="__main__")
            code: Any = 0
        except SystemExit as end:
            code = end.code or 0
    if not isinstance(code, int):  # what it has to say, as Python prints it
        code, _ = 1, err.write(f"{code}\n")
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


def load(root: Path, name: str) -> Any:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, root / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where its dataclasses look for themselves
    spec.loader.exec_module(module)
    return module


def add(tar: tarfile.TarFile, name: str, pixels: np.ndarray) -> None:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, name.rpartition(".")[2])
    member = tarfile.TarInfo(name)
    member.size = buffer.tell()
    buffer.seek(0)
    tar.addfile(member, buffer)


def test_shards_become_a_data_set_for_bench(root: Path, tmp_path: Path) -> None:
    picture, mask = np.zeros((8, 8, 3), np.uint8), np.eye(8, dtype=np.uint8) * np.uint8(255)
    for shard in range(2):
        with tarfile.open(tmp_path / f"part-{shard}.tar", "w") as tar:
            for number in range(3):
                add(tar, f"{shard}{number}.webp", picture)
                add(tar, f"{shard}{number}.png", mask)
            add(tar, f"{shard}-without-a-mask.webp", picture)
    for kind, pixels in (("images", picture), ("masks", mask)):
        (tmp_path / "other" / kind / "test").mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "other" / kind / "test" / "t.png")
    made, arguments = tmp_path / "made", ("--test", str(tmp_path / "other"))
    done = run(root, "unpack_shards", str(tmp_path), str(made), "--pictures", "4", *arguments)
    assert done.returncode == 0, done.stderr
    data = open_labelled(str(made))
    assert [sample.id for sample in data.train] == ["00", "01", "10", "11"]
    assert [sample.id for sample in data.test] == ["t"]
    again = run(root, "unpack_shards", str(tmp_path), str(made), "--pictures", "4", *arguments)
    assert again.returncode == 1 and "is there already" in again.stderr
    too_many = run(root, "unpack_shards", str(tmp_path), str(tmp_path / "more"), "--pictures", "7", *arguments)
    assert too_many.returncode == 1 and "holds 6 pairs" in too_many.stderr


def test_the_first_pictures_become_a_data_set_for_training(root: Path, tmp_path: Path) -> None:
    for kind in ("images", "masks"):
        for split in ("train", "test"):
            folder = tmp_path / "all" / kind / split
            folder.mkdir(parents=True)
            for number in range(3):
                Image.fromarray(np.eye(8, dtype=np.uint8) * np.uint8(255)).save(folder / f"{number}.png")
    made = tmp_path / "part"
    done = run(root, "first_pictures", str(tmp_path / "all"), str(made), "--pictures", "2")
    assert done.returncode == 0, done.stderr
    (source,) = open_training(str(made))
    assert len(source) == 2
    assert sorted(path.name for path in made.rglob("*.png")) == ["0.png", "0.png", "1.png", "1.png"]
    assert run(root, "first_pictures", str(tmp_path / "all"), str(made), "--pictures", "2").returncode == 1
    too_many = run(root, "first_pictures", str(tmp_path / "all"), str(tmp_path / "more"), "--pictures", "4")
    assert too_many.returncode == 1 and "has 3 training pictures" in too_many.stderr


def test_detections_are_compared_with_the_true_objects(root: Path, tmp_path: Path) -> None:
    picture, mask = np.full((64, 64, 3), 60, np.uint8), np.zeros((64, 64), np.uint8)
    picture[16:48, 16:48], mask[16:48, 16:48] = (230, 60, 40), 255
    for split, count in (("train", 3), ("test", 1)):
        for kind, pixels in (("images", picture), ("masks", mask)):
            (tmp_path / kind / split).mkdir(parents=True)
            for number in range(count):
                Image.fromarray(pixels).save(tmp_path / kind / split / f"{number}.png")
    done = run(
        root, "measure_detections", "--data", str(tmp_path), "--skip", "1", "--note", "a square", "--out", str(tmp_path / "lines.jsonl")
    )
    assert done.returncode == 0, done.stderr
    (line,) = [json.loads(text) for text in (tmp_path / "lines.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (line["skipped"], line["pictures"], line["generator"], line["note"]) == (1, 2, "lite", "a square")
    assert line["iou"] > 0.8 and line["found"] == 1
    assert line["finder"] == "lite+u2netp" and {row["threshold"] for row in line["sureness"]} >= {0.55, 0.8}
    assert all(set(row) == {"threshold", "unsure", "wrong", "poor"} for row in line["sureness"])


def test_tuning_writes_a_line_for_each_point_once(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "lines.jsonl"
    arguments = ("--data", "synthetic", "--victims", "unet", "--lr", "1e-3", "--epochs", "1", "--image-size", "32", "--out", str(out))
    for _ in range(2):
        done = run(root, "tune_victims", *arguments)
        assert done.returncode == 0, done.stderr
    (line,) = [json.loads(text) for text in out.read_text(encoding="utf-8").splitlines()]
    assert line["augment"] == "jitter"
    assert (line["data"], line["victim"], line["lr"], line["epochs"], line["size"]) == ("synthetic", "unet", 0.001, 1, 32)
    assert 0 <= line["final"] <= line["best"] <= 100


def test_the_results_page_is_checked_and_a_run_that_is_none_refused(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make = load(root, "make_results")
    assert make.main(["--check"]) == 0
    told = capsys.readouterr().out
    assert all(f"{name}.md is up to date" in told for name in ("results", "results_runs", "results_tried", "README"))
    docs = tmp_path / "docs"
    (docs / "results").mkdir(parents=True)
    (docs / "results_intro.md").write_text("# Results\n")
    assert make.main(["--check"], docs) == 1
    assert make.main([], docs) == 0
    assert (docs / "results.md").read_text() == "# Results\n"
    assert make.main(["--check"], docs) == 0
    assert make.main([str(tmp_path / "no-run")], docs) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"error: {tmp_path / 'no-run'} is not a finished bench run") and "hint: " in told


def test_a_noise_is_tried_and_written_down(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "lines.jsonl"
    arguments = (
        "--data",
        "synthetic",
        "--image-size",
        "32",
        "--epochs",
        "1",
        "--init",
        "scratch",
        "--augment",
        "crops",
        "--source-size",
        "192",
        "--layers",
        "magenta:check@20",
    )
    done = run(root, "explore_noise", *arguments, "--out", str(out))
    assert done.returncode == 0, done.stderr
    (line,) = (json.loads(text) for text in out.read_text(encoding="utf-8").splitlines())
    assert (line["layers"], line["size"], line["augment"], "origin" in line) == ("magenta:check@20", 32, "crops", False)
    assert line["source_size"] == 192
    assert 30 < line["psnr"] < 50
    assert 0 <= line["final"] <= line["best"] <= 100 and 0 <= line["predicted_percent"] <= 100


def test_the_tile_of_a_generator_is_tried_as_the_package_draws_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(root / "scripts"))
    explore = load(root, "explore_noise")
    weights = root / "weights" / "lite.safetensors"
    options = argparse.Namespace(layers=f"tile:{weights}", background="zero", levels=8, background_levels=0, max_difference=0.3, min_cell=8)
    image, mask = np.full((480, 640, 3), (120, 130, 110), np.uint8), np.zeros((480, 640), bool)
    mask[80:360, 120:440] = True
    drawn = explore.TileRecipe(options)(image, mask)
    budget = NoiseBudget(8 / 255, 0, visible=0.3)
    (made,) = Session(load_generator(str(weights))).noise([image], [mask], budget=budget)
    assert np.array_equal(drawn[mask], made.field.rows(slice(None))[mask])
    assert np.abs(drawn[mask]).max() > 0 and np.abs(drawn[~mask]).max() == 0
    free = explore.TileRecipe(argparse.Namespace(**{**vars(options), "max_difference": None}))(image, mask)
    assert np.abs(free).mean() > 1.1 * np.abs(drawn).mean()


def test_easy_objects_are_whole_large_and_plain(root: Path) -> None:
    easy = load(root, "make_easy_set")
    y, x = np.mgrid[:80, :100]
    disc = (x - 50) ** 2 + (y - 40) ** 2 < 27**2
    assert easy.is_easy(disc)
    two = disc | ((x < 12) & (y < 12) & (x > 2) & (y > 2))
    assert not easy.is_easy(two)
    assert not easy.is_easy(np.roll(disc, 40, 1) & (x > 40))  # cut off by the frame
    assert not easy.is_easy((x - 50) ** 2 + (y - 40) ** 2 < 12**2)  # small
    assert not easy.is_easy(((abs(x - 50) < 6) | (abs(y - 40) < 6)) & (x > 1) & (x < 98) & (y > 1) & (y < 78))  # a cross
    assert not easy.is_easy(disc & False)
    found = [easy.Candidate(key=f"{i:02}", image=None, mask=None, animal=1 - i / 100) for i in range(30)]
    splits = easy.chosen(found[::-1], 15, 5)
    assert [one.key for one in splits["test"]] == ["00", "04", "08", "12", "16"]
    assert sorted(one.key for members in splits.values() for one in members) == [f"{i:02}" for i in range(20)]


def test_a_set_of_easy_objects_is_made_again_from_its_keys(root: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "part.tar", "w") as tar:
        for key in "abcd":
            add(tar, f"{key}.webp", np.full((8, 8, 3), 40 * ord(key) % 256, np.uint8))
            add(tar, f"{key}.png", np.eye(8, dtype=np.uint8) * np.uint8(255))
    (tmp_path / "keys.txt").write_text("train b\ntrain d\ntest a\n")
    arguments = ["--shards", str(tmp_path / "part.tar"), "--keys", str(tmp_path / "keys.txt"), "--sheet", str(tmp_path / "sheet.png")]
    make = load(root, "make_easy_set").main
    make([str(tmp_path / "easy"), *arguments])
    data = open_labelled(str(tmp_path / "easy"))
    assert [[sample.id for sample in split] for split in (data.train, data.test)] == [["b", "d"], ["a"]]
    assert (data.task, (tmp_path / "easy" / "keys.txt").read_text()) == ("binary", "train b\ntrain d\ntest a\n")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size[0] >= 2 * 96
    for folder, more, problem in (
        ("easy", arguments, "is there already"),
        ("more", arguments[:2], "0 pictures are easy enough, not 360: name more shards"),
        ("other", [*arguments, "--keys", str(tmp_path / "other.txt")], "1 keys of .* are not in the shards, first z"),
    ):
        (tmp_path / "other.txt").write_text("train z\n")
        with pytest.raises(SystemExit, match=problem):
            make([str(tmp_path / folder), *more])


def test_the_numbers_of_scaling_are_those_of_its_file(root: Path, tmp_path: Path) -> None:
    script = load(root, "bench_ray")
    assert script.main(["--check"]) == 0
    page = tmp_path / "scaling.md"
    page.write_text((root / "docs" / "scaling.md").read_text(encoding="utf-8").replace("writing requests", "requests"), encoding="utf-8")
    assert script.main(["--check"], page=page) == 1
    assert script.main(["--page"], page=page) == 0
    assert script.main(["--check"], page=page) == 0
    assert 100 < script.memory_a_name(2000) < 2000
