"""Folders that must not meet: nothing is written among originals."""

from __future__ import annotations

from pathlib import Path

from unseg_cli.core.errors import UsageProblem


def refuse_overlap(src: Path, other: Path, what: str = "DST", *, of: str = "SRC") -> None:
    """Raise where a folder is another, or lies in it: originals could be overwritten, or results taken for originals.

    Args:
        src: a folder whose files must stay as they are.
        other: a folder that is written to.
        what: the name of `other` on the command line.
        of: the name of `src` there.

    Raises:
        UsageProblem: it is, or does.
    """
    refuse_same(src, other, what, of=of)
    outer = src.resolve()
    if other.resolve().is_relative_to(outer):
        raise UsageProblem(
            f"{what} {other} lies inside {of}", hint="name a folder outside of it, such as " + str(outer.parent / f"{outer.name}-out")
        )


def refuse_same(src: Path, other: Path, what: str, *, of: str) -> None:
    """`refuse_overlap` for a folder that may hold others: only itself is refused."""
    if other.resolve() == src.resolve():
        raise UsageProblem(f"{what} {other} is {of} itself", hint="files there could be overwritten: name another folder")


def refuse_mirror(src: Path, other: Path, what: str = "DST", *, of: str = "SRC") -> None:
    """`refuse_overlap` for a folder that will hold the tree of SRC: the mirrored tree could meet the originals from above, too.

    Raises:
        UsageProblem: one lies in the other, both are the same, or a file has the name of the one that is written to.
    """
    if other.exists() and not other.is_dir():
        raise UsageProblem(f"{what} {other} is a file, but {of} is a folder", hint=f"name a folder for {what}")
    refuse_overlap(src, other, what, of=of)
    if src.resolve().is_relative_to(other.resolve()):
        raise UsageProblem(f"{of} {src} lies inside {what} {other}", hint=f"name a folder of its own for {what}")
