"""Two finders: how sure they are, what they take for the object, and who is asked."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.generators.drawn_noise import picture
from tests.generators.stand_in import StandIn
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import FloatArray, U8Array
from unseg_cli.generators.files import GeneratorFile
from unseg_cli.generators.find import SMALLEST_OBJECT, UNSURE, OwnFinder
from unseg_cli.generators.finders.agreeing import CERTAIN, NAME, AgreeingFinders, certainty_of, combined, default_finder
from unseg_cli.generators.loading import load_generator, save_generator
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.runtimes.on_torch import TorchRuntime
from unseg_cli.generators.session import Session
from unseg_cli.models.prompt import Prompt


def columns(first: int, last: int, likely: float = 0.9) -> FloatArray:
    """A map of 20 x 20 with an object in these columns."""
    plane = np.full((1, 20, 20), 1 - likely, np.float32)
    plane[..., first:last] = likely
    return plane


def test_confidence_is_the_overlap_of_the_two() -> None:
    found = combined(columns(0, 10), columns(5, 20), (20, 20))
    assert found is not None and found.confidence == pytest.approx(5 / 20) and found.finder == NAME
    same = combined(columns(5, 15), columns(5, 15), (20, 20))
    assert same is not None and same.confidence == 1 and np.array_equal(same.mask, np.arange(20)[None].repeat(20, 0) // 5 % 3 != 0)


def test_an_unsure_object_is_all_that_either_found_a_sure_one_their_mean() -> None:
    sure = combined(columns(4, 16, 0.95), columns(6, 16, 0.6), (20, 20))
    unsure = combined(columns(4, 16, 0.95), columns(11, 16, 0.6), (20, 20))
    assert sure is not None and unsure is not None and sure.confidence is not None and unsure.confidence is not None
    assert sure.confidence > UNSURE > unsure.confidence
    assert [one.mask[0].nonzero()[0].tolist() for one in (sure, unsure)] == [list(range(4, 16))] * 2
    timid = combined(columns(4, 16, 0.55), columns(6, 16, 0.95), (20, 20))
    assert timid is not None and timid.confidence == pytest.approx(10 / 12)
    assert timid.mask[0].nonzero()[0].tolist() == list(range(6, 16))
    alone = combined(columns(4, 16, 0.55), columns(11, 16, 0.95), (20, 20))
    assert alone is not None and alone.mask[0].nonzero()[0].tolist() == list(range(4, 16))


def test_what_one_alone_found_is_unsure_and_what_neither_did_is_nothing() -> None:
    nothing = np.zeros((1, 20, 20), np.float32)
    one = combined(columns(0, 10), nothing, (30, 600))
    assert one is not None and one.confidence == 0 and one.mask.shape == (30, 600) and one.mask.mean() == pytest.approx(0.5, abs=0.02)
    assert combined(nothing, nothing, (20, 20)) is None
    speck = np.zeros((1, 100, 100), np.float32)
    speck[:, :6, :6] = 0.9
    assert SMALLEST_OBJECT > 36 / 100**2 and combined(speck, speck, (100, 100)) is None


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(open_runtime("lite", device="cpu"))


def test_certainty_is_the_overlap_of_a_map_with_its_own_object() -> None:
    assert certainty_of(columns(4, 16, 1.0)) == 1
    assert certainty_of(columns(4, 16, 0.9)) == pytest.approx(12 * 0.9 / (12 + 8 * 0.1))
    assert certainty_of(np.full((1, 4, 4), 0.4, np.float32)) == 0


class Counting:
    """A second finder that takes the upper half of every picture for the object."""

    sha256 = "0" * 64

    def __init__(self) -> None:
        self.asked = 0

    def probability(self, image: U8Array) -> FloatArray:
        self.asked += 1
        return np.repeat(np.float32([0.95, 0.05]), 8 * 16).reshape(1, 16, 16)


def test_the_second_finder_is_asked_where_the_first_is_not_certain(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certain one's mask is its own, and ends where the picture has its edge."""
    image = np.full((64, 128, 3), 40, np.uint8)
    image[:, 50:] = (200, 90, 60)
    logits = np.full((2, 1, 128, 128), -9.0, np.float32)
    logits[:, :, :, 51:] = 9
    logits[1] /= 9
    second = Counting()
    finder = AgreeingFinders(session.generator, second)
    monkeypatch.setattr(session.generator, "detect", lambda embedding: logits)
    certain, open_ = finder.find(session.look([image, image]))
    assert second.asked == 1 and certain is not None and open_ is not None
    assert (certain.confidence or 0) >= CERTAIN and certain.finder == NAME
    assert np.array_equal(certain.mask[0], np.arange(128) >= 50) and np.array_equal(certain.mask, certain.mask[:1].repeat(64, 0))
    assert (
        open_.confidence == pytest.approx(76 * 32 / (128 * 32 + 76 * 32), abs=0.02)
        and open_.mask[:30].all()
        and not open_.mask[34:, :48].any()
    )


def test_a_certain_speck_is_no_object(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    second = Counting()
    logits = np.full((1, 1, 128, 128), -40.0, np.float32)
    logits[..., 60:63, 60:63] = 40
    monkeypatch.setattr(session.generator, "detect", lambda embedding: logits)
    assert AgreeingFinders(session.generator, second).find(session.look([np.full((128, 128, 3), 90, np.uint8)])) == [None]
    assert second.asked == 0


def test_the_shipped_generator_is_asked_together_with_the_second_finder(session: Session) -> None:
    image, disc = picture()
    (found,) = session.finder.find(session.look([image]))
    assert isinstance(session.finder, AgreeingFinders) and session.finder.name == NAME
    assert found is not None and found.finder == NAME
    assert found.confidence is not None and found.confidence > UNSURE
    assert (found.mask & disc).sum() / (found.mask | disc).sum() > 0.8
    (made,) = session.noise([image], [None], budget=NoiseBudget())
    assert (made.mask_source, made.confidence) == ("auto", found.confidence) and np.array_equal(made.mask, found.mask)


def test_a_picture_s_mask_does_not_depend_on_its_neighbours(session: Session) -> None:
    image, _ = picture()
    noise = np.random.default_rng(0).integers(0, 256, (64, 200, 3), np.uint8)
    alone, among = (session.finder.find(session.look(images)) for images in ([image], [noise, image, image[::-1]]))
    again = session.finder.find(session.look([image]))
    assert alone[0] is not None and among[1] is not None and again[0] is not None
    assert np.array_equal(alone[0].mask, again[0].mask) and alone[0].confidence == again[0].confidence
    assert (alone[0].mask != among[1].mask).mean() < 1e-3  # the generator's own part rounds differently in a batch


def test_of_a_prompt_the_generator_s_own_decoder_alone_is_asked(session: Session) -> None:
    image, _ = picture()
    scenes = session.look([image])
    prompt = Prompt(points=torch.tensor([[[200.0, 20.0]]]))
    (ours,), (own,) = session.finder.find(scenes, prompt), OwnFinder(session.generator).find(scenes, prompt)
    assert ours is not None and own is not None
    assert np.array_equal(ours.mask, own.mask) and (ours.finder, ours.confidence) == ("lite", None)


def test_who_looks_for_objects_by_default(tmp_path: Path) -> None:
    generator = load_generator("lite")
    assert isinstance(default_finder(TorchRuntime(generator)), AgreeingFinders)
    for name, preset, kind in (("mine", "lite", AgreeingFinders), ("adapted", "adapt", OwnFinder)):
        save_generator(tmp_path / f"{name}.safetensors", generator, {"preset": preset})
        assert type(default_finder(TorchRuntime(load_generator(str(tmp_path / f"{name}.safetensors"))))) is kind
    assert type(default_finder(TorchRuntime(StandIn()))) is OwnFinder  # no file
    blind = StandIn()
    blind.spec = dataclasses.replace(blind.spec, kind="sam_vit")
    blind.source = GeneratorFile(name="blind", path=Path("blind"), sha256="0" * 64)
    assert type(default_finder(TorchRuntime(blind))) is OwnFinder


def test_other_weights_of_the_second_finder_are_another_identity(session: Session) -> None:
    identity = session.finder.identity
    assert identity is not None and identity.startswith(f"{NAME}:") and len(identity.rpartition(":")[2]) == 64
    assert OwnFinder(session.generator).identity is None
