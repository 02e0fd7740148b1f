"""Errors that the package raises on purpose."""

import pytest

from unseg_cli.core.errors import UnsegError, UsageProblem, said_of, unforeseen


def test_what_is_wrong_is_said_of_something_and_keeps_its_hint() -> None:
    with pytest.raises(UsageProblem) as raised, said_of("the mask", UsageProblem):
        raise UnsegError("is of mode F", hint="make it grey")
    assert (raised.value.message, raised.value.hint) == ("the mask is of mode F", "make it grey")


def test_the_traceback_of_what_nobody_foresaw_is_kept() -> None:
    cause = OverflowError("too large")
    with pytest.raises(UnsegError) as raised, said_of("the mask"):
        raise unforeseen(cause)
    assert raised.value.__cause__ is cause


def test_other_errors_are_left_as_they_are() -> None:
    with pytest.raises(KeyError), said_of("the mask"):
        raise KeyError("x")
