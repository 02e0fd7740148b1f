"""SAM's image encoder, which also hands out what it knew early on."""

from __future__ import annotations

from functools import partial

from segment_anything.modeling import ImageEncoderViT
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from unseg_cli.models.specs import GeneratorSpec


class SamImageEncoder(ImageEncoderViT):
    """`ImageEncoderViT` that returns the tokens after each global-attention block beside the image embedding.

    Early tokens keep the fine detail that the noise follows; the embedding alone has lost it. The parameters, and so the
    state-dict keys, are SAM's.

    Attributes:
        recompute: keep nothing of a block's forward pass but its input, and run it again on the way back.
    """

    recompute = False

    def encode(self, image_norm: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Embed a batch of normalised pictures.

        Args:
            image_norm: (B, 3, S, S), ImageNet-normalised.

        Returns:
            The embedding (B, C, S / 16, S / 16) and, for every block with global attention, first to last, its output
            tokens (B, S / 16, S / 16, D).
        """
        tokens = self.patch_embed(image_norm)
        if self.pos_embed is not None:
            tokens = tokens + self.pos_embed
        global_tokens = []
        for block in self.blocks:
            tokens = checkpoint(block, tokens, use_reentrant=False) if self.recompute and self.training else block(tokens)
            if block.window_size == 0:
                global_tokens.append(tokens)
        return self.neck(tokens.permute(0, 3, 1, 2)), global_tokens

    def forward(self, x: Tensor) -> Tensor:
        """SAM's entry point: the embedding alone."""
        return self.encode(x)[0]


def build_sam_image_encoder(spec: GeneratorSpec, width: int, *, image_size: int | None = None) -> SamImageEncoder:
    """The only place where SAM's encoder is built, for generators and surrogates alike; what no argument says is as in the released SAM.

    Args:
        spec: depth, width, heads and windows.
        width: channels of the embedding.
        image_size: side of the square input in pixels; None: the spec's.
    """
    return SamImageEncoder(
        img_size=image_size or spec.image_size,
        patch_size=spec.embed_stride,
        embed_dim=spec.vit_width,
        depth=spec.vit_depth,
        num_heads=spec.vit_heads,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=spec.vit_window,
        global_attn_indexes=spec.vit_global_blocks,
        out_chans=width,
    )
