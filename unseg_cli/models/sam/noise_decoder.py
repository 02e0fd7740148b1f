"""The paper's noise decoder: SAM's mask decoder with three more tokens, one a colour channel."""

from __future__ import annotations

import torch
from segment_anything.modeling.common import LayerNorm2d
from segment_anything.modeling.mask_decoder import MLP
from torch import Tensor, nn

from unseg_cli.models.sam.mask_decoder import BatchedMaskDecoder, four_times_larger, refined, sam_transformer

COLOUR_CHANNELS = 3

#: Where the three output tokens that become red, green and blue noise are read.
#:
#: The tokens go in as [IoU, mask x 4, noise x 3, prompt...], so the noise tokens stand at 5, 6 and 7. The authors' code reads 4, 5
#: and 6: the last mask token and the first two noise tokens. Their weights were trained that way, so it stays.
FIRST_NOISE_POSITION = 4


class NoiseDecoder(BatchedMaskDecoder):
    """SAM's mask decoder plus `noise_*` parameters; everything without that prefix is SAM's and stays frozen.

    Args:
        vit_width: D, channels of the encoder's tokens.
        width: C, channels of the image embedding and the transformer.
    """

    def __init__(self, *, vit_width: int, width: int = 256) -> None:
        super().__init__(transformer_dim=width, transformer=sam_transformer(width))
        features = width // 8
        self.noise_token = nn.Embedding(COLOUR_CHANNELS, width)
        self.noise_mlp = nn.ModuleList(MLP(width, width, features, 3) for _ in range(COLOUR_CHANNELS))
        self.noise_compress_vit_feat = _refined_and_larger(vit_width, width, features)
        self.noise_embedding_encoder = _refined_and_larger(width, width // 4, features)
        self.noise_embedding_maskfeature = refined(features)
        nn.init.xavier_uniform_(self.noise_token.weight)
        for branch in (self.noise_compress_vit_feat, self.noise_embedding_encoder, self.noise_embedding_maskfeature):
            for layer in branch:
                if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                    nn.init.xavier_uniform_(layer.weight)

    def decode_noise(self, image_embeddings: Tensor, vit_tokens: Tensor, image_pe: Tensor, sparse: Tensor, dense: Tensor) -> Tensor:
        """Noise for a batch of pictures with one prompt each.

        Args:
            image_embeddings: (B, C, h, w).
            vit_tokens: (B, h, w, D) tokens after the encoder's first global-attention block.
            image_pe: (1, C, h, w) positional encoding of the grid.
            sparse: (B, N, C) embedded points and box corners; N may be 0.
            dense: (B, C, h, w) embedded masks.

        Returns:
            (B, 3, 4h, 4w) in [-1, 1].
        """
        decoded = self.decode(image_embeddings, image_pe, sparse, dense, extra_tokens=self.noise_token.weight)
        features = (
            self.noise_embedding_maskfeature(decoded.upscaled)
            + self.noise_embedding_encoder(image_embeddings)
            + self.noise_compress_vit_feat(vit_tokens.permute(0, 3, 1, 2))
        )
        read = decoded.tokens[:, FIRST_NOISE_POSITION : FIRST_NOISE_POSITION + COLOUR_CHANNELS]
        weights = torch.stack([mlp(read[:, channel]) for channel, mlp in enumerate(self.noise_mlp)], dim=1)
        return torch.einsum("bkc,bchw->bkhw", weights, features).tanh()

    def noise_parameters(self) -> list[nn.Parameter]:
        """What training changes; the rest of the generator is frozen."""
        return [parameter for name, parameter in self.named_parameters() if name.startswith("noise_")]


def _refined_and_larger(channels_in: int, channels_between: int, channels_out: int) -> nn.Sequential:
    """(B, channels_in, h, w) -> (B, channels_out, 4h, 4w)."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_in, 3, padding=1),
        LayerNorm2d(channels_in),
        nn.GELU(),
        *four_times_larger(channels_in, channels_between, channels_out),
    )
