"""A run whose pictures, masks, manifest, noise files and previews lie in no folder: the same files come about, and no disk is touched."""

from __future__ import annotations

import builtins
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.pictures.stores.test_store import MemoryStore
from tests.protect.conftest import Protect, StandInGenerator, hashes, session_of, texture
from unseg_cli.core.errors import NothingToDo, UsageProblem
from unseg_cli.core.events import Report
from unseg_cli.generators.sums import sha256_hex
from unseg_cli.protect.engines.engine import LocalEngine, Outcome
from unseg_cli.protect.files import JobFiles
from unseg_cli.protect.jobs import Job, list_jobs, with_masks
from unseg_cli.protect.manifest import NAME, Manifest
from unseg_cli.protect.settings import Settings


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def untimed(manifest: bytes) -> dict[str, Any]:
    rows = [json.loads(line) for line in manifest.decode().splitlines()]
    return {row["src"]: {**row, "seconds": None} for row in rows}


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    folder = tmp_path / "masks"
    (folder / "sub" / "deep").mkdir(parents=True)
    region = np.zeros((48, 64), np.uint8)
    region[10:30, 20:50] = 255
    Image.fromarray(region).save(folder / "a.png")
    Image.fromarray(np.roll(region, 5, axis=0)).save(folder / "sub" / "deep" / "d.png")
    return folder


@contextmanager
def no_disk() -> Iterator[None]:
    """Whatever asks for a file or a folder in here is told that it must not."""

    def refuse(*what: Any, **_: Any) -> Any:
        raise AssertionError(f"the disk was asked for {what[:1]}")

    ways: dict[Any, tuple[str, ...]] = {
        builtins: ("open",),
        io: ("open",),
        os: ("open", "mkdir", "replace", "rename", "scandir", "stat"),
        Path: ("read_bytes", "write_bytes", "open", "mkdir", "exists", "is_file", "is_dir"),
        tempfile: ("mkstemp", "TemporaryFile", "NamedTemporaryFile"),
    }
    with pytest.MonkeyPatch.context() as patch:
        for place, names in ways.items():
            for name in names:
                patch.setattr(place, name, refuse)
        yield


def test_a_run_in_memory_makes_what_a_run_in_folders_makes(
    src: Path,
    masks: Path,
    tmp_path: Path,
    run_protect: Callable[..., Report],
) -> None:
    (src / ".hidden.png").write_bytes(b"x")
    (src / "bad.png").write_bytes(b"")
    out = {name: tmp_path / name for name in ("local", "noises", "previews")}
    run_protect(src, out["local"], masks=masks, format="png", save_noise=out["noises"], preview=out["previews"])
    local, local_noises, local_previews = (contents(folder) for folder in out.values())
    source, of_masks, target, noises, previews = (MemoryStore(made) for made in (contents(src), contents(masks), {}, {}, {}))
    before = dict(source.contents), dict(of_masks.contents)
    session = session_of(texture)(StandInGenerator())

    def run() -> tuple[tuple[Job, ...], str, list[Outcome]]:
        for store in (target, noises, previews):
            store.check_writable()
        found, passed_over = list_jobs(source, format="png")
        jobs = with_masks(found, of_masks)
        files = JobFiles(
            source=source,
            target=target,
            manifest=Manifest(target),
            settings=Settings(format="png"),
            generator=session.generator.source,
            masks=of_masks,
            noises=noises,
            previews=previews,
        )
        outcomes = list(LocalEngine(files).run(jobs, lambda: session))
        files.manifest.settle()
        return jobs, passed_over, outcomes

    with no_disk():
        jobs, passed_over, outcomes = run()
        made = dict(target.contents)
        again = run()[2]

    assert passed_over == "1 hidden picture"
    assert [(job.name, job.masks) for job in jobs if job.masks] == [("a.png", ("a.png",)), ("sub/deep/d.bmp", ("sub/deep/d.png",))]
    assert {one.job.name: one.status for one in outcomes} == {job.name: "failed" if job.name == "bad.png" else "protected" for job in jobs}
    assert {one.job.name: one.status for one in again} == {job.name: "failed" if job.name == "bad.png" else "skipped" for job in jobs}
    assert untimed(made.pop(NAME)) == untimed(local.pop(NAME))
    assert made == local and len(made) == len(jobs) - 1
    assert (noises.contents, previews.contents) == (local_noises, local_previews) and local_noises and local_previews
    assert (source.contents, of_masks.contents) == before
    row = Manifest(target).rows["a.png"]
    assert (row["mask_source"], row["mask_sha256"]) == ("file", sha256_hex(of_masks.read("a.png")))


def test_what_is_missing_is_said_of_any_store() -> None:
    with pytest.raises(NothingToDo, match=r"^no picture in memory: \(1 hidden picture passed over\)$"):
        list_jobs(MemoryStore({".a.png": b"x"}))
    jobs, _ = list_jobs(MemoryStore({"sub/a.png": b"x", "b.png": b"x"}))
    with pytest.raises(UsageProblem, match=r"^no mask in memory: has the name of a picture, such as b\.png$"):
        with_masks(jobs, MemoryStore({"a.png": b"x"}))
    of_masks = MemoryStore({"sub/a.bmp": b"x", "sub/a.png": b"x"})
    assert [job.masks for job in with_masks(jobs, of_masks)] == [(), ("sub/a.bmp", "sub/a.png")]


def test_a_job_with_a_mask_needs_a_store_of_masks() -> None:
    source, target = MemoryStore({"a.png": b"x"}), MemoryStore()
    files = JobFiles(source=source, target=target, manifest=Manifest(target), settings=Settings(), generator=StandInGenerator().source)
    with pytest.raises(ValueError, match="no store of masks"):
        files.fetch(Job(name="a.png", dst_name="a.png", masks=("a.png",)))


def test_addresses_of_files_are_paths_and_originals_stay(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    before = hashes(src)
    for dst in (src, src / "inside", Path(f"file://{src}"), Path(f"file://{src}/inside")):
        for source in (src, Path(f"file://{src}")):
            with pytest.raises(UsageProblem):
                run_protect(source, dst, overwrite=True)
    assert hashes(src) == before
    assert run_protect(Path(f"file://{src}"), Path(f"file://{tmp_path / 'out'}")).document["protected"] == 5
    assert (tmp_path / "out" / "a.png").is_file()


def test_addresses_that_lie_in_each_other_are_refused(src: Path, run_protect: Protect) -> None:
    for source, dst in (("memory://a", "memory://a"), ("memory://a/b", "memory://a"), ("memory://a", "memory://a/b/c")):
        with pytest.raises(UsageProblem, match="lie in each other"):
            run_protect(Path(source), Path(dst), overwrite=True)
    assert run_protect(src, Path("memory://apart/a")).document["protected"] == 5
    assert run_protect(Path("memory://apart/a"), Path("memory://apart/ab")).document["protected"] == 5
