"""What a visitor can do, without the page: uploads, outlines, comparisons, and what is written in the end."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.protect.conftest import Recorder, hashes
from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.generators.session import Session
from unseg_cli.protect.config import VerifyConfig
from unseg_cli.protect.verification import verify
from unseg_cli.ui.controls import STRENGTHS
from unseg_cli.ui.work import BUDGETS, SHOWN, Choices, Work


def test_uploads_keep_their_bytes_names_and_folders(session: Session, uploads: list[tuple[Path, str]], tmp_path: Path) -> None:
    work = Work.of_uploads(session, tmp_path, [(uploads[0][0], "holiday/cat.jpg"), (uploads[1][0], "coffee.png")])
    assert sorted(hashes(work.src)) == ["coffee.png", "holiday/cat.jpg"]
    assert (work.src / "holiday" / "cat.jpg").read_bytes() == uploads[0][0].read_bytes()


def test_names_never_meet_and_never_lead_elsewhere(session: Session, uploads: list[tuple[Path, str]], tmp_path: Path) -> None:
    (jpeg, _), (png, _) = uploads
    names = ["a.jpg", "A.JPG", "../../a.jpg", "/etc/b.jpg", "C:\\photos\\c.jpg", ".hidden.jpg", "...jpg"]
    work = Work.of_uploads(session, tmp_path, [*((jpeg, name) for name in names), (png, "a.png"), (jpeg, "notes.txt")])
    found = sorted(hashes(work.src))
    assert found == ["A-2.JPG", "C/photos/c.jpg", "a-3.jpg", "a-4.png", "a.jpg", "etc/b.jpg", "hidden.jpg", "picture.jpg"]
    assert len(list(tmp_path.iterdir())) == 3


def test_nothing_to_protect_is_said(session: Session, uploads: list[tuple[Path, str]], tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageProblem, match="no picture among these files"):
        Work.of_uploads(session, tmp_path, [(uploads[0][0], "notes.txt")])
    with pytest.raises(UsageProblem, match="There is no folder"):
        Work.of_folder(session, tmp_path, str(tmp_path / "nowhere"))
    assert sorted(tmp_path.iterdir()) == before


def test_outlines_come_least_sure_first_and_stay_in_their_places(work: Work) -> None:
    rows = work.detections()
    assert [row["confidence"] for row in rows] == sorted(row["confidence"] for row in rows)
    order = [row["src"] for row in rows]
    work.whole(rows[0])
    again = work.detections()
    assert [row["src"] for row in again] == order
    assert (again[0]["finder"], again[0]["area"]) == ("owner", 1.0)
    work.anew(again[0])
    assert work.detections()[0] == rows[0]


def test_an_outline_is_drawn_on_the_picture(work: Work) -> None:
    row = work.row("coffee.png")
    drawn = np.asarray(work.outline(row, SHOWN))
    assert drawn.shape == (400, 600, 3)
    assert (drawn == (255, 214, 0)).all(axis=-1).sum() > 500
    assert max(work.outline(row, 120).size) == 120
    small = work.thumbnail(row)
    assert small == work.thumbnail(row)
    work.whole(row)
    assert work.thumbnail(work.row("coffee.png")) != small


@pytest.mark.slow
def test_clicks_change_the_mask(work: Work) -> None:
    row = work.row("coffee.png")
    work.box(row, (0.6, 0.9), (0.1, 0.1))
    boxed = _mask(work, "coffee.png")
    ys, xs = np.nonzero(boxed)
    assert xs.min() >= 0.1 * 600 and xs.max() <= 0.6 * 600 + 1
    assert ys.min() >= 0.1 * 400 and ys.max() <= 0.9 * 400 + 1
    work.anew(work.row("coffee.png"))
    work.point(work.row("coffee.png"), (0.5, 0.5), on=True)
    assert _mask(work, "coffee.png")[200, 300]
    work.point(work.row("coffee.png"), (0.5, 0.5), on=False)
    assert not _mask(work, "coffee.png")[200, 300]
    assert (len(work.corrections["coffee.png"].points), len(work.corrections["coffee.png"].not_points)) == (0, 1), "the last word counts"
    work.point(work.row("coffee.png"), (0.5, 0.6), on=True)
    assert (len(work.corrections["coffee.png"].points), len(work.corrections["coffee.png"].not_points)) == (1, 1)
    work.anew(work.row("coffee.png"))
    before = hashes(work.masks)
    with pytest.raises(UnsegError, match="No object could be found"):
        work.point(work.row("coffee.png"), (0.0, 0.0), on=False)
    assert hashes(work.masks)["coffee.png"] == before["coffee.png"]


def _mask(work: Work, name: str) -> np.ndarray:
    return np.asarray(Image.open(work.masks / work.row(name)["mask"])) > 0


def test_a_comparison_is_what_is_written_then(work: Work) -> None:
    row, choices = work.row("coffee.png"), Choices(strength="hidden", format="png", metadata="strip")
    shown = work.compare(row, choices)
    assert shown.clean.size == shown.protected.size == shown.noise.size == (600, 400)
    report, packed = work.zipped(choices, Events())
    assert (report.document["protected"], report.exit_code) == (2, 0)
    with zipfile.ZipFile(packed) as archive:
        assert sorted(archive.namelist()) == ["cat.png", "coffee.png", "unseg-manifest.jsonl"]
        written = np.asarray(Image.open(io.BytesIO(archive.read("coffee.png"))))
        lines = [json.loads(line) for line in archive.read("unseg-manifest.jsonl").splitlines()]
    assert np.array_equal(written, np.asarray(shown.protected))
    assert {row["mask_source"] for row in lines} == {"file"}
    assert {row["recipe"]["closely"] for row in lines} == {True}


def test_a_higher_strength_is_more_noise(work: Work) -> None:
    levels = [work.compare(work.row("coffee.png"), Choices(strength=name)).record["noise_255"] for name in BUDGETS]
    assert list(BUDGETS) == [value for _, value in STRENGTHS] and levels[0] < levels[1] <= levels[2]


def test_other_choices_do_not_mix_with_earlier_ones(work: Work) -> None:
    work.zipped(Choices(format="png"), Events())
    _, packed = work.zipped(Choices(), Events())
    with zipfile.ZipFile(packed) as archive:
        assert sorted(archive.namelist()) == ["cat.jpg", "coffee.png", "unseg-manifest.jsonl"]


def test_a_folder_is_only_read_and_the_copies_verify(session: Session, uploads: list[tuple[Path, str]], tmp_path: Path) -> None:
    source = Work.of_uploads(session, tmp_path, uploads).src
    before, events = hashes(source), Recorder()
    work = Work.of_folder(session, tmp_path, f" {source} ")
    work.find_objects(events)
    report = work.protect(Choices(), tmp_path / "out", events)
    assert (report.document["protected"], events.advanced) == (2, 4)
    assert hashes(source) == before
    assert verify(VerifyConfig(src=source, dst=tmp_path / "out"), Events()).exit_code == 0
    with pytest.raises(UsageProblem):
        work.protect(Choices(), source / "inside", events)
    work.close()
    assert not work.root.exists() and source.exists()
