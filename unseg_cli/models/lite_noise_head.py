"""The noise head of the lite generator: learned periodic textures, gated by the object region and the picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from segment_anything.modeling.common import LayerNorm2d
from torch import Tensor, nn

from unseg_cli.models.specs import GeneratorSpec

# Magenta against green, nearly without luminance: the axis on which pictures vary least, so it stands out to a network.
OBJECT_COLOUR = (1.0, -1.0, 1.0)
# Yellow against blue beside the object. The same tile with its sign turned would do where the background's budget is small, but at equal
# budgets victims read a colour and hardly a sign.
BACKGROUND_COLOUR = (1.0, 1.0, -1.0)
GATE_WIDTH = 32
INITIAL_GAIN = 2.5  # tanh(2.5) = 0.99 of the budget from the first step on


class LiteNoiseHead(nn.Module):
    """noise = tanh( sum_k gate_k(x) * tile_k(x mod period) ), gate_k = learned gains of the region + a small CNN.

    A shortcut teaches a victim nothing about pictures if it is simpler than they are and says where the object is. So each tile
    is one pattern shared by all pictures: one starts on the object, one beside it, and training reshapes tiles, gains and the
    picture-dependent part. Tiles live on a grid relative to the picture, coarse enough to survive resizing.

    Args:
        spec: sizes; `tiles` textures of `tile_size` noise pixels on a map of `noise_size`.
        channels: channels of the features that come with the region.
    """

    def __init__(self, spec: GeneratorSpec, channels: int = 32) -> None:
        super().__init__()
        self.noise_size = spec.noise_size
        cells = torch.stack([readable_tile(spec.tile_cells) for _ in range(spec.tiles)])
        tiles = cells[:, None] * torch.tensor(OBJECT_COLOUR, device="cpu").view(1, 3, 1, 1)
        tiles[1] = cells[0] * torch.tensor(BACKGROUND_COLOUR, device="cpu").view(3, 1, 1)
        cell = spec.tile_size // spec.tile_cells
        self.tiles = nn.Parameter(tiles.repeat_interleave(cell, 2).repeat_interleave(cell, 3))
        gains = torch.zeros(spec.tiles, 2)
        gains[0, 0] = gains[1, 1] = INITIAL_GAIN  # the others wake up during training
        self.gains = nn.Parameter(gains)  # (tiles, [on the object, beside it])
        first = nn.Conv2d(channels + 1, GATE_WIDTH, 3, padding=1)
        last = nn.Conv2d(GATE_WIDTH, spec.tiles, 3, padding=1)
        nn.init.normal_(last.weight, std=1e-3)  # the picture has nearly no say at first
        assert last.bias is not None
        nn.init.zeros_(last.bias)
        self.picture_gates = nn.Sequential(first, LayerNorm2d(GATE_WIDTH), nn.GELU(), last)

    def forward(self, features: Tensor, region: Tensor) -> Tensor:
        """Noise for a batch.

        Args:
            features: (B, channels, h, w) picture features (SAM's upscaled embedding).
            region: (B, 1, h, w) in [0, 1], 1 = object.

        Returns:
            (B, 3, noise_size, noise_size) in [-1, 1].
        """
        gates = region * self.gains[:, 0].view(1, -1, 1, 1) + (1 - region) * self.gains[:, 1].view(1, -1, 1, 1)
        gates = gates + self.picture_gates(torch.cat([features, region * 2 - 1], 1))
        side = self.noise_size
        gates = F.interpolate(gates, (side, side), mode="bilinear", align_corners=False)
        repeats = -(-side // self.tiles.shape[-1])
        pattern = self.tiles.repeat(1, 1, repeats, repeats)[..., :side, :side]
        return torch.tanh(torch.einsum("bkhw,kchw->bchw", gates, pattern))


def readable_tile(side: int, *, draws: int = 200) -> Tensor:
    """A random tile of as many +1 as -1 whose sign can be read without knowing where the tile begins.

    Of `draws` random tiles, the one that stays farthest from its own negative under every shift and mirroring: a victim sees
    crops and flips, and a checkerboard shifted by one cell would say "beside" where it means "object".

    Returns:
        (side, side) of -1 and 1.
    """
    half = side * side // 2
    # On the CPU also where a network is only sketched on the meta device: the choice below needs values.
    signs = torch.cat([torch.ones(side * side - half, device="cpu"), -torch.ones(half, device="cpu")])
    tiles = torch.stack([signs[torch.randperm(side * side, device="cpu")].view(side, side) for _ in range(draws)])
    likeness = torch.stack(
        [
            (-tiles * torch.roll(view, (dy, dx), (1, 2))).mean((1, 2))
            for view in (tiles, tiles.flip(2))
            for dy in range(side)
            for dx in range(side)
        ]
    )
    return tiles[likeness.amax(0).argmin()]
