"""SAM-HQ (Ke et al. 2023): the promptable segmenter of `sam.py` with one more token, which draws finer masks and is all that is trained.

The token goes through SAM's mask decoder beside SAM's own. Its mask is read off SAM's features together with those of an early layer,
which still know where edges are. Composed here from segment-anything: in transformers 5.23 `SamHQMaskDecoder` reads the image embedding
as it was before the decoder's transformer, with height and width exchanged, and learns next to nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from segment_anything.modeling.mask_decoder import MLP
from torch import Tensor, nn

from unseg_cli.bench.victims.base import VictimSpec
from unseg_cli.bench.victims.sam import SamVictim, freeze_unused, load_start
from unseg_cli.models.lite.encoder import LiteImageEncoder
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.sam.image_encoder import SamImageEncoder, build_sam_image_encoder
from unseg_cli.models.sam.mask_decoder import BatchedMaskDecoder, four_times_larger, refined, sam_transformer
from unseg_cli.models.segmenter import EMBED_DIM, PromptableSegmenter
from unseg_cli.models.specs import SPECS
from unseg_cli.models.surrogate import VitSurrogate

#: Where the token stands behind the transformer: after those of the quality and of SAM's four masks.
HQ_POSITION = 5


class HqMaskDecoder(BatchedMaskDecoder):
    """SAM's mask decoder plus `hq_*` parameters, as the authors of SAM-HQ have them.

    Args:
        early_width: channels of the early features.
        width: C, channels of the image embedding and the transformer.
    """

    def __init__(self, *, early_width: int, width: int = EMBED_DIM) -> None:
        super().__init__(transformer_dim=width, transformer=sam_transformer(width))
        features = width // 8
        self.hq_token = nn.Embedding(1, width)
        self.hq_mlp = MLP(width, width, features, 3)
        self.hq_early = four_times_larger(early_width, width, features)
        self.hq_embedding = four_times_larger(width, width // 4, features)
        self.hq_masks = refined(features)

    def decode_hq(self, embedding: Tensor, early: Tensor, image_pe: Tensor, sparse: Tensor, dense: Tensor) -> Tensor:
        """The token's masks, one prompt each.

        Args:
            embedding: (B, C, h, w).
            early: (B, D, h, w) features of an early layer.
            image_pe: (1, C, h, w) positional encoding of the grid.
            sparse: (B, N, C) embedded points and box corners.
            dense: (B, C, h, w) embedded masks.

        Returns:
            (B, 1, 4h, 4w) logits.
        """
        decoded = self.decode(embedding, image_pe, sparse, dense, extra_tokens=self.hq_token.weight)
        features = self.hq_masks(decoded.upscaled) + self.hq_embedding(embedding) + self.hq_early(early)
        weights = self.hq_mlp(decoded.tokens[:, HQ_POSITION])
        return torch.einsum("bc,bchw->bhw", weights, features)[:, None]


class HqSegmenter(PromptableSegmenter, ABC):
    """A segmenter with an `HqMaskDecoder`."""

    mask_decoder: HqMaskDecoder

    @abstractmethod
    def look(self, image_01: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, S, S) in [0, 1] -> the embedding (B, 256, e, e), and features of an early layer (B, D, e, e)."""

    def decode_hq(self, embedding: Tensor, early: Tensor, prompt: Prompt) -> Tensor:
        """(B, 1, h, w) logits of the token's masks, for what `look` says of each picture and a prompt each."""
        sparse, dense = self._embed(prompt, embedding)
        return self.mask_decoder.decode_hq(embedding, early, self.prompt_encoder.get_dense_pe(), sparse, dense)


class HqLiteSegmenter(HqSegmenter):
    """On the lite generator's encoder.

    Args:
        side: S of the square pictures, a multiple of 32.
    """

    image_encoder: LiteImageEncoder

    def __init__(self, side: int) -> None:
        spec = SPECS["lite"]
        super().__init__(LiteImageEncoder(spec.encoder), image_size=side, embed_size=side // spec.embed_stride)
        self.mask_decoder = HqMaskDecoder(early_width=self.image_encoder.early_channels)

    def look(self, image_01: Tensor) -> tuple[Tensor, Tensor]:
        """See `HqSegmenter`."""
        return self.image_encoder.encode(image_01)


class HqVitSegmenter(HqSegmenter, VitSurrogate):
    """On SAM's own encoder; the early features are those behind its first block that looks at the whole picture, as in the paper.

    Args:
        name: of one of `SPECS`.
        side: S of the square pictures, a multiple of 32.
    """

    image_encoder: SamImageEncoder

    def __init__(self, name: str, side: int) -> None:
        spec = SPECS[name]
        encoder = build_sam_image_encoder(spec, EMBED_DIM, image_size=side)
        super().__init__(encoder, image_size=side, embed_size=side // spec.embed_stride)
        self.mask_decoder = HqMaskDecoder(early_width=spec.vit_width)

    def look(self, image_01: Tensor) -> tuple[Tensor, Tensor]:
        """See `HqSegmenter`."""
        embedding, tokens = self.image_encoder.encode(self.normalised(image_01))
        return embedding, tokens[0].permute(0, 3, 1, 2)


class SamHqVictim(SamVictim):
    """Trained and asked as `SamVictim` is.

    Args:
        network: see there.
    """

    network: HqSegmenter

    def encode(self, images: Tensor) -> Sequence[Tensor]:
        """The image embedding and early features."""
        return self.network.look(images)

    def decode(self, features: Sequence[Tensor], boxes: Tensor) -> Tensor:
        """See `SamVictim`."""
        embedding, early = features
        return self.network.decode_hq(embedding, early, Prompt(boxes=boxes))


def build(spec: VictimSpec) -> SamHqVictim:
    """Build the network for square pictures of `spec.side`. Pretrained, all but the `hq_*` parameters is frozen, as in the paper.

    Raises:
        EnvironmentProblem: pretrained, and the weights are not there.
    """
    network = HqLiteSegmenter(spec.side) if spec.encoder == "lite0" else HqVitSegmenter(spec.encoder, spec.side)
    freeze_unused(network)
    network.mask_decoder.output_hypernetworks_mlps.requires_grad_(False)  # SAM's own masks are not looked at
    if spec.pretrained:
        load_start(network, spec)
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name.startswith("mask_decoder.hq_"))
    return SamHqVictim(network.to(memory_format=torch.channels_last))
