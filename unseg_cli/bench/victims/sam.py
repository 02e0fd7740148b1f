"""A promptable segmenter: SAM whole, or its prompt encoder and mask decoder on EfficientNet-Lite0 in place of the vision transformer.

It is pointed at objects by their boxes. In training those are off by as much as a hand is; in tests they are exact. Like those who
fine-tune SAM, the small one starts from a network that has learned to be pointed at: the one that finds objects in the shipped generator,
trained on DUTS.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from unseg_cli.bench.examples import Batch, Found, Prediction, Segments
from unseg_cli.bench.victims.base import LITE0, Victim, VictimSpec
from unseg_cli.bench.victims.smp import soft_dice_loss
from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.generators.files import fetched_file
from unseg_cli.generators.loading import load_generator
from unseg_cli.generators.sam_at_size import load_sam_at_size
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.segmenter import PromptableSegmenter
from unseg_cli.models.specs import SPECS
from unseg_cli.models.surrogate import lite_surrogate, vit_surrogate

#: Objects that are learnt from in each picture of a batch, drawn anew each time.
OBJECTS = 4
#: How far a side of a box is off in training, at most, as a share of the box's size: as where SAM was trained.
JITTER = 0.1


class SamVictim(Victim):
    """Trained on binary cross-entropy and Dice of each object's mask.

    Args:
        network: takes square pictures in [0, 1], which it normalises by itself.
    """

    normalisation = LITE0

    def __init__(self, network: PromptableSegmenter) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Losses of at most `OBJECTS` objects of each picture; void counts nowhere."""
        chosen = [one.chosen(torch.randperm(len(one))[:OBJECTS]) for one in batch.objects]
        if not any(map(len, chosen)):
            return {"entropy": next(self.network.mask_decoder.parameters()).sum() * 0}
        boxes = torch.cat([jittered(one) for one in chosen])
        return mask_losses(self._logits(batch, [len(one) for one in chosen], boxes), torch.cat([one.masks for one in chosen]))

    def predict(self, batch: Batch) -> list[Prediction]:
        """A mask for the box of every object of the truth, in its order."""
        objects = [target.segments for target in batch.targets]
        several = [one for one in objects if one is not None]
        logits = self._logits(batch, [len(one) for one in several], torch.cat([one.boxes for one in several]))
        masks = (logits[:, 0] > 0).split([len(one) for one in several])
        size = (batch.images.shape[-2], batch.images.shape[-1])
        return [
            Prediction.of(Found(boxes=one.boxes, classes=one.classes, scores=torch.ones(len(one), device=mask.device), masks=mask), size)
            for one, mask in zip(several, masks, strict=True)
        ]

    def _logits(self, batch: Batch, counts: list[int], boxes: Tensor) -> Tensor:
        """(sum of counts, 1, H, W), of boxes that belong to the pictures in this order."""
        size, repeats = batch.images.shape[-2:], torch.tensor(counts, device=batch.images.device)
        features = [one.repeat_interleave(repeats, 0) for one in self.encode(batch.images)]
        if not sum(counts):
            return batch.images.new_zeros(0, 1, *size)
        return F.interpolate(self.decode(features, boxes).float(), size, mode="bilinear", align_corners=False)

    def encode(self, images: Tensor) -> Sequence[Tensor]:
        """(B, 3, S, S) in [0, 1] -> what `decode` needs of each picture, (B, ...) each."""
        return [self.network.encode(images)]

    def decode(self, features: Sequence[Tensor], boxes: Tensor) -> Tensor:
        """Features of a picture for each of (N, 4) boxes -> (N, 1, h, w) logits."""
        (embedding,) = features
        return self.network.decode(embedding, Prompt(boxes=boxes)).masks[:, :1]


def mask_losses(logits: Tensor, masks: Tensor) -> dict[str, Tensor]:
    """Binary cross-entropy and Dice of each object, averaged: (N, 1, H, W) logits against (N, H, W) masks."""
    truth = masks[:, None].float()
    dice = torch.stack([soft_dice_loss(one[None], mask[None]) for one, mask in zip(logits.sigmoid(), truth, strict=True)]).mean()
    return {"entropy": F.binary_cross_entropy_with_logits(logits, truth), "dice": dice}


def jittered(segments: Segments) -> Tensor:
    """(N, 4): the boxes, each side moved by chance."""
    boxes = segments.boxes
    spans = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    return boxes + spans * JITTER * (2 * torch.rand(boxes.shape).to(boxes.device) - 1)


def build(spec: VictimSpec) -> SamVictim:
    """Build the network for square pictures of `spec.side`.

    Raises:
        EnvironmentProblem: pretrained, and the weights are not there.
    """
    return SamVictim(segmenter_for(spec).to(memory_format=torch.channels_last))


def segmenter_for(spec: VictimSpec) -> PromptableSegmenter:
    """The network that `build` and others are made of, as they start: the small one, or SAM itself."""
    network = lite_surrogate(SPECS["lite"], spec.side) if spec.encoder == "lite0" else vit_surrogate(SPECS[spec.encoder], spec.side)
    if spec.pretrained:
        load_start(network, spec)
    freeze_unused(network)
    return network


def load_start(network: PromptableSegmenter, spec: VictimSpec) -> None:
    """Start from the shipped generator's weights, or from SAM's; what they have nothing for stays as it is.

    Raises:
        EnvironmentProblem: they are not there.
    """
    if spec.encoder == "lite0":
        shipped = load_generator("lite").state_dict()
        network.load_state_dict({name: shipped.get(name, own) for name, own in network.state_dict().items()})
        return
    checkpoint = f"sam_{spec.encoder}"
    path = spec.encoder_weights or fetched_file(checkpoint)
    if path is None:
        raise EnvironmentProblem(
            f"SAM's own weights ({checkpoint}) are not on this machine",
            hint=f"`unseg weights fetch {checkpoint}`, pass them as --encoder-weights FILE, or --init scratch",
        )
    load_sam_at_size(network, path)


def freeze_unused(network: PromptableSegmenter) -> None:
    """Points, masks and a guess of the quality are neither asked for nor answered here."""
    prompts, decoder = network.prompt_encoder, network.mask_decoder
    for unused in (prompts.point_embeddings[:2], prompts.not_a_point_embed, prompts.mask_downscaling, decoder.iou_prediction_head):
        unused.requires_grad_(False)
