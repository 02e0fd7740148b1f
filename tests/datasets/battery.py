"""What every kind of data has to do. A new kind inherits `Battery` in test_kinds.py and says how a small set of it is opened."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unseg_cli.core.constants import IGNORE
from unseg_cli.core.errors import UnsegError
from unseg_cli.datasets import mask_sets, sample
from unseg_cli.datasets.kinds import synthetic
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.sample import Sample, Segment
from unseg_cli.datasets.training_set import TrainingSet

Opened = list[TrainingSet] | LabelledData


def samples_of(opened: Opened) -> list[tuple[Sample, ...]]:
    """The samples, set by set or split by split."""
    return [opened.train, opened.test] if isinstance(opened, LabelledData) else [one.samples for one in opened]


class Battery:
    """Tests that every kind of data inherits.

    Attributes:
        scans_masks: opening reads the masks, since they tell the task.
        has_void: the fixture's label maps have void, in their first 4 rows.
    """

    scans_masks = False
    has_void = False

    def make(self, root: Path) -> Callable[[], Opened]:
        """Write a small data set below `root`, and give what opens it."""
        raise AssertionError("a kind of data says how it is made")

    @pytest.fixture
    def opener(self, tmp_path: Path) -> Callable[[], Opened]:
        return self.make(tmp_path)

    def test_ids_are_unique_sorted_and_the_same_in_every_opening(self, opener: Callable[[], Opened]) -> None:
        first, second = samples_of(opener()), samples_of(opener())
        for samples, again in zip(first, second, strict=True):
            ids = [one.id for one in samples]
            assert ids and all(ids)
            assert ids == sorted(set(ids))
            assert ids == [one.id for one in again]

    def test_opening_decodes_nothing(self, opener: Callable[[], Opened], monkeypatch: pytest.MonkeyPatch) -> None:
        def decode(*_: Any) -> Any:
            raise AssertionError("a picture was decoded")

        with monkeypatch.context() as patch:
            patch.setattr(sample, "read_picture", decode)
            patch.setattr(synthetic, "_drawn", decode)
            patch.setattr(Segment, "rle", decode)
            if not self.scans_masks:
                patch.setattr(mask_sets, "decode_mask", decode)
            opened = samples_of(opener())
            with pytest.raises(AssertionError, match="was decoded"):
                opened[0][0].image.pixels()
        assert opened[0][0].image.pixels()[0].size

    def test_a_truth_is_as_large_as_its_picture(self, opener: Callable[[], Opened]) -> None:
        for one in (one for samples in samples_of(opener()) for one in samples):
            image, _ = one.image.pixels()
            truth = one.truth()
            assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
            assert truth.labels is not None or truth.segments
            if truth.labels is not None:
                assert truth.labels.dtype == np.uint8 and truth.labels.shape == image.shape[:2]
            for segment in truth.segments:
                mask = segment.mask()
                assert mask.dtype == bool and mask.shape == segment.size == image.shape[:2]
                assert segment.rle()["size"] == list(mask.shape)
                assert mask.sum() == pytest.approx(segment.area, rel=0.15)

    def test_void_stays_void_and_is_never_drawn(self, opener: Callable[[], Opened]) -> None:
        opened = opener()
        for one in (one for samples in samples_of(opened) for one in samples):
            labels = one.truth().labels
            if labels is None:
                assert not self.has_void
                continue
            assert (labels[:4] == IGNORE).all() == self.has_void
            assert IGNORE not in labels[4:]
            assert (labels[4:] > 0).any(), "objects are no background"
        for one_set in [] if isinstance(opened, LabelledData) else opened:
            for index in range(len(one_set)):
                truth = one_set.samples[index].truth()
                nowhere = np.zeros(one_set.read(index, np.random.default_rng(0)).mask.shape, bool)
                nowhere |= truth.labels == IGNORE if truth.labels is not None else False
                crowds = [segment.mask() for segment in truth.segments if segment.crowd]
                for seed in range(6):
                    mask = one_set.read(index, np.random.default_rng(seed)).mask
                    assert mask.any() and not (mask & nowhere).any()
                    assert not any(np.array_equal(mask, crowd) for crowd in crowds)

    def test_draws_are_repeatable(self, opener: Callable[[], Opened]) -> None:
        opened = opener()
        for one_set in [] if isinstance(opened, LabelledData) else opened:
            first, second = (one_set.read(0, np.random.default_rng(3)) for _ in range(2))
            assert np.array_equal(first.image, second.image) and np.array_equal(first.mask, second.mask)
            assert first.image.shape == (*first.mask.shape, 3)

    def test_samples_can_be_sent_to_loader_processes(self, opener: Callable[[], Opened]) -> None:
        one = samples_of(opener())[0][0]
        sent = pickle.loads(pickle.dumps(one))
        assert np.array_equal(sent.image.pixels()[0], one.image.pixels()[0])
        ours, theirs = one.truth(), sent.truth()
        assert (ours.labels is None) == (theirs.labels is None) and len(ours.segments) == len(theirs.segments)
        if ours.labels is not None:
            assert np.array_equal(ours.labels, theirs.labels)

    def test_a_picture_that_cannot_be_read_is_named(self, opener: Callable[[], Opened], monkeypatch: pytest.MonkeyPatch) -> None:
        def damaged(*_: Any) -> Any:
            raise UnsegError("is damaged", hint="replace it")

        image = samples_of(opener())[0][0].image
        monkeypatch.setattr(sample, "read_picture", damaged)
        monkeypatch.setattr(synthetic, "_drawn", damaged)
        with pytest.raises(UnsegError, match="is damaged") as caught:
            image.pixels()
        assert isinstance(image, synthetic.SyntheticSource) or str(image) in caught.value.message
