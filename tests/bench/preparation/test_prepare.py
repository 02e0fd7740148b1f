"""Prepared pictures: the same for any number of threads, mapped from disk, made once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.bench.conftest import FakeSource, label_folder
from unseg_cli.bench.conditions import Condition
from unseg_cli.bench.countermeasures.base import PictureStep
from unseg_cli.bench.countermeasures.registry import COUNTERMEASURES
from unseg_cli.bench.grid import DataRecipe, NoiseRecipe, PictureSet, Size
from unseg_cli.bench.preparation import prepare as module
from unseg_cli.bench.preparation.cache import PictureCache, RowFiles
from unseg_cli.bench.preparation.maker import ConditionMaker
from unseg_cli.bench.preparation.prepare import prepare, train_examples
from unseg_cli.bench.tasks import TASKS
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.datasets.registry import open_labelled

SIZE: Size = (32, 32)


def sets(conditions: tuple[str, ...], countermeasures: tuple[str, ...] = ("none",), size: Size = SIZE) -> list[PictureSet]:
    return [
        PictureSet(
            condition=Condition.parse(name, masks="gt", budget=NoiseBudget(8 / 255, 2 / 255)), countermeasure=countermeasure, size=size
        )
        for name in conditions
        for countermeasure in countermeasures
    ]


class Case:
    """A data set, and what prepares it in a folder."""

    def __init__(self, data: Path, out: Path, *, limit: int | None = None, source: Any = None) -> None:
        self.data = open_labelled(str(data), limit=limit)
        objects = self.data.foreground_labels(None)
        recipe = DataRecipe(name=str(data), task=self.data.task, limit=limit, objects=objects)
        self.cache = PictureCache(out, data=recipe, noise=NoiseRecipe(generator=None, ready=None))
        self.maker = ConditionMaker(objects, source or FakeSource())

    def prepare(self, wanted: list[PictureSet], **more: Any) -> dict[str, dict[str, float | None]]:
        return prepare(self.cache, self.maker, self.data, TASKS[self.data.task], wanted, events=Events(), **more)


def test_only_training_pictures_change_and_at_their_own_size(folder: Path, tmp_path: Path) -> None:
    case = Case(folder, tmp_path, limit=4)
    wanted = sets(("clean", "protected", "random"), ("none", "gray", "blur"))
    visibility = case.prepare(wanted)
    assert set(visibility) == {"protected", "random"}
    assert visibility["protected"]["linf_255"] == 8  # measured before resizing to 32
    assert len(list(tmp_path.glob("test-*"))) == 2  # one for gray, one for all that leave test pictures alone
    gray = module.test_examples(case.cache, "gray", SIZE)
    assert torch.equal(gray.images[:, 0], gray.images[:, 1])
    assert torch.equal(module.test_examples(case.cache, "blur", SIZE).images, module.test_examples(case.cache, "none", SIZE).images)
    clean, protected = (train_examples(case.cache, wanted[i]).images.int() for i in (0, 3))
    assert 0 < (clean - protected).abs().max() <= 8
    for examples in (gray, train_examples(case.cache, wanted[0])):
        assert examples.images.shape == (4, 3, *SIZE)
        assert examples.images.is_contiguous(memory_format=torch.channels_last)
        assert {int(value) for target in examples.targets for value in target.labels.unique()} == {0, 1}


def test_corrected_pictures_are_counted(folder: Path, tmp_path: Path) -> None:
    source = FakeSource()
    source.confidences = [1.0, 0.1, 0.2, 0.9]
    visibility = Case(folder, tmp_path, limit=4, source=source).prepare(sets(("protected-corrected", "random")))
    assert visibility["protected-corrected"]["corrected"] == 2
    assert "corrected" not in visibility["random"]


def test_a_picture_is_what_its_steps_make_of_it(folder: Path, tmp_path: Path) -> None:
    case = Case(folder, tmp_path, limit=3)
    (wanted,) = sets(("protected",), ("jpeg10",), (32, 64))
    case.prepare([wanted])
    for number, sample in enumerate(case.data.train):
        (made,) = case.maker.batch([sample], [wanted.condition])
        expected = module.to_size(COUNTERMEASURES["jpeg10"].picture(made[wanted.condition]), (32, 64))
        assert np.array_equal(train_examples(case.cache, wanted).images[number].permute(1, 2, 0).numpy(), expected)


def test_label_maps_take_the_nearest_class(tmp_path: Path) -> None:
    case = Case(label_folder(tmp_path / "data"), tmp_path / "out")
    (wanted,) = sets(("clean",), size=(96, 128))
    case.prepare([wanted])
    for sample, target in zip(case.data.train, train_examples(case.cache, wanted).targets, strict=True):
        assert np.array_equal(target.labels.numpy(), case.data.read_labels(sample).repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(("split", "said"), [("train", "training"), ("val", "test")])
def test_masks_that_are_void_everywhere_teach_and_test_nothing(tmp_path: Path, split: str, said: str) -> None:
    root = label_folder(tmp_path / "data")
    case = Case(root, tmp_path / "out")
    for path in (root / "masks" / split).iterdir():
        with Image.open(path) as mask:
            size = mask.size
        Image.new("L", size, 255).save(path)
    with pytest.raises(UsageProblem, match=f"no pixel of a {said} mask counts, all are void"):
        case.prepare(sets(("clean",)))


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_threads_makes_the_same_pictures(folder: Path, tmp_path: Path, workers: int) -> None:
    wanted = sets(("clean", "protected", "random"), ("none", "jpeg10"))
    alone, several = (Case(folder, tmp_path / name, limit=20) for name in ("alone", "several"))
    assert alone.prepare(wanted) == several.prepare(wanted, workers=workers)
    for one in wanted:
        assert torch.equal(train_examples(alone.cache, one).images, train_examples(several.cache, one).images)
    assert torch.equal(module.test_examples(alone.cache, "none", SIZE).images, module.test_examples(several.cache, "none", SIZE).images)


def test_so_many_threads_work_at_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(3, timeout=60)
    seen: set[str] = set()

    def wait(image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        seen.add(threading.current_thread().name)
        together.wait()  # nobody passes before three are here
        return image

    monkeypatch.setitem(COUNTERMEASURES, "none", PictureStep(name="none", apply=wait))
    Case(folder, tmp_path / "three", limit=6).prepare(sets(("clean",)), workers=3)
    assert len(seen) == 3

    def note(image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        seen.add(threading.current_thread().name)
        return image

    monkeypatch.setitem(COUNTERMEASURES, "none", PictureStep(name="none", apply=note))
    seen.clear()
    Case(folder, tmp_path / "none", limit=6).prepare(sets(("clean",)))
    assert seen == {threading.current_thread().name}


def test_a_problem_in_a_thread_comes_out_and_leaves_no_half_file(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_image: Any) -> Any:
        raise RuntimeError("no more paper")

    monkeypatch.setitem(COUNTERMEASURES, "none", PictureStep(name="none", apply=fail))
    with pytest.raises(RuntimeError, match="no more paper"):
        Case(folder, tmp_path, limit=6).prepare(sets(("clean",)), workers=2)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_made_again(folder: Path, tmp_path: Path, source: FakeSource) -> None:
    case = Case(folder, tmp_path, limit=4, source=source)
    first = case.prepare(sets(("clean", "protected")))
    asked, before = len(source.asked), {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert case.prepare(sets(("clean", "protected")), known=first) == {}
    assert len(source.asked) == asked
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert case.prepare(sets(("clean", "protected"))) == first  # pictures alone do not say how visible the noise is
    assert set(case.prepare(sets(("clean", "protected", "random")), known=first)) == {"random"}


def test_pictures_of_another_recipe_are_other_files(folder: Path, tmp_path: Path) -> None:
    data = DataRecipe(name="x", task="binary", limit=None, objects=(1,))
    noise = NoiseRecipe(generator="ab", ready=None)
    clean, protected = sets(("clean", "protected"))
    caches = [
        PictureCache(tmp_path, data=data, noise=noise),
        PictureCache(tmp_path, data=data, noise=NoiseRecipe(generator="cd", ready=None)),
        PictureCache(tmp_path, data=data, noise=NoiseRecipe(generator="ab", ready=None, code="another")),
        PictureCache(tmp_path, data=DataRecipe(name="y", task="binary", limit=None, objects=(1,)), noise=noise),
    ]
    assert len({cache.train(protected) for cache in caches}) == 4
    assert len({cache.train(clean) for cache in caches}) == 2  # clean pictures do not depend on who draws the noise
    stronger = PictureSet(
        condition=Condition.parse("protected", masks="gt", budget=NoiseBudget(16 / 255, 0)), countermeasure="none", size=SIZE
    )
    assert caches[0].train(stronger) != caches[0].train(protected)


def test_rows_are_written_to_disk_and_mapped_from_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.npy"
    with RowFiles({path: (2, 3)}) as files:
        files.fill(path, 1, np.array([4, 5, 6], np.uint8))
        files.fill(path, 0, np.array([1, 2, 3], np.uint8))
        assert not path.exists()
    assert np.load(path).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert isinstance(np.load(path, mmap_mode="c"), np.memmap)
