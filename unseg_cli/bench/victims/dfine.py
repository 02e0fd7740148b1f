"""D-FINE as transformers implements it, a detector of DETR's family: on EfficientNet-Lite0 small enough for a CPU, on ResNet-50 whole.

It stands in DINO's place, which no kept library has: of the family's detectors that there are, it learns fastest on few pictures.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import DFineConfig, DFineForObjectDetection, TimmBackboneConfig

from unseg_cli.bench.examples import Batch, Found, Prediction, Segments
from unseg_cli.bench.victims.base import LITE0, Victim, VictimSpec, likeliest
from unseg_cli.bench.victims.encoders import KNOWN, fill

#: Against the published network, which is what the library builds by itself: half the width, 3 of 6 layers, 50 of 300 queries.
SHAPE: dict[str, Any] = {
    "d_model": 128,
    "encoder_hidden_dim": 128,
    "encoder_in_channels": [40, 112, 320],
    "encoder_ffn_dim": 512,
    "decoder_ffn_dim": 512,
    "decoder_in_channels": [128, 128, 128],
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "decoder_layers": 3,
    "num_queries": 50,
    "num_denoising": 50,
}
#: Boxes that are kept of a picture.
MOST = 100


class DFineVictim(Victim):
    """Trained on the network's own losses (Hungarian matching, denoising, fine-grained boxes); read by its sigmoid scores."""

    normalisation = LITE0

    def __init__(self, network: DFineForObjectDetection) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The sum of the network's losses."""
        labels = [_truth(one, batch.images) for one in batch.objects]
        return {"matched": self.network(pixel_values=self.normalisation(batch.images), labels=labels).loss}

    def predict(self, batch: Batch) -> list[Prediction]:
        """The `MOST` likely pairs of a box and a class."""
        output = self.network(pixel_values=self.normalisation(batch.images))
        height, width = batch.images.shape[-2:]
        predictions = []
        for scores, boxes in zip(output.logits.sigmoid(), output.pred_boxes, strict=True):
            best, queries, classes = likeliest(scores, min(MOST, len(scores)))
            chosen = boxes[queries]
            corners = torch.cat([chosen[:, :2] - chosen[:, 2:] / 2, chosen[:, :2] + chosen[:, 2:] / 2], 1).clamp(0, 1)
            found = Found(boxes=corners * corners.new_tensor([width, height] * 2), classes=classes, scores=best)
            predictions.append(Prediction.of(found, (height, width)))
        return predictions


def _truth(segments: Segments, images: Tensor) -> dict[str, Tensor]:
    """Boxes as centre and size in shares of the picture."""
    size = images.new_tensor([images.shape[-1], images.shape[-2]] * 2)
    boxes = segments.boxes / size
    return {
        "class_labels": segments.classes,
        "boxes": torch.cat([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1),
    }


def build(spec: VictimSpec) -> DFineVictim:
    """Build the network of `SHAPE` on EfficientNet-Lite0; on another encoder the published one.

    Raises:
        EnvironmentProblem: pretrained, and the ImageNet weights are not there.
        UsageProblem: the file's weights are of another network.
    """
    shape = SHAPE if spec.encoder == "lite0" else {}
    # Left to itself the library replaces timm's batch norms by its own frozen ones, and loses the activations that are part of timm's.
    backbone = TimmBackboneConfig(
        backbone=KNOWN[spec.encoder].timm_name,
        use_pretrained_backbone=False,
        features_only=True,
        out_indices=[2, 3, 4],
        freeze_batch_norm_2d=True,
    )
    config = DFineConfig(backbone_config=backbone, num_labels=len(spec.classes), freeze_backbone_batch_norms=False, **shape)
    network = DFineForObjectDetection(config)
    fill(_timm(network), spec)
    return DFineVictim(network)


def _timm(network: DFineForObjectDetection) -> Any:
    return network.model.backbone.model._backbone
