"""The code that draws noise says so when it draws another."""

from __future__ import annotations

import numpy as np
import pytest

from tests.generators.drawn_noise import REFERENCE, drawn
from unseg_cli.noise.version import NOISE_CODE

#: Processors round differently: of a hundred values at most one may be off, and by one grey level.
TOLERATED = 0.01


@pytest.fixture(scope="module")
def now() -> dict[str, np.ndarray]:
    return drawn()


def test_the_reference_is_of_this_version() -> None:
    with np.load(REFERENCE) as reference:
        assert str(reference["version"]) == NOISE_CODE


@pytest.mark.parametrize(
    "kind", ["mask", "limited", "auto", "whole", "limited-whole", "uniform", "per-class", "texture", "random", "large"]
)
def test_noise_is_as_this_version_draws_it(kind: str, now: dict[str, np.ndarray]) -> None:
    with np.load(REFERENCE) as reference:
        difference = np.abs(now[kind].astype(int) - reference[kind])
    assert 2 <= np.abs(now[kind]).max() <= 8
    assert difference.max() <= 1 and (difference > 0).mean() < TOLERATED, (
        "the noise is another: raise NOISE_CODE in unseg_cli/noise/version.py, and run python -m tests.generators.drawn_noise"
    )
