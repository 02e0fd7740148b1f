"""A data set with a label for every pixel, as victims are trained and tested on: classes, and samples in two splits."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unseg_cli.core.constants import U8Array
from unseg_cli.core.errors import UsageProblem
from unseg_cli.datasets.mask_sets import Reading
from unseg_cli.datasets.sample import Sample
from unseg_cli.pictures.masks import mask_rule

TASKS = ("binary", "semantic")
#: Label numbers are bytes, and 255 is void.
MOST_CLASSES = 255
_VOID = re.compile(r"(void|unlabel|ignore)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class LabelledData:
    """A data set, opened but not decoded.

    Attributes:
        name: what the user called it.
        task: "binary" or "semantic".
        classes: names; their order is the order of the labels in `Truth.labels`. Binary: background, foreground.
        ids: the mask value of each class (semantic).
        things: the classes that classes.json calls things, as label numbers; None: it does not say.
        train, test: samples, sorted by id.
        smoke_test: True for made-up pictures: the numbers show that the machinery runs, nothing else.
        notes: what its owner may not know of it, a line each.
    """

    name: str
    task: str
    classes: tuple[str, ...]
    ids: tuple[int, ...]
    things: tuple[int, ...] | None
    train: tuple[Sample, ...]
    test: tuple[Sample, ...]
    smoke_test: bool = False
    notes: tuple[str, ...] = ()

    def read_labels(self, sample: Sample) -> U8Array:
        """The label map of a sample: (H, W) uint8 in [0, number of classes), 255 = void.

        Raises:
            UnsegError: the mask cannot be read.
        """
        labels = sample.truth().labels
        assert labels is not None  # every sample of labelled data has them
        return labels

    def foreground_labels(self, rule: str | None) -> tuple[int, ...]:
        """Which labels the noise treats as objects.

        Args:
            rule: as for `protect`, applied to the mask values of the classes: "nonzero", "not-void" or "class:7,9". None: the things of
                classes.json, where it names any, else "nonzero". Void is never an object.

        Raises:
            UsageProblem: an unknown rule, or one that no class of the data meets.
        """
        if rule is None and self.things is not None:
            return self.things
        wanted = mask_rule(rule or "nonzero")
        if wanted.colour:
            raise UsageProblem(f"--mask-rule {rule} is not for label maps", hint="use nonzero, not-void or class:7,9")
        chosen = tuple(np.flatnonzero(wanted.foreground(np.array(self.ids))).tolist())
        if not chosen:
            listing = ", ".join(f"{value} {name}" for value, name in zip(self.ids, self.classes, strict=True))
            raise UsageProblem(f"--mask-rule {rule}: the data has no such class", hint=f"its classes are {listing}")
        return chosen


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The classes of label maps.

    Attributes:
        ids: mask values, in ascending order.
        names: of each.
        things: places in `ids`, of the classes that are called things.
    """

    ids: tuple[int, ...]
    names: tuple[str, ...]
    things: tuple[int, ...]


def classes_of(name: str, described: list[dict[str, Any]] | None, reading: Reading) -> Classes:
    """The classes that count.

    Args:
        name: of the data set, for messages.
        described: classes.json, or None.
        reading: tells which values occur.

    Raises:
        UsageProblem: a value without a name, fewer than two classes, or too many.
    """
    occurring = sorted(reading.values - {reading.void})
    if described is None:
        # Small ids count up; large ones (numbers of a larger list) are taken as they occur.
        ids = occurring if occurring and occurring[-1] >= MOST_CLASSES else list(range(occurring[-1] + 1 if occurring else 1))
        described = [{"name": f"class {value}"} for value in range(ids[-1] + 1)]
    else:
        strange = [value for value in occurring if value >= len(described)]
        if strange:
            raise UsageProblem(
                f"{name}: mask value {strange[0]} has no name in classes.json",
                hint=f"name every value; {reading.void} is void and needs none",
            )
        ids = [i for i, entry in enumerate(described) if not entry.get("void", bool(_VOID.match(entry["name"])))]
    if len(ids) < 2:
        raise UsageProblem(f"{name}: the masks hold one class beside void", hint="masks of 0 and 255 are binary: omit --task")
    if len(ids) > MOST_CLASSES:
        raise UsageProblem(f"{name}: {len(ids)} classes are more than {MOST_CLASSES}", hint='mark some in classes.json with "void": true')
    return Classes(
        ids=tuple(ids),
        names=tuple(described[i]["name"] for i in ids),
        things=tuple(label for label, i in enumerate(ids) if described[i].get("thing")),
    )


def read_classes(path: Path) -> list[dict[str, Any]] | None:
    """classes.json: a list whose index is the mask value, of names or of {"name": .., "thing": true, "void": true}; None without a file.

    Raises:
        UsageProblem: something else is in it.
    """
    if not path.is_file():
        return None
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(entries, list):  # the keys of {"0": "Sky"} are no names
            raise TypeError
        return [{"name": entry} if isinstance(entry, str) else {**entry, "name": str(entry["name"])} for entry in entries]
    except (ValueError, TypeError, KeyError) as problem:
        raise UsageProblem(f"{path} is not a list of classes", hint='write ["Sky", "Car"] or [{"name": "Car", "thing": true}]') from problem
