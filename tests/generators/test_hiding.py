"""What is hidden stays under the limit, measured on the picture as it is written."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from skimage import data

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import FloatArray, U8Array
from unseg_cli.generators.frame import own_part, to_frame
from unseg_cli.generators.hiding import detail_that_hides, hidden_share
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.session import Session
from unseg_cli.noise.field import Enlarged
from unseg_cli.noise.tiles import TileField
from unseg_cli.pictures.adding import add_noise
from unseg_cli.pictures.difference import perceive

SIZE, PITCH = 256, 120  # coarse cells: without a limit they show on any colour
BUDGET = NoiseBudget(8 / 255, 8 / 255)


def check(*colour: float) -> FloatArray:
    place = np.arange(24) // 6
    return ((1 - 2 * ((place[:, None] + place) % 2))[..., None] * np.array(colour)).astype(np.float32)


MAGENTA, EQUALLY_BRIGHT = check(1, -1, 1), check(1, -0.4, 1)


def slope(*colour: int, height: int = 240, width: int = 360) -> U8Array:
    """A surface of about this colour, with grain."""
    across = np.linspace(-10, 10, width)[None, :, None]
    surface = np.array(colour) + across + np.random.default_rng(0).normal(0, 2, (height, width, 3))
    return np.clip(surface, 0, 255).astype(np.uint8)


PICTURES = {
    "cat": data.chelsea(), "rocket": data.rocket(), "grey": slope(120, 120, 120), "skin": slope(198, 140, 100), "dark": slope(30, 25, 40),
    "night": slope(8, 8, 14), "white": slope(248, 248, 248), "blue": slope(40, 60, 200),
}  # fmt: skip
SATURATED = {"green": slope(40, 180, 50), "red": slope(200, 40, 40), "coffee": data.coffee()}
BLACK = {"astronaut": data.astronaut()}


def share_of(picture: U8Array, tile: FloatArray, *, limit: float, closely: bool = False, pitch: float = PITCH) -> FloatArray:
    scale, frame = max(picture.shape) / pitch, to_frame(picture, SIZE)
    hiding = detail_that_hides(frame) if closely else None
    return hidden_share(frame, tile, epsilon=BUDGET.foreground, scale=scale, limit=limit, hiding=hiding)


def protected(picture: U8Array, tile: FloatArray, share: FloatArray | None, pitch: float = PITCH) -> U8Array:
    shape = (picture.shape[0], picture.shape[1])
    everywhere = np.ones(shape, bool)
    weighted = None if share is None else Enlarged(own_part(share, shape), shape)
    return add_noise(picture, "rgb", TileField(tile, tile, everywhere, pitch, weighted), everywhere, BUDGET).astype(np.uint8)


def most(limit: float) -> float:
    """A quarter more for what a closed form does not know of a picture, and a tenth for what rounding to whole levels adds."""
    return 1.25 * limit + 0.1


@pytest.mark.parametrize(("name", "limit"), [*product([*PICTURES, *SATURATED], [0.5, 1.0]), ("astronaut", 1.0)])
def test_what_is_seen_stays_under_the_limit(name: str, limit: float) -> None:
    picture = (PICTURES | SATURATED | BLACK)[name]
    seen = perceive(picture, protected(picture, MAGENTA, share_of(picture, MAGENTA, limit=limit)))
    assert seen.p95 <= most(limit)
    assert perceive(picture, protected(picture, MAGENTA, None)).p95 > limit, "without the limit there was nothing to hide"


@pytest.mark.parametrize(
    ("name", "tile", "pitch"),
    [
        ("green", MAGENTA, PITCH),
        ("red", EQUALLY_BRIGHT, 240),  # as the shipped generator's
        ("coffee", EQUALLY_BRIGHT, 240),
    ],
)
def test_so_it_does_on_saturated_colours(name: str, tile: FloatArray, pitch: float) -> None:
    picture = SATURATED[name]
    assert perceive(picture, protected(picture, tile, share_of(picture, tile, limit=1.0, pitch=pitch), pitch)).p95 <= most(1.0)


def test_in_black_beside_light_somewhat_more_is_measured() -> None:
    """Colour of the bright side is blurred over the edge, where a black has none of its own. A real eye is dazzled there."""
    picture = BLACK["astronaut"]
    assert perceive(picture, protected(picture, EQUALLY_BRIGHT, share_of(picture, EQUALLY_BRIGHT, limit=1.0, pitch=240), 240)).p95 < 1.75


@pytest.mark.parametrize("name", [*PICTURES, "green", "astronaut"])
def test_less_is_seen_with_a_lower_limit(name: str) -> None:
    picture = (PICTURES | SATURATED | BLACK)[name]
    tight, loose = (perceive(picture, protected(picture, MAGENTA, share_of(picture, MAGENTA, limit=limit))).p95 for limit in (0.5, 1.0))
    assert tight < loose <= perceive(picture, protected(picture, MAGENTA, None)).p95


def test_a_share_is_a_share_and_all_of_it_where_nothing_shows() -> None:
    for picture in (PICTURES | BLACK).values():
        share = share_of(picture, MAGENTA, limit=1.0)
        assert share.shape == (1, SIZE // 2, SIZE // 2)
        assert share.min() >= 0 and share.max() <= 1 + 1e-6  # averages round
    assert share_of(PICTURES["grey"], MAGENTA, limit=100.0).min() == pytest.approx(1)


def test_half_the_limit_is_half_the_share() -> None:
    picture = PICTURES["skin"]
    one, half = (share_of(picture, MAGENTA, limit=limit) for limit in (1.0, 0.5))
    assert one.max() < 1
    assert np.allclose(half, one / 2, rtol=1e-4)


def test_a_larger_file_gets_less() -> None:
    """As many cells, but larger ones: the eye resolves their colour."""
    small = slope(120, 120, 120, height=160, width=240)
    large = np.repeat(np.repeat(small, 4, 0), 4, 1)
    shares = [share_of(picture, EQUALLY_BRIGHT, limit=1.0) for picture in (small, large)]
    assert shares[1].mean() < 0.7 * shares[0].mean()


def rough_beside(smooth: U8Array, channels: int) -> U8Array:
    """The picture, its right half full of detail: of brightness alone, or of three channels."""
    grain = np.random.default_rng(1).normal(0, 60, (240, 180, channels))
    smooth[:, 180:] = np.clip(smooth[:, 180:] + grain, 0, 255).astype(np.uint8)
    return smooth


def test_of_a_picture_that_is_looked_at_closely_smooth_places_get_less_than_detail() -> None:
    rough = rough_beside(slope(120, 120, 120), 3)
    share = own_part(share_of(rough, MAGENTA, limit=1.0, closely=True), (240, 360))[0]
    middle = share.shape[1] // 2
    assert share[:, : middle - 12].mean() < 0.5 * share[:, middle + 12 :].mean()
    assert (share_of(rough, MAGENTA, limit=1.0, closely=True) <= share_of(rough, MAGENTA, limit=1.0) + 1e-6).all()


def test_detail_of_brightness_hides_a_pattern_of_colour_less_than_detail_of_colour_does() -> None:
    """Fur, hair and a beard at 200 % were mottled with pink and green."""
    pictures = [rough_beside(slope(120, 120, 120), channels) for channels in (1, 3)]
    fur, flowers = (own_part(share_of(picture, MAGENTA, limit=1.0, closely=True), (240, 360))[0] for picture in pictures)
    rough = slice(fur.shape[1] // 2 + 12, None)
    assert np.median(fur[:, rough]) < 0.7 * np.median(flowers[:, rough])


def test_in_a_picture_without_colours_detail_of_brightness_is_all_there_is() -> None:
    grey = np.repeat(rough_beside(slope(120, 120, 120), 1)[..., :1], 3, 2)
    share = own_part(share_of(grey, MAGENTA, limit=1.0, closely=True), (240, 360))[0]
    middle = share.shape[1] // 2
    assert share[:, : middle - 12].mean() < 0.5 * share[:, middle + 12 :].mean()


def test_what_hides_a_small_cell_is_small_detail_alone() -> None:
    """A large photograph is smooth between the lines that make it detailed as a whole."""
    large = slope(120, 120, 120, height=960, width=1440)
    large[::48], large[:, ::48] = 20, 220
    frame, surface = to_frame(large, SIZE), to_frame(large, 4 * SIZE)
    coarse, fine = (
        hidden_share(frame, MAGENTA, epsilon=8 / 255, scale=1.4, limit=1.0, hiding=detail_that_hides(seen))[0] for seen in (frame, surface)
    )
    assert fine.shape == (2 * SIZE, 2 * SIZE)
    assert np.median(fine[:300, :500]) < 0.7 * np.median(coarse[:75, :125])


def test_a_large_photograph_is_judged_as_a_small_one_is_cell_by_cell() -> None:
    """Four times as large, four times as many cells of the same side, and the same of everything around each of them."""
    small = data.chelsea()[:256, :400]
    large = np.tile(small, (4, 4, 1))
    session = Session(open_runtime("lite", device="cpu"))
    mean = []
    for picture in (small, large):
        (made,) = session.noise([picture], [None], budget=NoiseBudget())
        everywhere = np.ones(picture.shape[:2], np.bool_)
        mean.append(np.abs(add_noise(picture, "rgb", made.field, everywhere, NoiseBudget()).astype(int) - picture)[:, :, 0].mean())
    assert mean[1] == pytest.approx(mean[0], rel=0.2)


@pytest.mark.parametrize(
    ("name", "target", "outside"), [*product(["cat", "coffee"], ["whole"], [0.0]), *product(["cat", "coffee"], ["auto"], [8 / 255])]
)
def test_outside_of_the_object_the_limit_counts_too(name: str, target: str, outside: float) -> None:
    """The tile there has a colour of its own, and shows where that of the object does not."""
    picture, session = (PICTURES | SATURATED)[name], Session(open_runtime("lite", device="cpu"))
    seen = {}
    for limit in (None, 1.0):
        budget = NoiseBudget(8 / 255, outside, visible=limit)
        (made,) = session.noise([picture], [None], budget=budget, target=target)
        seen[limit] = perceive(picture, add_noise(picture, "rgb", made.field, made.mask, budget).astype(np.uint8)).p95
    assert seen[1.0] <= most(1.0) < seen[None]


def test_no_noise_is_hidden_as_a_whole() -> None:
    assert (share_of(PICTURES["grey"], np.zeros_like(MAGENTA), limit=0.1) == 1).all()
