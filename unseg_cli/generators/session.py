"""Noise for whole pictures: padding, the generator's frame, and back. Used by `protect` and `bench` alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from unseg_cli.core.constants import BoolArray, FloatArray
from unseg_cli.generators.sparing import visibility_weight
from unseg_cli.models.build import Generator
from unseg_cli.models.lite.generator import LiteGenerator
from unseg_cli.models.prompt import Prompt
from unseg_cli.noise.arithmetic import to_tensor_01

MaskSource = Literal["file", "auto", "whole"]

SMALLEST_OBJECT = 0.004  # share of the picture; a smaller find is no object but a speck, and the whole picture is protected instead


@dataclass(frozen=True)
class PictureNoise:
    """Noise for one picture at its own size.

    Attributes:
        noise: (H, W, 3) in [-1, 1].
        mask: (H, W) foreground as used.
        mask_source: where it came from: the owner's file, the generator's own find, or the whole picture.
        spared: whether smooth places got less of the budget.
    """

    noise: FloatArray
    mask: BoolArray
    mask_source: MaskSource
    spared: bool = False


@torch.no_grad()
def picture_noise(
    generator: Generator, images: list[npt.NDArray[np.uint8]], masks: list[BoolArray | None], target: str, spare: bool | None = None
) -> list[PictureNoise]:
    """Noise for a batch of pictures, one forward pass of the image encoder.

    Args:
        generator: from `load_generator`, on any device.
        images: (H, W, 3) each; sizes may differ.
        masks: (H, W) each, or None where there is none. An empty mask counts as none found: the whole picture is protected.
        target: "auto", "whole" or "uniform": what gets the foreground's budget without a mask, the generator's find or the whole
            picture. "whole" still draws the find in another colour, "uniform" looks for nothing. A generator that does not find
            objects protects the whole picture.
        spare: less noise on smooth places and people, see `unseg_cli.generators.sparing`. None: where nobody gave a mask, the target is
            "auto" and the generator finds objects itself. Whoever has masks publishes data to be learnt from rather than looked at,
            and the other targets ask for as much as there is.
    """
    device = next(generator.parameters()).device
    size = generator.spec.image_size
    frames = torch.stack([_to_frame(image, size) for image in images]).to(device=device, memory_format=torch.channels_last)
    embedding = generator.encode(frames) if isinstance(generator, LiteGenerator) else None
    found: list[BoolArray | None] = [None] * len(images)
    looks = target != "uniform" and any(mask is None for mask in masks)
    if looks and isinstance(generator, LiteGenerator) and embedding is not None:
        logits = generator.decode(embedding, Prompt()).masks[:, :1]
        found = [_found_object(plane, image.shape[:2]) for plane, image in zip(logits, images, strict=True)]
    chosen = [_choose(image.shape[:2], given, own, target) for image, given, own in zip(images, masks, found, strict=True)]
    prompt = Prompt(mask=torch.stack([_mask_to_frame(region.object, size) for region in chosen]).to(device))
    if isinstance(generator, LiteGenerator):
        noise = generator.mask_and_noise(frames, prompt, embedding=embedding).noise
    else:
        noise = generator(frames, prompt)
    by_default = target == "auto" and generator.spec.finds_objects  # the paper's generator spares nothing
    spared = [spare if spare is not None else by_default and mask is None for mask in masks]
    if any(spared):
        these = torch.tensor(spared, device=device)
        noise[these] *= F.interpolate(visibility_weight(frames[these]), noise.shape[-2:], mode="bilinear", align_corners=False)
    return [PictureNoise(_from_frame(n, r.budget.shape), r.budget, r.source, s) for n, r, s in zip(noise, chosen, spared, strict=True)]


class _Regions(NamedTuple):
    """(H, W) each: what the noise tells apart from the rest, and where it has the foreground's budget."""

    object: BoolArray
    budget: BoolArray
    source: MaskSource


def _choose(shape: tuple[int, ...], given: BoolArray | None, own: BoolArray | None, target: str) -> _Regions:
    """The owner's mask, else the generator's own find, else the whole picture.

    With the target "whole" the find still says where the noise changes: everything gets the budget, but a pattern that is the same
    everywhere would say nothing that a label could be bound to. Where finds are mostly wrong, that is the better one: "uniform".
    """
    everything = np.ones(shape, np.bool_)
    if given is not None:
        return _Regions(given, given, "file") if given.any() else _Regions(everything, everything, "whole")
    if own is None:
        return _Regions(everything, everything, "whole")
    return _Regions(own, own, "auto") if target == "auto" else _Regions(own, everything, "whole")


def _to_frame(image: npt.NDArray[np.uint8], size: int) -> Tensor:
    """(H, W, 3) -> (3, size, size) in [0, 1], resized so that the longer side is `size`, padded right and bottom with zeros.

    The paper pads first and resizes then; the result is the same but for the seam, and large pictures need no square copy.
    """
    return F.pad(to_tensor_01(_resize(image, size)), _padding(image.shape, size))


def _mask_to_frame(mask: BoolArray, size: int) -> Tensor:
    """(H, W) -> (1, size, size) share of foreground in each pixel."""
    plane = _resize(mask.astype(np.uint8) * np.uint8(255), size)
    return F.pad(torch.from_numpy(plane).float().div_(255)[None], _padding(mask.shape, size))


def _resize(pixels: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    new_h, new_w = _inner_size(pixels.shape[0], pixels.shape[1], size)
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    # The gap lets Pillow shrink large pictures by whole factors first, many times faster and hardly different.
    return np.array(picture.resize((new_w, new_h), Image.Resampling.BILINEAR, reducing_gap=3.0))


def _padding(shape: tuple[int, ...], size: int) -> tuple[int, int, int, int]:
    new_h, new_w = _inner_size(shape[0], shape[1], size)
    return 0, size - new_w, 0, size - new_h


def _from_frame(noise: Tensor, shape: tuple[int, ...]) -> FloatArray:
    """(3, n, n) -> (H, W, 3): bilinear to the padded square, cropped. Only the part inside the picture is computed."""
    height, width = shape
    side = noise.shape[-1]
    new_h, new_w = _inner_size(height, width, side)
    inner = noise[None, :, :new_h, :new_w].float()
    full = F.interpolate(inner, (height, width), mode="bilinear", align_corners=False)[0]
    return np.ascontiguousarray(full.permute(1, 2, 0).cpu().numpy())


def _found_object(logits: Tensor, shape: tuple[int, ...]) -> BoolArray | None:
    """Mask logits (1, h, w) of the padded frame -> mask (H, W), or None where there is nothing worth the name."""
    new_h, new_w = _inner_size(shape[0], shape[1], logits.shape[-1])
    inner = logits[None, :, :new_h, :new_w].float()
    mask: BoolArray = (F.interpolate(inner, (shape[0], shape[1]), mode="bilinear", align_corners=False)[0, 0] > 0).cpu().numpy()
    return mask if mask.mean() >= SMALLEST_OBJECT else None


def _inner_size(height: int, width: int, size: int) -> tuple[int, int]:
    """The picture's own part of a padded square frame of side `size`."""
    longest = max(height, width)
    return max(1, round(height * size / longest)), max(1, round(width * size / longest))
