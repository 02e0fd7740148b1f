"""Mask R-CNN and Faster R-CNN as torchvision implements them, on EfficientNet-Lite0 with a feature pyramid."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN, MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import paste_masks_in_image
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from unseg_cli.bench.examples import Batch, Found, Prediction, Segments
from unseg_cli.bench.victims.base import ENCODER, LITE0, Victim, VictimSpec
from unseg_cli.models.imagenet import load_imagenet_lite0

#: Of the pyramid's maps; the library's own is 256.
WIDTH = 96
#: One size of anchors for each map, at strides 4 to 64: for pictures of 256 px what 32 to 512 are for those of 800.
ANCHORS = ((12,), (24,), (48,), (96,), (192,))
#: Detections that are kept of a picture, and the score below which they are not.
MOST, LEAST_SCORE = 100, 0.05


class Pyramid(nn.Module):
    """Feature maps at strides 4 to 64, by name.

    Args:
        pretrained: start from ImageNet weights.
    """

    out_channels = WIDTH

    def __init__(self, *, pretrained: bool) -> None:
        super().__init__()
        self.encoder = timm.create_model(ENCODER, features_only=True, out_indices=(1, 2, 3, 4))
        if pretrained:
            load_imagenet_lite0(self.encoder)
        self.pyramid = FeaturePyramidNetwork(self.encoder.feature_info.channels(), WIDTH, extra_blocks=LastLevelMaxPool())

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) -> maps of `WIDTH` channels."""
        maps: dict[str, Tensor] = self.pyramid(OrderedDict((str(level), one) for level, one in enumerate(self.encoder(pixels))))
        return maps


class AsTheyAre(nn.Module):
    """In place of the library's resizing and normalising: pictures come ready, and results stay at their size."""

    def forward(self, images: list[Tensor], targets: Any = None) -> tuple[ImageList, Any]:
        """Pictures of one size as a batch."""
        batch = torch.stack(list(images)).contiguous(memory_format=torch.channels_last)
        return ImageList(batch, [(batch.shape[-2], batch.shape[-1])] * len(batch)), targets

    def postprocess(self, result: list[dict[str, Tensor]], sizes: list[tuple[int, int]], _original: Any) -> list[dict[str, Tensor]]:
        """Masks, which come in boxes, pasted into the picture."""
        for one, size in zip(result, sizes, strict=False):  # in training there are no results
            if "masks" in one:
                one["masks"] = paste_masks_in_image(one["masks"], one["boxes"], size)
        return result


class RcnnVictim(Victim):
    """Trained on the library's own losses.

    Args:
        network: with `AsTheyAre` for its transform. Its labels are those of the data, of which 0 is the background.
    """

    normalisation = LITE0

    def __init__(self, network: FasterRCNN) -> None:
        super().__init__()
        self.network = network
        self.masked = isinstance(network, MaskRCNN)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The losses of proposals, boxes, classes and masks. Crowds are no objects: nothing is learnt from them."""
        losses: dict[str, Tensor] = self.network(list(self.normalisation(batch.images)), [self._truth(one) for one in batch.objects])
        return losses

    def predict(self, batch: Batch) -> list[Prediction]:
        """Objects with a score of at least `LEAST_SCORE`."""
        found = self.network(list(self.normalisation(batch.images)))
        size = (batch.images.shape[-2], batch.images.shape[-1])
        return [
            Prediction.of(
                Found(
                    boxes=one["boxes"],
                    classes=one["labels"],
                    scores=one["scores"],
                    masks=one["masks"][:, 0] > 0.5 if self.masked else None,
                ),
                size,
            )
            for one in found
        ]

    def _truth(self, segments: Segments) -> dict[str, Tensor]:
        truth = boxes_and_labels(segments)
        return truth | {"masks": segments.masks.to(torch.uint8)} if self.masked else truth


def boxes_and_labels(segments: Segments) -> dict[str, Tensor]:
    """Objects as the library wants them."""
    return {"boxes": segments.boxes, "labels": segments.classes}


def build(name: str, spec: VictimSpec) -> RcnnVictim:
    """Build "maskrcnn" or "fasterrcnn".

    Raises:
        EnvironmentProblem: pretrained, and the ImageNet weights are not installed.
    """
    options, backbone = detector_options(), Pyramid(pretrained=spec.pretrained)
    if name == "maskrcnn":
        from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor

        heads = {"mask_head": MaskRCNNHeads(WIDTH, (WIDTH, WIDTH), 1), "mask_predictor": MaskRCNNPredictor(WIDTH, WIDTH, len(spec.classes))}
        network: FasterRCNN = MaskRCNN(backbone, **options, **box_parts(len(spec.classes)), **heads)
    else:
        network = FasterRCNN(backbone, **options, **box_parts(len(spec.classes)))
    network.transform = AsTheyAre()
    return RcnnVictim(network.to(memory_format=torch.channels_last))


def detector_options() -> dict[str, Any]:
    """Anchors, and how many boxes are looked at."""
    return {
        "rpn_anchor_generator": AnchorGenerator(ANCHORS, ((0.5, 1.0, 2.0),) * len(ANCHORS)),
        "rpn_pre_nms_top_n_train": 500,
        "rpn_pre_nms_top_n_test": 500,
        "rpn_post_nms_top_n_train": 300,
        "rpn_post_nms_top_n_test": 300,
        "rpn_batch_size_per_image": 128,
        "box_batch_size_per_image": 128,
        "box_score_thresh": LEAST_SCORE,
        "box_detections_per_img": MOST,
    }


def box_parts(classes: int) -> dict[str, nn.Module]:
    """The head that classifies boxes: narrower than the library's own, which has 1,024 channels."""
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead

    return {"box_head": TwoMLPHead(WIDTH * 7 * 7, 256), "box_predictor": FastRCNNPredictor(256, classes)}
