"""The training and test pictures of a bench run: every condition, under every defence, at every training size.

A training picture is decoded once, changed at its original size, rounded to 8 bits, washed by the defence, and only then resized: the order
of events of a thief who collects published pictures. Test pictures are clean. Everything is held in memory as uint8 at the training size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from unseg_cli import metrics_image
from unseg_cli.config import BenchConfig, NoiseBudget
from unseg_cli.data.segmentation import Sample, SegmentationData, read_image, stems
from unseg_cli.defences import DEFENCES
from unseg_cli.errors import UsageProblem, did_you_mean
from unseg_cli.events import Events
from unseg_cli.noise import apply_noise, random_noise, texture_noise
from unseg_cli.picture_noise import PictureNoise, picture_noise

U8Array = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]
Size = tuple[int, int]  # height, width

CONDITIONS = ("clean", "protected", "random", "texture")
GENERATOR_BATCH = 8
RANDOM_NOISE_SEED = 2024

#: One prepared set of training pictures: condition, defence, training size.
SetKey = tuple[str, str, Size]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """What `prepare` makes.

    Attributes:
        train: (N, 3, H, W) uint8 for every condition, defence and size asked for.
        train_labels: (N, H, W) uint8 by size; 255 = void.
        test: (M, 3, H, W) uint8 by defence and size: clean, but for what the defence does to test pictures too.
        test_labels: (M, H, W) uint8 by size.
        noise: for every condition but clean, the largest change in grey levels, and mean PSNR (dB) and SSIM over the pictures it changed.
    """

    train: dict[SetKey, Tensor] = field(default_factory=dict)
    train_labels: dict[Size, Tensor] = field(default_factory=dict)
    test: dict[tuple[str, Size], Tensor] = field(default_factory=dict)
    test_labels: dict[Size, Tensor] = field(default_factory=dict)
    noise: dict[str, dict[str, float | None]] = field(default_factory=dict)


class ConditionMaker:
    """Turns pictures into their version under each condition.

    Args:
        config: budget, masks, conditions and generator.
        data: tells which labels are objects.
        generator: the noise generator, where `needs_generator` says so.
    """

    def __init__(self, config: BenchConfig, data: SegmentationData, generator: torch.nn.Module | None) -> None:
        self.config, self.generator = config, generator
        self.objects = data.foreground_labels(config.mask_rule)
        self.readers = {"file": data.read_labels}
        self.protected = None if config.protected is None else _protected_files(config, data)

    def batch(self, samples: list[Sample], images: list[U8Array], conditions: list[str], first: int) -> dict[str, list[U8Array]]:
        """All `conditions` of a few pictures, each (H, W, 3) uint8 as in `images`; `first` numbers them for the random noise."""
        masks = [_objects(self.readers["file"](sample), self.objects, sample) for sample in samples]
        noises = self._noises(images, masks, conditions)
        budget, everywhere = self.config.budget, NoiseBudget(self.config.budget.foreground, self.config.budget.foreground)
        out: dict[str, list[U8Array]] = {condition: [] for condition in conditions}
        for i, image in enumerate(images):
            for condition in conditions:
                if condition == "clean":
                    out[condition].append(image)
                elif condition == "random":
                    noise = random_noise(*image.shape[:2], np.random.default_rng((RANDOM_NOISE_SEED, first + i)))
                    out[condition].append(_apply(image, noise, np.ones(image.shape[:2], bool), everywhere))
                elif condition == "texture":
                    out[condition].append(_apply(image, texture_noise(noises[i].mask), noises[i].mask, budget))
                elif self.protected is not None:
                    out[condition].append(_same_size(self.protected[samples[i].stem], image))
                else:
                    out[condition].append(_apply(image, noises[i].noise, noises[i].mask, budget))
        return out

    def _noises(self, images: list[U8Array], masks: list[BoolArray], conditions: list[str]) -> list[PictureNoise]:
        """The generator's noise with its masks; where only masks are needed and they are known, no generator runs."""
        source = self.config.protect_masks
        if needs_generator(self.config, conditions):
            given = masks if source == "gt" else [None] * len(images)
            return picture_noise(self.generator, images, given, "whole" if source == "whole" else "auto")
        zero = np.zeros((1, 1, 3), np.float32)
        used = [mask if source == "gt" and mask.any() else np.ones_like(mask) for mask in masks]
        return [PictureNoise(noise=zero, mask=mask, mask_source="file" if source == "gt" else "whole") for mask in used]


def needs_generator(config: BenchConfig, conditions: list[str] | tuple[str, ...]) -> bool:
    """Whether these conditions need the generator: for its noise, or for the masks that it finds."""
    noise = "protected" in conditions and config.protected is None
    return noise or ("texture" in conditions and config.protect_masks == "auto")


def prepare(maker: ConditionMaker, data: SegmentationData, keys: set[SetKey], events: Events) -> Pictures:
    """Make every set of training pictures in `keys`, and the test pictures that go with them.

    Raises:
        UnsegError: a picture cannot be read, or its mask has another size.
    """
    conditions = [name for name in CONDITIONS if name in {key[0] for key in keys}]
    sizes, pictures = sorted({key[2] for key in keys}), Pictures()
    train: dict[SetKey, list[U8Array]] = {key: [] for key in keys}
    measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in conditions if name != "clean"}
    events.start(len(data.train) + len(data.test), "preparing pictures")
    for first, samples in _batches(data.train):
        images = [read_image(sample.image) for sample in samples]
        changed = maker.batch(samples, images, conditions, first)
        for key in keys:
            train[key] += [to_size(DEFENCES[key[1]].apply(image), key[2]) for image in changed[key[0]]]
        for name, values in measured.items():
            values += [_measure(clean, noisy) for clean, noisy in zip(images, changed[name], strict=True)]
        events.advance(len(samples))
    pictures.train.update({key: _stack(images) for key, images in train.items()})
    pictures.noise.update({name: _noise_summary(values) for name, values in measured.items()})
    test: dict[tuple[str, Size], list[U8Array]] = {(defence, size): [] for _, defence, size in keys}
    for sample in data.test:
        image = read_image(sample.image)
        for (defence, size), images in test.items():
            images.append(to_size(DEFENCES[defence].apply(image) if DEFENCES[defence].also_test else image, size))
        events.advance()
    pictures.test.update({key: _stack(images) for key, images in test.items()})
    for samples, labels in ((data.train, pictures.train_labels), (data.test, pictures.test_labels)):
        maps = [data.read_labels(sample) for sample in samples]
        labels.update({size: torch.from_numpy(np.stack([to_size(label, size) for label in maps])) for size in sizes})
    events.stop()
    return pictures


def training_size(data: SegmentationData, longer_side: int) -> Size:
    """Height and width that victims are trained at, multiples of 32.

    Square, as salient-object and polyp benchmarks do; label-id data whose first pictures share one size keeps its aspect.
    """
    side = max(32, round(longer_side / 32) * 32)
    if data.task == "semantic":
        shapes = {read_image(sample.image).shape[:2] for sample in data.train[:8]}
        if len(shapes) == 1:
            height, width = shapes.pop()
            scale = longer_side / max(height, width)
            return max(32, round(height * scale / 32) * 32), max(32, round(width * scale / 32) * 32)
    return side, side


def to_size(array: U8Array, size: Size) -> U8Array:
    """Resize a picture (bilinear, antialiased) or a label map (nearest) to (height, width)."""
    method = Image.Resampling.BILINEAR if array.ndim == 3 else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(array).resize((size[1], size[0]), method))


def check_conditions(config: BenchConfig) -> None:
    """Refuse settings that cannot be honoured.

    Raises:
        UsageProblem: an unknown condition, mask source or init, or a ratio beyond [0, 1].
    """
    for name in config.conditions:
        if name not in CONDITIONS:
            raise UsageProblem(f"--conditions {name!r} is not known", hint=did_you_mean(name, list(CONDITIONS)))
    for option, value, known in (
        ("--protect-masks", config.protect_masks, ("gt", "auto", "whole")),
        ("--init", config.init, ("pretrained", "scratch")),
    ):
        if value not in known:
            raise UsageProblem(f"{option} {value!r} is not known", hint=did_you_mean(value, list(known)))
    if not 0 <= config.ratio <= 1:
        raise UsageProblem(f"--ratio {config.ratio} is not in [0, 1]", hint="it is the share of training pictures that is protected")
    if config.fail_under is not None and not {"clean", "protected"} <= set(config.conditions):
        raise UsageProblem("--fail-under needs the conditions clean and protected", hint="add them to --conditions")


def _protected_files(config: BenchConfig, data: SegmentationData) -> dict[str, Callable[[], U8Array]]:
    root = config.protected
    assert root is not None
    folder = next((path for path in (root / "images" / "train", root / "train", root) if path.is_dir()), None)
    found = {} if folder is None else stems(folder)
    absent = [sample.stem for sample in data.train if sample.stem not in found]
    if absent:
        raise UsageProblem(f"--protected {root}: {len(absent)} training pictures are not there, first {absent[0]}", hint="protect images/train of the data first")
    return {sample.stem: lambda path=found[sample.stem]: read_image(path) for sample in data.train}  # type: ignore[misc]


def _objects(labels: U8Array, objects: tuple[int, ...], sample: Sample) -> BoolArray:
    return np.isin(labels, objects)


def _same_size(read: Callable[[], U8Array], clean: U8Array) -> U8Array:
    image = read()
    if image.shape != clean.shape:
        raise UsageProblem(f"a protected picture is {image.shape[:2]}, its clean one {clean.shape[:2]}", hint="protect the same files that --data holds")
    return image


def _apply(image: U8Array, noise: npt.NDArray[np.float32], mask: BoolArray, budget: NoiseBudget) -> U8Array:
    return apply_noise(image, noise, mask, budget).astype(np.uint8, copy=False)


def _measure(clean: U8Array, noisy: U8Array) -> tuple[float, float, float]:
    return metrics_image.linf_255(clean, noisy), metrics_image.psnr(clean, noisy), metrics_image.ssim(clean, noisy)


def _noise_summary(values: list[tuple[float, float, float]]) -> dict[str, float | None]:
    changed = np.array([value for value in values if value[0] > 0])
    if not len(changed):
        return {"linf_255": 0, "psnr": None, "ssim": 1.0}
    return {"linf_255": int(changed[:, 0].max()), "psnr": round(float(changed[:, 1].mean()), 2), "ssim": round(float(changed[:, 2].mean()), 4)}


def _batches(samples: tuple[Sample, ...]) -> Iterator[tuple[int, list[Sample]]]:
    for first in range(0, len(samples), GENERATOR_BATCH):
        yield first, list(samples[first : first + GENERATOR_BATCH])


def _stack(images: list[U8Array]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
