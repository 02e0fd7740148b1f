"""CIEDE2000 in single precision, against the published pairs and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000

from unseg_cli.core.constants import FloatArray
from unseg_cli.noise import ciede2000 as formula

#: L, a, b of two colours and their difference: Sharma, Wu and Dalal 2005, table 1.
PUBLISHED = np.array(
    [
        (50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425),
        (50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615),
        (50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412),
        (50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000),
        (50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000),
        (50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000),
        (50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669),
        (50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195),
        (50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045),
        (50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045),
        (50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461),
        (50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065),
        (50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492),
        (50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977),
        (50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030),
        (50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535),
        (50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000),
        (50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000),
        (50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000),
        (50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000),
        (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
        (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
        (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
        (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
        (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
        (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
        (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
        (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
        (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
        (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
    ]
)


def ciede2000(one: FloatArray, other: FloatArray) -> FloatArray:
    """(3, ...) each, of single precision."""
    found: FloatArray = formula.ciede2000(one, other)
    return found


def test_the_published_pairs() -> None:
    pairs = PUBLISHED.astype(np.float32).T
    found = ciede2000(pairs[:3], pairs[3:6])
    assert len(PUBLISHED) == 34 and found.dtype == np.float32
    np.testing.assert_allclose(found, PUBLISHED[:, 6], atol=1e-3)
    np.testing.assert_allclose(found, deltaE_ciede2000(PUBLISHED[:, :3], PUBLISHED[:, 3:6]), atol=1e-3)


@pytest.mark.parametrize("distance", [0.3, 5.0])
def test_like_scikit_image_on_colours_of_every_kind(distance: float) -> None:
    rng = np.random.default_rng(0)
    one = rng.uniform((2, -90, -90), (98, 90, 90), (20_000, 3))
    other = one + rng.normal(0, distance, one.shape)
    found = ciede2000(one.T.astype(np.float32), other.T.astype(np.float32))
    off = np.abs(found - deltaE_ciede2000(one, other))
    # Where hues are opposite, the formula jumps: rounding may take the other side of it.
    assert np.median(off) < 1e-5 and np.quantile(off, 0.999) < 1e-3


def test_many_changes_of_one_picture_at_once() -> None:
    rng = np.random.default_rng(2)
    one = rng.uniform((0, -60, -60), (100, 60, 60), (50, 3)).T.astype(np.float32)
    others = (one[:, None] + rng.normal(0, 3, (3, 4, 50))).astype(np.float32)
    np.testing.assert_array_equal(ciede2000(one[:, None], others), np.stack([ciede2000(one, others[:, k]) for k in range(4)]))


def test_equal_colours_and_either_order() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.uniform((0, -60, -60), (100, 60, 60), (2, 500, 3)).astype(np.float32)
    assert (ciede2000(one.T, one.T) == 0).all()
    np.testing.assert_allclose(ciede2000(one.T, other.T), ciede2000(other.T, one.T), atol=1e-3)
