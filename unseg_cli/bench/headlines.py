"""What the headline score of each task is, in words for readers: reports of runs need no more of a task than this, and no PyTorch."""

from __future__ import annotations

#: By the task's name.
HEADLINES: dict[str, str] = {
    "binary": "IoU of the foreground, accumulated over the test pictures",
    "semantic": "mean IoU of the classes, accumulated over the test pictures",
    "instance": "AP of masks as COCO defines it: over classes, and over overlaps of 50 to 95 %",
    "detection": "AP of boxes as COCO defines it: over classes, and over overlaps of 50 to 95 %",
    "panoptic": "panoptic quality: over classes, of objects and areas alike",
    "interactive": "mean IoU of the masks of objects that were pointed at",
}
