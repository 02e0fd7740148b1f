"""Noise of its own for every class."""

from __future__ import annotations

import numpy as np

from unseg_cli.noise.closed_form import texture_noise
from unseg_cli.noise.field import ArrayField
from unseg_cli.noise.per_class import NO_CLASS, PerClassField


def noise_per_class(pattern: np.ndarray, classes: np.ndarray) -> np.ndarray:
    return PerClassField(ArrayField(pattern), classes).rows(slice(None))


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


def test_rows_come_out_as_they_are_in_the_whole() -> None:
    pattern = texture_noise(np.ones((50, 30), bool))
    classes = np.random.default_rng(0).integers(-1, 44, (50, 30))
    field = PerClassField(ArrayField(pattern), classes)
    whole = field.rows(slice(None))
    assert field.size == (50, 30) and whole.shape == (50, 30, 3)
    for part in (slice(0, 7), slice(7, 50), slice(49, 50)):
        assert np.array_equal(field.rows(part), whole[part])
