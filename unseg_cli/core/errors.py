"""Errors the library raises on purpose: one line that says what is wrong, one that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class UnsegError(Exception):
    """A problem the user can act on.

    Args:
        message: what is wrong, naming the file or option; one line.
        hint: what to do about it; one line.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageProblem(UnsegError):
    """An option or argument that cannot be honoured."""

    exit_code = 2


class NothingToDo(UnsegError):
    """No picture was found where pictures were expected."""

    exit_code = 3


class EnvironmentProblem(UnsegError):
    """Missing weights, an absent package, a device that is not there, a folder that cannot be written."""

    exit_code = 4


@contextmanager
def said_of(what: object, kind: type[UnsegError] = UnsegError) -> Iterator[None]:
    """Whatever is wrong in the block is said of `what`, which goes before the message.

    Raises:
        UnsegError: in place of any that the block raised, of this kind.
    """
    try:
        yield
    except UnsegError as problem:
        raise kind(f"{what} {problem.message}", hint=problem.hint) from problem.__cause__


def unforeseen(problem: BaseException) -> UnsegError:
    """An exception that nobody raised on purpose, in words for a person; it is the cause of what is returned."""
    what = f"unexpected problem: {type(problem).__name__}: {problem}".rstrip(": ").splitlines()[0]
    found = UnsegError(what, hint="report it with the traceback that --debug shows")
    found.__cause__ = problem
    return found


def did_you_mean(name: str, known: list[str]) -> str:
    """Hint for a misspelt name: the closest known one, then all of them."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    listing = "known: " + ", ".join(known)
    return f"did you mean {close[0]!r}? ({listing})" if close else listing
