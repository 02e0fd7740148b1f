"""Mask files: the one reader of them, and the rules of `--mask-rule` that say which of their values are objects.

The rules are all that differs between data sets: saliency masks, label ids with a void class, chosen classes, panoptic ids. What the masks
of a whole data set mean, where no rule says so, is decided in `unseg_cli.datasets.mask_sets`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from unseg_cli.core.constants import IGNORE, BoolArray
from unseg_cli.core.errors import UnsegError, UsageProblem, did_you_mean, said_of
from unseg_cli.noise.per_class import NO_CLASS
from unseg_cli.pictures.codec_errors import decoding_errors
from unseg_cli.pictures.coding import is_lossless_webp
from unseg_cli.pictures.decode import open_image, read_bytes, refuse_frames
from unseg_cli.pictures.formats.deep import decode_16, is_deep
from unseg_cli.pictures.opening import quiet
from unseg_cli.pictures.picture import to_upright

#: What `unseg detect` writes beside the masks that it made, and that were corrected after it.
DETECTIONS = "detections.jsonl"
#: The largest label id: 16 bits.
LARGEST_ID = 65_535
#: What tells a photograph from a mask. Along a row, the values of a photograph go up and down with its grain, those of a mask stay the same
#: or, at a soft edge, change one way; and of a mask a few values cover nearly everything. Measured on ECSSD, CVC-ClinicDB and CamVid: of
#: masks (blurred, resized and JPEG ones, too) either at most 1.2 % of the pixels are turning points or 16 values cover 95 % and more, of
#: photographs 3.6 % and more are, and 16 values cover 61 % and less.
_TURNING, _FEW_VALUES, _PREVAIL = 0.03, 16, 0.9
#: Rows with about so many pixels are looked at.
_JUDGED_PIXELS = 1 << 16
#: A mask of fewer pixels is not judged.
_TOO_SMALL = 64 * 64


@dataclass(frozen=True)
class MaskRule:
    """How mask values become foreground.

    Attributes:
        name: as given on the command line.
        foreground: (H, W) or (H, W, 3) integers -> (H, W) bool.
        colour: whether three channels are one id, which must not be reduced to a grey value.
    """

    name: str
    foreground: Callable[[npt.NDArray[Any]], BoolArray]
    colour: bool = False


def _nonzero(values: npt.NDArray[Any]) -> BoolArray:
    return np.asarray(values.any(axis=-1) if values.ndim == 3 else values != 0)


def _not_void(values: npt.NDArray[Any]) -> BoolArray:
    return values != IGNORE


def _panoptic(values: npt.NDArray[Any]) -> BoolArray:
    ids = values[..., 0].astype(np.int64) + 256 * values[..., 1].astype(np.int64) + 65536 * values[..., 2].astype(np.int64)
    foreground: BoolArray = ids != 0
    return foreground


_RULES: dict[str, MaskRule] = {
    "nonzero": MaskRule("nonzero", _nonzero),
    "not-void": MaskRule("not-void", _not_void),
    "panoptic-rgb": MaskRule("panoptic-rgb", _panoptic, colour=True),
}


def mask_rule(text: str) -> MaskRule:
    """The rule called `text`: nonzero | not-void (label != 255) | class:7,9 | panoptic-rgb (id = R + 256 G + 65536 B, not 0).

    Raises:
        UsageProblem: no such rule.
    """
    if text.startswith("class:"):
        try:
            classes = [int(number) for number in text.removeprefix("class:").split(",")]
        except ValueError:
            raise UsageProblem(f"--mask-rule {text!r} does not list class ids", hint="write --mask-rule class:7,9") from None
        return MaskRule(text, lambda values: np.isin(values, classes))
    if text not in _RULES:
        raise UsageProblem(f"--mask-rule {text!r} is unknown", hint=did_you_mean(text, [*_RULES, "class:7,9"]))
    return _RULES[text]


def rule_for(masks: Path | None, text: str) -> MaskRule:
    """The rule called `text` for the masks that were given.

    Raises:
        UsageProblem: no such rule, or one was asked for and there are no masks that it could read.
    """
    rule = mask_rule(text)
    if masks is None and text != "nonzero":
        raise UsageProblem(f"--mask-rule {text} needs --masks", hint="pass --masks DIR, or omit --mask-rule")
    return rule


def read_mask(path: Path, rule: MaskRule, size: tuple[int, int], data: bytes | None = None) -> BoolArray:
    """Foreground of a mask file, upright.

    Args:
        path: a picture file. Palettes are read as indexes, alpha is ignored, the file's own EXIF orientation is applied.
        rule: from `mask_rule`.
        size: (H, W) of the upright picture.
        data: the file's bytes, where they have been read already.

    Returns:
        (H, W) bool.

    Raises:
        UnsegError: not readable, of another size, a photograph, or of a kind that the rule cannot read; the message names the mask.
    """
    with said_of(f"its mask {path.name}"):
        return np.ascontiguousarray(rule.foreground(_checked_values(path, rule, size, data)))


def read_classes(path: Path, rule: MaskRule, size: tuple[int, int], data: bytes | None = None) -> npt.NDArray[np.int32]:
    """Class numbers of a mask file, upright; the arguments are those of `read_mask`.

    Returns:
        (H, W) int32: the mask's own value where the rule says object, else `NO_CLASS`.

    Raises:
        UnsegError: as `read_mask`, and for a mask whose values are colours.
    """
    with said_of(f"its mask {path.name}"):
        values = _checked_values(path, rule, size, data)
        if values.ndim == 3:
            if rule.colour or (values != values[..., :1]).any():
                raise UnsegError("has colours instead of class numbers", hint="save label ids, or omit --per-class")
            values = values[..., 0]
        return np.where(rule.foreground(values), values.astype(np.int32), np.int32(NO_CLASS))


@dataclass(frozen=True)
class MaskFile:
    """What a mask file holds, before any rule says what it means.

    Attributes:
        values: upright; (H, W) uint8, uint16 or int32, or (H, W, 3) uint8 or uint16 of a colour picture. A palette's indexes, not its
            colours; 0 and 1 of a 1-bit picture; alpha is ignored.
        lossy: a codec smeared the values (JPEG, lossy WebP): they are levels of grey, and say object from half of full intensity on.
    """

    values: npt.NDArray[Any]
    lossy: bool

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return int(self.values.shape[0]), int(self.values.shape[1])

    def bright(self) -> BoolArray:
        """(H, W): half of full intensity or more, in any channel; what a lossy mask says."""
        levels = self.values if self.values.ndim == 2 else self.values.max(axis=-1)
        return np.asarray(levels >= (np.iinfo(levels.dtype).max + 1) // 2)

    def ids(self) -> npt.NDArray[Any]:
        """(H, W) uint8 or uint16: the values as label ids; three equal channels are one.

        Raises:
            UnsegError: colours, or ids beyond 65,535.
        """
        values = self.values
        if values.ndim == 3:
            if (values != values[..., :1]).any():
                raise UnsegError("is no label map: it has colours", hint="save label ids as a grey or palette PNG")
            values = values[..., 0]
        if values.dtype.itemsize > 2:
            if values.min(initial=0) < 0 or values.max(initial=0) > LARGEST_ID:
                raise UnsegError(f"is no label map: its values are not in 0 to {LARGEST_ID:,}", hint="save label ids as a 16-bit PNG")
            values = values.astype(np.uint16)
        return values


def decode_mask(path: Path, data: bytes | None = None) -> MaskFile:
    """The one reader of mask files, for protecting, training and benchmarks alike.

    Args:
        path: the file; named in errors by the caller, not here.
        data: its bytes, where they have been read already.

    Raises:
        UnsegError: not a picture, damaged, of several pages, or of a kind that holds neither levels nor ids.
    """
    if data is None:
        data = read_bytes(path)
    with decoding_errors(data), open_image(data, path, any_format=True) as image:
        refuse_frames(image)
        deep = is_deep(image)  # before EXIF is asked for, which in a PNG may follow the pixels and loads them
        with quiet():
            orientation = 1 if image.format == "TIFF" else image.getexif().get(274, 1)
        lossy = image.format in ("JPEG", "MPO", "HEIF", "AVIF") or (image.format == "WEBP" and not is_lossless_webp(data))
        values = without_alpha_channel(decode_16(data)) if deep else np.asarray(without_alpha(image))
    return MaskFile(np.ascontiguousarray(to_upright(_native(values), orientation)), lossy)


def _native(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Bits as 0 and 1 (Pillow's have 255 for true), and the machine's byte order."""
    if values.dtype == np.bool_:
        return (values.view(np.uint8) != 0).view(np.uint8)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def without_alpha(image: Image.Image) -> Image.Image:
    """The values of a mask alone, as they are.

    Raises:
        UnsegError: a mode whose values mean nothing in a mask.
    """
    if image.mode in ("1", "L", "P", "RGB", "I") or image.mode.startswith("I;16"):
        return image
    if image.mode in ("LA", "RGBA", "PA"):
        # Not convert(): that of PA would look colours up.
        bands = image.split()[:-1]
        return bands[0] if len(bands) == 1 else Image.merge("RGB", bands)
    raise UnsegError(f"is of mode {image.mode}", hint="masks are black and white, grey, palette or RGB")


def without_alpha_channel(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(H, W, 1 to 4) -> (H, W), or (H, W, 3) of colours."""
    return values[..., 0] if values.shape[2] < 3 else values[..., :3]


def _checked_values(path: Path, rule: MaskRule, size: tuple[int, int], data: bytes | None) -> npt.NDArray[Any]:
    """The values as the rule reads them: (H, W), or (H, W, 3) for colours."""
    mask = decode_mask(path, data)
    if mask.size != size:
        turned = mask.size == size[::-1]
        raise UnsegError(
            f"is {mask.size[1]}x{mask.size[0]} pixels, the picture {size[1]}x{size[0]}",
            hint="masks are laid over the upright picture (EXIF orientation applied)"
            if turned
            else "make the mask as large as its picture",
        )
    if is_photograph(mask.values):
        raise UnsegError("looks like a photograph, not like a mask", hint="--masks wants masks: white, or label ids, where the object is")
    if mask.lossy:
        if rule.name != "nonzero":
            raise UnsegError("is of a lossy format, in which label ids do not survive", hint="save masks as PNG")
        return mask.bright()
    values = mask.values
    if rule.colour:
        if values.ndim != 3:
            raise UnsegError(f"has one channel, but the rule {rule.name} reads ids from three", hint="use --mask-rule nonzero or class:7,9")
    elif values.ndim == 3 and rule.name != "nonzero":
        if (values != values[..., :1]).any():
            raise UnsegError("has colours instead of label ids", hint="use --mask-rule panoptic-rgb or nonzero, or save label ids")
        values = values[..., 0]
    return values


def is_photograph(values: npt.NDArray[Any]) -> bool:
    """Whether the values of a mask file, (H, W) or (H, W, 3), are those of a photograph."""
    height, width = values.shape[:2]
    if height * width < _TOO_SMALL or width < 3:
        return False
    some = values[:: max(1, height * width // _JUDGED_PIXELS)].astype(np.int64)
    brightness, ids = (some, some) if some.ndim == 2 else (some.sum(axis=-1), some @ np.array([1, 1 << 16, 1 << 32]))
    step = np.sign(np.diff(brightness, axis=1))
    if (step[:, 1:] * step[:, :-1] < 0).mean() <= _TURNING:
        return False
    counts = np.sort(np.unique(ids, return_counts=True)[1])
    return bool(counts[-_FEW_VALUES:].sum() < _PREVAIL * ids.size)
