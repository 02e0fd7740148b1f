"""Colours that are nearly alike, gathered."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from unseg_cli.core.constants import FloatArray
from unseg_cli.generators import hiding
from unseg_cli.noise.alike import BRIGHTNESS_STEP, CHROMA_STEP, alike

MAGENTA = np.where((np.arange(24) // 6 + np.arange(24)[:, None] // 6)[..., None] % 2, (1, -0.4, 1), (-1, 0.4, -1)).astype(np.float32)


def photograph(name: str) -> FloatArray:
    """(3, 128, 192) in [0, 1]."""
    return np.ascontiguousarray(getattr(data, name)()[:256:2, :384:2].transpose(2, 0, 1)).astype(np.float32) / 255


@pytest.mark.parametrize("name", ["chelsea", "coffee", "astronaut", "rocket"])
def test_each_place_gets_a_colour_near_its_own(name: str) -> None:
    image = photograph(name)
    means, group = alike(image)
    assert means.dtype == np.float32 and means.shape == (3, 1, int(group.max()) + 1) and group.shape == image.shape[1:]
    assert means.shape[2] < 0.4 * group.size
    red, green, blue = np.abs(means[:, 0][:, group] - image)
    assert green.max() <= BRIGHTNESS_STEP * 1.001 and max(red.max(), blue.max()) <= (BRIGHTNESS_STEP + CHROMA_STEP) * 1.001
    assert np.allclose((means[:, 0] * np.bincount(group.ravel())).sum(1), image.sum((1, 2)), rtol=1e-4), "means, of all their places"


def test_colours_that_differ_are_kept_apart() -> None:
    image = np.array([[0, 1, 1, 0.5, 0.5], [0, 1, 0, 0.5, 0.5], [0, 1, 0, 0.5, 0.54]], np.float32)[:, None]
    means, group = alike(image)
    assert np.allclose(means[:, 0][:, group], image) and len(set(group.ravel().tolist())) == 5


@pytest.mark.parametrize("name", ["chelsea", "coffee", "astronaut", "rocket"])
def test_what_may_be_seen_stays_what_it_was(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = photograph(name)

    def share() -> FloatArray:
        return hiding.hidden_share(image, MAGENTA, epsilon=8 / 255, scale=1.4, limit=1.0, hiding=hiding.detail_that_hides(image))

    gathered = share()
    monkeypatch.setattr(hiding, "alike", lambda colours: (colours.reshape(3, 1, -1), np.arange(colours[0].size).reshape(colours.shape[1:])))
    one_by_one = share()
    apart = gathered - one_by_one
    assert 0 < np.sqrt(np.square(apart).mean()) < 0.03 and abs(float(apart.mean())) < 0.003
