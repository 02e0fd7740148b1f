"""SAM's mask decoder for a batch of pictures with one prompt each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from segment_anything.modeling import MaskDecoder, TwoWayTransformer
from segment_anything.modeling.common import LayerNorm2d
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class DecoderOutput:
    """Everything the decoder computed; h x w is the image embedding's grid, C the transformer's width.

    Attributes:
        masks: (B, M, 4h, 4w) mask logits, one plane a mask token: the single mask first, then the three alternatives.
        iou: (B, M) predicted quality of each mask.
        tokens: (B, 1 + M + E + N, C) tokens after the transformer: IoU, masks, extra tokens, prompt, in this order.
        upscaled: (B, C / 8, 4h, 4w) features that the mask tokens are multiplied with.
        src: (B, C, h, w) the image embedding after the transformer.
    """

    masks: Tensor
    iou: Tensor
    tokens: Tensor
    upscaled: Tensor
    src: Tensor


class BatchedMaskDecoder(MaskDecoder):
    """`MaskDecoder` whose row b of the prompts belongs to row b of the image embeddings.

    SAM's own decoder takes one picture and repeats it for every prompt. Here a batch holds different pictures, one prompt
    each. The parameters, and so the state-dict keys, are SAM's.
    """

    def decode(
        self, image_embeddings: Tensor, image_pe: Tensor, sparse: Tensor, dense: Tensor, *, extra_tokens: Tensor | None = None
    ) -> DecoderOutput:
        """Run the transformer and predict all masks.

        Args:
            image_embeddings: (B, C, h, w).
            image_pe: (1, C, h, w) positional encoding of the grid.
            sparse: (B, N, C) embedded points and box corners; N may be 0.
            dense: (B, C, h, w) embedded masks.
            extra_tokens: (E, C) further learned tokens, put between the mask tokens and the prompt.
        """
        batch = image_embeddings.shape[0]
        learned = [self.iou_token.weight, self.mask_tokens.weight]
        if extra_tokens is not None:
            learned.append(extra_tokens)
        queries = torch.cat([torch.cat(learned).unsqueeze(0).expand(batch, -1, -1), sparse], dim=1)

        tokens, src = self.transformer(image_embeddings + dense, image_pe.expand(batch, -1, -1, -1), queries)
        src = src.transpose(1, 2).reshape(image_embeddings.shape)
        upscaled = self.output_upscaling(src)
        weights = torch.stack([mlp(tokens[:, 1 + i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1)
        return DecoderOutput(
            masks=torch.einsum("bmc,bchw->bmhw", weights, upscaled),
            iou=self.iou_prediction_head(tokens[:, 0]),
            tokens=tokens,
            upscaled=upscaled,
            src=src,
        )

    def predict_masks(
        self, image_embeddings: Tensor, image_pe: Tensor, sparse_prompt_embeddings: Tensor, dense_prompt_embeddings: Tensor
    ) -> tuple[Tensor, Tensor]:
        """SAM's entry point: (B, M, 4h, 4w) mask logits and (B, M) qualities."""
        output = self.decode(image_embeddings, image_pe, sparse_prompt_embeddings, dense_prompt_embeddings)
        return output.masks, output.iou


def refined(channels: int) -> nn.Sequential:
    """(B, channels, h, w) -> the same: the upscaled features of the mask decoder, for a token of one's own."""
    return nn.Sequential(
        nn.Conv2d(channels, 2 * channels, 3, padding=1),
        LayerNorm2d(2 * channels),
        nn.GELU(),
        nn.Conv2d(2 * channels, channels, 3, padding=1),
    )


def four_times_larger(channels_in: int, channels_between: int, channels_out: int) -> nn.Sequential:
    """(B, channels_in, h, w) -> (B, channels_out, 4h, 4w)."""
    return nn.Sequential(
        nn.ConvTranspose2d(channels_in, channels_between, 2, stride=2),
        LayerNorm2d(channels_between),
        nn.GELU(),
        nn.ConvTranspose2d(channels_between, channels_out, 2, stride=2),
    )


def sam_transformer(width: int = 256) -> TwoWayTransformer:
    """The two-way transformer as every released SAM has it: two layers, eight heads, feed-forward 2048."""
    return TwoWayTransformer(depth=2, embedding_dim=width, mlp_dim=2048, num_heads=8)
