"""Edits inside EXIF blocks: on broken ones, too."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unseg_cli.pictures import exif


def block() -> bytes:
    made = Image.Exif()
    made[274], made[271], made[305] = 6, "Maker", "Software"
    made.get_ifd(0x8825).update({1: "N", 3: "E"})
    return made.tobytes().removeprefix(exif.PREFIX)


def opened(data: bytes) -> Image.Exif:
    made = Image.Exif()
    made.load(exif.PREFIX + data)
    return made


def test_upright_changes_the_orientation_alone() -> None:
    before, after = block(), exif.upright(block())
    assert opened(after)[274] == 1
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_without_gps_leaves_the_other_tags() -> None:
    after = opened(exif.without_gps(block()))
    assert {tag: after[tag] for tag in after} == {274: 6, 271: "Maker", 305: "Software"}
    assert not after.get_ifd(0x8825)
    assert exif.without_gps(exif.without_gps(block())) == exif.without_gps(block())


def test_a_block_without_thumbnail_is_left_alone() -> None:
    assert exif.without_thumbnail(block()) == block()
    assert exif.without_thumbnail(b"") == b""


@given(st.integers(0, 200), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6))
def test_damaged_blocks_do_no_harm(length: int, changes: list[tuple[int, int]]) -> None:
    data = bytearray(block())
    for at, value in changes:
        data[at % len(data)] = value
    damaged = bytes(data[:length])
    for edit in (exif.without_thumbnail, exif.without_gps, exif.upright, lambda block: exif.scaled(block, 0.5)):
        assert len(edit(damaged)) <= len(damaged)
