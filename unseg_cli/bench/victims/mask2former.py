"""Mask2Former as transformers implements it, for label maps, objects, and both: small on EfficientNet-Lite0, whole on ResNet-50."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, TimmBackboneConfig

from unseg_cli.bench.examples import Batch, Found, Prediction, Target, boxes_around
from unseg_cli.bench.victims.base import LITE0, Victim, VictimSpec, likeliest
from unseg_cli.bench.victims.encoders import KNOWN, fill
from unseg_cli.core.constants import IGNORE

#: Against the authors' network, which the library builds by itself: half the width, 1 of 6 deformable encoder layers, 3 of 9 decoder
#: layers, 32 of 100 queries.
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


#: Objects that are kept of a picture.
MOST = 100
#: Dividing a picture: the score below which a query counts nowhere, and the part of its mask that others must leave it, else it is dropped.
#: The authors' numbers are 0.8 and 0.8, for networks that were trained for days: short trainings are less sure of what they say.
LEAST_SCORE, LEAST_LEFT = 0.5, 0.5


class Mask2FormerVictim(Victim):
    """Trained on Mask2Former's own loss (Hungarian matching, class + mask + Dice at sampled points).

    A query says a class and a mask. For label maps the masks stand for classes, for the other tasks for objects and areas.

    Args:
        network: its queries.
        things: the labels of classes whose objects are told apart.
    """

    normalisation = LITE0

    def __init__(self, network: Mask2FormerForUniversalSegmentation, things: Collection[int] = ()) -> None:
        super().__init__()
        self.network, self.things = network, frozenset(things)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Each picture's masks and their classes against those that the queries say; void belongs to none of them."""
        masks, classes = zip(*(self.truth(target) for target in batch.targets), strict=True)
        keep = [i for i, found in enumerate(classes) if len(found)]
        if not keep:  # nothing but void: nothing to learn
            return {"matched": self.network.class_predictor.weight.sum() * 0}
        pixels = self.normalisation(batch.images)[keep]
        output = self.network(pixel_values=pixels, mask_labels=[masks[i].float() for i in keep], class_labels=[classes[i] for i in keep])
        return {"matched": output.loss.squeeze()}

    def truth(self, target: Target) -> tuple[Tensor, Tensor]:
        """(N, H, W) and (N,): a mask for every class that the picture holds."""
        label = target.labels.long()
        classes = label.unique()
        classes = classes[classes != IGNORE]
        return label[None] == classes[:, None, None], classes

    def predict(self, batch: Batch) -> list[Prediction]:
        """See `read`."""
        output = self.network(pixel_values=self.normalisation(batch.images))
        probability = output.class_queries_logits.softmax(-1)  # (B, Q, C + 1), the last one "no object"
        size = (batch.images.shape[-2], batch.images.shape[-1])
        return [self.read(*one, size) for one in zip(probability, output.masks_queries_logits, strict=True)]

    def read(self, probability: Tensor, masks: Tensor, size: tuple[int, int]) -> Prediction:
        """Every query votes for its classes where its mask is: argmax over classes of the sum over queries of p(class) * p(mask).

        Args:
            probability: (Q, C + 1).
            masks: (Q, h, w) logits, at a quarter of the size.
            size: height and width of the picture.
        """
        votes = torch.einsum("qc,qhw->chw", probability[:, :-1], masks.sigmoid())
        return Prediction(labels=_enlarged(votes, size).argmax(0).to(torch.uint8))


class InstanceVictim(Mask2FormerVictim):
    """A query for each object, as the authors read them: its score is that of its class times how sure its mask is."""

    def truth(self, target: Target) -> tuple[Tensor, Tensor]:
        """The objects."""
        assert target.segments is not None
        return target.segments.single.masks, target.segments.single.classes

    def read(self, probability: Tensor, masks: Tensor, size: tuple[int, int]) -> Prediction:
        """The `MOST` likely pairs of a query and a class."""
        best, queries, classes = likeliest(probability[:, :-1], MOST)
        chosen = _enlarged(masks[queries], size)
        inside = chosen > 0
        sure = (chosen.sigmoid() * inside).flatten(1).sum(1) / inside.flatten(1).sum(1).clamp(min=1)
        seen = inside.flatten(1).any(1)
        found = Found(
            boxes=boxes_around(inside[seen]),
            classes=classes[seen],
            scores=(best * sure)[seen],
            masks=inside[seen],
        )
        return Prediction.of(found, size)


class PanopticVictim(InstanceVictim):
    """A query for each object and each area; every pixel goes to the query that is surest of it."""

    def read(self, probability: Tensor, masks: Tensor, size: tuple[int, int]) -> Prediction:
        """What is left of each mask once the surer ones have taken theirs; areas of one class are one."""
        scores, classes = probability.max(1)
        kept = (classes != probability.shape[1] - 1) & (scores > LEAST_SCORE)
        panoptic = torch.full((*size, 2), IGNORE, dtype=torch.int64, device=masks.device)
        if bool(kept.any()):
            sure = _enlarged(masks[kept], size).sigmoid()
            owner = (scores[kept][:, None, None] * sure).argmax(0)
            for number, label in enumerate(classes[kept].tolist()):
                whole = sure[number] >= 0.5
                own = (owner == number) & whole
                if own.any() and own.sum() >= LEAST_LEFT * whole.sum():
                    panoptic[own] = torch.tensor([label, number if label in self.things else 0], device=masks.device)
        labels = panoptic[..., 0].to(torch.uint8)
        return Prediction(labels=labels.where(labels != IGNORE, 0), panoptic=panoptic)


#: What reads the network's queries, by task; the others read label maps.
READERS: dict[str, type[Mask2FormerVictim]] = {"instance": InstanceVictim, "panoptic": PanopticVictim}


def _enlarged(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, h, w) -> (N, H, W), bilinear."""
    return F.interpolate(planes[None], size, mode="bilinear", align_corners=False)[0]


def build(spec: VictimSpec) -> Mask2FormerVictim:
    """Build the network of `SHAPE` on EfficientNet-Lite0; on another encoder the authors' own, whose batch norm is frozen if pretrained.

    Raises:
        EnvironmentProblem: pretrained, and the ImageNet weights are not there.
        UsageProblem: the file's weights are of another network.
    """
    small = spec.encoder == "lite0"
    # The library warns that it knows Swin only; what it needs is four maps at strides 4 to 32, which this backbone gives.
    library_log = logging.getLogger("transformers.models.mask2former.configuration_mask2former")
    level = library_log.level
    library_log.setLevel(logging.ERROR)
    try:
        backbone = TimmBackboneConfig(
            backbone=KNOWN[spec.encoder].timm_name,
            use_pretrained_backbone=False,
            features_only=True,
            out_indices=[1, 2, 3, 4],
            freeze_batch_norm_2d=spec.pretrained and not small,
        )
        shape = SHAPE if small else {}
        network = Mask2FormerForUniversalSegmentation(Mask2FormerConfig(backbone_config=backbone, num_labels=len(spec.classes), **shape))
    finally:
        library_log.setLevel(level)
    fill(network.model.pixel_level_module.encoder._backbone, spec)
    return READERS.get(spec.task, Mask2FormerVictim)(network.to(memory_format=torch.channels_last), spec.things)
