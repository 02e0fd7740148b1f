"""Stores behind addresses: the battery of all stores on memory and on an S3 server, and what is particular to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pictures.stores.s3_server import s3
from tests.pictures.stores.test_store import StoreBattery
from unseg_cli.core.errors import EnvironmentProblem, UnsegError, UsageProblem
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.pictures.stores.remote import RemoteStore, store_at, url_of
from unseg_cli.pictures.stores.store import Store


class TestInMemory(StoreBattery):
    @pytest.fixture
    def store(self, request: pytest.FixtureRequest) -> Store:
        return RemoteStore(f"memory://{request.node.name}")


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3() as url:
        yield url


class TestS3(StoreBattery):
    @pytest.fixture
    def store(self, request: pytest.FixtureRequest, bucket: str) -> Store:
        return RemoteStore(f"{bucket}/a folder/{request.node.name}")

    def test_another_process_sees_at_once_what_was_put(self, bucket: str) -> None:
        one, other = RemoteStore(f"{bucket}/shared"), RemoteStore(f"{bucket}/shared")
        assert not other.exists("a.png")
        one.put("a.png", b"x")
        assert other.exists("a.png") and other.list().names == ("a.png",)

    def test_what_was_appended_is_gone_once_the_ledger_is_put(self, bucket: str) -> None:
        store = RemoteStore(f"{bucket}/ledger")
        for line in (b"1\n", b"2\n"):
            store.append("m.jsonl", line)
        store.put("m.jsonl", store.read("m.jsonl"))
        assert RemoteStore(f"{bucket}/ledger")._files.find(f"{bucket.removeprefix('s3://')}/ledger") == ["bucket/ledger/m.jsonl"]
        assert store.read("m.jsonl") == b"1\n2\n"

    def test_a_bucket_that_is_not_there_is_one_line(self, bucket: str) -> None:
        store = RemoteStore("s3://no-such-bucket/folder")
        with pytest.raises(EnvironmentProblem, match="nothing can be written to s3://no-such-bucket/folder") as caught:
            store.check_writable()
        assert "\n" not in caught.value.message
        with pytest.raises(UnsegError):
            store.read("a.png")

    def test_a_server_that_is_not_there_is_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import s3fs

        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        s3fs.S3FileSystem.clear_instance_cache()
        with pytest.raises(EnvironmentProblem, match="cannot be listed") as caught:
            RemoteStore("s3://bucket/folder").list()
        assert "\n" not in caught.value.message
        s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("s3://bucket/in", "s3://bucket/in"),
        ("s3://bucket/in/", "s3://bucket/in"),
        ("S3://bucket", "s3://bucket"),
        ("memory://a", "memory://a"),
        ("abfs://box@account/a", "abfs://box@account/a"),
        ("photos", None),
        ("./s3:", None),
        ("/s3/bucket", None),
        ("C:/photos", None),
        ("a:b/c", None),
    ],
)
def test_addresses_are_told_from_paths(typed: str, url: str | None) -> None:
    assert url_of(Path(typed)) == url


def test_every_place_has_its_store(tmp_path: Path) -> None:
    assert isinstance(store_at(tmp_path), LocalStore)
    local = store_at(Path(f"file://{tmp_path}"))
    assert isinstance(local, LocalStore) and local.root == tmp_path
    assert isinstance(store_at(Path("memory://a")), RemoteStore)
    with pytest.raises(UsageProblem, match="is no place that is known"):
        store_at(Path("nonsense://a"))
    with pytest.raises(EnvironmentProblem, match="needs a package"):
        store_at(Path("gs://a/b"))


@pytest.mark.parametrize("name", ["../a", "/etc/hostname", ".."])
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    store = RemoteStore("memory://inside")
    assert not store.exists(name)
    with pytest.raises(UnsegError, match="leads out of"):
        store.read(name)
    with pytest.raises(UnsegError, match="leads out of"):
        store.put(name, b"x")
