"""Protecting a picture that is in memory already: no files, no metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from unseg_cli.core.budget import NoiseBudget, check_budget, check_level
from unseg_cli.core.constants import BoolArray
from unseg_cli.core.errors import UsageProblem, said_of
from unseg_cli.generators.runtimes.runtime import Runtime
from unseg_cli.generators.session import Session
from unseg_cli.pictures.adding import add_noise
from unseg_cli.pictures.channels import noise_level, visible_rgb
from unseg_cli.pictures.masks import without_alpha, without_alpha_channel
from unseg_cli.pictures.picture import Space, from_upright, to_upright

if TYPE_CHECKING:
    from unseg_cli.models.protocols import NoiseGenerator

AnyImage = TypeVar("AnyImage", Image.Image, npt.NDArray[Any])

_MODES: dict[str, tuple[Space, bool]] = {
    "L": ("grey", False),
    "LA": ("grey", True),
    "RGB": ("rgb", False),
    "RGBA": ("rgb", True),
    "CMYK": ("cmyk", False),
    "I;16": ("grey", False),
}


def protect_image(
    generator: NoiseGenerator | Runtime,
    image: AnyImage,
    mask: npt.NDArray[Any] | Image.Image | None = None,
    budget: NoiseBudget | None = None,
) -> AnyImage:
    """Add protecting noise to one picture.

    Args:
        generator: from `open_runtime`, or from `load_generator`.
        image: a Pillow picture of mode L, LA, RGB, RGBA, CMYK or I;16, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4 = RGBA)
            of uint8 or uint16. A Pillow picture with an EXIF orientation is shown to the generator upright; its pixels stay as stored.
        mask: (H, W) or with channels, not 0 on the object, in the frame of `image`'s pixels; alpha is ignored. None: the generator
            finds the object itself, and where it finds none the whole picture is protected.
        budget: how much noise; None: the strength "medium". With a mask it is hidden at 100 % alone unless the budget says `closely`.

    Returns:
        A new picture of the same kind, size and depth; alpha is untouched, `info` (EXIF, ICC profile) of a Pillow picture is kept.

    Raises:
        UsageProblem: something else than a picture, another mode, type or shape, no pixel, a mask of another size, or a budget that
            protects nothing.
        UnsegError: so little noise may be seen in it that it would not be protected.
    """
    budget = budget or NoiseBudget()
    check_budget(budget)
    if not isinstance(image, Image.Image | np.ndarray):
        raise UsageProblem(
            f"{type(image).__name__} is no picture", hint="pass a Pillow picture or an array; a file is opened with PIL.Image.open(path)"
        )
    if 0 in (image.size if isinstance(image, Image.Image) else image.shape):
        raise UsageProblem("the picture has no pixel", hint="pass one that is at least 1x1")
    if isinstance(image, Image.Image):
        if image.mode not in _MODES:
            raise UsageProblem(
                f"a Pillow picture of mode {image.mode} cannot be protected", hint=f"convert it to one of {', '.join(_MODES)}"
            )
        orientation = image.getexif().get(274, 1)
        space, alpha = _MODES[image.mode]
        pixels = _noised(generator, np.asarray(image), space, alpha, mask, budget, orientation if orientation in range(1, 9) else 1)
        out = Image.frombytes(image.mode, image.size, pixels.astype("<u2").tobytes() if image.mode == "I;16" else pixels.tobytes())
        out.info = dict(image.info)
        return out
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.ndim not in (2, 3) or channels not in (1, 3, 4) or image.dtype not in (np.uint8, np.uint16):
        raise UsageProblem(
            f"an array of shape {image.shape} and type {image.dtype} is no picture",
            hint="pass (H, W), (H, W, 3) or (H, W, 4), uint8 or uint16",
        )
    return _noised(generator, image, "grey" if channels == 1 else "rgb", channels == 4, mask, budget, 1)


def _noised(
    generator: NoiseGenerator | Runtime,
    stored: npt.NDArray[Any],
    space: Space,
    alpha: bool,
    mask: npt.NDArray[Any] | Image.Image | None,
    budget: NoiseBudget,
    orientation: int,
) -> npt.NDArray[Any]:
    """A copy of `stored` with noise on its colours."""
    out = np.array(stored)
    colours = out[..., :-1] if alpha else out
    flat = colours[..., 0] if space == "grey" and colours.ndim == 3 else colours
    upright = np.ascontiguousarray(to_upright(flat, orientation))
    region = None if mask is None else np.ascontiguousarray(to_upright(_region(mask, stored.shape[:2]), orientation))
    (made,) = Session(generator).noise([visible_rgb(upright, space)], [region], budget=budget)
    noised = add_noise(upright, space, made.field, made.mask, budget)
    check_level(noise_level(upright, noised, made.mask))
    flat[...] = from_upright(noised, orientation)
    return out


def _region(mask: npt.NDArray[Any] | Image.Image, size: tuple[int, ...]) -> BoolArray:
    if not isinstance(mask, Image.Image | np.ndarray):
        raise UsageProblem(f"{type(mask).__name__} is no mask", hint="pass an array (H, W) or a Pillow picture")
    given = _values(mask) if isinstance(mask, Image.Image) else mask
    channels = given.shape[2] if given.ndim == 3 else 1
    if given.ndim not in (2, 3) or channels not in (1, 2, 3, 4) or given.dtype.kind not in "buif" or not np.isfinite(given).all():
        raise UsageProblem(
            f"an array of shape {given.shape} and type {given.dtype} is no mask", hint="pass (H, W) of numbers, 0 outside of the object"
        )
    marked = (without_alpha_channel(given) if given.ndim == 3 else given) != 0
    values: BoolArray = np.asarray(marked.any(axis=-1) if marked.ndim == 3 else marked)
    if values.shape != size:
        raise UsageProblem(
            f"the mask is {values.shape[1]}x{values.shape[0]} pixels, the picture {size[1]}x{size[0]}", hint="make them the same size"
        )
    return values


def _values(mask: Image.Image) -> npt.NDArray[Any]:
    with said_of("the mask", UsageProblem):
        return np.asarray(mask if mask.mode == "F" else without_alpha(mask))
