"""The pictures of a published data set, and masks made of its own annotations."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from unseg_cli.core.constants import BoolArray, U8Array
from unseg_cli.core.errors import UnsegError, UsageProblem, did_you_mean, said_of
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.registry import open_labelled
from unseg_cli.datasets.sample import FileSource, Sample, Truth
from unseg_cli.noise.per_class import NO_CLASS
from unseg_cli.protect.config import root_of

#: Names of classes that are no objects, where a data set has such a class.
BACKGROUND = ("background",)
#: The paper's rules: every class, the things, one class.
RULES = ("all", "multi", "single:CLASS")
MASK_SUFFIX = ".png"

#: From a truth to the label of every pixel that is protected, elsewhere `NO_CLASS`.
Chooser = Callable[[Truth, tuple[int, int]], "np.ndarray[tuple[int, int], np.dtype[np.int32]]"]


@dataclass(frozen=True, kw_only=True)
class Annotated:
    """A data set as `protect` takes it.

    Attributes:
        root: what the names are below.
        pictures: name of each picture -> its sample; those that are to be protected.
        others: names of pictures of the data set that are not.
        data: the data set.
        choose: which pixels are protected.
    """

    root: Path
    pictures: dict[str, Sample]
    others: tuple[str, ...]
    data: LabelledData
    choose: Chooser

    @property
    def masks(self) -> dict[str, str]:
        """Name of each picture -> that of its mask in `AnnotationMasks`."""
        return {name: f"{name}{MASK_SUFFIX}" for name in self.pictures}

    @property
    def label_maps(self) -> set[str]:
        """The files below the root that annotations are read from, where each picture has its own."""
        samples = (*self.data.train, *self.data.test)
        paths = (part.path for sample in samples for part in getattr(sample.truth, "args", ()) if isinstance(part, FileSource))
        return {path.relative_to(self.root).as_posix() for path in paths if path.is_relative_to(self.root)}


def open_annotated(dataset: str, *, rule: str, split: str) -> Annotated:
    """A data set of `unseg bench`'s kinds.

    Args:
        dataset: as after `--data`.
        rule: one of `RULES`.
        split: "all", or "train": the training pictures.

    Raises:
        UsageProblem: no such data, pictures that are not files below one folder, or no such class.
        NothingToDo: a split without pictures.
    """
    root = root_of(dataset)
    if not root.is_dir():
        raise UsageProblem(f"--dataset {dataset}: there is no folder {root}", hint="write KIND:ROOT as docs/data.md has it")
    data = open_labelled(dataset, boxes=True)
    train, test = ({_name(sample, root, dataset): sample for sample in samples} for samples in (data.train, data.test))
    chosen = train if split == "train" else {**test, **train}
    others = tuple(sorted(test.keys() - chosen.keys()))
    return Annotated(root=root, pictures=dict(sorted(chosen.items())), others=others, data=data, choose=_chooser(data, rule))


class AnnotationMasks:
    """Masks of a data set's pictures, made when they are asked for, as PNG files: 0 outside of what is protected.

    Args:
        annotated: the data set.
        per_class: inside, pixels hold the number of their class from 1; else 255.
    """

    def __init__(self, annotated: Annotated, *, per_class: bool) -> None:
        self._annotated, self._per_class = annotated, per_class

    def read(self, name: str) -> bytes:
        """The mask file of a picture, under the picture's name with `MASK_SUFFIX` behind.

        Raises:
            UnsegError: the annotation cannot be read.
        """
        sample = self._annotated.pictures[name.removesuffix(MASK_SUFFIX)]
        with said_of("has no usable annotation:"):
            truth = sample.truth()
            labels = self._annotated.choose(truth, _size(truth))
        inside = labels != NO_CLASS
        values: U8Array = np.where(inside, labels + 1 if self._per_class else 255, 0).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(values).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    def where(self, name: str) -> str:
        """For messages."""
        return f"the annotation of {name.removesuffix(MASK_SUFFIX)}" if name else "the annotations"


def _name(sample: Sample, root: Path, dataset: str) -> str:
    if not isinstance(sample.image, FileSource) or not sample.image.path.is_relative_to(root):
        raise UsageProblem(f"--dataset {dataset}: {sample.image} is no file below {root}", hint="pass a data set of files in one folder")
    return sample.image.path.relative_to(root).as_posix()


def _size(truth: Truth) -> tuple[int, int]:
    if truth.labels is not None:
        return truth.labels.shape[0], truth.labels.shape[1]
    if not truth.segments:
        raise UnsegError("it names no object", hint="remove the picture from the data set")
    return truth.segments[0].size


def _chooser(data: LabelledData, rule: str) -> Chooser:
    """What a rule means for these classes."""
    plain = [label for label, name in enumerate(data.classes) if name.lower() not in BACKGROUND]
    if rule == "all":
        labels = plain
    elif rule == "multi":
        labels = list(data.things or ())
        if not labels and data.task in ("semantic", "binary"):
            raise UsageProblem("--mask-rule multi: the data set does not say which classes are things", hint="pass all, or single:CLASS")
        labels = labels or plain
    elif rule.startswith("single:"):
        names = {name.lower(): label for label, name in enumerate(data.classes)}
        wanted = rule.removeprefix("single:").strip().lower()
        if wanted not in names:
            raise UsageProblem(f"--mask-rule {rule}: the data set has no such class", hint=did_you_mean(wanted, list(names)))
        labels = [names[wanted]]
    else:
        raise UsageProblem(f"--mask-rule {rule} is for masks, and --dataset has annotations", hint=f"pass one of {', '.join(RULES)}")
    wanted_labels = np.array(sorted(labels))

    def choose(truth: Truth, size: tuple[int, int]) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
        found = np.full(size, NO_CLASS, np.int32)
        if truth.labels is not None and not (rule == "multi" and truth.segments):
            inside: BoolArray = np.isin(truth.labels, wanted_labels)
            found[inside] = truth.labels[inside]
        for segment in truth.segments:
            if not segment.crowd and segment.category in wanted_labels:
                found[segment.mask()] = segment.category
        return found

    return choose
