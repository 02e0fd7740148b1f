"""A data set as if its files were larger, or smaller."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from unseg_cli.bench.preparation.resized import of_size
from unseg_cli.datasets.registry import open_labelled
from unseg_cli.datasets.sample import read_image


def test_pictures_and_label_maps_of_both_splits_get_the_longer_side(folder: Path) -> None:
    data = open_labelled(str(folder), limit=None)
    assert of_size(data, None) is data
    for side in (160, 32):
        made = of_size(data, side)
        for before, after in ((data.train[0], made.train[0]), (data.test[-1], made.test[-1])):
            image, labels = read_image(after.image), after.truth().labels
            assert labels is not None
            assert (after.id, str(after.image)) == (before.id, str(before.image))
            assert image.shape == (side, side, 3) and labels.shape == (side, side)
            original = before.truth().labels
            assert original is not None
            assert set(np.unique(labels)) == set(np.unique(original))
            assert np.array_equal(labels, np.array(Image.fromarray(original).resize((side, side), Image.Resampling.NEAREST)))
            lanczos = Image.fromarray(read_image(before.image)).resize((side, side), Image.Resampling.LANCZOS)
            assert np.array_equal(image, np.array(lanczos))


def test_the_shape_of_a_picture_stays(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for kind in ("images", "masks"):
            (tmp_path / kind / split).mkdir(parents=True)
            Image.new("L", (40, 30), 255).save(tmp_path / kind / split / "a.png")
    sample = of_size(open_labelled(str(tmp_path), limit=None), 400).train[0]
    assert read_image(sample.image).shape == (300, 400, 3)
    assert sample.image.pixels()[1] == "grey"
