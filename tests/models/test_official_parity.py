"""The paper's generator against numbers that the authors' code produced on the same weights and pictures."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from unseg_cli.models.prompt import Prompt
from unseg_cli.models.sam import noise_decoder
from unseg_cli.models.sam.generator import SamVitGenerator
from unseg_cli.models.specs import SPECS, GeneratorSpec

REFERENCE = Path(__file__).parent / "reference"
TOLERANCE = 1e-4
SMALL = GeneratorSpec(
    kind="sam_vit",
    name="reference",
    image_size=256,
    embed_stride=16,
    noise_size=64,
    vit_width=768,
    vit_depth=2,
    vit_heads=12,
    vit_global_blocks=(1,),
    vit_window=14,
)
BOX = torch.tensor([[51.2, 76.8, 179.2, 204.8]])
POINTS = torch.tensor([[[115.2, 140.8], [76.8, 128.0]]])


def reference_tensor(key: str, shape: tuple[int, ...]) -> Tensor:
    """The pseudo-random weights of the reference: a hash of the tensor's name and the index, scaled by the tensor's kind."""
    word = np.uint64(2**32 - 1)
    x = (np.arange(math.prod(shape), dtype=np.uint64) * np.uint64(2654435761) + np.uint64(zlib.crc32(key.encode()))) & word
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x45D9F3B)) & word
    x ^= x >> np.uint64(16)
    u = 2 * x.astype(np.float64) / 2**32 - 1
    if len(shape) > 1:
        u *= math.sqrt(3 / math.prod(shape[1:])) * 0.6
    elif key.endswith(".weight") and ("norm" in key or key.endswith((".1.weight", ".4.weight"))):
        u = 1 + 0.1 * u
    else:
        u *= 0.02
    return torch.from_numpy(u.astype(np.float32).reshape(shape))


@pytest.fixture(scope="module")
def generator() -> SamVitGenerator:
    built = SamVitGenerator(SMALL).eval().requires_grad_(False)
    built.load_state_dict({key: reference_tensor(key, tuple(tensor.shape)) for key, tensor in built.state_dict().items()}, strict=True)
    return built


@pytest.fixture(scope="module")
def arrays() -> dict[str, Tensor]:
    with np.load(REFERENCE / "official_generator_small.npz") as stored:
        return {key: torch.from_numpy(stored[key]) for key in stored.files}


def cases(arrays: dict[str, Tensor]) -> dict[str, tuple[Tensor, Prompt]]:
    mask = arrays["mask_input"] / 255
    return {
        "mask": (arrays["image_a"][None], Prompt(mask=mask)),
        "point": (arrays["image_b"][None], Prompt(points=POINTS)),
        "box_mask": (arrays["image_a"][None], Prompt(boxes=BOX, mask=mask)),
    }


@pytest.mark.parametrize(
    ("spec", "file"), [(SMALL, "official_generator_small_keys.json"), (SPECS["vit_b"], "official_generator_vit_b_keys.json")]
)
def test_names_and_shapes_are_the_authors(spec: GeneratorSpec, file: str) -> None:
    with torch.device("meta"):
        state = SamVitGenerator(spec).state_dict()
    assert {key: list(tensor.shape) for key, tensor in state.items()} == json.loads((REFERENCE / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", ["mask", "point", "box_mask"])
def test_noise_alone_is_the_authors(generator: SamVitGenerator, arrays: dict[str, Tensor], case: str) -> None:
    noise = generator(*cases(arrays)[case])[0]
    assert (noise - arrays[case]).abs().max() <= TOLERANCE


@pytest.mark.parametrize("case", ["mask", "point", "box_mask"])
def test_noise_in_a_batch_is_the_authors(generator: SamVitGenerator, arrays: dict[str, Tensor], case: str) -> None:
    """The picture in the middle of a batch whose neighbours have other pictures and other prompts of the same kinds."""
    image, prompt = cases(arrays)[case]
    images = torch.cat([image.flip(-1), image, arrays["image_b"][None].flip(-2)])
    # Per kind: the prompt before and the prompt after.
    neighbours = {
        "mask": lambda mask: (mask.flip(-1), 1 - mask),
        "boxes": lambda box: (box / 2, box + 20),
        "points": lambda xy: (xy / 2, xy + 20),
    }
    fields = {}
    for kind, others in neighbours.items():
        given = getattr(prompt, kind)
        if given is not None:
            before, after = others(given)
            fields[kind] = torch.cat([before, given, after])
    batch = Prompt(**fields)
    noise = generator(images, batch)
    assert (noise[1] - arrays[case]).abs().max() <= TOLERANCE
    assert (noise[0] - arrays[case]).abs().max() > 100 * TOLERANCE
    assert (noise[2] - arrays[case]).abs().max() > 100 * TOLERANCE


def test_reading_the_noise_tokens_where_they_stand_is_not_what_the_authors_do(
    generator: SamVitGenerator, arrays: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The reference's weights make the tokens alike, so this moves the noise little, yet beyond the tolerance.
    monkeypatch.setattr(noise_decoder, "FIRST_NOISE_POSITION", 5)
    noise = generator(*cases(arrays)["mask"])[0]
    assert (noise - arrays["mask"]).abs().max() > 2 * TOLERANCE
