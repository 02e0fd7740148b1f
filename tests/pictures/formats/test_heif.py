"""HEIC and AVIF: read, written in kind with metadata and upright, and what they cannot keep is said."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageOps

from tests.pictures.picture_makers import photo
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UnsegError
from unseg_cli.noise.closed_form import texture_noise
from unseg_cli.noise.field import ArrayField
from unseg_cli.pictures import encode
from unseg_cli.pictures.adding import add_noise
from unseg_cli.pictures.channels import noise_kept
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.encode import encode_picture, prepare_picture
from unseg_cli.pictures.formats import heif

pillow_heif.register_heif_opener()
KINDS = [kind for kind in ("heif", "avif") if heif.can_write(kind)]
pytestmark = pytest.mark.skipif(not KINDS, reason="no encoder here")


def saved(array: np.ndarray, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, kind.upper(), **options)
    return out.getvalue()


def written(data: bytes, **options: Any) -> tuple[bytes, list[str]]:
    picture, encoding = prepare_picture(Path("a.heic"), data, **options)
    assert not encoding.lossless
    coded, notes = encode_picture(picture, encoding)
    return coded, [*picture.notes, *notes]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_it_is_written_in_kind(kind: str, mode: str) -> None:
    array = photo(96, 128)
    array = array if mode == "RGB" else array[..., 0]
    out, notes = written(saved(array, kind, quality=95))
    assert not notes
    first, second = (read_picture(Path("a"), data) for data in (saved(array, kind, quality=95), out))
    assert (second.kind, second.size, second.orientation) == (kind, (96, 128), 1)
    assert np.abs(first.pixels.astype(int) - second.pixels).mean() < 3


@pytest.mark.parametrize("kind", KINDS)
def test_metadata_is_kept_or_stripped(kind: str) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0132] = "a description", "2024:01:01 00:00:00"
    profile = Image.new("RGB", (1, 1)).info.get("icc_profile") or b"p" * 400
    data = saved(photo(64, 64), kind, exif=exif.tobytes(), icc_profile=profile, xmp=b"<x:xmpmeta/>")
    kept = read_picture(Path("a"), written(data)[0])
    assert b"a description" in kept.metadata.exif and kept.metadata.icc == profile and b"x:xmpmeta" in kept.metadata.xmp
    stripped = read_picture(Path("a"), written(data, metadata="strip")[0])
    assert b"a description" not in stripped.metadata.exif and not stripped.metadata.xmp and stripped.metadata.icc == profile


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures_are_written_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    array = photo(64, 96)
    array[:20, :30] = 255
    data = saved(array, kind, exif=exif.tobytes(), quality=95)
    with Image.open(io.BytesIO(data)) as opened:
        upright = np.asarray(ImageOps.exif_transpose(opened)).astype(int)
    first = read_picture(Path("a"), data)
    assert np.array_equal(first.pixels, upright)
    out, _ = written(data)
    with Image.open(io.BytesIO(out)) as opened:
        assert opened.getexif().get(274, 1) == 1
        again = np.asarray(ImageOps.exif_transpose(opened)).astype(int)
    assert again.shape == upright.shape and np.abs(again - upright).mean() < 3


@pytest.mark.parametrize("kind", KINDS)
def test_most_of_the_noise_survives(kind: str) -> None:
    data = saved(photo(192, 256), kind, quality=90)
    picture, encoding = prepare_picture(Path("a"), data)
    mask = np.zeros((192, 256), bool)
    mask[40:150, 60:200] = True
    noised = add_noise(picture.pixels, "rgb", ArrayField(texture_noise(mask, cells_per_side=24)), mask, NoiseBudget(8 / 255, 0))
    out, _ = encode_picture(replace(picture, pixels=noised), encoding)
    assert noise_kept(picture.pixels, noised, read_picture(Path("a"), out).pixels) > 0.7


@pytest.mark.parametrize("kind", KINDS)
def test_transparency_is_refused_and_an_opaque_alpha_channel_omitted(kind: str) -> None:
    glass = np.dstack([photo(64, 64), np.full((64, 64), 90, np.uint8)])
    with pytest.raises(UnsegError, match="does not keep exactly"):
        written(saved(glass, kind))
    glass[..., 3] = 255
    assert all("opaque everywhere" in note for note in written(saved(glass, kind))[1])


def test_ten_bits_are_said_to_become_eight() -> None:
    deep = (photo(64, 64).astype(np.uint16) << 8) | 77
    coded = pillow_heif.from_bytes(mode="RGB;16", size=(64, 64), data=deep.tobytes())
    out = io.BytesIO()
    coded.save(out, quality=90)
    (note,) = written(out.getvalue())[1]
    assert note in ("10 bits a channel become 8", "12 bits a channel become 8")


def test_without_an_encoder_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(photo(64, 64), KINDS[0])
    monkeypatch.setattr(heif, "can_write", lambda kind: False)
    with pytest.raises(UnsegError, match="cannot be written on this machine"):
        prepare_picture(Path("a"), data)
    assert prepare_picture(Path("a"), data, format="png")[1].kind == "png"


@pytest.mark.skipif("heif" not in KINDS, reason="no encoder here")
def test_more_pixels_than_the_encoder_takes_are_refused_before_noise_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(photo(96, 128), "heif")
    monkeypatch.setitem(encode.LARGEST, "heif", 96 * 128 - 1)
    with pytest.raises(UnsegError, match="million pixels that HEIF can hold") as caught:
        prepare_picture(Path("a.heic"), data)
    assert "--format png" in caught.value.hint
    assert prepare_picture(Path("a.heic"), data, format="png")[1].kind == "png"


def test_what_an_encoder_raises_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """libheif's own errors are RuntimeErrors."""

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("Encoding problem: Image too large")

    picture, encoding = prepare_picture(Path("a.heic"), saved(photo(96, 128), KINDS[0]))
    monkeypatch.setattr(Image.Image, "save", refuse)
    with pytest.raises(UnsegError, match=r"cannot be written as .*too large"):
        encode_picture(picture, encoding)


@pytest.mark.skipif("heif" not in KINDS, reason="no encoder here")
def test_several_pictures_in_a_file_are_refused() -> None:
    """As bursts and stereo pictures of phones have them."""
    out = io.BytesIO()
    first, second = Image.fromarray(photo(64, 64)), Image.fromarray(photo(64, 64)).rotate(90)
    first.save(out, "HEIF", save_all=True, append_images=[second])
    with pytest.raises(UnsegError, match="holds 2 pictures, and only single pictures"):
        prepare_picture(Path("a.heic"), out.getvalue())
