"""The promise on pixels, on the decoded file: every format, mode and budget; and the pictures that real folders hold."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import unseg_cli.protect.run as workflow
from tests.pictures.picture_makers import LOSSLESS, lossless_file, photo, saved
from tests.pictures.test_bad_picture_files import BAD
from tests.protect.conftest import Protect, Recorder, StandInGenerator, hashes, rows, session_of
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.events import Events
from unseg_cli.core.parallel.pipeline import BATCH_CPU
from unseg_cli.generators.files import shipped_weights_dir
from unseg_cli.generators.session import PictureNoise
from unseg_cli.noise.arithmetic import budget_levels
from unseg_cli.noise.closed_form import random_noise
from unseg_cli.noise.field import ArrayField
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.picture import same_alpha
from unseg_cli.protect.config import ProtectConfig

SUFFIX = {"PNG": ".png", "TIFF": ".tif", "WEBP": ".webp", "BMP": ".bmp", "JPEG": ".jpg"}


@given(data=st.data(), what=st.sampled_from(LOSSLESS), seed=st.integers(0, 9), inside=st.integers(1, 40), outside=st.integers(0, 40))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_pixel_of_a_decoded_lossless_file_leaves_its_bound(
    data: Any, what: tuple[str, str, int], seed: int, inside: int, outside: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    format, mode, depth = what
    rng = np.random.default_rng(seed)
    height, width = int(rng.integers(1, 40)), int(rng.integers(1, 40))
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    # all of the range, so that both ends are clipped
    array = rng.integers(0, 2**depth, (height, width, channels)).astype(np.uint16 if depth == 16 else np.uint8)
    region = rng.random((height, width)) < 0.5
    budget = NoiseBudget(data.draw(st.sampled_from([inside / 255, (inside + 0.6) / 255])), min(inside, outside) / 255)

    def noise(generator: Any, images: list[Any], masks: list[Any], target: str) -> list[PictureNoise]:
        return [PictureNoise(field=ArrayField(np.sign(random_noise(height, width, rng))), mask=region, mask_source="auto") for _ in images]

    folder = tmp_path_factory.mktemp("bound")
    source = folder / ("picture" + SUFFIX[format])
    source.write_bytes(lossless_file(format, mode, depth, array)[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workflow, "open_runtime", lambda *_, **__: StandInGenerator())
        patch.setattr(workflow, "Session", session_of(noise))
        report = workflow.protect(ProtectConfig(src=source, dst=folder / "out", budget=budget, device="cpu"), Events())
    if report.document["failed"]:
        # a speck on which all noise was clipped, or fell outside the object: said, not passed off as protected
        assert re.search("equals the original|too little to protect", report.document["failures"][0]["error"])
        assert not (folder / "out" / source.name).exists()
        return
    clean, written = read_picture(source), read_picture(folder / "out" / source.name)
    top = 2**depth - 1
    step = np.abs(clean.pixels.astype(int) - written.pixels)
    if mode == "CMYK":
        assert (step[..., 3] == 0).all()
    for where, epsilon in ((region, budget.foreground), (~region, budget.background)):
        if where.any():
            assert step[where].max() <= budget_levels(epsilon, top)
            assert step[where].max() <= epsilon * top + 1e-6
    assert same_alpha(clean, written)
    assert written.pixels.dtype == clean.pixels.dtype
    assert report.document["linf_255_max"] == pytest.approx(step.max() * 255 / top, abs=1e-5)


def odd_folder(src: Path) -> dict[str, str]:
    """Every odd file that a folder of photos may hold; name -> "" for a good one, else what its error says."""
    src.mkdir()
    exif = Image.Exif()
    exif[274], exif[271] = 6, "Maker"
    good: dict[str, bytes] = {
        "large.jpg": saved(Image.fromarray(photo(900, 1300)), "JPEG", quality=92),
        "grey.jpg": saved(Image.fromarray(photo(channels=1)[..., 0]), "JPEG"),
        "grey.png": saved(Image.fromarray(photo(channels=1)[..., 0]), "PNG"),
        "turned.jpg": saved(Image.fromarray(photo()), "JPEG", exif=exif),
        "palette.png": saved(Image.fromarray(photo()).quantize(32), "PNG"),
        "lossy.webp": saved(Image.fromarray(photo()), "WEBP", quality=85),
        "cmyk.jpg": saved(Image.frombytes("CMYK", (52, 37), photo(channels=4).tobytes()), "JPEG", quality=95),
        "misnamed.jpg": saved(Image.fromarray(photo()), "PNG"),
    }
    good |= {f"{format}-{mode}-{depth}{SUFFIX[format]}": lossless_file(format, mode, depth)[0] for format, mode, depth in LOSSLESS}
    for name, data in good.items():
        (src / name).write_bytes(data)
    bad = {f"bad {number}.jpg": BAD[name] for number, name in enumerate(BAD)} | {"empty.png": (b"", "is an empty file")}
    for name, (data, _) in bad.items():
        (src / name).write_bytes(data)
    return dict.fromkeys(good, "") | {name: message for name, (_, message) in bad.items()}


def test_every_odd_file(tmp_path: Path, run_protect: Protect, events: Recorder) -> None:
    src, dst = tmp_path / "src", tmp_path / "out"
    expected = odd_folder(src)
    before = hashes(src)
    report = run_protect(src, dst)
    assert hashes(src) == before
    assert report.exit_code == 1
    failures = {failure["path"]: failure["error"] for failure in report.document["failures"]}
    assert set(failures) == {name for name, message in expected.items() if message}
    for name, error in failures.items():
        assert re.search(expected[name], error), (name, error)
        assert not (dst / name).exists()
    found = rows(dst)
    for name in expected:
        if expected[name]:
            continue
        clean, written = read_picture(src / name), read_picture(dst / name)
        assert (written.kind, written.space, written.pixels.dtype, written.size) == (
            clean.kind,
            clean.space,
            clean.pixels.dtype,
            clean.size,
        )
        assert written.orientation == clean.orientation
        assert same_alpha(clean, written)
        step = np.abs(clean.pixels.astype(int) - written.pixels).max() * 255 / np.iinfo(clean.pixels.dtype).max
        assert found[name]["linf_255"] == pytest.approx(step, abs=1e-5)
        assert step <= 8 or not found[name]["lossless"]
        assert found[name]["noise_kept"] > 0.4
    assert any("palette.png" in warning and "palette" in warning for warning in events.warnings)
    again = run_protect(src, dst)
    assert (again.document["protected"], again.document["failed"]) == (0, len(failures))


def test_grey_takes_the_green_noise_and_inks_the_opposite(tmp_path: Path, run_protect: Protect) -> None:
    (tmp_path / "src").mkdir()
    flat = np.full((32, 32, 3), 128, np.uint8)
    Image.fromarray(flat).save(tmp_path / "src" / "rgb.png")
    Image.fromarray(flat[..., 0]).save(tmp_path / "src" / "grey.png")
    Image.frombytes("CMYK", (32, 32), np.full((32, 32, 4), 128, np.uint8).tobytes()).save(tmp_path / "src" / "cmyk.tif")
    run_protect(tmp_path / "src", tmp_path / "out", target="whole")
    change = {path.name: read_picture(path).pixels.astype(int) - 128 for path in (tmp_path / "out").iterdir() if path.suffix != ".jsonl"}
    assert (change["grey.png"] == change["rgb.png"][..., 1]).all()
    assert (change["cmyk.tif"][..., :3] == -change["rgb.png"]).all()
    assert (change["cmyk.tif"][..., 3] == 0).all()
    assert set(np.unique(change["grey.png"])) == {-8, 8}


def test_noise_lies_on_the_upright_picture(tmp_path: Path, run_protect: Protect) -> None:
    (tmp_path / "src").mkdir()
    upright = photo(40, 60)
    mask = np.zeros((40, 60), np.uint8)
    mask[:10, :20] = 255
    (tmp_path / "masks").mkdir()
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.rot90(upright)).save(tmp_path / "src" / "turned.png", exif=exif)
    Image.fromarray(mask).save(tmp_path / "masks" / "turned.png")
    report = run_protect(tmp_path / "src", tmp_path / "out", masks=tmp_path / "masks", budget=NoiseBudget(8 / 255, 2 / 255))
    assert report.exit_code == 0
    with Image.open(tmp_path / "out" / "turned.png") as written:
        assert written.getexif()[274] == 6
        step = np.abs(np.rot90(np.asarray(written), -1).astype(int) - upright)
    assert step[mask > 0].max() == 8
    assert step[mask == 0].max() == 2
    # a mask drawn over the stored pixels does not fit, and the hint says why
    Image.fromarray(np.ascontiguousarray(np.rot90(mask))).save(tmp_path / "masks" / "turned.png")
    report = run_protect(tmp_path / "src", tmp_path / "out", masks=tmp_path / "masks")
    assert "upright" in report.document["failures"][0]["hint"]


# The modules that load networks are replaced before `protect` is imported: a test of a kill need not wait for them.
KILLED = """
    import sys, time, types
    from dataclasses import dataclass
    from pathlib import Path
    import numpy as np

    @dataclass
    class Made:
        field: object
        mask: object
        mask_source: str
        confidence: object = None
        closely: bool = True

    class Generator:
        source = types.SimpleNamespace(name="stand-in", sha256="5" * 64, sam_checkpoint_sha256=None)

    class Session:
        def __init__(self, generator):
            self.generator = generator
            self.finder = types.SimpleNamespace(identity=None)
            self.device, self.threads_of_its_own = "cpu", True

        def noise(self, images, masks, *, budget, target):
            time.sleep(0.05)
            from unseg_cli.noise.closed_form import texture_noise
            from unseg_cli.noise.field import ArrayField
            regions = [np.arange(image.shape[0])[:, None] + np.zeros(image.shape[1]) < image.shape[0] // 2 for image in images]
            return [Made(ArrayField(texture_noise(region, cells_per_side=24)), region, "auto") for region in regions]

    for name, members in {
        "unseg_cli.generators.files": {"GeneratorFile": object},
        "unseg_cli.generators.runtimes.choose": {"open_runtime": lambda *_, **__: Generator()},
        "unseg_cli.generators.session": {"PictureNoise": Made, "Session": Session, "MaskSource": str},
        "unseg_cli.models.build": {"Generator": Generator},
    }.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(members)
    from unseg_cli.protect.config import ProtectConfig
    from unseg_cli.core.events import Events
    from unseg_cli.protect import protect

    print("ready", flush=True)
    protect(ProtectConfig(src=Path(sys.argv[1]), dst=Path(sys.argv[2]), batch_size=1, device="cpu"), Events())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_kill_in_the_middle_loses_nothing(tmp_path: Path, run_protect: Protect, root: Path) -> None:
    src, dst = tmp_path / "src", tmp_path / "out"
    src.mkdir()
    for number in range(40):
        Image.fromarray(np.roll(photo(120, 160), number, axis=1)).save(src / f"{number:02}.png")
    before = hashes(src)
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(src), str(dst)],
        cwd=root,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"ready"
    deadline = time.monotonic() + 60
    while len(list(dst.glob("[0-9]*.png"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    process.stdout.close()
    (dst / ".39.abcd1234.part.png").write_bytes(b"half")  # what a kill during a write leaves
    with (dst / "unseg-manifest.jsonl").open("a") as file:
        file.write('{"src": "39.png", "dst": "39')
    done = {path.name: path.stat().st_mtime_ns for path in dst.glob("[0-9]*.png")}
    assert 5 <= len(done) < 40
    assert all(read_picture(dst / name).size == (120, 160) for name in done)  # never half a file
    report = run_protect(src, dst)
    assert report.exit_code == 0
    assert (report.document["protected"], report.document["skipped"]) == (40 - len(done), len(done))
    assert all((dst / name).stat().st_mtime_ns == when for name, when in done.items())
    assert sorted(hashes(dst)) == sorted([*(f"{number:02}.png" for number in range(40)), "unseg-manifest.jsonl"])
    assert len(rows(dst)) == 40
    assert hashes(src) == before


@pytest.mark.slow
def test_end_to_end_with_the_shipped_generator(photos: Path, tmp_path: Path) -> None:
    if not list(shipped_weights_dir().glob("*.safetensors")):
        pytest.skip("no weights are shipped in this checkout")
    if not photos.is_dir():
        pytest.skip("no example pictures")
    events = Recorder()
    report = workflow.protect(ProtectConfig(src=photos, dst=tmp_path / "out", device="cpu"), events)
    assert report.exit_code == 0, report.document["failures"]
    for name, row in rows(tmp_path / "out").items():
        assert row["generator"] == "lite"
        clean, written = read_picture(photos / name), read_picture(tmp_path / "out" / name)
        assert same_alpha(clean, written)
        assert row["linf_255"] <= 8 or not row["lossless"]
        assert row["noise_kept"] > 0.5
    first = hashes(tmp_path / "out")
    # the first batch once more: same seed, same bytes
    workflow.protect(ProtectConfig(src=photos, dst=tmp_path / "again", device="cpu", limit=BATCH_CPU), events)
    again = hashes(tmp_path / "again")
    again.pop("unseg-manifest.jsonl")
    assert len(again) == BATCH_CPU
    assert again.items() <= first.items()


def test_a_copy_that_lost_all_its_bytes_is_made_again(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    run_protect(src, tmp_path / "out")
    whole = (tmp_path / "out" / "a.png").read_bytes()
    (tmp_path / "out" / "a.png").write_bytes(b"")
    again = run_protect(src, tmp_path / "out").document
    assert (again["protected"], again["skipped"], again["failed"]) == (1, 4, 0)
    assert (tmp_path / "out" / "a.png").read_bytes() == whole
