"""The manifest survives kills and repeats."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.pictures.stores.test_store import MemoryStore
from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.pictures.stores.store import Store
from unseg_cli.protect.manifest import NAME, Manifest


def lines(root: Path) -> list[dict]:
    return [json.loads(line) for line in (root / NAME).read_text().splitlines()]


def test_append_and_read(tmp_path: Path) -> None:
    manifest = Manifest(LocalStore(tmp_path / "new"))
    manifest.append({"src": "a.png", "dst": "a.png", "status": "protected", "dst_sha256": "1"})
    manifest.append({"src": "b.png", "dst": "b.jpg", "status": "failed", "dst_sha256": None})
    again = Manifest(LocalStore(tmp_path / "new"))
    assert again.rows == manifest.rows
    assert again.owns("a.png")
    assert not again.owns("b.jpg")


def test_the_last_line_counts_and_settling_leaves_one(tmp_path: Path) -> None:
    manifest = Manifest(LocalStore(tmp_path))
    for number in range(3):
        manifest.append({"src": "a", "number": number})
    manifest.append({"src": "b", "number": 9})
    assert len(lines(tmp_path)) == 4
    assert Manifest(LocalStore(tmp_path)).rows["a"]["number"] == 2
    manifest.settle()
    assert lines(tmp_path) == [{"src": "a", "number": 2}, {"src": "b", "number": 9}]
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_half_written_last_line_is_skipped_and_not_built_on(tmp_path: Path) -> None:
    whole = json.dumps({"src": "a", "dst_sha256": "1", "dst": "a"}) + "\n"
    for half in ('{"src": "b", "dst', '{"src": "b", "dst_sha256": "1", "dst": "b"}', "[1]\n", "\n"):
        (tmp_path / NAME).write_text(whole + half)
        manifest = Manifest(LocalStore(tmp_path))
        manifest.append({"src": "c"})
        found = {row["src"] for row in lines(tmp_path)}
        assert found == {"a", "c"} | ({"b"} if half.endswith("}") else set())


def test_settling_what_is_settled_does_not_write(tmp_path: Path) -> None:
    Manifest(LocalStore(tmp_path)).settle()
    assert not (tmp_path / NAME).exists()
    Manifest(LocalStore(tmp_path)).append({"src": "a"})
    before = (tmp_path / NAME).stat()
    Manifest(LocalStore(tmp_path)).settle()
    after = (tmp_path / NAME).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_threads_do_not_mix_lines(tmp_path: Path) -> None:
    manifest = Manifest(LocalStore(tmp_path))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: manifest.append({"src": str(number), "text": "x" * 500}), range(200)))
    assert sorted(int(row["src"]) for row in lines(tmp_path)) == list(range(200))


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return LocalStore(tmp_path) if request.param == "local" else MemoryStore()


def test_it_lies_in_any_store(store: Store) -> None:
    whole = json.dumps({"src": "a", "dst_sha256": "1", "dst": "a"}) + "\n"
    store.put(NAME, (whole + '{"src": "b", "d').encode())
    manifest = Manifest(store)
    assert (set(manifest.rows), manifest.owns("a")) == ({"a"}, True)
    manifest.append({"src": "c"})
    assert store.read(NAME).decode() == whole + '{"src": "c"}\n'
    manifest.append({"src": "c", "dst": "d"})
    manifest.settle()
    assert store.read(NAME).decode() == whole + '{"src": "c", "dst": "d"}\n'


def test_one_without_a_byte_is_one_without_a_line(store: Store) -> None:
    store.put(NAME, b"")
    manifest = Manifest(store)
    assert not manifest.rows
    manifest.append({"src": "a"})
    assert set(Manifest(store).rows) == {"a"}


def test_one_that_cannot_be_read_is_named(store: Store) -> None:
    store.put(NAME, b"\xff\xfe")
    with pytest.raises(EnvironmentProblem, match="cannot be read") as caught:
        Manifest(store)
    assert caught.value.message.startswith(store.where(NAME))
    assert caught.value.hint == "remove it to protect everything anew"


def test_a_folder_in_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(EnvironmentProblem, match="cannot be read") as caught:
        Manifest(LocalStore(tmp_path))
    assert caught.value.message.startswith(str(tmp_path / NAME)) and "\n" not in caught.value.message
