"""Which region the noise is told, and which budget it gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.generators.stand_in import StandIn
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.generators import find as module
from unseg_cli.generators.find import Found, OwnFinder
from unseg_cli.generators.runtimes.on_torch import TorchRuntime
from unseg_cli.generators.session import PictureNoise, Session, of_tiles
from unseg_cli.models.build import build_generator
from unseg_cli.models.prompt import Prompt

SHAPE = (60, 80)
LIMIT = 0.6


def picture_noise(generator: Any, images: list[Any], masks: list[Any], target: str, visible: float | None = None) -> list[PictureNoise]:
    runtime = TorchRuntime(generator)
    return Session(runtime, OwnFinder(runtime)).noise(images, masks, budget=NoiseBudget(visible=visible), target=target)


def whole_noise(made: PictureNoise) -> np.ndarray:
    return made.field.rows(slice(None))


@pytest.fixture(scope="module")
def generator() -> Any:
    torch.manual_seed(0)
    return build_generator("lite").eval().requires_grad_(False)


@pytest.fixture
def left_half(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    found = np.zeros(SHAPE, bool)
    found[:, : SHAPE[1] // 2] = True
    monkeypatch.setattr(module, "_found", lambda *_: Found(mask=found))
    return found


def test_whole_has_the_budget_everywhere_and_the_colours_of_the_object(generator: Any, left_half: np.ndarray) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), np.uint8)
    auto, whole = (picture_noise(generator, [image], [None], target)[0] for target in ("auto", "whole"))
    assert (auto.mask_source, whole.mask_source) == ("auto", "whole")
    assert np.array_equal(auto.mask, left_half)
    assert whole.mask.all()
    assert np.array_equal(whole_noise(auto), whole_noise(whole))


def test_uniform_looks_for_nothing_and_draws_the_same_everywhere(generator: Any, left_half: np.ndarray) -> None:
    image = np.full((*SHAPE, 3), (100, 128, 150), np.uint8)
    uniform, everything = (picture_noise(generator, [image], masks, "uniform")[0] for masks in ([None], [np.ones(SHAPE, bool)]))
    assert (uniform.mask_source, everything.mask_source) == ("whole", "file")
    assert uniform.mask.all()
    assert np.array_equal(whole_noise(uniform), whole_noise(everything))
    assert picture_noise(generator, [image], [left_half], "uniform")[0].mask_source == "file"


def test_a_picture_without_an_object_is_protected_as_a_whole(generator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_found", lambda *_: None)
    image = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), np.uint8)
    made = picture_noise(generator, [image] * 3, [None, np.zeros(SHAPE, bool), np.ones(SHAPE, bool)], "auto")
    assert [one.mask_source for one in made] == ["whole", "whole", "file"]
    assert all(one.mask.all() for one in made)
    assert np.allclose(whole_noise(made[0]), whole_noise(made[2]), atol=1e-4)


@pytest.mark.parametrize(("target", "given", "closely"), [("auto", False, True), ("auto", True, False), ("whole", False, False)])
def test_what_is_published_to_be_looked_at_gets_less_where_it_would_show_at_200_percent(
    generator: Any, left_half: np.ndarray, target: str, given: bool, closely: bool
) -> None:
    flat = np.full((*SHAPE, 3), (100, 128, 150), np.uint8)
    masks = [left_half if given else None]
    limited, full = (picture_noise(generator, [flat], masks, target, visible)[0] for visible in (LIMIT, None))
    share = np.abs(whole_noise(limited)).mean() / np.abs(whole_noise(full)).mean()
    assert bool(share < 0.5) is closely


@pytest.mark.parametrize("given", [False, True])
def test_a_budget_may_say_whether_people_look_closely(generator: Any, left_half: np.ndarray, given: bool) -> None:
    flat, mask = np.full((*SHAPE, 3), (100, 128, 150), np.uint8), left_half if given else None
    budgets = NoiseBudget(visible=LIMIT, closely=True), NoiseBudget(visible=LIMIT, closely=False), NoiseBudget(visible=LIMIT)
    closely, once, unsaid = (Session(generator).noise([flat], [mask], budget=budget)[0] for budget in budgets)
    assert (closely.closely, once.closely, unsaid.closely) == (True, False, not given)
    assert np.abs(whole_noise(closely)).mean() < 0.5 * np.abs(whole_noise(once)).mean()
    assert np.array_equal(whole_noise(unsaid), whole_noise(once if given else closely))


def test_a_batch_may_hold_pictures_of_both_kinds(generator: Any, left_half: np.ndarray) -> None:
    flat = np.full((*SHAPE, 3), (100, 128, 150), np.uint8)
    together = picture_noise(generator, [flat, flat], [None, left_half], "auto", LIMIT)
    apart = [picture_noise(generator, [flat], [mask], "auto", LIMIT)[0] for mask in (None, left_half)]
    for one, other in zip(together, apart, strict=True):
        assert np.array_equal(whole_noise(one), whole_noise(other))
    assert np.abs(whole_noise(together[0])).mean() < np.abs(whole_noise(together[1])).mean()


def test_grey_pictures_get_the_tiles_of_grey_ones_also_beside_coloured_ones(generator: Any) -> None:
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (*SHAPE, 3), np.uint8)
    grey = np.repeat(colour[..., :1], 3, 2)
    mask = np.ones(SHAPE, bool)
    made = [whole_noise(one) for one in picture_noise(generator, [colour, grey], [mask, mask], "auto")]
    tiles = generator.tiles()
    for noise, tile in zip(made, (tiles.inside, tiles.inside_grey), strict=True):
        assert set(map(tuple, noise.reshape(-1, 3))) <= set(map(tuple, tile.reshape(-1, 3)))
    alone = picture_noise(generator, [grey], [mask], "auto")[0]
    assert np.array_equal(made[1], whole_noise(alone))
    assert not np.array_equal(made[0], made[1])


def test_at_the_frames_own_size_it_is_what_the_network_draws() -> None:
    """Two ways to draw the same: at a picture's own size for files, at the frame's for training."""
    torch.manual_seed(0)
    generator = build_generator("lite").eval().requires_grad_(False)
    size = generator.spec.image_size
    image = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    mask = np.zeros((size, size), bool)
    mask[64:192, 32:160] = True
    session = Session(generator)
    scenes = session.look([image])
    (field,) = session.draw(scenes, [mask], [NoiseBudget(visible=None, min_cell=1)], [False])
    frames, prompt = torch.from_numpy(scenes.frames), Prompt(mask=torch.from_numpy(mask)[None, None].float())
    drawn = generator.draw(generator.embed(frames), frames, prompt)[0].permute(1, 2, 0).numpy()
    assert np.allclose(field.rows(slice(None)), drawn, atol=1e-5)


def test_where_all_masks_are_given_and_noise_is_made_of_tiles_no_network_runs(generator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    image, mask = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), np.uint8), np.arange(SHAPE[1])[None].repeat(SHAPE[0], 0) < 30
    before = picture_noise(generator, [image], [mask], "auto", LIMIT)[0]
    asked = []
    monkeypatch.setattr(generator, "embed", lambda frames: asked.append(len(frames)))
    made = picture_noise(generator, [image], [mask], "auto", LIMIT)[0]
    assert not asked
    assert np.array_equal(whole_noise(made), whole_noise(before))


@pytest.mark.parametrize("shape", [(60, 80), (80, 60), (200, 201), (33, 400), (400, 1)])
def test_padding_that_is_left_out_did_not_matter(generator: Any, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    image, mask = np.clip(rng.normal(128, 30, (*shape, 3)), 0, 255).astype(np.uint8), np.ones(shape, bool)
    part = whole_noise(picture_noise(generator, [image], [mask], "auto", LIMIT)[0])
    monkeypatch.setattr("unseg_cli.generators.session.with_surroundings", lambda frame, shape, margin: frame)
    assert np.allclose(part, whole_noise(picture_noise(generator, [image], [mask], "auto", LIMIT)[0]), atol=1e-5)


@pytest.mark.parametrize("shape", [(1500, 2000), (2000, 1500), (1000, 2001)])
@pytest.mark.parametrize("axis", [0, 1])
def test_what_hides_noise_is_where_it_is_also_in_a_picture_that_was_made_smaller(generator: Any, shape: tuple[int, int], axis: int) -> None:
    image, session, everything = np.full((*shape, 3), (120, 130, 110), np.uint8), Session(TorchRuntime(generator)), np.ones(shape, bool)
    there = slice(int(0.8 * shape[axis]), int(0.9 * shape[axis]))
    image[(there, slice(None)) if axis == 0 else (slice(None), there)] = (200, 30, 30)
    scenes, tiles = session.look([image]), session.generator.tiles()
    assert tiles is not None and max(scenes.small[0].shape) == max(shape) // 2 + max(shape) % 2
    smaller, whole = (
        of_tiles(tiles, scenes.frames[0], everything, looked_at, NoiseBudget(visible=1.5)).rows(slice(None))
        for looked_at in (scenes.small[0], image)
    )
    profiles = [np.abs(noise).mean((1 - axis, 2)) for noise in (smaller, whole)]
    inside, outside = profiles[1][there].mean(), profiles[1][: int(0.7 * shape[axis])].mean()
    assert abs(inside / outside - 1) > 0.2, "there is nothing to see where"
    assert np.abs(profiles[0] - profiles[1]).mean() < 0.01 * profiles[1].mean()


def test_an_embedding_is_computed_once_and_can_be_prompted_again() -> None:
    stand_in = StandIn()
    session, image = Session(stand_in), np.full((48, 64, 3), 90, np.uint8)
    scenes = session.look([image, image])
    left = np.arange(64)[None].repeat(48, 0) < 32
    first, second = (session.draw(scenes, [mask, mask], [NoiseBudget()] * 2, [False, False]) for mask in (left, ~left))
    assert stand_in.looks == 1
    for one, other in zip(first, second, strict=True):
        assert one.size == (48, 64)
        assert np.allclose(one.rows(slice(None)), -other.rows(slice(None)), atol=1e-6)
