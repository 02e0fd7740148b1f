"""The training and test pictures of a bench run: every condition, under every defence, at every training size.

A training picture is decoded once, changed at its original size, rounded to 8 bits, washed by the defence, and only then resized: the order
of events of a thief who collects published pictures. Test pictures are clean. Everything is held in memory as uint8 at the training size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.countermeasures import DEFENCES
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import IGNORE, BoolArray, U8Array
from unseg_cli.core.errors import UsageProblem, did_you_mean
from unseg_cli.core.events import Events
from unseg_cli.datasets.folder import pictures_by_stem
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.sample import FileSource, Sample, read_image
from unseg_cli.generators.session import PictureNoise, Session
from unseg_cli.models.build import Generator
from unseg_cli.noise.closed_form import random_noise, texture_noise
from unseg_cli.noise.field import ArrayField, Rows
from unseg_cli.noise.per_class import NO_CLASS, PerClassField
from unseg_cli.pictures.channels import add_noise, visible_rgb
from unseg_cli.pictures.difference import Difference, measure
from unseg_cli.pictures.picture import Space

Size = tuple[int, int]  # height, width

#: `protected` takes its masks as --protect-masks says; the others always find their own, use none, or give each class its own noise:
#: for one table of all of them.
CONDITIONS = ("clean", "protected", "protected-auto", "protected-whole", "protected-uniform", "protected-per-class", "random", "texture")
PER_CLASS = "classes"  # a mask source beside those of --protect-masks
OWN_SOURCES = {"protected-auto": "auto", "protected-whole": "whole", "protected-uniform": "uniform", "protected-per-class": PER_CLASS}
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
        noise: for every condition but clean, the largest change in grey levels, and the mean over the training pictures of PSNR in dB
            (of those that changed; None: none did) and SSIM.
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

    def __init__(self, config: BenchConfig, data: LabelledData, generator: Generator | None) -> None:
        self.config, self.data, self.generator = config, data, generator
        self.objects = data.foreground_labels(config.mask_rule)
        self.protected = None if config.protected is None else _protected_files(config.protected, data)

    def batch(self, samples: list[Sample], conditions: list[str], first: int) -> dict[str, list[U8Array]]:
        """Read a few pictures and make all `conditions` of them.

        Args:
            samples: what to read.
            conditions: of `CONDITIONS`.
            first: number of the first sample; it seeds the random noise.

        Returns:
            For each condition the (H, W, 3) uint8 pictures at their original size, in the order of `samples`.
        """
        read = [sample.image.pixels() for sample in samples]
        images = [image for image, _ in read]
        labels = [self._labels(sample, image) for sample, image in zip(samples, images, strict=True)]
        noises = {source: self._noises(images, labels, source, needs) for source, needs in self._sources(conditions).items()}
        budget, everywhere = self.config.budget, NoiseBudget(self.config.budget.foreground, self.config.budget.foreground)
        made: dict[str, list[U8Array]] = {condition: [] for condition in conditions}
        for i, (sample, (image, space)) in enumerate(zip(samples, read, strict=True)):
            for condition, pictures in made.items():
                if condition == "clean":
                    pictures.append(image)
                elif condition == "random":
                    uniform = random_noise(image.shape[0], image.shape[1], np.random.default_rng((RANDOM_NOISE_SEED, first + i)))
                    pictures.append(_apply(image, space, ArrayField(uniform), np.ones(image.shape[:2], bool), everywhere))
                elif condition == "protected" and self.protected is not None:
                    pictures.append(_read_protected(self.protected[sample.id], image))
                else:
                    made_noise = noises[mask_source(condition, self.config)][i]
                    noise = ArrayField(texture_noise(made_noise.mask)) if condition == "texture" else made_noise.field
                    pictures.append(_apply(image, space, noise, made_noise.mask, budget))
        return made

    def _sources(self, conditions: list[str]) -> dict[str, bool]:
        """The mask sources that these conditions use, and whether the generator has to run for them."""
        sources: dict[str, bool] = {}
        for condition in conditions:
            if condition not in ("clean", "random"):
                source = mask_source(condition, self.config)
                sources[source] = sources.get(source, False) or needs_generator(self.config, [condition])
        return sources

    def _labels(self, sample: Sample, image: U8Array) -> U8Array:
        """(H, W) label numbers, 255 = void."""
        labels = self.data.read_labels(sample)
        if labels.shape != image.shape[:2]:
            raise UsageProblem(
                f"{sample.image}: the picture is {image.shape[1]}x{image.shape[0]}, its mask {labels.shape[1]}x{labels.shape[0]}",
                hint="picture and mask must have one size",
            )
        return labels

    def _noises(self, images: list[U8Array], labels: list[U8Array], source: str, run_generator: bool) -> list[PictureNoise]:
        """The generator's noise with its masks; where no more than known masks are needed, no generator runs."""
        if source == PER_CLASS:
            made = self.generated(images, [label != IGNORE for label in labels], "whole")
            classes = [np.where(label == IGNORE, NO_CLASS, label.astype(np.int32)) for label in labels]
            return [replace(one, field=PerClassField(one.field, numbers)) for one, numbers in zip(made, classes, strict=True)]
        objects = [np.isin(label, self.objects) for label in labels]
        known = source == "gt"
        if run_generator:
            return self.generated(images, list(objects) if known else [None] * len(images), "auto" if known else source)
        no_noise = ArrayField(np.zeros((1, 1, 3), np.float32))
        masks = [mask if known and mask.any() else np.ones_like(mask) for mask in objects]
        return [PictureNoise(field=no_noise, mask=mask, mask_source="file" if known else "whole") for mask in masks]

    def generated(self, images: list[U8Array], masks: list[BoolArray | None], target: str) -> list[PictureNoise]:
        """The generator's noise; see `Session.noise`."""
        assert self.generator is not None
        return Session(self.generator).noise(images, masks, target=target, spare=self.config.spare)


def needs_generator(config: BenchConfig, conditions: list[str] | tuple[str, ...]) -> bool:
    """Whether these conditions need the generator: for its noise, or for the masks that it finds."""
    noise = {*OWN_SOURCES, *(["protected"] if config.protected is None else [])}
    return not noise.isdisjoint(conditions) or ("texture" in conditions and config.protect_masks == "auto")


def mask_source(condition: str, config: BenchConfig) -> str:
    """Where a condition takes its masks from: gt, auto, whole, uniform or `PER_CLASS`."""
    return OWN_SOURCES.get(condition, config.protect_masks)


def prepare(maker: ConditionMaker, data: LabelledData, keys: set[SetKey], events: Events) -> Pictures:
    """Make every set of training pictures in `keys`, and the test pictures that go with them.

    Raises:
        UnsegError: a picture cannot be read, or its mask has another size.
    """
    sizes, pictures = sorted({key[2] for key in keys}), Pictures()
    train: dict[SetKey, list[U8Array]] = {key: [] for key in keys}
    measured: dict[str, list[Difference]] = {name: [] for name in CONDITIONS[1:] if name in {key[0] for key in keys}}
    events.start(len(data.train) + len(data.test), "preparing pictures")
    for first, samples in _batches(data.train):
        made = maker.batch(samples, ["clean", *measured], first)
        for condition, defence, size in keys:
            train[condition, defence, size] += [to_size(DEFENCES[defence].apply(image), size) for image in made[condition]]
        for name, values in measured.items():
            values += [measure(clean, noisy) for clean, noisy in zip(made["clean"], made[name], strict=True)]
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
    for split, labels in ((data.train, pictures.train_labels), (data.test, pictures.test_labels)):
        maps = [data.read_labels(sample) for sample in split]
        labels.update({size: torch.from_numpy(np.stack([to_size(label, size) for label in maps])) for size in sizes})
    events.stop()
    return pictures


def training_size(data: LabelledData, longer_side: int) -> Size:
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
        ("--protect-masks", config.protect_masks, ("gt", "auto", "whole", "uniform")),
        ("--init", config.init, ("pretrained", "scratch")),
    ):
        if value not in known:
            raise UsageProblem(f"{option} {value!r} is not known", hint=did_you_mean(value, list(known)))
    if not 0 <= config.ratio <= 1:
        raise UsageProblem(f"--ratio {config.ratio} is not in [0, 1]", hint="it is the share of training pictures that is protected")
    if config.fail_under is not None and not {"clean", "protected"} <= set(config.conditions):
        raise UsageProblem("--fail-under needs the conditions clean and protected", hint="add them to --conditions")


def _protected_files(root: Path, data: LabelledData) -> dict[str, Path]:
    """The protected version of every training picture, by stem: in ROOT/images/train, ROOT/train or ROOT."""
    folder = next((path for path in (root / "images" / "train", root / "train", root) if path.is_dir()), None)
    if folder is None:
        raise UsageProblem(f"--protected {root}: no such folder", hint="give what `unseg protect` wrote for the training pictures")
    found = pictures_by_stem(folder)
    absent = [sample.id for sample in data.train if sample.id not in found]
    if absent:
        raise UsageProblem(
            f"--protected {root}: {len(absent)} training pictures are not there, first {absent[0]}", hint="protect images/train of --data"
        )
    return found


def _read_protected(path: Path, clean: U8Array) -> U8Array:
    image = read_image(FileSource(path))
    if image.shape != clean.shape:
        raise UsageProblem(f"{path} has another size than its clean picture", hint="protect the same files that --data holds")
    return image


def _apply(image: U8Array, space: Space, noise: Rows, mask: BoolArray, budget: NoiseBudget) -> U8Array:
    """As `protect` would write it: a grey file takes one channel of the noise."""
    if space == "grey":
        return visible_rgb(add_noise(image[..., 0], space, noise, mask, budget), space)
    return add_noise(image, space, noise, mask, budget)


def _noise_summary(differences: list[Difference]) -> dict[str, float | None]:
    psnr = [difference.psnr for difference in differences if difference.psnr is not None]
    ssim = [difference.ssim for difference in differences if difference.ssim is not None]
    return {
        "linf_255": max(difference.linf_255 for difference in differences),
        "psnr": round(float(np.mean(psnr)), 2) if psnr else None,
        "ssim": round(float(np.mean(ssim)), 4) if ssim else None,
    }


def _batches(samples: tuple[Sample, ...]) -> Iterator[tuple[int, list[Sample]]]:
    for first in range(0, len(samples), GENERATOR_BATCH):
        yield first, list(samples[first : first + GENERATOR_BATCH])


def _stack(images: list[U8Array]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
