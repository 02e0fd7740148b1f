"""SAM's image encoder, which also hands out what it knew early on."""

from __future__ import annotations

from functools import partial

from segment_anything.modeling import ImageEncoderViT
from torch import Tensor, nn

from unseg_cli.models.specs import GeneratorSpec


class SamImageEncoder(ImageEncoderViT):
    """`ImageEncoderViT` that returns the tokens after each global-attention block beside the image embedding.

    Early tokens keep the fine detail that the noise follows; the embedding alone has lost it. The parameters, and so the
    state-dict keys, are SAM's.
    """

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
            tokens = block(tokens)
            if block.window_size == 0:
                global_tokens.append(tokens)
        return self.neck(tokens.permute(0, 3, 1, 2)), global_tokens

    def forward(self, x: Tensor) -> Tensor:
        """SAM's entry point: the embedding alone."""
        return self.encode(x)[0]


def build_sam_image_encoder(spec: GeneratorSpec, width: int) -> SamImageEncoder:
    """The encoder of `spec`, with a neck to `width` channels; everything else as in the released SAM."""
    return SamImageEncoder(
        img_size=spec.image_size,
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
