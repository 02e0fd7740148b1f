"""One picture, bytes to bytes: no files, no threads, and no array of floats of the picture's size."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.protect.conftest import StandInGenerator, photo, session_of, texture
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import FloatArray
from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.generators.session import PictureNoise
from unseg_cli.generators.sums import sha256_hex
from unseg_cli.noise.version import NOISE_CODE
from unseg_cli.pictures.adding import DrawnRows
from unseg_cli.pictures.channels import strips
from unseg_cli.pictures.decode import read_picture
from unseg_cli.protect import protect_bytes
from unseg_cli.protect.settings import Settings


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def session(noise: Any = texture) -> Any:
    return session_of(noise)(StandInGenerator())


def test_bytes_in_bytes_and_record_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = threading.active_count()
    mask = np.zeros((48, 64), np.uint8)
    mask[10:20, 10:20] = 255
    made = protect_bytes(png(photo()), png(mask), session(), Settings(budget=NoiseBudget(16 / 255, 4 / 255)))
    assert (list(tmp_path.iterdir()), threading.active_count()) == ([], before)
    step = np.abs(read_picture(Path("a.png"), made.data).pixels.astype(int) - photo())
    assert (step[mask > 0].max(), step[mask == 0].max()) == (16, 4)
    record = made.record
    assert (record["src_sha256"], record["dst_sha256"]) == (sha256_hex(png(photo())), sha256_hex(made.data))
    assert record["mask_sha256"] == sha256_hex(png(mask))
    assert (record["status"], record["mask_source"], record["linf_255"], record["error"]) == ("protected", "file", 16, None)
    assert (record["epsilon"], record["noise_code"], record["generator_sha256"]) == (16 / 255, NOISE_CODE, "5" * 64)
    assert (made.clean.pixels == photo()).all() and (made.written.pixels == made.noised).all()


def test_the_same_arguments_give_the_same_bytes() -> None:
    first, second = (protect_bytes(png(photo()), None, session(), Settings()) for _ in range(2))
    assert first.data == second.data


@pytest.mark.parametrize(
    ("data", "mask", "message"),
    [
        (b"this is no picture at all", None, "is text, not a picture"),
        (b"", None, "is"),
        (png(photo())[:-900], None, "truncated"),
        (png(photo()), png(np.zeros((9, 9), np.uint8)), "its mask mask is 9x9 pixels"),
        (png(photo()), b"no mask", "its mask mask is"),
    ],
)
def test_what_cannot_be_protected_is_one_clear_line(data: bytes, mask: bytes | None, message: str) -> None:
    with pytest.raises(UnsegError) as caught:
        protect_bytes(data, mask, session(), Settings())
    assert message in caught.value.message and caught.value.hint


class Watched:
    """Rows that remember the largest part that was asked for."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.largest = 0

    def times(self, bound: FloatArray, part: slice, columns: slice) -> FloatArray:
        start, stop, _ = part.indices(self.size[0])
        self.largest = max(self.largest, stop - start)
        sign = 1 - 2 * (np.arange(start, stop) % 2)
        return np.stack([sign[:, None] * bound] * 3).astype(np.float32)


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_noise_is_asked_for_in_strips(mode: str, per_class: bool) -> None:
    fields: list[Watched] = []

    def watched(generator: Any, images: list[Any], masks: list[Any], target: str) -> list[PictureNoise]:
        fields.extend(Watched(image.shape[:2]) for image in images)
        return [PictureNoise(field=fields[-1], mask=np.ones(images[0].shape[:2], bool), mask_source="whole")]

    height = 3000
    channels = {"RGB": 3, "L": 1, "CMYK": 4}[mode]
    picture = Image.frombytes(mode, (40, height), np.full((height, 40, channels), 128, np.uint8).tobytes())
    out = io.BytesIO()
    picture.save(out, "TIFF")
    mask = png(np.arange(40, dtype=np.uint8)[None].repeat(height, 0) % 3) if per_class else None
    made = protect_bytes(out.getvalue(), mask, session(watched), Settings(per_class=per_class))
    assert made.record["linf_255"] == 8
    assert 0 < fields[0].largest <= 256, "a picture of 3,000 rows never has the noise of more than a strip in memory"


def saved(pixels: np.ndarray, mode: str, format: str, **options: Any) -> bytes:
    """A file of 90 x 70 pixels."""
    out = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(out, format, **options)
    return out.getvalue()


UPSIDE_DOWN = Image.Exif()
UPSIDE_DOWN[0x0112] = 3
SCENE = np.random.default_rng(3).integers(40, 215, (70, 90, 3), np.uint8)
#: Files, and whether they are written row by row.
HUGE_ONES = {
    "jpeg": (saved(SCENE, "RGB", "JPEG", quality=95), True),
    "grey jpeg": (saved(SCENE, "L", "JPEG", quality=95), True),
    "png": (saved(SCENE, "RGB", "PNG"), True),
    "webp": (saved(SCENE, "RGB", "WEBP", lossless=True), True),
    "turned jpeg": (saved(SCENE, "RGB", "JPEG", quality=95, exif=UPSIDE_DOWN), False),
    "png with alpha": (saved(SCENE, "RGBA", "PNG"), False),
    "grey webp": (saved(SCENE, "L", "WEBP", lossless=True), True),
    "inks": (saved(SCENE, "CMYK", "TIFF"), False),
    "deep png": (saved(SCENE[..., 0].astype(np.uint16) * 200, "I;16", "PNG"), False),
}


@pytest.mark.parametrize("kind", HUGE_ONES)
def test_a_huge_picture_with_noise_is_never_there_as_a_whole_and_comes_out_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data, row_by_row = HUGE_ONES[kind]
    mask = np.zeros(SCENE.shape[:2], np.uint8)
    mask[10:60, 5:80] = 255
    settings = Settings(budget=NoiseBudget(16 / 255, 2 / 255))
    for module in ("pictures.encode", "protect.one"):  # as of a picture of more rows
        monkeypatch.setattr(f"unseg_cli.{module}.strips", lambda height: strips(height, 32))
    usual = protect_bytes(data, png(mask), session(), settings)
    assert isinstance(usual.noised, np.ndarray)
    monkeypatch.setattr("unseg_cli.protect.one.HUGE", 1000)
    asked: list[slice] = []
    whole, rows_of = DrawnRows.__array__, DrawnRows.__getitem__
    monkeypatch.setattr(DrawnRows, "__getitem__", lambda self, rows: asked.append(rows) or rows_of(self, rows))
    if row_by_row and "grey webp" not in kind:  # what is grey and comes back in colour is compared as a whole
        monkeypatch.setattr(DrawnRows, "__array__", lambda *_, **__: pytest.fail("all of it at once"))
    huge = protect_bytes(data, png(mask), session(), settings)
    assert isinstance(huge.noised, DrawnRows) and len(huge.noised) == 70
    assert huge.data == usual.data and {**huge.record, "seconds": 0} == {**usual.record, "seconds": 0}
    assert not row_by_row or max(rows.stop - rows.start for rows in asked if rows.stop is not None) <= 32
    assert np.array_equal(whole(huge.noised), usual.noised)


def test_no_array_of_floats_is_as_large_as_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way but the network, in a process that counts what it allocates."""
    import tracemalloc

    size = (2400, 1600)

    def watched(generator: Any, images: list[Any], masks: list[Any], target: str) -> list[PictureNoise]:
        return [PictureNoise(field=Watched(size), mask=np.ones(size, bool), mask_source="whole")]

    out = io.BytesIO()
    Image.fromarray(np.full((*size, 3), 128, np.uint8)).save(out, "BMP")
    data, settings, one = out.getvalue(), Settings(), session(watched)
    tracemalloc.start()
    protect_bytes(data, None, one, settings)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    pixels, of_floats = size[0] * size[1] * 3, size[0] * size[1] * 3 * 4
    # Bytes for the clean, the noised and the written picture, and copies on the way through the codec: several times `pixels`.
    assert peak < 5 * pixels + of_floats / 4, f"{peak / pixels:.1f} bytes for a byte of the picture"


def test_settings_refuse_what_protects_nothing() -> None:
    for wrong in ({"budget": NoiseBudget(0, 0)}, {"budget": NoiseBudget(1 / 255, 2 / 255)}, {"mask_rule": "nonsense"}):
        with pytest.raises(UsageProblem):
            Settings(**wrong)
