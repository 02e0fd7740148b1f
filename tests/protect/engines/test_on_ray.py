"""Protecting on a cluster, from and to an S3 server and folders: the same bytes as on one machine, also where a worker is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures.stores.s3_server import s3
from tests.protect.conftest import hashes
from unseg_cli.cli.app import main
from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.pictures.stores.remote import RemoteStore
from unseg_cli.protect.manifest import Manifest
from unseg_cli.protect.partitions import INDEX, by_part, divide, part_name, part_of, parts_of

#: Photographs, among which a file is none.
COUNT = 16

needs_ray = pytest.mark.skipif(sys.platform != "linux", reason="its workers are looked for in /proc")


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3() as url:
        yield url


@pytest.fixture(scope="module")
def originals(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`COUNT` photographs in folders, and a file that is none."""
    folder = tmp_path_factory.mktemp("originals")
    with Image.open(photos / "cat.jpg") as opened:
        cat = np.asarray(opened.convert("RGB"))
    for number in range(COUNT):
        place = folder / f"day {number % 3}" / f"{number:02}.jpg"
        place.parent.mkdir(exist_ok=True)
        Image.fromarray(np.roll(cat, 9 * number, axis=1)).save(place, quality=90)
    (folder / "broken.jpg").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def expected(originals: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What one machine makes of them: name -> hash."""
    dst = tmp_path_factory.mktemp("expected") / "out"
    assert main(["protect", str(originals), str(dst), "-q"]) == 1
    return {name: found for name, found in hashes(dst).items() if name.endswith(".jpg")}


def command(src: object, dst: object, *more: str) -> list[str]:
    return [sys.executable, "-m", "unseg_cli", "protect", str(src), str(dst), "--json", "-q", *more]


def run(src: object, dst: object, *more: str, code: int = 1) -> dict[str, object]:
    done = subprocess.run(command(src, dst, *more), capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


def workers() -> list[int]:
    """Process numbers of Ray's actors that protect."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                title = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::") and b"Bound" in title:
                found.append(int(folder.name))
    return found


@pytest.mark.slow
def test_from_and_to_addresses_on_one_machine(originals: Path, expected: dict[str, str], bucket: str, tmp_path: Path) -> None:
    assert run(originals, f"{bucket}/one/out")["protected"] == COUNT
    assert run(originals, f"{bucket}/one/out")["skipped"] == COUNT
    assert run(f"{bucket}/one/out", tmp_path / "twice", "--limit", "2", code=0)["protected"] == 2
    store = RemoteStore(f"{bucket}/one/out")
    assert set(store.list().names) == set(expected)
    manifest = Manifest(store)
    assert {name: manifest.rows[name]["dst_sha256"] for name in expected} == expected
    assert manifest.rows["broken.jpg"]["status"] == "failed"
    assert run(f"{bucket}/one", f"{bucket}/one/out/deeper", code=2)["exit_code"] == 2


@needs_ray
@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing(originals: Path, expected: dict[str, str], bucket: str) -> None:
    source, target = RemoteStore(f"{bucket}/ray/in"), RemoteStore(f"{bucket}/ray/out")
    for path in sorted(originals.rglob("*.jpg")):
        source.put(path.relative_to(originals).as_posix(), path.read_bytes())
    line = command(source.url, target.url, "--engine", "ray", "--workers", "2")
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not target.list().names:
            time.sleep(0.02)
        victims = workers()
        assert len(victims) == 2
        os.kill(victims[0], signal.SIGKILL)
        output, errors = process.communicate()
    assert process.returncode == 1, errors
    document = json.loads(output)
    assert (document["images"], document["failed"], document["protected"] + document["skipped"]) == (COUNT + 1, 1, COUNT)
    assert document["failures"][0]["path"] == "broken.jpg"
    assert "Traceback" not in errors
    manifest = Manifest(target)
    assert {name: manifest.rows[name]["dst_sha256"] for name in expected} == expected
    assert len(manifest.rows) == COUNT + 1
    assert set(target.list().names) == set(expected)
    again = run(source.url, target.url, "--engine", "ray", "--workers", "1")
    assert (again["skipped"], again["protected"], again["failed"]) == (COUNT, 0, 1)
    deadline = time.monotonic() + 60  # they are told to end, and do when they get to it
    while workers() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not workers()


@needs_ray
@pytest.mark.slow
def test_folders_and_what_one_machine_began(originals: Path, expected: dict[str, str], tmp_path: Path) -> None:
    """The lines of a run on one machine are folded into the parts; verify and a later run on one machine read both."""
    dst = tmp_path / "out"
    run(originals, dst, "--limit", "5", code=1)
    done = run(originals, dst, "--engine", "ray", "--workers", "2")
    assert (done["protected"], done["skipped"], done["failed"]) == (COUNT - 4, 4, 1)
    assert {name: found for name, found in hashes(dst).items() if name.endswith(".jpg")} == expected
    assert (dst / "unseg-manifest.jsonl").read_bytes() == b""
    (originals / "broken.jpg").rename(tmp_path / "broken.jpg")
    try:
        assert main(["verify", str(originals), str(dst), "-q"]) == 0
        assert run(originals, dst, code=0)["skipped"] == COUNT
    finally:
        (tmp_path / "broken.jpg").rename(originals / "broken.jpg")


@pytest.mark.parametrize("flag", ["--watch", "--fail-fast", "--report r.html", "--preview p", "--save-noise n", "--batch-size 3"])
def test_what_needs_this_machine_is_refused(flag: str, originals: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["protect", str(originals), str(tmp_path / "out"), "--engine", "ray", *flag.split()]) == 2
    assert "and --engine ray exclude each other" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_every_name_has_one_part_and_parts_are_of_a_size(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert (parts_of(store), divide(store, 10_000, at_least=8)) == (0, 20)
    assert (parts_of(store), divide(store, 10, at_least=99)) == (20, 20)  # a manifest keeps its parts
    names = [f"{number}.jpg" for number in range(10_000)]
    found = dict(by_part(((name, name) for name in names), 20))
    assert sorted(name for some in found.values() for name in some) == sorted(names)
    assert all(part_of(name, 20) == part for part, some in found.items() for name in some)
    assert max(map(len, found.values())) < 600


def test_few_pictures_are_parts_for_all_workers(tmp_path: Path) -> None:
    assert divide(LocalStore(tmp_path / "a"), 5, at_least=8) == 5
    assert divide(LocalStore(tmp_path / "b"), 50, at_least=8) == 8
    assert divide(LocalStore(tmp_path / "c"), 0, at_least=8) == 1


def test_a_manifest_reads_its_parts_and_writes_its_own_lines(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    divide(store, 4, at_least=2)
    for number, names in enumerate((["a", "b"], ["c"])):
        Manifest(store, part_name(number)).append_all([{"src": name, "dst": name, "status": "protected"} for name in names])
    manifest = Manifest(store)
    assert set(manifest.rows) == {"a", "b", "c"}
    manifest.append({"src": "a", "dst": "a", "status": "failed"})
    manifest.append({"src": "a", "dst": "a", "status": "failed", "error": "later"})
    manifest.settle()
    assert len((tmp_path / "unseg-manifest.jsonl").read_text().splitlines()) == 1
    assert set(Manifest(store).own_rows()) == {"a"}
    assert Manifest(store).rows["a"]["error"] == "later"
    store.put(INDEX, b"rubbish")
    with pytest.raises(EnvironmentProblem, match="is damaged"):
        Manifest(store)
