"""SAM's mask decoder for a batch agrees with SAM's own, picture by picture."""

from __future__ import annotations

import torch
from segment_anything.modeling import MaskDecoder

from unseg_cli.models.sam.mask_decoder import BatchedMaskDecoder, sam_transformer


def test_the_decoder_gives_each_picture_what_sams_own_gives_it_alone() -> None:
    torch.manual_seed(0)
    ours = BatchedMaskDecoder(transformer_dim=256, transformer=sam_transformer()).eval()
    sams = MaskDecoder(transformer_dim=256, transformer=sam_transformer()).eval()
    sams.load_state_dict(ours.state_dict(), strict=True)
    embeddings, dense = torch.randn(3, 256, 4, 4), torch.randn(3, 256, 4, 4)
    pe, sparse = torch.randn(1, 256, 4, 4), torch.randn(3, 2, 256)
    with torch.no_grad():
        together = ours.decode(embeddings, pe, sparse, dense)
        masks, iou = ours(embeddings, pe, sparse, dense, multimask_output=True)
        for row in range(3):
            one = slice(row, row + 1)
            expected_masks, expected_iou = sams.predict_masks(embeddings[one], pe, sparse[one], dense[one])
            torch.testing.assert_close(together.masks[one], expected_masks, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(together.iou[one], expected_iou, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(masks, together.masks[:, 1:])
    torch.testing.assert_close(iou, together.iou[:, 1:])
    assert together.masks.shape == (3, 4, 16, 16)
    assert together.tokens.shape == (3, 7, 256)
    assert together.upscaled.shape == (3, 32, 16, 16)
    assert together.src.shape == (3, 256, 4, 4)
