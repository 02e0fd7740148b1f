"""One battery for every engine: each job has one outcome, the bytes are those of `protect_bytes`, and nothing goes on afterwards."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.pictures.stores.test_store import MemoryStore
from tests.protect.conftest import StandInGenerator, photo, session_of, texture
from unseg_cli.core.errors import EnvironmentProblem, UnsegError
from unseg_cli.protect.engines.engine import DryRun, Engine, LocalEngine, Outcome
from unseg_cli.protect.files import JobFiles
from unseg_cli.protect.jobs import Job
from unseg_cli.protect.manifest import Manifest
from unseg_cli.protect.one import protect_bytes
from unseg_cli.protect.settings import Settings

GOOD = ("a.png", "b.jpg", "sub/c.webp", "sub/d.tif", "e.bmp")
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".bmp": "BMP"}


def files_of(**more: Any) -> JobFiles:
    contents: dict[str, bytes] = {}
    for number, name in enumerate(GOOD):
        out = io.BytesIO()
        Image.fromarray(photo(number)).save(out, FORMATS[Path(name).suffix])
        contents[name] = out.getvalue()
    contents["bad.png"] = b"this is no picture at all"
    settings = more.pop("settings", Settings())
    target = MemoryStore()
    return JobFiles(
        source=MemoryStore(contents),
        target=target,
        manifest=Manifest(target),
        settings=settings,
        generator=StandInGenerator().source,
        **more,
    )


def jobs_of(*names: str) -> list[Job]:
    return [Job(name=name, dst_name=name) for name in names]


class Sessions:
    """A factory that counts how often it is asked."""

    keeps_all_cores = False

    def __init__(self, noise: Any = texture) -> None:
        self.session, self.calls = session_of(noise, keeps_all_cores=self.keeps_all_cores)(StandInGenerator()), 0

    def __call__(self) -> Any:
        self.calls += 1
        return self.session


class EngineBattery:
    """What every engine promises; a subclass says how one is made."""

    def engine(self, files: JobFiles, **settings: Any) -> Engine:
        raise AssertionError("a battery needs an engine")

    @pytest.fixture(autouse=True, params=[False, True], ids=["a core each", "a network for all"])
    def _way(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Sessions, "keeps_all_cores", request.param)

    @pytest.fixture(autouse=True)
    def _no_thread_is_left(self) -> Iterator[None]:
        before = threading.active_count()
        yield
        assert threading.active_count() == before

    @pytest.mark.parametrize("settings", [{}, {"batch_size": 1, "workers": 1}, {"batch_size": 3, "workers": 0}, {"batch_size": 64}])
    def test_the_bytes_are_those_of_one_picture_alone(self, settings: dict[str, int]) -> None:
        files, sessions = files_of(), Sessions()
        outcomes = list(self.engine(files, **settings).run(iter(jobs_of(*GOOD)), sessions))
        assert sorted((one.job.name, one.status) for one in outcomes) == sorted((name, "protected") for name in GOOD)
        for one in outcomes:
            alone = protect_bytes(files.source.read(one.job.name), None, sessions.session, files.settings)
            assert files.target.read(one.job.name) == alone.data
            times = {"seconds": None, "settings": None}
            assert one.record == files.manifest.rows[one.job.name]
            assert {**one.record, **times} == {"src": one.job.name, "dst": one.job.name, **alone.record, **times}

    def test_what_is_done_is_skipped_and_the_rest_is_done(self) -> None:
        files = files_of()
        list(self.engine(files).run(jobs_of(*GOOD[:2]), Sessions()))
        outcomes = list(self.engine(files).run(jobs_of(*GOOD), Sessions()))
        assert sorted(one.status for one in outcomes) == ["protected"] * 3 + ["skipped"] * 2
        assert files.finished == set(GOOD)

    def test_a_bad_picture_is_its_own_outcome(self) -> None:
        files = files_of()
        jobs = jobs_of("a.png", "bad.png", "nowhere.png", "b.jpg")
        outcomes = {one.job.name: one for one in self.engine(files).run(jobs, Sessions())}
        assert {name: one.status for name, one in outcomes.items()} == {
            "a.png": "protected", "bad.png": "failed", "nowhere.png": "failed", "b.jpg": "protected",
        }  # fmt: skip
        for one in outcomes.values():
            if one.status == "failed":
                assert one.problem is not None and one.problem.message and one.problem.hint
                assert files.manifest.rows[one.job.name]["status"] == "failed"
                assert not files.target.exists(one.job.name)

    def test_after_a_failure_nothing_new_is_begun_where_that_is_asked_for(self) -> None:
        files = files_of()
        outcomes = list(self.engine(files, fail_fast=True, batch_size=1, workers=1).run(jobs_of("bad.png", *GOOD), Sessions()))
        assert [one.status for one in outcomes] == ["failed"]

    def test_no_jobs_are_no_outcomes(self) -> None:
        assert list(self.engine(files_of()).run([], Sessions())) == []

    def test_a_session_that_cannot_be_made_is_raised_before_anything_is_written(self) -> None:
        files = files_of()

        def none() -> Any:
            raise EnvironmentProblem("no weights", hint="get them")

        with pytest.raises(EnvironmentProblem):
            list(self.engine(files).run(jobs_of(*GOOD), none))
        assert not files.manifest.rows

    def test_a_defect_is_told_of_the_pictures_that_show_it_or_raised(self) -> None:
        def defect(*_: Any) -> Any:
            raise RuntimeError("a defect")

        files = files_of()
        if Sessions.keeps_all_cores:  # one network for all: its defects are nobody's own
            with pytest.raises(RuntimeError, match="a defect"):
                list(self.engine(files).run(jobs_of(*GOOD), Sessions(defect)))
        else:
            outcomes = list(self.engine(files).run(jobs_of(*GOOD), Sessions(defect)))
            assert sorted(one.job.name for one in outcomes) == sorted(GOOD)
            assert {one.problem.message for one in outcomes if one.problem} == {"unexpected problem: RuntimeError: a defect"}
        assert not any(files.target.exists(name) for name in GOOD)

    def test_whoever_stops_finds_finished_files_only(self) -> None:
        files = files_of()
        outcomes = self.engine(files, batch_size=1, workers=1).run(jobs_of(*GOOD), Sessions())
        first = next(outcomes)
        outcomes.close()
        done = files.finished
        assert first.job.name in done and len(done) < len(GOOD)
        for name in done:
            assert files.manifest.rows[name]["dst_sha256"] == hashlib.sha256(files.target.read(name)).hexdigest()
        assert {name for name in GOOD if files.target.exists(name)} == done

    def test_jobs_are_taken_as_they_are_needed(self) -> None:
        taken: list[str] = []

        def endless() -> Iterator[Job]:
            for number in range(10**9):
                taken.append(f"{number}.png")
                yield Job(name="a.png", dst_name=f"{number}.png")

        outcomes = self.engine(files_of(overwrite=True), batch_size=2, workers=1).run(endless(), Sessions())
        assert [next(outcomes).status for _ in range(20)] == ["protected"] * 20
        outcomes.close()
        assert len(taken) < 40


class TestLocalEngine(EngineBattery):
    def engine(self, files: JobFiles, **settings: Any) -> Engine:
        return LocalEngine(files, **settings)

    def test_the_network_is_made_once_and_sees_batches(self) -> None:
        sizes: list[int] = []

        def noted(generator: Any, images: list[Any], *more: Any) -> Any:
            sizes.append(len(images))
            return texture(generator, images, *more)

        sessions = Sessions(noted)
        list(LocalEngine(files_of(), batch_size=2).run(jobs_of(*GOOD), sessions))
        assert (sizes, sessions.calls) == ([2, 2, 1], 1)

    def test_large_pictures_make_smaller_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sizes: list[int] = []

        def noted(generator: Any, images: list[Any], *more: Any) -> Any:
            sizes.append(len(images))
            return texture(generator, images, *more)

        monkeypatch.setattr("unseg_cli.core.parallel.pipeline.BATCH_PIXELS", 2 * photo().shape[0] * photo().shape[1])
        statuses = [one.status for one in LocalEngine(files_of(), batch_size=64).run(jobs_of(*GOOD), Sessions(noted))]
        assert (sizes, statuses) == ([2, 2, 1], ["protected"] * 5)

    def test_what_does_not_fit_into_memory_together_is_done_one_by_one(self) -> None:
        def small(generator: Any, images: list[Any], *more: Any) -> Any:
            if len(images) > 1:
                raise RuntimeError("CUDA out of memory")
            return texture(generator, images, *more)

        said: list[str] = []
        outcomes = list(LocalEngine(files_of(), batch_size=5, say=said.append).run(jobs_of(*GOOD), Sessions(small)))
        assert [one.status for one in outcomes] == ["protected"] * 5
        assert said == ["out of memory: going on picture by picture"]

    def test_a_store_that_fails_is_the_fault_of_one_picture(self, monkeypatch: pytest.MonkeyPatch) -> None:
        files = files_of()
        whole = files.target.put

        def full(name: str, data: bytes, **more: Any) -> None:
            if name == "b.jpg":
                raise OSError(28, "No space left on device")
            whole(name, data, **more)

        monkeypatch.setattr(files.target, "put", full)
        outcomes = {one.job.name: one for one in LocalEngine(files).run(jobs_of(*GOOD), Sessions())}
        assert outcomes["b.jpg"].problem is not None
        assert outcomes["b.jpg"].problem.message == "cannot be written (No space left on device)"
        assert sum(one.status == "protected" for one in outcomes.values()) == 4
        assert "b.jpg" not in files.finished


def test_a_dry_run_refuses_what_a_run_refuses_and_writes_nothing() -> None:
    files = files_of()
    jobs = jobs_of("a.png", "bad.png", "nowhere.png", "b.jpg")

    def never() -> Any:
        raise AssertionError("a dry run needs no network")

    planned = list(DryRun(files).run(jobs, never))
    assert [(one.job.name, one.status) for one in planned] == [
        ("a.png", "planned"), ("bad.png", "failed"), ("nowhere.png", "failed"), ("b.jpg", "planned"),
    ]  # fmt: skip
    assert not files.manifest.rows and not files.target.list().names

    def told(outcomes: list[Outcome]) -> dict[str, str]:
        return {one.job.name: one.problem.message for one in outcomes if isinstance(one.problem, UnsegError)}

    assert told(list(LocalEngine(files).run(jobs, Sessions()))) == told(planned)
    assert [one.status for one in DryRun(files).run(jobs, never)] == ["skipped", "failed", "failed", "skipped"]


def test_a_dry_run_takes_jobs_little_earlier_than_it_looks_at_them() -> None:
    taken: list[str] = []

    def endless() -> Iterator[Job]:
        while True:
            taken.append("b.jpg")
            yield from jobs_of("b.jpg")

    outcomes = DryRun(files_of(), workers=2).run(endless(), Sessions())
    assert [next(outcomes).status for _ in range(5)] == ["planned"] * 5
    assert len(taken) <= 5 + 2 * 2
    outcomes.close()
