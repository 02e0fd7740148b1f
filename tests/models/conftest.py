"""A small generator of every kind, with pictures and prompts for it."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from unseg_cli.models.build import Generator, build_generator
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.specs import SPECS, GeneratorSpec

SIZE = 64
LITE = SPECS["lite"].at_size(SIZE)
SAM = GeneratorSpec(
    kind="sam_vit",
    name="tiny",
    image_size=SIZE,
    embed_stride=16,
    noise_size=16,
    vit_width=48,
    vit_depth=3,
    vit_heads=3,
    vit_global_blocks=(1, 2),
    vit_window=3,
)
SAM_LITE = SPECS["sam_lite"].at_size(SIZE)
#: Of every kind in `KINDS`; the battery in test_generators.py runs over all of them.
SMALL: dict[str, GeneratorSpec] = {"lite": LITE, "sam_vit": SAM, "sam_lite": SAM_LITE}

BOXES = torch.tensor([[4.0, 6.0, 40.0, 50.0], [10.0, 2.0, 60.0, 30.0], [0.0, 0.0, 63.0, 63.0]])
POINTS = torch.tensor([[[12.0, 20.0], [30.0, 31.0]], [[40.0, 9.0], [1.0, 1.0]], [[33.0, 33.0], [50.0, 2.0]]])


def seeded(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def prompts() -> dict[str, Prompt]:
    """For three pictures, by what they are made of."""
    masks = (seeded(3, 1, 16, 16, seed=1) > 0.6).float()
    return {
        "mask": Prompt(mask=masks),
        "box": Prompt(boxes=BOXES),
        "points": Prompt(points=POINTS),
        "labelled points": Prompt(points=POINTS, point_labels=torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])),
        "box and mask": Prompt(boxes=BOXES, mask=masks),
        "all": Prompt(boxes=BOXES, mask=masks, points=POINTS),
    }


def only(prompt: Prompt, row: int) -> Prompt:
    """The prompt of one picture of the batch."""
    parts = {field.name: getattr(prompt, field.name) for field in dataclasses.fields(prompt)}
    return Prompt(**{name: None if part is None else part[row : row + 1] for name, part in parts.items()})


def small_generator(kind: str) -> Generator:
    """In eval mode; what is zero at first, which would hide mistakes, is not."""
    torch.manual_seed(0)
    built = build_generator(SMALL[kind]).eval().requires_grad_(False)
    for name, parameter in built.named_parameters():
        if "rel_pos" in name or "pos_embed" in name:
            parameter.copy_(0.2 * torch.randn(parameter.shape))
    return built


@pytest.fixture(scope="session")
def lite() -> Generator:
    """Not to be changed."""
    return small_generator("lite")


@pytest.fixture(scope="session")
def sam() -> Generator:
    """Not to be changed."""
    return small_generator("sam_vit")


@pytest.fixture(scope="session")
def images() -> Tensor:
    """(3, 3, 64, 64) in [0, 1]."""
    return seeded(3, 3, SIZE, SIZE)


@pytest.fixture(scope="session")
def masks() -> Tensor:
    """(3, 1, 16, 16) of 0 and 1."""
    mask = prompts()["mask"].mask
    assert mask is not None
    return mask
