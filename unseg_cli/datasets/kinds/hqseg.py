"""HQSeg-44K (`hqseg44k:ROOT`): masks of one object a picture.

Generators are trained on every folder below ROOT that holds pictures and masks side by side, or in im/ and gt/. Benchmarks train and test
on the sets that SAM-HQ's authors (Ke et al., NeurIPS 2023) do, as far as they are there.
"""

from __future__ import annotations

from pathlib import Path

from unseg_cli.core.errors import UsageProblem
from unseg_cli.datasets.kinds.folder import file_pairs, training_set
from unseg_cli.datasets.kinds.label_maps import Triple, bright_is_object, label_map_data
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.training_set import TrainingSet

#: Folders of pictures and of masks; where both are one, masks are the PNGs.
TRAIN = (
    ("DIS5K/DIS-TR/im", "DIS5K/DIS-TR/gt"),
    ("thin_object_detection/ThinObject5K/images_train", "thin_object_detection/ThinObject5K/masks_train"),
    *((f"cascade_psp/{name}",) * 2 for name in ("DUTS-TR", "DUTS-TE", "ecssd", "fss_all", "MSRA_10K")),
)
TEST = (
    ("DIS5K/DIS-VD/im", "DIS5K/DIS-VD/gt"),
    ("thin_object_detection/COIFT/images", "thin_object_detection/COIFT/masks"),
    ("thin_object_detection/HRSOD/images", "thin_object_detection/HRSOD/masks_max255"),
    ("thin_object_detection/ThinObject5K/images_test", "thin_object_detection/ThinObject5K/masks_test"),
)


def open_labelled_hqseg(root: Path, *, name: str, limit: int | None) -> LabelledData:
    """The training sets and the test sets that are there, each as one.

    Raises:
        NothingToDo: no training set, or no test set.
    """
    train, test = ([triple for pair in folders for triple in _triples(root, *pair)] for folders in (TRAIN, TEST))
    return label_map_data(name, ("background", "object"), (0, 1), train, test, root, limit=limit, task="binary", mapping=bright_is_object)


def _triples(root: Path, images: str, masks: str) -> list[Triple]:
    kinds = {"image_suffixes": frozenset({".jpg"}), "mask_suffixes": frozenset({".png"})} if images == masks else {}
    return [(pair.image, pair.mask, None) for pair in file_pairs(root / images, root / masks, **kinds)]


def open_hqseg(root: Path) -> list[TrainingSet]:
    """One set for each folder: what the values of their masks mean may differ.

    Raises:
        UsageProblem: there is none.
    """
    sets: list[TrainingSet] = []
    for folder in sorted(path for path in [root, *root.rglob("*")] if path.is_dir()):
        if (folder / "im").is_dir() and (folder / "gt").is_dir():
            sets.append(training_set(file_pairs(folder / "im", folder / "gt"), folder))
        elif folder.name not in ("im", "gt") and any(folder.glob("*.jpg")) and any(folder.glob("*.png")):
            pairs = file_pairs(folder, folder, image_suffixes=frozenset({".jpg"}), mask_suffixes=frozenset({".png"}))
            sets.append(training_set(pairs, folder))
    if not sets:
        raise UsageProblem(f"{root} holds no HQSeg-44K set", hint="sets are folders of NAME.jpg + NAME.png, or im/ + gt/")
    return sets
