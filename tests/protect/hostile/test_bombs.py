"""Small files that unpack to any size: refused with one line, in little memory."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures.picture_makers import photo, saved
from tests.pictures.test_bad_picture_files import claiming
from unseg_cli.core.errors import UnsegError
from unseg_cli.protect.results.noise_files import KeptNoise

ROOT = Path(__file__).resolve().parents[3]
#: Reads a picture and says what came of it, and how many megabytes more it took than a good one.
READER = """
import sys
from pathlib import Path
from tests.protect.hostile.worker import most_megabytes as megabytes
from unseg_cli.core.errors import UnsegError
from unseg_cli.pictures.encode import encode_picture, prepare_picture

picture, encoding = prepare_picture(Path("a"), Path(sys.argv[1]).read_bytes())
encode_picture(picture, encoding)
before = megabytes()
try:
    picture, encoding = prepare_picture(Path("a"), Path(sys.argv[2]).read_bytes())
    encode_picture(picture, encoding)
    print(megabytes() - before, "read")
except UnsegError as problem:
    print(megabytes() - before, problem.message)
"""


def packed_zeros(megabytes: int) -> bytes:
    """A deflate stream of so many megabytes of zeros, a thousandth as long."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()


def with_chunk(name: bytes, body: bytes) -> bytes:
    """A PNG with a further chunk before its pixels."""
    good = saved(Image.fromarray(photo()), "PNG")
    at = good.index(b"IDAT") - 4
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return good[:at] + chunk + good[at:]


def many_frames(format: str, count: int) -> bytes:
    frames = [Image.new("RGB", (8, 8), (number % 256, number // 256, 7)) for number in range(count)]
    return saved(frames[0], format, save_all=True, append_images=frames[1:])


def tiff(tags: dict[int, tuple[int, int, int]]) -> bytes:
    """A TIFF of nothing but a directory: tag -> type, count, value."""
    entries = b"".join(struct.pack("<HHII", tag, *rest) for tag, rest in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4 + 64)


SIZE = {256: (4, 1, 64), 257: (4, 1, 64), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 277: (3, 1, 1)}
BOMBS = {
    "pixels that are not there": claiming(15_000, 15_000),
    "too many pixels": claiming(50_000, 50_000),
    "a packed text": with_chunk(b"zTXt", b"Comment\0\0" + packed_zeros(400)),
    "a packed XMP": with_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed_zeros(400)),
    "a packed profile": with_chunk(b"iCCP", b"profile\0\0" + packed_zeros(400)),
    "a packed raw profile": with_chunk(b"zTXt", b"Raw profile type xmp\0\0" + packed_zeros(400)),
    "a film in WebP": many_frames("WEBP", 3000),
    "a film in PNG": many_frames("PNG", 3000),
    "a book": many_frames("TIFF", 1000),
    "strips without end": tiff({**SIZE, 273: (4, 0xFFFFFFF, 8), 278: (4, 1, 1), 279: (4, 0xFFFFFFF, 8)}),
    "tiles without end": tiff({**SIZE, 322: (4, 1, 1), 323: (4, 1, 1), 324: (4, 0xFFFFFFF, 8), 325: (4, 0xFFFFFFF, 8)}),
    "a tag without end": tiff({**SIZE, 273: (4, 1, 8), 279: (4, 1, 64), 700: (1, 0xFFFFFFF, 8)}),
    "a directory that leads to itself": b"II*\0" + struct.pack("<IHI", 8, 0, 8) + bytes(8),
}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how much memory a process took")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_little_memory_and_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(saved(Image.fromarray(photo()), "PNG"))
    (tmp_path / "bomb").write_bytes(BOMBS[name])
    done = subprocess.run(
        [sys.executable, "-c", READER, str(tmp_path / "good"), str(tmp_path / "bomb")],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    megabytes, _, said = done.stdout.strip().partition(" ")
    assert said != "read"
    assert int(megabytes) < 100, said


def test_a_noise_file_that_unpacks_without_end(tmp_path: Path) -> None:
    noised = photo()
    path = tmp_path / "a.npz"
    np.savez_compressed(path, dst_sha256=np.zeros(300_000_000, "S1"), clean_sha256=np.str_("0"))
    with pytest.raises(UnsegError, match="its dst_sha256 is too large"):
        KeptNoise.at(path)
    np.savez_compressed(path, perturbation=np.zeros((9_000, 9_000, 3), np.int16), dst_sha256=np.str_("0"), clean_sha256=np.str_("0"))
    with pytest.raises(UnsegError, match="its perturbation is too large"):
        KeptNoise.at(path).clean_pixels(noised)
