"""Links to other places. On Windows only some people may make them."""

from __future__ import annotations

from pathlib import Path

import pytest


def link(where: Path, target: Path) -> None:
    """Make `where` a link to `target`, or skip the test where there are none."""
    try:
        where.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("no links here")
    if not where.is_symlink():
        pytest.skip("no links here")
