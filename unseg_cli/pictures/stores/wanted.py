"""The pictures of a store that a command was asked for."""

from __future__ import annotations

from collections.abc import Sequence

from unseg_cli.core.errors import NothingToDo
from unseg_cli.pictures.names import Listing, is_wanted
from unseg_cli.pictures.stores.store import Store


def wanted_pictures(
    source: Store, include: Sequence[str] = (), exclude: Sequence[str] = (), *, may_be_none: bool = False
) -> tuple[tuple[str, ...], Listing]:
    """What the globs leave of a store, mostly at least one picture; and all that is there.

    Args:
        source: the originals.
        include: see `is_wanted`.
        exclude: see `is_wanted`.
        may_be_none: no picture is no mistake.

    Raises:
        NothingToDo: no picture.
        EnvironmentProblem: a folder that cannot be read.
    """
    found = source.list()
    found.refuse_unreadable(source.where(""), exclude)
    names = tuple(name for name in found.names if is_wanted(name, include, exclude))
    if not names and not may_be_none:
        filtered = " that --include and --exclude leave" if include or exclude else ""
        passed = f" ({found.passed_over} passed over)" if found.passed_over else ""
        raise NothingToDo(
            f"no picture{filtered} in {source.where('')}{passed}",
            hint="pictures end in .jpg, .jpeg, .png, .webp, .tif, .tiff, .bmp, .heic or .avif",
        )
    return names, found
