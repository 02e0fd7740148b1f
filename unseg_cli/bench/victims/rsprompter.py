"""RSPrompter (Chen et al. 2024), its form with anchors: a detector that tells a promptable segmenter where to look, and what for.

Boxes are found on the segmenter's own embedding. From the features in each box a small network makes prompts that no person could give,
and SAM's mask decoder draws the object that they mean. No kept library has it; torchvision's detector and segment-anything's decoder are
its parts here. It differs from the published one: on EfficientNet-Lite0 the network is small, and its encoder learns along (SAM's is
frozen, there and here); the pyramid stands on the embedding alone; and the decoder is told the corners of the box as well, without which a
short training learns boxes and no masks.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from segment_anything.modeling.common import LayerNorm2d
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.image_list import ImageList

from unseg_cli.bench.examples import Batch, Found, Prediction
from unseg_cli.bench.victims.base import LITE0, Victim, VictimSpec
from unseg_cli.bench.victims.rcnn import SMALL, WHOLE, Shape, boxes_and_labels, detector_parts
from unseg_cli.bench.victims.sam import OBJECTS, jittered, mask_losses, segmenter_for
from unseg_cli.models.segmenter import EMBED_DIM, PromptableSegmenter

#: Prompts that are made of each box.
PROMPTS = 5
#: Objects that are kept of a picture: each is a run of SAM's mask decoder.
MOST = 40


class SimplePyramid(nn.Module):
    """Maps at strides 4 to 64, made of one embedding (after ViTDet, Li et al. 2022).

    Args:
        shape: of the detector.
        stride: of the embedding, 8 or 16.
    """

    def __init__(self, shape: Shape, stride: int) -> None:
        super().__init__()
        self.out_channels = width = shape.width
        self.finer = nn.ModuleList(nn.ConvTranspose2d(EMBED_DIM, width, stride // to, stride=stride // to) for to in (4, 8) if to < stride)
        self.same = nn.Conv2d(EMBED_DIM, width, 1)
        self.smooth = nn.ModuleList(nn.Sequential(nn.Conv2d(width, width, 3, padding=1), LayerNorm2d(width)) for _ in shape.anchors)

    def forward(self, embedding: Tensor) -> OrderedDict[str, Tensor]:
        """(B, 256, S/stride, S/stride) -> the maps, by name."""
        maps = [*(finer(embedding) for finer in self.finer), self.same(embedding)]
        while len(maps) < len(self.smooth):
            maps.append(F.max_pool2d(maps[-1], 2, ceil_mode=True))
        return OrderedDict((str(level), smooth(one)) for level, (smooth, one) in enumerate(zip(self.smooth, maps, strict=True)))


class Prompter(nn.Module):
    """The features in a box -> `PROMPTS` embeddings for SAM's mask decoder, waves as SAM's own prompts are, plus a shift.

    Args:
        width: C, channels of the features.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(width * 7 * 7, EMBED_DIM), nn.ReLU(), nn.Linear(EMBED_DIM, PROMPTS * 2 * EMBED_DIM))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, 7, 7) -> (N, `PROMPTS`, 256)."""
        wave, shift = self.hidden(features.flatten(1)).view(len(features), PROMPTS, 2, EMBED_DIM).unbind(2)
        return wave.sin() + shift


class RsPrompterVictim(Victim):
    """Trained on the detector's losses, and on cross-entropy and Dice of the masks of at most `OBJECTS` objects of each picture.

    Args:
        segmenter: takes square pictures in [0, 1], which it normalises by itself.
        classes: how many there are, the ground included.
        shape: of the detector.
    """

    normalisation = LITE0

    def __init__(self, segmenter: PromptableSegmenter, classes: int, shape: Shape = SMALL) -> None:
        super().__init__()
        stride = segmenter.image_size // segmenter.prompt_encoder.image_embedding_size[0]
        self.segmenter, self.prompter, self.pyramid = segmenter, Prompter(shape.width), SimplePyramid(shape, stride)
        detector = FasterRCNN(self.pyramid, **detector_parts(shape, classes) | {"box_detections_per_img": MOST})
        self.proposer, self.heads = detector.rpn, detector.roi_heads

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The losses of proposals, boxes, classes and masks. Crowds are no objects: nothing is learnt from them."""
        embedding, maps, images = self._look(batch)
        targets = [boxes_and_labels(one) for one in batch.objects]
        proposals, proposing = self.proposer(images, maps, targets)
        _, choosing = self.heads(maps, proposals, images.image_sizes, targets)
        chosen = [one.chosen(torch.randperm(len(one))[:OBJECTS]) for one in batch.objects]
        masks = {}
        if any(map(len, chosen)):
            logits = self._logits(embedding, maps, [jittered(one) for one in chosen], images)
            masks = mask_losses(logits, torch.cat([one.masks for one in chosen]))
        return {**proposing, **choosing, **masks}

    def predict(self, batch: Batch) -> list[Prediction]:
        """At most `MOST` objects of each picture."""
        embedding, maps, images = self._look(batch)
        proposals, _ = self.proposer(images, maps)
        found, _ = self.heads(maps, proposals, images.image_sizes)
        size = (batch.images.shape[-2], batch.images.shape[-1])
        made = []
        for place, one in enumerate(found):  # picture by picture: all masks of a batch at once are large
            own = OrderedDict((name, level[place : place + 1]) for name, level in maps.items())
            alone = ImageList(batch.images[place : place + 1], [size])
            masks = self._logits(embedding[place : place + 1], own, [one["boxes"]], alone)[:, 0] > 0
            made.append(Prediction.of(Found(boxes=one["boxes"], classes=one["labels"], scores=one["scores"], masks=masks), size))
        return made

    def _look(self, batch: Batch) -> tuple[Tensor, OrderedDict[str, Tensor], ImageList]:
        """The segmenter's embedding, the pyramid on it, and the pictures as the detector wants them."""
        embedding = self.segmenter.encode(batch.images)
        size = (batch.images.shape[-2], batch.images.shape[-1])
        return embedding, self.pyramid(embedding), ImageList(batch.images, [size] * len(batch.images))

    def _logits(self, embedding: Tensor, maps: OrderedDict[str, Tensor], boxes: list[Tensor], images: ImageList) -> Tensor:
        """(N, 1, H, W): what the mask decoder draws for the boxes of each picture."""
        size = images.image_sizes[0]
        if not any(map(len, boxes)):
            return embedding.new_zeros(0, 1, *size)
        made = self.prompter(self.heads.box_roi_pool(maps, boxes, images.image_sizes))
        corners, dense = self.segmenter.prompt_encoder(points=None, boxes=torch.cat(boxes), masks=None)
        repeated = embedding.repeat_interleave(torch.tensor([len(one) for one in boxes], device=embedding.device), 0)
        sparse, places = torch.cat([corners, made], 1), self.segmenter.prompt_encoder.get_dense_pe()
        masks = self.segmenter.mask_decoder.decode(repeated, places, sparse, dense).masks[:, :1]
        return F.interpolate(masks.float(), size, mode="bilinear", align_corners=False)


def build(spec: VictimSpec) -> RsPrompterVictim:
    """Build the network for square pictures of `spec.side`; pretrained, its segmenter has the shipped generator's weights, or SAM's.

    Raises:
        EnvironmentProblem: pretrained, and the weights are not there.
    """
    segmenter = segmenter_for(spec)
    small = spec.encoder == "lite0"
    if spec.pretrained and not small:
        segmenter.image_encoder.requires_grad_(False)
    return RsPrompterVictim(segmenter, len(spec.classes), SMALL if small else WHOLE).to(memory_format=torch.channels_last)
