"""Mask2Former as transformers implements it, for semantic segmentation, on EfficientNet-Lite0 and small enough for a CPU."""

from __future__ import annotations

import logging
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, TimmBackboneConfig

from unseg_cli.bench.examples import Batch, Prediction
from unseg_cli.bench.victims.base import ENCODER, LITE0, Victim, VictimSpec
from unseg_cli.core.constants import IGNORE
from unseg_cli.models.imagenet import load_imagenet_lite0

#: Against the paper's network: half the width, 1 of 6 deformable encoder layers, 3 of 9 decoder layers, 32 of 100 queries.
SHAPE: dict[str, Any] = {
    "feature_size": 128,
    "mask_feature_size": 128,
    "hidden_dim": 128,
    "num_attention_heads": 4,
    "encoder_layers": 1,
    "encoder_feedforward_dim": 256,
    "decoder_layers": 4,  # the library counts one more than there are
    "dim_feedforward": 512,
    "num_queries": 32,
    "train_num_points": 1024,
}


class Mask2FormerVictim(Victim):
    """Trained on Mask2Former's own loss (Hungarian matching, class + mask + Dice at sampled points), read as a label map."""

    normalisation = LITE0

    def __init__(self, network: Mask2FormerForUniversalSegmentation) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """One mask for every class that a picture holds; void belongs to none of them."""
        label = batch.labels
        classes = [found[found != IGNORE] for found in map(torch.unique, label)]
        masks = [(one[None] == found[:, None, None]).float() for one, found in zip(label, classes, strict=True)]
        keep = [i for i, found in enumerate(classes) if len(found)]
        if not keep:  # nothing but void: nothing to learn
            return {"matched": self.network.class_predictor.weight.sum() * 0}
        pixels = self.normalisation(batch.images)[keep]
        output = self.network(pixel_values=pixels, mask_labels=[masks[i] for i in keep], class_labels=[classes[i] for i in keep])
        return {"matched": output.loss.squeeze()}

    def predict(self, batch: Batch) -> list[Prediction]:
        """Every query votes for its classes where its mask is: argmax over classes of sum over queries of p(class) * p(mask)."""
        output = self.network(pixel_values=self.normalisation(batch.images))
        probability = output.class_queries_logits.softmax(-1)[..., :-1]  # (B, Q, C), without "no object"
        masks = output.masks_queries_logits.sigmoid()  # (B, Q, H/4, W/4)
        votes = torch.einsum("bqc,bqhw->bchw", probability, masks)
        maps = F.interpolate(votes, batch.images.shape[-2:], mode="bilinear", align_corners=False).argmax(1)
        return [Prediction(labels=found) for found in maps.to(torch.uint8)]


def build(spec: VictimSpec) -> Mask2FormerVictim:
    """Build the network of `SHAPE`.

    Raises:
        EnvironmentProblem: pretrained, and the ImageNet weights are not installed.
    """
    # The library warns that it knows Swin only; what it needs is four maps at strides 4 to 32, which this backbone gives.
    library_log = logging.getLogger("transformers.models.mask2former.configuration_mask2former")
    level = library_log.level
    library_log.setLevel(logging.ERROR)
    try:
        backbone = TimmBackboneConfig(backbone=ENCODER, use_pretrained_backbone=False, features_only=True, out_indices=[1, 2, 3, 4])
        network = Mask2FormerForUniversalSegmentation(Mask2FormerConfig(backbone_config=backbone, num_labels=len(spec.classes), **SHAPE))
    finally:
        library_log.setLevel(level)
    if spec.pretrained:
        load_imagenet_lite0(network.model.pixel_level_module.encoder._backbone)
    return Mask2FormerVictim(network.to(memory_format=torch.channels_last))
