"""One battery for every store: names in, bytes out, and nothing half-written ever seen."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.links import link
from unseg_cli.core.errors import EnvironmentProblem, UnsegError
from unseg_cli.pictures.names import Listing, listing_of
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.pictures.stores.store import Store
from unseg_cli.pictures.stores.wanted import wanted_pictures


class StoreBattery:
    """What every store promises; a subclass brings one in the fixture `store`."""

    @pytest.fixture
    def store(self) -> Store:
        raise AssertionError("a battery needs a store")

    def test_what_is_put_is_read(self, store: Store) -> None:
        assert not store.exists("deep/er/a.png")
        store.put("deep/er/a.png", b"one")
        assert store.exists("deep/er/a.png")
        assert store.read("deep/er/a.png") == b"one"
        store.put("deep/er/a.png", b"another")
        assert store.read("deep/er/a.png") == b"another"
        assert "a.png" in store.where("deep/er/a.png")

    def test_pictures_are_listed_by_name_and_nothing_else_is(self, store: Store) -> None:
        for name in ("b.JPG", "a.png", "sub/c.tif", "notes.txt", ".hidden.png"):
            store.put(name, b"x")
        assert store.list().names == ("a.png", "b.JPG", "sub/c.tif")
        assert wanted_pictures(store, ["*.PNG", "sub/*"], ["a.*"])[0] == ("sub/c.tif",)

    def test_what_is_hidden_is_counted(self, store: Store) -> None:
        assert store.list() == Listing(names=())
        for name in ("a.png", ".b.png", "sub/.c.JPG", "sub/.notes", ".cache/d.png", ".cache/x/e.png", "sub/.f/.g/h.png", ".git/readme.txt"):
            store.put(name, b"x")
        assert store.list() == Listing(names=("a.png",), hidden_pictures=2, hidden_folders=2)
        assert wanted_pictures(store, ["no*"], may_be_none=True) == ((), store.list())
        assert store.list().passed_over == "2 hidden pictures and 2 hidden folders with pictures"

    def test_what_is_appended_follows_what_was_there(self, store: Store) -> None:
        store.append("deep/er/log.jsonl", b"one\n")
        assert store.exists("deep/er/log.jsonl")
        store.append("deep/er/log.jsonl", b"two\r\n\x00")
        assert store.read("deep/er/log.jsonl") == b"one\ntwo\r\n\x00"
        store.put("deep/er/log.jsonl", b"new")
        store.append("deep/er/log.jsonl", b"")
        store.append("deep/er/log.jsonl", b"er")
        assert store.read("deep/er/log.jsonl") == b"newer"
        assert store.list().names == ()

    def test_threads_append_to_files_of_their_own(self, store: Store) -> None:
        def fill(name: str) -> None:
            for number in range(20):
                store.append(name, f"{number} ".encode())

        names = [f"sub/{number}.jsonl" for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(fill, names))
        assert {store.read(name) for name in names} == {b"".join(f"{number} ".encode() for number in range(20))}

    def test_no_bytes_are_bytes(self, store: Store) -> None:
        store.put("a.png", b"")
        assert store.exists("a.png") and store.read("a.png") == b""

    def test_the_store_itself_has_a_place(self, store: Store) -> None:
        assert store.where("") and store.where("") in store.where("a.png")

    def test_what_is_not_there_is_one_clear_line(self, store: Store) -> None:
        with pytest.raises(UnsegError) as caught:
            store.read("nowhere.png")
        assert caught.value.message and caught.value.hint and "\n" not in caught.value.message

    def test_the_new_bytes_are_there_but_not_seen_before_the_call(self, store: Store) -> None:
        store.put("a.png", b"old")
        seen: list[bytes] = []
        store.put("a.png", b"new", before=lambda: seen.append(store.read("a.png")))
        assert seen == [b"old"]
        assert store.read("a.png") == b"new"
        store.put("b.png", b"new", before=lambda: seen.append(b"there" if store.exists("b.png") else b"not there"))
        assert seen[-1] == b"not there"

    def test_a_call_that_fails_leaves_the_old_bytes_and_nothing_else(self, store: Store) -> None:
        def fail() -> None:
            raise UnsegError("no")

        store.put("a.png", b"old")
        for name in ("a.png", "new.png"):
            with pytest.raises(UnsegError, match="no"):
                store.put(name, b"new", before=fail)
        assert store.read("a.png") == b"old"
        assert store.list().names == ("a.png",)

    def test_it_can_be_written_to(self, store: Store) -> None:
        store.check_writable()
        store.check_place("a.png")
        assert store.list().names == ()

    def test_sweeping_leaves_what_is_whole(self, store: Store) -> None:
        store.put("sub/a.png", b"x")
        store.sweep(["sub/a.png", "sub/b.png", "nowhere/c.png"])
        assert store.list().names == ("sub/a.png",)


class TestLocalStore(StoreBattery):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return LocalStore(tmp_path / "store")

    def test_bytes_that_a_bad_disk_changed_are_not_called_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store, whole = LocalStore(tmp_path), Path.write_bytes
        called: list[bool] = []
        monkeypatch.setattr(Path, "write_bytes", lambda path, data: whole(path, data[:-1] + b"?"))
        with pytest.raises(UnsegError, match="is not what was written"):
            store.put("a.png", b"bytes", before=lambda: called.append(True))
        assert not called
        assert list(tmp_path.iterdir()) == []

    def test_checking_leaves_no_trace(self, tmp_path: Path) -> None:
        LocalStore(tmp_path / "new" / "er").check_writable()
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("place", ["file", "file/below", "file/be/low"])
    def test_where_nothing_can_be_written_is_found_out(self, tmp_path: Path, place: str) -> None:
        (tmp_path / "file").write_text("a file where a folder is needed")
        with pytest.raises(EnvironmentProblem, match="nothing can be written to") as caught:
            LocalStore(tmp_path / place).check_writable()
        assert caught.value.exit_code == 4 and caught.value.hint

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_without_permission_is_found_out(self, tmp_path: Path) -> None:
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(EnvironmentProblem, match="Permission denied"):
            LocalStore(tmp_path / "locked" / "out").check_writable()

    def test_half_written_files_are_swept_and_those_of_others_are_not(self, tmp_path: Path) -> None:
        for name in (".a.abcd1234.part.png", ".b.abcd1234.part.png", ".a.abcd1234.part.jpg", ".a.png"):
            (tmp_path / name).write_bytes(b"half")
        LocalStore(tmp_path).sweep(["a.png"])
        assert sorted(path.name for path in tmp_path.iterdir()) == [".a.abcd1234.part.jpg", ".a.png", ".b.abcd1234.part.png"]

    def test_links_to_originals_are_no_place_to_write_to(self, tmp_path: Path) -> None:
        originals, out = tmp_path / "src", tmp_path / "out"
        originals.mkdir()
        out.mkdir()
        (originals / "a.png").write_bytes(b"original")
        link(out / "sub", originals)
        link(out / "a.png", originals / "a.png")
        of_tree, of_one = LocalStore(out, originals=originals), LocalStore(out, originals=originals / "a.png")
        for store, name in ((of_tree, "sub/new.png"), (of_tree, "a.png"), (of_one, "a.png")):
            with pytest.raises(UnsegError, match="linked to the originals"):
                store.check_place(name)
        of_tree.check_place("b.png")


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/hostname", "..", ".", "", "a\0b"])
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"outside")
    (tmp_path / "inside").mkdir()
    store = LocalStore(tmp_path / "inside")
    assert not store.exists(name)
    for use in (store.read, partial(store.put, data=b"x"), partial(store.append, data=b"x")):
        with pytest.raises(UnsegError, match="leads out of"):
            use(name)
    assert (tmp_path / "a").read_bytes() == b"outside"
    assert list((tmp_path / "inside").iterdir()) == []


class MemoryStore:
    """A store that is no folder: what the engine is tested with, and proof that the battery asks for nothing local."""

    def __init__(self, contents: dict[str, bytes] | None = None) -> None:
        self.contents = dict(contents or {})
        self._lock = threading.Lock()

    def read(self, name: str) -> bytes:
        if name not in self.contents:
            raise UnsegError("cannot be read (no such name)", hint="check the name")
        return self.contents[name]

    def exists(self, name: str) -> bool:
        return name in self.contents

    def put(self, name: str, data: bytes, *, before=lambda: None) -> None:
        before()
        self.contents[name] = data

    def append(self, name: str, data: bytes) -> None:
        with self._lock:
            self.contents[name] = self.contents.get(name, b"") + data

    def where(self, name: str) -> str:
        return f"memory:{name}"

    def check_writable(self) -> None:
        pass

    def check_place(self, name: str) -> None:
        pass

    def sweep(self, names: Iterable[str]) -> None:
        pass

    def list(self) -> Listing:
        return listing_of(self.contents)


class TestMemoryStore(StoreBattery):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()
