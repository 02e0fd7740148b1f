"""Image encoder + SAM's prompt encoder + SAM's mask decoder: what the lite generator and its surrogate are made of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from segment_anything.modeling import PromptEncoder
from torch import Tensor, nn

from unseg_cli.models.prompt import Prompt
from unseg_cli.models.sam.mask_decoder import BatchedMaskDecoder, DecoderOutput, sam_transformer

EMBED_DIM = 256  # channels of SAM's image embedding


class PromptableSegmenter(nn.Module):
    """Mask logits from a picture, with a prompt or without one.

    Without a prompt it finds the salient object: SAM's own "no mask" embedding and no points, a case SAM was never trained for
    and this one is.

    Args:
        image_encoder: (B, 3, S, S) -> (B, 256, e, e).
        image_size: S in pixels.
        embed_size: e in cells.
    """

    def __init__(self, image_encoder: nn.Module, *, image_size: int, embed_size: int) -> None:
        super().__init__()
        self.image_size = image_size
        self.image_encoder = image_encoder
        self.prompt_encoder = PromptEncoder(
            embed_dim=EMBED_DIM,
            image_embedding_size=(embed_size, embed_size),
            input_image_size=(image_size, image_size),
            mask_in_chans=16,
        )
        self.mask_decoder = BatchedMaskDecoder(
            num_multimask_outputs=3,
            transformer=sam_transformer(EMBED_DIM),
            transformer_dim=EMBED_DIM,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        )

    def encode(self, image_01: Tensor) -> Tensor:
        """(B, 3, S, S) in [0, 1] -> image embedding (B, 256, e, e)."""
        return self.image_encoder(image_01)

    def decode(self, embedding: Tensor, prompt: Prompt) -> DecoderOutput:
        """Masks and features for an embedding; of SAM's four masks the first is the one trained here."""
        sparse, dense = self._embed(prompt, embedding)
        return self.mask_decoder.decode(embedding, self.prompt_encoder.get_dense_pe(), sparse, dense)

    def predict_mask(self, image_01: Tensor, prompt: Prompt | None = None) -> Tensor:
        """Mask logits (B, 1, 4e, 4e); without a prompt, of the salient object."""
        return self.decode(self.encode(image_01), prompt or Prompt()).masks[:, :1]

    def forward(self, image_01: Tensor, prompt: Prompt) -> Tensor:
        """The segmenter's own output, `predict_mask`; a generator made of it gives noise instead."""
        return self.predict_mask(image_01, prompt)

    def _embed(self, prompt: Prompt, embedding: Tensor) -> tuple[Tensor, Tensor]:
        batch = embedding.shape[0]
        points = None
        if prompt.points is not None:
            labels = prompt.point_labels if prompt.point_labels is not None else torch.ones_like(prompt.points[..., 0])
            points = (prompt.points, labels)
        mask = None
        if prompt.mask is not None:
            mask = F.interpolate(prompt.mask, self.prompt_encoder.mask_input_size, mode="bilinear", align_corners=False)
            mask = mask * 20 - 10  # SAM's mask prompts are logits
        sparse, dense = self.prompt_encoder(points=points, boxes=prompt.boxes, masks=mask)
        if sparse.shape[0] != batch:  # SAM's encoder cannot know the batch size of an empty prompt
            sparse = sparse.expand(batch, -1, -1)
        return sparse, dense.expand(batch, -1, -1, -1)
