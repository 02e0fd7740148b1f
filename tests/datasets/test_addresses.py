"""KIND:PATH:PATH is taken apart, also where paths have drives."""

from __future__ import annotations

import pytest

from unseg_cli.datasets import addresses
from unseg_cli.datasets.addresses import kind_and_rest, paths_of


@pytest.fixture
def drives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "DRIVES", True)


@pytest.mark.parametrize(
    ("data", "kind", "rest"),
    [("voc:/data/voc", "voc", "/data/voc"), ("coco:a:b.json", "coco", "a:b.json"), ("photos/ecssd", "", "photos/ecssd")],
)
def test_a_kind_stands_before_the_first_colon(data: str, kind: str, rest: str) -> None:
    assert kind_and_rest(data) == (kind, rest)


@pytest.mark.usefixtures("drives")
@pytest.mark.parametrize(
    ("data", "kind", "rest"),
    [
        (r"voc:C:\data\voc", "voc", r"C:\data\voc"),
        (r"C:\data\ecssd", "", r"C:\data\ecssd"),
        ("D:/data/ecssd", "", "D:/data/ecssd"),
        ("camvid:data", "camvid", "data"),
    ],
)
def test_a_drive_is_no_kind(data: str, kind: str, rest: str) -> None:
    assert kind_and_rest(data) == (kind, rest)


def test_paths_stand_between_colons() -> None:
    assert paths_of("/a:/b.json:c:d") == ["/a", "/b.json", "c", "d"]


@pytest.mark.usefixtures("drives")
def test_paths_keep_their_drives() -> None:
    assert paths_of(r"C:\a:C:\b.json:d:D:/e") == [r"C:\a", r"C:\b.json", "d", "D:/e"]
