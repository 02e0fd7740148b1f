"""The way back: protected pictures and their kept noise give the clean ones, to the pixel, or an error that says why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.pictures.picture_makers import lossless_file
from tests.protect.conftest import Protect, Recorder, hashes, photo
from unseg_cli.core.errors import NothingToDo, UnsegError, UsageProblem
from unseg_cli.core.events import Report
from unseg_cli.pictures.decode import read_picture
from unseg_cli.protect.config import RestoreConfig
from unseg_cli.protect.restore import restore
from unseg_cli.protect.results.noise_files import KeptNoise, pixels_sha256

Restore = Callable[..., Report]


@pytest.fixture
def places(src: Path, tmp_path: Path, run_protect: Protect) -> tuple[Path, Path, Path]:
    """What `protect --save-noise` wrote of `src`, its noise, and where to restore to."""
    run_protect(src, tmp_path / "protected", save_noise=tmp_path / "noise")
    return tmp_path / "protected", tmp_path / "noise", tmp_path / "restored"


@pytest.fixture
def run_restore(events: Recorder) -> Restore:
    def run(protected: Path, noise: Path, out: Path, **changes: Any) -> Report:
        return restore(RestoreConfig(protected=protected, noise=noise, out=out, **changes), events)

    return run


def test_the_very_pixels_come_back_and_lossy_files_say_why_not(src: Path, places: tuple[Path, Path, Path], run_restore: Restore) -> None:
    report = run_restore(*places)
    assert report.exit_code == 1
    assert {name: report.document[name] for name in ("images", "restored", "skipped", "failed")} == {
        "images": 5,
        "restored": 4,
        "skipped": 0,
        "failed": 1,
    }
    (failure,) = report.document["failures"]
    assert failure["path"] == "b.JPG"
    assert "lossy JPEG" in failure["error"]
    protected, _, restored = places
    for name in ("a.png", "sub/c.webp", "sub/deep/a.tif", "sub/deep/d.bmp"):
        clean, back, noised = (read_picture(folder / name).pixels for folder in (src, restored, protected))
        assert np.array_equal(clean, back)
        assert not np.array_equal(clean, noised)
    assert sorted(hashes(restored)) == ["a.png", "sub/c.webp", "sub/deep/a.tif", "sub/deep/d.bmp"]


def test_depth_alpha_orientation_and_metadata_come_back(tmp_path: Path, run_protect: Protect, run_restore: Restore) -> None:
    src = tmp_path / "src"
    src.mkdir()
    exif = Image.Exif()
    exif[274], exif[315] = 6, "Photographer"
    picture = Image.fromarray(np.dstack([photo(1), np.full((48, 64), 200, np.uint8)]))
    picture.save(src / "turned.png", exif=exif)
    (src / "deep.png").write_bytes(lossless_file("PNG", "RGB", 16)[0])
    run_protect(src, tmp_path / "protected", save_noise=tmp_path / "noise")
    assert run_restore(tmp_path / "protected", tmp_path / "noise", tmp_path / "back").exit_code == 0
    for name in ("turned.png", "deep.png"):
        clean, back = read_picture(src / name), read_picture(tmp_path / "back" / name)
        assert np.array_equal(clean.pixels, back.pixels)
        assert clean.pixels.dtype == back.pixels.dtype
        assert clean.metadata == back.metadata
        assert clean.orientation == back.orientation
        assert (clean.alpha is None) == (back.alpha is None)
    assert np.array_equal(read_picture(tmp_path / "back" / "turned.png").alpha, read_picture(src / "turned.png").alpha)


def test_a_second_run_skips_and_a_file_of_somebody_else_stays(places: tuple[Path, Path, Path], run_restore: Restore) -> None:
    run_restore(*places)
    before = hashes(places[2])
    (places[2] / "a.png").write_bytes(b"somebody's")
    report = run_restore(*places)
    assert (report.document["restored"], report.document["skipped"], report.document["failed"]) == (0, 3, 2)
    assert "another file" in report.document["failures"][0]["error"]
    assert (places[2] / "a.png").read_bytes() == b"somebody's"
    run_restore(*places, overwrite=True)
    assert hashes(places[2]) == before


def test_a_file_that_was_moved_and_renamed_is_known_by_its_hash(
    src: Path, places: tuple[Path, Path, Path], tmp_path: Path, run_restore: Restore
) -> None:
    moved = tmp_path / "elsewhere" / "from the web.png"
    moved.parent.mkdir()
    (places[0] / "a.png").rename(moved)
    assert run_restore(moved, places[1], tmp_path / "one.png").exit_code == 0
    assert np.array_equal(read_picture(tmp_path / "one.png").pixels, read_picture(src / "a.png").pixels)
    run_restore(moved, places[1] / "a.png.npz", tmp_path / "folder")
    assert (tmp_path / "folder" / "from the web.png").is_file()


def test_a_changed_picture_or_noise_file_restores_nothing(places: tuple[Path, Path, Path], run_restore: Restore, events: Recorder) -> None:
    protected, noise, restored = places
    changed = read_picture(protected / "a.png").pixels.copy()
    changed[0, 0, 0] ^= 1
    Image.fromarray(changed).save(protected / "a.png")
    path = noise / "sub" / "c.webp.npz"
    with np.load(path) as saved:
        arrays = dict(saved)
    arrays["perturbation"] = np.roll(arrays["perturbation"], 1, axis=0)
    np.savez(path, **arrays)
    (noise / "sub" / "deep" / "a.tif.npz").write_bytes(b"no archive")
    report = run_restore(*places)
    errors = {one["path"]: one["error"] for one in report.document["failures"]}
    assert errors.keys() == {"a.png", "b.JPG", "sub/c.webp", "sub/deep/a.tif"}
    assert "not a file that any noise in NOISE belongs to" in errors["a.png"]
    assert "is not the clean picture" in errors["sub/c.webp"]
    assert any("a.tif.npz: is not a noise file" in warning for warning in events.warnings)
    assert list(hashes(restored)) == ["sub/deep/d.bmp"]


@pytest.mark.parametrize("make", ["old", "pickle", "array", "text", "none"])
def test_what_is_no_noise_file_is_one_line_and_never_unpickled(make: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    if make == "old":
        np.savez(path, perturbation=np.zeros((2, 2)), mask=np.zeros((2, 2), bool))
    elif make == "pickle":
        np.savez(path, dst_sha256=np.array([_Bomb(tmp_path / "gone off")], object), clean_sha256=np.str_("0"))
    elif make == "array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif make == "text":
        path.write_text("not an archive")
    with pytest.raises(UnsegError) as raised:
        KeptNoise.at(path)
    assert raised.value.hint
    assert "\n" not in raised.value.message
    assert not (tmp_path / "gone off").exists()


class _Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


def test_the_hash_of_pixels_knows_their_type_and_shape() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert pixels_sha256(pixels) == pixels_sha256(np.asfortranarray(pixels))
    assert pixels_sha256(pixels.astype(">u2")) == pixels_sha256(pixels.astype("<u2"))
    others = (pixels.reshape(4, 3), pixels.astype(np.uint16), pixels + 1)
    assert pixels_sha256(pixels) not in {pixels_sha256(other) for other in others}


def test_places_that_must_not_be_written_to(places: tuple[Path, Path, Path], tmp_path: Path, run_restore: Restore) -> None:
    protected, noise, _ = places
    before = hashes(tmp_path)
    for out in (protected, protected / "inside", protected.parent, noise):
        with pytest.raises(UsageProblem):
            run_restore(protected, noise, out)
    with pytest.raises(UsageProblem, match="would overwrite PROTECTED"):
        run_restore(protected / "a.png", noise, protected / "a.png")
    for wrong in ((tmp_path / "nowhere", noise), (protected, tmp_path / "nowhere")):
        with pytest.raises(UsageProblem, match="does not exist"):
            run_restore(*wrong, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToDo):
        run_restore(tmp_path / "empty", noise, tmp_path / "out")
    assert hashes(tmp_path) == before
