"""The shapes of the generators: the only place that knows sizes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True, kw_only=True)
class GeneratorSpec:
    """Everything needed to build a generator without touching a file.

    Attributes:
        kind: "lite" (small convolutional encoder, learned tiles), "sam_vit" (the paper's) or "sam_lite" (the paper's noise decoder on the
            lite encoder).
        name: what users call it.
        image_size: S, the side of the square network input in pixels.
        encoder: timm name of the convolutional encoder; unused for sam_vit.
        embed_stride: input pixels per embedding cell (lite 8, SAM 16).
        noise_size: side of the square noise map that comes out of `draw`, in pixels.
        tile_size: (lite) side of the learned tiles in pixels of their own.
        tile_pitch: (lite) so many of these pixels lie along the longer side of a picture of ordinary size.
        tile_cell: (lite) so many of them are a side of what a network is to tell apart.
        vit_width, vit_depth, vit_heads, vit_global_blocks, vit_window: (sam_vit) the image encoder's shape.
    """

    kind: str
    name: str
    image_size: int
    embed_stride: int
    noise_size: int
    encoder: str = ""
    tile_size: int = 0
    tile_pitch: int = 240
    tile_cell: int = 6
    vit_width: int = 768
    vit_depth: int = 12
    vit_heads: int = 12
    vit_global_blocks: tuple[int, ...] = (2, 5, 8, 11)
    vit_window: int = 14

    @property
    def embed_size(self) -> int:
        """Side of the image embedding, in cells."""
        return self.image_size // self.embed_stride

    @property
    def finds_objects(self) -> bool:
        """Whether the generator was trained to predict a mask without a prompt."""
        return self.kind == "lite"

    @property
    def takes_sam_checkpoint(self) -> bool:
        """Whether everything but its noise decoder is SAM's own, so that SAM's checkpoint can fill it."""
        return self.kind == "sam_vit"

    def at_size(self, image_size: int | None) -> GeneratorSpec:
        """The same generator for square inputs of another size; None: as it is.

        The lite noise map keeps its size, since its tiles are relative to the picture; the other's has four pixels a cell.
        """
        if image_size is None or image_size == self.image_size:
            return self
        noise_size = self.noise_size if self.tile_size else 4 * image_size // self.embed_stride
        return replace(self, image_size=image_size, noise_size=noise_size)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form, kept in the weights file's header."""
        return asdict(self)

    @staticmethod
    def from_json(document: dict[str, Any]) -> GeneratorSpec:
        """Inverse of `to_json`."""
        fields = dict(document)
        fields["vit_global_blocks"] = tuple(fields.get("vit_global_blocks", ()))
        return GeneratorSpec(**fields)


#: The paper's; the larger SAMs differ in their image encoder alone.
VIT_B = GeneratorSpec(kind="sam_vit", name="vit_b", image_size=1024, embed_stride=16, noise_size=256)

SPECS: dict[str, GeneratorSpec] = {
    "lite": GeneratorSpec(
        kind="lite",
        name="lite",
        image_size=256,
        embed_stride=8,
        noise_size=256,
        encoder="tf_efficientnet_lite0",
        # Cells of 1/40 of the picture: 3 pixels of a victim at 128, 6 at 256, 13 at 512. Coarser ones are seen, finer ones are lost to
        # victims that shrink the pictures further.
        tile_size=24,
        tile_pitch=240,
        tile_cell=6,
    ),
    "vit_b": VIT_B,
    "vit_l": replace(VIT_B, name="vit_l", vit_width=1024, vit_depth=24, vit_heads=16, vit_global_blocks=(5, 11, 17, 23)),
    "vit_h": replace(VIT_B, name="vit_h", vit_width=1280, vit_depth=32, vit_heads=16, vit_global_blocks=(7, 15, 23, 31)),
    # The paper's generator as a processor can train it: the same noise decoder on the small SAM that the lite generator holds.
    "sam_lite": GeneratorSpec(
        kind="sam_lite", name="sam_lite", image_size=256, embed_stride=8, noise_size=128, encoder="tf_efficientnet_lite0"
    ),
}
