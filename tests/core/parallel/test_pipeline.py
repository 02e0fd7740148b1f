"""Jobs stream through three stages, and a bad one stops nothing. The engines' battery in tests/protect says more."""

from __future__ import annotations

import threading

import pytest

from unseg_cli.core.errors import UnsegError
from unseg_cli.core.parallel.pipeline import Done, Pipeline


def pipeline(**changes) -> Pipeline[int, int, int, str]:
    given = {"read": lambda job: job, "work": lambda batch: [10 * one for one in batch], "write": lambda job, made: f"{job}:{made}"}
    return Pipeline(**{**given, "area": lambda one: 1, "batch_size": 2, **changes})


def test_every_job_has_one_result() -> None:
    assert dict(pipeline().run(range(5))) == {job: f"{job}:{10 * job}" for job in range(5)}


def test_what_is_done_when_it_is_read_goes_no_further() -> None:
    seen: list[list[int]] = []
    stages = pipeline(read=lambda job: Done("done") if job % 2 else job, work=lambda batch: seen.append(list(batch)) or batch)
    assert dict(stages.run(range(4))) == {0: "0:0", 1: "done", 2: "2:2", 3: "done"}
    assert seen == [[0, 2]]


@pytest.mark.parametrize("stage", ["read", "write"])
def test_what_goes_wrong_with_a_job_is_its_result(stage: str) -> None:
    def fail(job: int, *made: int) -> int:
        if job == 1:
            raise OSError(28, "No space left on device")
        return job

    found = dict(pipeline(**{stage: fail}).run(range(3)))
    assert isinstance(found[1], UnsegError) and found[1].hint
    assert not isinstance(found[0], UnsegError) and not isinstance(found[2], UnsegError)


def test_the_network_may_refuse_a_single_job_and_no_batch() -> None:
    def refuse(batch: list[int]) -> list[int]:
        raise UnsegError("no")

    (one,) = pipeline(work=refuse, batch_size=1).run([7])
    assert one[0] == 7 and isinstance(one[1], UnsegError)
    with pytest.raises(UnsegError, match="no"):
        list(pipeline(work=refuse).run(range(2)))


def test_no_thread_is_left_by_whoever_stops() -> None:
    before = threading.active_count()
    results = pipeline(batch_size=1, workers=3).run(range(100))
    next(results)
    results.close()
    assert threading.active_count() == before
