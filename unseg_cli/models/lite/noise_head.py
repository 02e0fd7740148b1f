"""The noise head of the lite generator: learned periodic textures, gated by the object region and the picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from segment_anything.modeling.common import LayerNorm2d
from torch import Tensor, nn

from unseg_cli.models.specs import GeneratorSpec
from unseg_cli.noise.arithmetic import GREEN

MAGENTA, YELLOW, LUMA = (1.0, -1.0, 1.0), (1.0, 1.0, -1.0), (1.0, 1.0, 1.0)
#: How the tiles start, each in one of the first three `REGIONS`: colour, and cells along the side of the checkerboard. Magenta against
#: green is the axis on which pictures vary least, so it stands out to a network, and colour filters are coarse. A checkerboard with its
#: sign turned is the same one cell on, so another colour says "outside". In a file of one channel only fine luma stands out, to a network
#: as to the eye, so outside the object there is none of it.
STARTS = ((MAGENTA, 2), (YELLOW, 2), (LUMA, 4))
REGIONS = ("object", "outside", "object, grey picture", "outside, grey picture")
GATE_WIDTH = 32
INITIAL_GAIN = 2.5  # tanh(2.5) = 0.99 of the budget from the first step on


class LiteNoiseHead(nn.Module):
    """noise = tanh( sum_k gate_k(x) * tile_k(x mod period) ), gate_k = learned gains of the region + a small CNN.

    A shortcut teaches a victim nothing about pictures if it is simpler than they are and says where the object is. So each tile
    is one pattern shared by all pictures: each starts in one of `REGIONS`, and training reshapes tiles, gains and the
    picture-dependent part. Tiles live on a grid relative to the picture, coarse enough to survive resizing.

    Args:
        spec: sizes; tiles are of `tile_size` noise pixels on a map of `noise_size`.
        channels: channels of the features that come with the region.
    """

    def __init__(self, spec: GeneratorSpec, channels: int = 32) -> None:
        super().__init__()
        self.noise_size = spec.noise_size
        self.tiles = nn.Parameter(torch.stack([_checkerboard(*start, spec.tile_size) for start in STARTS]))
        self.gains = nn.Parameter(INITIAL_GAIN * torch.eye(len(STARTS), len(REGIONS)))
        first = nn.Conv2d(channels + 1, GATE_WIDTH, 3, padding=1)
        last = nn.Conv2d(GATE_WIDTH, len(STARTS), 3, padding=1)
        nn.init.normal_(last.weight, std=1e-3)  # the picture has nearly no say at first
        assert last.bias is not None
        nn.init.zeros_(last.bias)
        self.picture_gates = nn.Sequential(first, LayerNorm2d(GATE_WIDTH), nn.GELU(), last)

    def forward(self, features: Tensor, region: Tensor, grey: Tensor) -> Tensor:
        """Noise for a batch.

        Args:
            features: (B, channels, h, w) picture features (SAM's upscaled embedding).
            region: (B, 1, h, w) in [0, 1], 1 = object.
            grey: (B,) bool, pictures without colour.

        Returns:
            (B, 3, noise_size, noise_size) in [-1, 1].
        """
        sides = torch.cat([region, 1 - region], 1)
        in_colour, in_grey = (torch.einsum("brhw,kr->bkhw", sides, gains) for gains in self.gains.chunk(2, 1))
        # Grey pictures are few in training: what a picture has to say is learnt from coloured ones, and about colour.
        noise = self._draw(in_colour + self.picture_gates(torch.cat([features, region * 2 - 1], 1)))
        if not grey.any():
            return noise
        # Among coloured pictures a few grey ones without the colour would show a victim what objects look like, and luma does not stop it.
        # So luma has the green channel, which is all that a file of one channel takes, and red and blue have the colour.
        luma = self._draw(in_grey)
        split = torch.cat([noise[:, :GREEN], luma[:, GREEN : GREEN + 1], noise[:, GREEN + 1 :]], 1)
        return torch.where(grey.view(-1, 1, 1, 1), split, noise)

    def _draw(self, gates: Tensor) -> Tensor:
        """(B, tiles, h, w) -> (B, 3, noise_size, noise_size) in (-1, 1): the tiles, repeated and added up."""
        side = self.noise_size
        gates = F.interpolate(gates, (side, side), mode="bilinear", align_corners=False)
        repeats = -(-side // self.tiles.shape[-1])
        pattern = self.tiles.repeat(1, 1, repeats, repeats)[..., :side, :side]
        return torch.tanh(torch.einsum("bkhw,kchw->bchw", gates, pattern))


def _checkerboard(colour: tuple[float, ...], cells: int, side: int) -> Tensor:
    """(3, side, side) of -1 and 1."""
    place = torch.arange(side, device="cpu") * cells // side  # on the CPU also where a network is only sketched on the meta device
    return torch.tensor(colour, device="cpu").view(3, 1, 1) * (1.0 - 2.0 * ((place[:, None] + place) % 2))
