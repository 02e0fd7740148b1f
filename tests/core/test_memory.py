"""Freed memory is kept where the C library can be told so, and nothing happens elsewhere."""

from __future__ import annotations

import ctypes
import sys

import pytest

from unseg_cli.core.memory import give_back_freed_memory, keep_freed_memory


def test_glibc_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []

    class Library:
        @staticmethod
        def mallopt(parameter: int, value: int) -> int:
            told.append((parameter, value))
            return 1

        @staticmethod
        def malloc_trim(kept: int) -> int:
            told.append((kept, 0))
            return 1

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library)
    keep_freed_memory()
    assert told == [(-8, 1), (-1, 256 << 20), (-3, 128 << 20)]
    give_back_freed_memory()
    assert told[3:] == [(0, 0)]


def test_another_system_or_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    monkeypatch.setattr(sys, "platform", "linux")
    keep_freed_memory()
    give_back_freed_memory()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("nothing is asked"))
    monkeypatch.setattr(sys, "platform", "win32")
    keep_freed_memory()
    give_back_freed_memory()
