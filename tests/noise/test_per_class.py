"""Noise of its own for every class."""

from __future__ import annotations

import numpy as np

from unseg_cli.noise.closed_form import texture_noise
from unseg_cli.noise.per_class import NO_CLASS, noise_per_class


def test_every_class_can_be_told_from_every_other_by_its_colours() -> None:
    pattern = texture_noise(np.ones((24, 24), bool), cells_per_side=24)
    seen = []
    for number in range(42):
        noise = noise_per_class(pattern, np.full((24, 24), number))
        assert noise.dtype == np.float32 and noise.shape == (24, 24, 3)
        assert np.abs(noise).max() <= 1
        seen.append(noise)
    for number, noise in enumerate(seen):
        assert all(np.abs(noise - other).mean() > 0.15 for other in seen[:number]), number


def test_places_without_a_class_keep_their_noise_and_a_class_looks_the_same_everywhere() -> None:
    pattern = texture_noise(np.ones((16, 16), bool))
    classes = np.full((16, 16), NO_CLASS)
    classes[:8] = 5
    noise = noise_per_class(pattern, classes)
    assert np.array_equal(noise[8:], pattern[8:])
    assert np.array_equal(noise[:8], noise_per_class(pattern, np.full((16, 16), 5))[:8])
