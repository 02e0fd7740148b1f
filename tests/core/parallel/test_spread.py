"""Each job from beginning to end in one thread, no more of them than fit."""

from __future__ import annotations

import threading
import time

import pytest

from unseg_cli.core.errors import UnsegError
from unseg_cli.core.parallel.spread import Room, cores, spread


def test_every_job_has_one_result_in_order() -> None:
    assert list(spread(range(9), lambda job: 10 * job, workers=3)) == [(job, 10 * job) for job in range(9)]


def test_what_goes_wrong_with_a_job_is_its_result_and_stops_no_other() -> None:
    def work(job: int) -> int:
        if job == 1:
            raise OSError(28, "No space left on device")
        if job == 5:
            raise RuntimeError("a defect")
        return job

    found = dict(spread(range(9), work, workers=1))
    wrong = {job: one for job, one in found.items() if isinstance(one, UnsegError)}
    assert list(wrong) == [1, 5] and [one for one in found.values() if not isinstance(one, UnsegError)] == [0, 2, 3, 4, 6, 7, 8]
    assert wrong[5].message == "unexpected problem: RuntimeError: a defect" and "--debug" in wrong[5].hint
    assert isinstance(wrong[5].__cause__, RuntimeError)


def test_as_many_at_once_as_workers() -> None:
    at_work, most, lock = 0, 0, threading.Lock()

    def work(job: int) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        time.sleep(0.02)
        with lock:
            at_work -= 1

    list(spread(range(12), work, workers=3))
    assert most == 3


def test_after_a_failure_nothing_new_is_begun() -> None:
    begun: list[int] = []

    def work(job: int) -> int:
        begun.append(job)
        if job == 0:
            raise UnsegError("no")
        time.sleep(0.2)
        return job

    found = dict(spread(range(100), work, workers=2, fail_fast=True))
    assert isinstance(found[0], UnsegError) and len(begun) <= 3
    assert set(found) == set(begun), "what was begun is finished and told"


def test_no_thread_is_left_by_whoever_stops() -> None:
    before, done = threading.active_count(), []
    results = spread(range(100), done.append, workers=3)
    next(results)
    results.close()
    assert threading.active_count() == before and len(done) < 10


def test_room_is_shared_and_what_is_too_large_gets_all_of_it() -> None:
    room, within, most, lock = Room(10), [0], [0], threading.Lock()

    def use(amount: int) -> None:
        with room.taken(amount):
            with lock:
                within[0] += min(amount, 10)
                most[0] = max(most[0], within[0])
            time.sleep(0.01)
            with lock:
                within[0] -= min(amount, 10)

    threads = [threading.Thread(target=use, args=(amount,)) for amount in (4, 99, 6, 4, 10, 1, 3, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert most[0] == 10 and within[0] == 0


def test_room_is_given_back_when_something_goes_wrong() -> None:
    room = Room(10)
    with pytest.raises(ValueError), room.taken(10):
        raise ValueError
    with room.taken(10):
        pass


def test_there_is_a_core() -> None:
    assert cores() >= 1
