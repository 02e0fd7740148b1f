"""The guided filter: what it leaves alone, where it puts an edge, and the same numbers as its definition written out."""

from __future__ import annotations

import numpy as np

from unseg_cli.core.constants import FloatArray
from unseg_cli.generators.finders.edges import RADIUS, SLOPES, along_edges
from unseg_cli.noise.field import Enlarged


def by_definition(plane: FloatArray, picture_01: FloatArray) -> FloatArray:
    """One window after another, at the size of the map."""
    height, width = plane.shape

    def window(row: int, column: int) -> tuple[slice, slice]:
        return slice(max(row - RADIUS, 0), row + RADIUS + 1), slice(max(column - RADIUS, 0), column + RADIUS + 1)

    fits = np.zeros((4, height, width))
    for row in range(height):
        for column in range(width):
            colours = picture_01[(slice(None), *window(row, column))].reshape(3, -1).astype(np.float64)
            values = plane[window(row, column)].ravel().astype(np.float64)
            spread = np.cov(colours, bias=True) + SLOPES * np.eye(3)
            slopes = np.linalg.solve(spread, ((colours - colours.mean(1, keepdims=True)) * (values - values.mean())).mean(1))
            fits[:, row, column] = (*slopes, values.mean() - slopes @ colours.mean(1))
    out = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            mean = fits[(slice(None), *window(row, column))].reshape(4, -1).mean(1)
            out[row, column] = mean[:3] @ picture_01[:, row, column] + mean[3]
    return out.astype(np.float32)


def test_it_is_what_the_paper_defines() -> None:
    rng = np.random.default_rng(3)
    plane, picture = rng.random((11, 14), np.float32), rng.random((3, 11, 14), np.float32)
    assert np.allclose(along_edges(plane[None], picture)[0], by_definition(plane, picture), atol=1e-5)


def test_a_map_of_one_value_stays_and_one_that_follows_the_colours_stays() -> None:
    rng = np.random.default_rng(4)
    picture = rng.random((3, 60, 40), np.float32)
    assert np.allclose(along_edges(np.full((1, 30, 20), 0.7, np.float32), picture), 0.7, atol=1e-5)
    follows = 0.6 * picture[:1] + 0.3 * picture[2:]
    assert np.abs(along_edges(follows, picture) - follows).max() < 0.01


def test_a_coarse_border_moves_to_the_edge_of_the_picture() -> None:
    """The map's border is 3 pixels of the picture beside the edge, and soft."""
    picture = np.full((3, 80, 120), 0.3, np.float32)
    picture[:, :, 61:] = np.array([0.7, 0.4, 0.2], np.float32)[:, None, None]
    plane = (1 / (1 + np.exp(-(np.arange(60) - 31.5) / 1.5)))[None, None].repeat(40, 1).astype(np.float32)
    assert (Enlarged(plane, (80, 120)).rows(slice(20, 60))[..., 0] > 0.5).argmax(1).tolist() == [64] * 40
    inside = along_edges(plane, picture)[0, 20:60] > 0.5
    assert inside.argmax(1).tolist() == [61] * 40 and inside[:, 61:].all()


def test_pictures_of_one_row_or_pixel_and_grey_ones_are_no_trouble() -> None:
    for small, large in (((1, 1), (1, 1)), ((1, 128), (1, 256)), ((128, 1), (256, 2)), ((3, 5), (2, 3))):
        along = along_edges(np.full((1, *small), 0.8, np.float32), np.full((3, *large), 0.5, np.float32))
        assert along.shape == (1, *large) and along.dtype == np.float32 and np.allclose(along, 0.8, atol=1e-5)
