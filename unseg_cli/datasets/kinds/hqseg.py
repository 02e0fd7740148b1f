"""HQSeg-44K's training sets (`hqseg44k:ROOT`): every folder below ROOT that holds pictures and masks side by side, or in im/ and gt/."""

from __future__ import annotations

from pathlib import Path

from unseg_cli.core.errors import UsageProblem
from unseg_cli.datasets.kinds.folder import file_pairs, training_set
from unseg_cli.datasets.training_set import TrainingSet


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
