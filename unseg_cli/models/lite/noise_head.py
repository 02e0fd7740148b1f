"""The noise head of the lite generator: learned tiles, repeated over the picture, one on the object and one outside of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unseg_cli.models.specs import GeneratorSpec
from unseg_cli.noise.tiles import Tiles, tiles_of

#: What the tiles start as, for each of `unseg_cli.noise.tiles.PLACES`: the colour of a checkerboard (its cells have it with either sign),
#: and that of another in cells of half the side, which is added. A network reads magenta against green first, the axis on which pictures
#: vary least; the eye would read brightness first, so the two are equally bright. Outside there is yellow against blue. Files of one
#: channel take the green one, in which there is nothing but brightness; but among coloured pictures a few grey ones without the colour
#: would show a victim what objects look like, so red and blue have it.
STARTS = (
    ((1.0, -0.4, 1.0), (0.0, 0.0, 0.0)),
    ((1.0, 1.0, -1.0), (0.0, 0.0, 0.0)),
    ((1.0, 0.0, 1.0), (0.0, 1.0, 0.0)),
    ((1.0, 0.0, -1.0), (0.0, 1.0, 0.0)),
)
INITIAL = 0.97  # share of the amplitude that the tiles start with: at 1 the tangent is flat, and nothing would learn


class LiteNoiseHead(nn.Module):
    """noise = tile(x mod period) of the place where x lies.

    A shortcut teaches a victim nothing about pictures if it is simpler than they are and says where the object is. So each tile is one
    pattern shared by all pictures, and the picture has no say in it: it decides where the object is, and how much of the noise an eye
    would let pass. Tiles start as checkerboards and are free to become anything of their period. They lie on a grid relative to the
    picture, coarse enough to survive resizing.

    Args:
        spec: sizes; tiles are of `tile_size` pixels, of which `tile_pitch` lie along the longer side of a picture.
    """

    def __init__(self, spec: GeneratorSpec) -> None:
        super().__init__()
        self.spec = spec
        coarse, fine = spec.tile_cell, max(1, spec.tile_cell // 2)
        tiles = [
            INITIAL * (_checkerboard(large, coarse, spec.tile_size) + _checkerboard(small, fine, spec.tile_size)) for large, small in STARTS
        ]
        self.raw = nn.Parameter(torch.atanh(torch.stack(tiles)))

    @property
    def planes(self) -> Tensor:
        """(4, 3, n, n) in (-1, 1), one of each of `unseg_cli.noise.tiles.PLACES`."""
        return torch.tanh(self.raw)

    def tiles(self) -> Tiles:
        """The same as arrays, for drawing at a picture's own size."""
        return tiles_of(self.planes.detach().cpu().numpy(), pitch=self.spec.tile_pitch, cell=self.spec.tile_cell)

    def forward(self, region: Tensor, grey: Tensor) -> Tensor:
        """Noise for a batch of frames.

        Args:
            region: (B, 1, S, S) in [0, 1], 1 = object.
            grey: (B,) bool, pictures without colour.

        Returns:
            (B, 3, S, S) in [-1, 1].
        """
        side = region.shape[-1]
        place = (torch.arange(side, device=region.device) * self.spec.tile_pitch // side) % self.spec.tile_size
        drawn = self.planes[:, :, place[:, None], place[None, :]]
        inside, outside = (torch.where(grey.view(-1, 1, 1, 1), drawn[k + 2], drawn[k]) for k in (0, 1))
        return region * inside + (1 - region) * outside


def _checkerboard(colour: tuple[float, ...], cell: int, side: int) -> Tensor:
    """(3, side, side) of -1 and 1, in cells of `cell` pixels."""
    place = torch.arange(side, device="cpu") // cell  # on the CPU also where a network is only sketched on the meta device
    return torch.tensor(colour, device="cpu").view(3, 1, 1) * (1.0 - 2.0 * ((place[:, None] + place) % 2))
