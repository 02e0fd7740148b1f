"""What training pictures look like under each condition, at their original size."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.bench.conftest import FakeSource, label_folder
from unseg_cli.bench.conditions import Condition
from unseg_cli.bench.preparation.maker import ConditionMaker, given_masks, ready_pictures
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import U8Array
from unseg_cli.core.errors import UsageProblem
from unseg_cli.datasets.registry import open_labelled
from unseg_cli.datasets.sample import Sample, read_image
from unseg_cli.generators.find import UNSURE
from unseg_cli.generators.session import PictureNoise

BUDGET = NoiseBudget(8 / 255, 2 / 255, visible=0.7)


def parse(*names: str, masks: str = "gt", ready: bool = False, budget: NoiseBudget = BUDGET) -> list[Condition]:
    return [Condition.parse(name, masks=masks, budget=budget, ready=ready) for name in names]


def made(maker: ConditionMaker, samples: Sequence[Sample], conditions: list[Condition]) -> list[dict[str, U8Array]]:
    """Pictures under each condition, by its name."""
    return [{one.name: image for one, image in of.items()} for of in maker.batch(samples, conditions)]


@pytest.mark.parametrize(
    ("masks", "given", "target"),
    [("gt", True, "auto"), ("auto", False, "auto"), ("whole", False, "whole"), ("uniform", False, "uniform")],
)
def test_sources_of_masks(folder: Path, source: FakeSource, masks: str, given: bool, target: str) -> None:
    data = open_labelled(str(folder), limit=2)
    pictures = made(ConditionMaker((1,), source), data.train, parse("clean", "protected", "texture", masks=masks))
    assert [(asked["target"], asked["budget"]) for asked in source.asked] == [(target, BUDGET)]  # the generator runs once for both
    assert all((mask is not None) == given for mask in source.asked[0]["masks"])
    for sample, of in zip(data.train, pictures, strict=True):
        truth = data.read_labels(sample) == 1
        used = {"gt": truth, "whole": np.ones_like(truth), "uniform": np.ones_like(truth)}.get(masks)
        change = np.abs(of["texture"].astype(int) - of["clean"]).max(2)
        if used is None:
            used = np.zeros_like(truth)
            used[16:48, 16:48] = True
        assert set(change[used]) == {8}
        assert set(change[~used]) <= {2}
        assert np.array_equal(of["texture"], of["protected"])


def test_each_budget_is_drawn_for_itself(folder: Path, source: FakeSource) -> None:
    """What may be seen decides how much is drawn, and not only what it is multiplied with."""
    weak = NoiseBudget(4 / 255, 0)
    data = open_labelled(str(folder), limit=1)
    conditions = [*parse("protected"), *parse("protected", budget=weak)]
    (of,) = ConditionMaker((1,), source).batch(data.train, conditions)
    assert [asked["budget"] for asked in source.asked] == [BUDGET, weak]
    clean = read_image(data.train[0].image)
    assert [np.abs(of[condition].astype(int) - clean).max() for condition in conditions] == [8, 4]


def test_three_sources_of_masks_side_by_side(folder: Path, source: FakeSource) -> None:
    samples, maker = open_labelled(str(folder), limit=2).train, ConditionMaker((1,), source)
    together = made(maker, samples, parse("clean", "protected", "protected-auto", "protected-whole"))
    for name, masks in (("protected", "gt"), ("protected-auto", "auto"), ("protected-whole", "whole")):
        for one, alone in zip(together, made(maker, samples, parse("protected", masks=masks)), strict=True):
            assert np.array_equal(one[name], alone["protected"])
    assert not np.array_equal(together[0]["protected"], together[0]["protected-auto"])
    assert not np.array_equal(together[0]["protected-auto"], together[0]["protected-whole"])


def test_random_noise_is_of_the_pictures_number_and_knows_no_mask(folder: Path) -> None:
    data = open_labelled(str(folder), limit=1)
    maker = ConditionMaker((1,))
    (random,) = parse("random")
    original = maker.read(data.train[0])
    first, again, other = (maker.make(original, {}, [random], number)[random] for number in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    change = np.abs(first.astype(int) - original.image)
    assert change.max() == 8
    assert change[original.labels == 0].max() == 8


def test_files_of_one_channel_stay_grey(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for kind in ("images", "masks"):
            (tmp_path / kind / split).mkdir(parents=True)
        Image.fromarray(rng.integers(0, 256, (40, 40), np.uint8)).save(tmp_path / "images" / split / "a.png")
        Image.fromarray(np.kron(np.eye(2, dtype=np.uint8), np.full((20, 20), 255, np.uint8))).save(tmp_path / "masks" / split / "a.png")
    (of,) = made(ConditionMaker((1,)), open_labelled(str(tmp_path)).train, parse("clean", "random"))
    change = of["random"].astype(int) - of["clean"]
    assert change.any()
    assert not np.diff(change, axis=2).any()


def test_files_of_four_inks_are_changed_as_they_are_seen(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for kind in ("images", "masks"):
            (tmp_path / kind / split).mkdir(parents=True)
        Image.new("CMYK", (40, 40), (120, 90, 60, 10)).save(tmp_path / "images" / split / "a.tif")
        Image.fromarray(np.kron(np.eye(2, dtype=np.uint8), np.full((20, 20), 255, np.uint8))).save(tmp_path / "masks" / split / "a.png")
    data, maker = open_labelled(str(tmp_path)), ConditionMaker((1,))
    original = maker.read(data.train[0])
    assert original.space == "cmyk"
    (of,) = made(maker, data.train, parse("clean", "texture"))
    (as_rgb,) = parse("texture")
    drawn = maker.draw([original], [as_rgb])[0]
    plain = maker.make(dataclasses.replace(original, space="rgb"), drawn, [as_rgb], 0)
    assert np.array_equal(of["texture"], plain[as_rgb])  # the noise keeps its sign: what is changed is the picture in red, green and blue


def test_noise_per_class_tells_classes_apart(tmp_path: Path, source: FakeSource) -> None:
    data = open_labelled(str(label_folder(tmp_path / "data")))
    maker = ConditionMaker(data.foreground_labels(None), source)
    for sample, of in zip(data.train, made(maker, data.train, parse("clean", "protected", "protected-per-class")), strict=True):
        labels, change = data.read_labels(sample), of["protected-per-class"].astype(int) - of["clean"]
        colours = [{tuple(row) for row in np.sign(change[labels == label])} for label in range(3)]
        assert all(a.isdisjoint(b) for i, a in enumerate(colours) for b in colours[:i])
        assert np.abs(change[labels == 255]).max() <= 2
        assert np.abs(change[labels != 255]).max() <= 8


def test_pictures_that_were_protected_before_are_taken_as_they_are(folder: Path, tmp_path: Path) -> None:
    data = open_labelled(str(folder), limit=2)
    for path in (folder / "images" / "train").iterdir():
        Image.fromarray(255 - np.asarray(Image.open(path))).save(tmp_path / path.name)
    conditions = parse("clean", "protected", ready=True)
    for of in made(ConditionMaker((1,), ready=ready_pictures(tmp_path, data)), data.train, conditions):
        assert np.array_equal(of["protected"], 255 - of["clean"])
    Image.new("RGB", (8, 8)).save(tmp_path / "r00.png")
    with pytest.raises(UsageProblem, match=r"r00\.png has another size"):
        made(ConditionMaker((1,), ready=ready_pictures(tmp_path, data)), data.train, conditions)
    (tmp_path / "r00.png").unlink()
    with pytest.raises(UsageProblem, match="first r00"):
        ready_pictures(tmp_path, data)
    with pytest.raises(UsageProblem, match="no such folder"):
        ready_pictures(tmp_path / "absent", data)


def test_unsure_detections_are_corrected(folder: Path, source: FakeSource) -> None:
    data = open_labelled(str(folder), limit=3)
    source.confidences = [1.0, UNSURE - 0.01, UNSURE]
    maker, conditions = ConditionMaker((1,), source), parse("protected-corrected")
    originals = [maker.read(sample) for sample in data.train]
    drawn = [one[conditions[0]] for one in maker.draw(originals, conditions)]
    detected, truths = np.zeros((64, 64), bool), [data.read_labels(sample) == 1 for sample in data.train]
    detected[16:48, 16:48] = True
    assert [one.mask_source for one in drawn] == ["auto", "file", "auto"]
    for one, mask in zip(drawn, (detected, truths[1], detected), strict=True):
        assert np.array_equal(one.mask, mask)
    # All of them are given as masks, as an owner would who protects with what was detected and corrected.
    assert all(mask is not None for mask in source.asked[-1]["masks"])


def test_a_picture_in_which_nothing_was_detected_is_corrected(folder: Path) -> None:
    class Blind(FakeSource):
        def noise(self, images: Any, masks: Any, *, budget: NoiseBudget, target: str = "auto") -> list[PictureNoise]:
            made = super().noise(images, masks, budget=budget, target=target)
            return [
                dataclasses.replace(one, mask_source="whole", confidence=None) if mask is None else one
                for one, mask in zip(made, masks, strict=True)
            ]

    maker, conditions = ConditionMaker((1,), Blind()), parse("protected", masks="corrected")
    samples = open_labelled(str(folder), limit=2).train
    assert [one[conditions[0]].mask_source for one in maker.draw([maker.read(sample) for sample in samples], conditions)] == ["file"] * 2


def test_masks_of_a_folder(folder: Path, source: FakeSource, tmp_path: Path) -> None:
    data = open_labelled(str(folder), limit=2)
    for sample in data.train:
        mask = np.zeros((64, 64), np.uint8)
        mask[:20] = 255
        Image.fromarray(mask).save(tmp_path / f"{sample.id}.png")
    maker = ConditionMaker((1,), source, masks=given_masks(tmp_path, data))
    for of in made(maker, data.train, parse("clean", "protected", "texture", masks="folder")):
        change = np.abs(of["protected"].astype(int) - of["clean"]).max(2)
        assert set(change[:20].ravel()) == {8} and set(change[20:].ravel()) <= {2}
        assert np.array_equal(of["texture"], of["protected"])
    (tmp_path / f"{data.train[1].id}.png").unlink()
    with pytest.raises(UsageProblem, match=f"--masks-from .*1 training pictures are not there, first {data.train[1].id}"):
        given_masks(tmp_path, data)
    with pytest.raises(UsageProblem, match="no such folder"):
        given_masks(tmp_path / "nowhere", data)
