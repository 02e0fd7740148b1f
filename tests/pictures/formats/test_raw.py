"""Camera RAW files and TIFFs with more in them than one picture: refused with a reason, never cut to their thumbnail."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures.picture_makers import photo, saved
from unseg_cli.cli.app import main
from unseg_cli.core.errors import UnsegError
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.formats.raw import first_tags

SHORT, LONG, BYTE = 3, 4, 1


def thumbnail(extra: dict[int, tuple[int, int]], order: str = "<", head: bytes = b"") -> bytes:
    """A TIFF that begins like a RAW file: an RGB picture of 16 x 12, which every reader takes for the whole, and further tags."""
    pixels = np.full((12, 16, 3), 90, np.uint8).tobytes()
    tags = {
        256: (SHORT, 16),
        257: (SHORT, 12),
        258: (SHORT, 8),
        259: (SHORT, 1),
        262: (SHORT, 2),
        277: (SHORT, 3),
        278: (SHORT, 12),
        273: (LONG, 0),
        279: (LONG, len(pixels)),
        **extra,
    }
    start = 8 + len(head)
    bits_at = start + 2 + 12 * len(tags) + 4
    entries = b""
    for tag, (kind, value) in sorted(tags.items()):
        count = 1
        if tag == 258:
            kind, count, body = SHORT, 3, struct.pack(order + "I", bits_at)
        else:
            value = bits_at + 6 if tag == 273 else value
            if kind == BYTE:
                body = bytes([value, 4, 0, 0])
            else:
                body = struct.pack(order + "HH", value, 0) if kind == SHORT else struct.pack(order + "I", value)
            count = 4 if kind == BYTE else 1
        entries += struct.pack(order + "HHI", tag, kind, count) + body
    mark = b"II*\x00" if order == "<" else b"MM\x00*"
    table = struct.pack(order + "H", len(tags)) + entries + struct.pack(order + "I", 0)
    return mark + struct.pack(order + "I", start) + head + table + struct.pack(order + "HHH", 8, 8, 8) + pixels


RAW = {
    "sub-IFDs and a preview.tif": (thumbnail({254: (LONG, 1), 330: (LONG, 8)}), "preview of another"),
    "old preview.tif": (thumbnail({255: (SHORT, 2)}, ">"), "preview of another"),
    "dng.tif": (thumbnail({254: (LONG, 1), 330: (LONG, 8), 50706: (BYTE, 1)}), r"camera RAW file \(DNG\)"),
    "dng of one picture.tif": (thumbnail({50706: (BYTE, 1)}, ">"), r"camera RAW file \(DNG\)"),
    "sensor.tif": (thumbnail({262: (SHORT, 32803)}), "camera RAW file"),
    "linear.tif": (thumbnail({262: (SHORT, 34892)}), "camera RAW file"),
    "pattern.tif": (thumbnail({33422: (BYTE, 1)}), "camera RAW file"),
    "canon.tif": (thumbnail({}, head=b"CR\x02\x00" + bytes(4)), r"camera RAW file \(CR2\)"),
    "pyramid.tif": (thumbnail({330: (LONG, 8)}), "sub-images"),
    "photo.nef": (thumbnail({}), r"camera RAW file \(NEF\)"),
    "photo.ARW": (thumbnail({}, ">"), r"camera RAW file \(ARW\)"),
    "photo.srw": (thumbnail({}), r"camera RAW file \(SRW\)"),
    "photo.pef": (thumbnail({}), r"camera RAW file \(PEF\)"),
    "photo.DNG": (thumbnail({}), r"camera RAW file \(DNG\)"),
    "photo.cr3": (b"\x00\x00\x00\x18ftypcrx " + bytes(40), r"camera RAW file \(CR3\)"),
    "canon-3.jpg": (b"\x00\x00\x00\x18ftypcrx " + bytes(40), r"camera RAW file \(CR3\)"),
    "fuji.jpg": (b"FUJIFILMCCD-RAW 0201" + bytes(40), r"camera RAW file \(RAF\)"),
    "olympus.tif": (b"IIRO\x08\x00\x00\x00" + bytes(40), r"camera RAW file \(ORF\)"),
    "panasonic.tif": (b"IIU\x00\x18\x00\x00\x00" + bytes(40), r"camera RAW file \(RW2\)"),
}


@pytest.mark.parametrize("name", RAW)
def test_what_is_more_than_its_thumbnail_is_refused(name: str) -> None:
    data, message = RAW[name]
    with pytest.raises(UnsegError, match=message) as caught:
        read_picture(Path(name), data)
    assert caught.value.hint


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_same_tiff_without_those_tags_is_read(order: str) -> None:
    assert read_picture(Path("a.tif"), thumbnail({}, order)).size == (12, 16)
    assert read_picture(Path("a.tif"), thumbnail({254: (LONG, 0), 271: (LONG, 0)}, order)).size == (12, 16)


def test_first_tags_read_both_byte_orders_and_bigtiff_and_never_fail() -> None:
    plain = thumbnail({254: (LONG, 1)}, ">")
    assert first_tags(plain)[254] == 1 and first_tags(plain)[256] == 16
    big = saved(Image.fromarray(photo()), "TIFF", big_tiff=True)
    assert first_tags(big)[256] == photo().shape[1]
    for cut in range(len(plain)):
        first_tags(plain[:cut])
    assert first_tags(b"II*\x00\xff\xff\xff\xff") == {}
    assert first_tags(saved(Image.fromarray(photo()), "PNG")) == {}


def test_protect_refuses_every_one_and_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "src"
    source.mkdir()
    for name, (data, _) in RAW.items():
        (source / name).write_bytes(data)
    pages = [Image.fromarray(np.roll(photo(), shift, axis=0)) for shift in (0, 5)]
    (source / "pages.tif").write_bytes(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert main(["protect", str(source), str(tmp_path / "out"), "--json", "--device", "cpu"]) == 1
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert (document["protected"], document["failed"]) == (0, len(RAW) + 1)
    errors = {failure["path"]: failure["error"] for failure in document["failures"]}
    assert errors["photo.nef"] == "is a camera RAW file (NEF), of which only a preview could be read"
    assert errors["pages.tif"].startswith("has 2 pages")
    assert "photo.nef: is a camera RAW file (NEF)" in captured.err
    assert "protect the TIFF, PNG or JPEG that you export" in captured.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["unseg-manifest.jsonl"]


@pytest.mark.parametrize("name", ["photo.nef", "dng.tif", "pyramid.tif"])
def test_a_single_raw_file_exits_with_1(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_bytes(RAW[name][0])
    assert main(["protect", str(tmp_path / name), str(tmp_path / "out"), "--device", "cpu"]) == 1
    assert "camera RAW" in (words := capsys.readouterr().err) or "sub-images" in words
    assert not (tmp_path / "out" / name).exists()
