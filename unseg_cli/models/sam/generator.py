"""The paper's generator: SAM, prompted, with a noise decoder in place of the mask output; on SAM's own encoder, or on a small one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from segment_anything.modeling import PromptEncoder
from torch import Tensor, nn
from torch.nn import functional as F

from unseg_cli.core.errors import UsageProblem
from unseg_cli.models.lite.encoder import LiteImageEncoder
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.protocols import Embedding
from unseg_cli.models.sam.image_encoder import SamImageEncoder, build_sam_image_encoder
from unseg_cli.models.sam.noise_decoder import NoiseDecoder
from unseg_cli.models.specs import GeneratorSpec

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
#: C, channels of the image embedding in every released SAM.
SAM_WIDTH = 256


class SamGenerator(nn.Module, ABC):
    """Picture and prompt in, noise out. What encodes the picture is the subclasses' affair.

    Args:
        spec: the sizes.
        image_encoder: what `embed` runs.
        token_width: D, channels of the early tokens that `embed` gives.

    Raises:
        UsageProblem: the spec has a noise size other than four cells an embedding cell.
    """

    source: Any = None  # where the weights came from; set by whoever loads them

    def __init__(self, spec: GeneratorSpec, image_encoder: nn.Module, token_width: int) -> None:
        super().__init__()
        _check_noise_size(spec)
        self.spec = spec
        self.image_encoder = image_encoder
        self.prompt_encoder = PromptEncoder(
            embed_dim=SAM_WIDTH,
            image_embedding_size=(spec.embed_size, spec.embed_size),
            input_image_size=(spec.image_size, spec.image_size),
            mask_in_chans=16,
        )
        # The paper's noise decoder; "mask_decoder" is its name in the released file.
        self.mask_decoder = NoiseDecoder(vit_width=token_width, width=SAM_WIDTH)

    def forward(self, image_01: Tensor, prompt: Prompt) -> Tensor:
        """Noise for a batch; each picture comes out as it would alone.

        Args:
            image_01: (B, 3, S, S) in [0, 1], S the spec's `image_size`. A picture that is not square is padded bottom and
                right with zeros (black) before it is resized: the padding is normalised like the rest.
            prompt: at least one kind, for every picture of the batch; several kinds add up.

        Returns:
            (B, 3, 4e, 4e) in [-1, 1], e the cells of the embedding.

        Raises:
            UsageProblem: the prompt is empty: this generator does not look for objects.
        """
        return self.draw(self.embed(image_01), image_01, prompt)

    @abstractmethod
    def embed(self, frames: Tensor) -> Embedding:
        """Run the image encoder on (B, 3, S, S) in [0, 1]; its tokens are early ones, which know fine detail."""
        ...

    def draw(self, embedding: Embedding, frames: Tensor, prompt: Prompt) -> Tensor:
        """Noise (B, 3, 4e, 4e) in [-1, 1] for the pictures that `embedding` is of; see `forward` for prompts and errors."""
        assert embedding.tokens is not None  # `embed` gave them
        sparse, dense = self.encode_prompt(prompt)
        return self.mask_decoder.decode_noise(embedding.image, embedding.tokens, self.prompt_encoder.get_dense_pe(), sparse, dense)

    def tiles(self) -> None:
        """There are none: the noise of a picture is its own."""

    def segment(self, embedding: Embedding, prompt: Prompt) -> Tensor:
        """Mask logits (B, 1, 4e, 4e) of what the prompt points at: SAM's own answer, in which the noise has no part.

        A mask prompt is taken as the noise decoder takes it, not as a logit. See `forward` for the errors.
        """
        sparse, dense = self.encode_prompt(prompt)
        return self.mask_decoder.decode(embedding.image, self.prompt_encoder.get_dense_pe(), sparse, dense).masks[:, :1]

    def detect(self, embedding: Embedding) -> None:
        """Nothing: this generator has to be told what to protect."""
        return

    def encode_prompt(self, prompt: Prompt) -> tuple[Tensor, Tensor]:
        """Sparse (B, N, C) and dense (B, C, h, w) embeddings; see `forward` for the errors."""
        if prompt.empty:
            raise UsageProblem(
                f"generator {self.spec.name} needs a prompt: it does not find objects itself",
                hint="pass a mask, a box or points; on the command line --masks DIR or --target whole",
            )
        points = None
        if prompt.points is not None:
            labels = prompt.point_labels
            points = (prompt.points, torch.ones_like(prompt.points[..., 0]) if labels is None else labels)
        mask = None if prompt.mask is None else self.mask_plane(prompt.mask)
        sparse, dense = self.prompt_encoder(points=points, boxes=prompt.boxes, masks=mask)
        return sparse, dense

    def mask_plane(self, mask: Tensor) -> Tensor:
        """The mask prompt as the released weights know it: 0 or 255 in each cell, where SAM's own would be a logit.

        Args:
            mask: (B, 1, h, w) in [0, 1].

        Returns:
            (B, 1, 4e, 4e), resampled bilinearly and rounded.
        """
        return 255.0 * F.interpolate(mask.float(), self.prompt_encoder.mask_input_size, mode="bilinear", align_corners=False).round()

    def noise_parameters(self) -> list[nn.Parameter]:
        """What training changes: the decoder's `noise_*`."""
        return self.mask_decoder.noise_parameters()


class SamVitGenerator(SamGenerator):
    """The paper's own: SAM's image encoder. The state-dict keys are those of the authors' released file.

    Args:
        spec: the sizes.

    Raises:
        UsageProblem: the spec has no global-attention block, or see `SamGenerator`.
    """

    image_encoder: SamImageEncoder
    image_mean: Tensor
    image_std: Tensor

    def __init__(self, spec: GeneratorSpec) -> None:
        if not any(block < spec.vit_depth for block in spec.vit_global_blocks):
            raise UsageProblem(f"generator {spec.name}: no block has global attention", hint="name at least one in vit_global_blocks")
        super().__init__(spec, build_sam_image_encoder(spec, SAM_WIDTH), spec.vit_width)
        # Not persistent: the released file has no such keys.
        self.register_buffer("image_mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("image_std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def embed(self, frames: Tensor) -> Embedding:
        """See `SamGenerator`."""
        embedding, global_tokens = self.image_encoder.encode((frames - self.image_mean) / self.image_std)
        return Embedding(image=embedding, tokens=global_tokens[0])


class SamLiteGenerator(SamGenerator):
    """The paper's noise decoder on the small SAM that the lite generator holds: what a processor can train and run.

    Args:
        spec: the sizes.

    Raises:
        UsageProblem: see `SamGenerator`.
    """

    image_encoder: LiteImageEncoder

    def __init__(self, spec: GeneratorSpec) -> None:
        encoder = LiteImageEncoder(spec.encoder)
        super().__init__(spec, encoder, encoder.early_channels)

    def embed(self, frames: Tensor) -> Embedding:
        """See `SamGenerator`."""
        embedding, early = self.image_encoder.encode(frames)
        return Embedding(image=embedding, tokens=early.permute(0, 2, 3, 1))


def _check_noise_size(spec: GeneratorSpec) -> None:
    if spec.noise_size != 4 * spec.embed_size:
        raise UsageProblem(
            f"generator {spec.name}: noise_size {spec.noise_size} does not fit an embedding of {spec.embed_size} cells",
            hint=f"the decoder enlarges four times: noise_size must be {4 * spec.embed_size}",
        )
