"""The table of victims: what `bench` can train. Nothing heavy is imported until one is built."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from unseg_cli.bench.victims.schedule import Schedule
from unseg_cli.core.errors import UsageProblem, did_you_mean
from unseg_cli.core.extras import MissingPackage

if TYPE_CHECKING:
    from unseg_cli.bench.victims.base import Victim, VictimSpec

#: What victims are built on, see `encoders.py`; the first comes with a package, and needs no hub.
CONVOLUTIONAL = ("lite0", "resnet50", "densenet169", "efficientnet-b6", "res2net50", "regnetx")
ENCODERS = (*CONVOLUTIONAL, "vit_b")  # the last is SAM's own
#: Behind the name of a victim that is small on its usual encoder, for those who want to say so.
SMALL = "-lite0"
#: In the name of a victim, before an encoder that is not its usual one: "unet+resnet50".
ON = "+"


@dataclass(frozen=True, kw_only=True)
class VictimEntry:
    """A victim by name.

    Attributes:
        name: what users call it.
        description: one line.
        schedules: how it is trained from pretrained weights, for each task that it can do.
        whole_schedules: and on an encoder on which it has its full size: near what its authors do, on a GPU, and not tuned here.
        encoders: what it can be built on, of `ENCODERS`; the first where nobody says.
        scratch_schedules: and without them, where that was tuned.
        packages: modules that must be importable.
        build: makes the network; weights are drawn from torch's own generator.
        extra: the extra of this package that installs `packages`.
    """

    name: str
    description: str
    schedules: dict[str, Schedule]
    packages: tuple[str, ...]
    build: Callable[[VictimSpec], Victim]
    extra: str = "bench"
    encoders: tuple[str, ...] = ENCODERS[:1]
    scratch_schedules: dict[str, Schedule] = field(default_factory=dict)
    whole_schedules: dict[str, Schedule] = field(default_factory=dict)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks it can do."""
        return tuple(self.schedules)

    def schedules_from(self, init: str) -> dict[str, Schedule]:
        """How it is trained for each task, from "pretrained" weights or from "scratch"."""
        return self.schedules | self.scratch_schedules if init == "scratch" else self.schedules

    @property
    def missing(self) -> tuple[str, ...]:
        """The modules among `packages` that are not installed."""
        return tuple(name for name in self.packages if importlib.util.find_spec(name) is None)


def _built_by(module: str, *arguments: str) -> Callable[[VictimSpec], Victim]:
    """The `build` of a module beside this one, which is imported when a victim is built; its normalisation is that of its encoder."""

    def build(spec: VictimSpec) -> Victim:
        from unseg_cli.bench.victims.encoders import KNOWN

        victim = cast("Victim", importlib.import_module(f"unseg_cli.bench.victims.{module}").build(*arguments, spec))
        victim.normalisation = KNOWN[spec.encoder].normalisation
        return victim

    return build


#: The sizes are the smallest at which victims read a picture as those in use do. At 96 px (160 px for label maps) and with crops for
#: augmentation, as the first generator was measured, noise has to be coarse enough to be seen.
SMP_SCHEDULES = {
    "binary": Schedule(image_size=256, epochs=8, batch_size=16, lr=1e-3),
    "semantic": Schedule(image_size=320, epochs=14, batch_size=16, lr=2e-3),
}
#: Without pretrained weights a few hundred steps teach nothing, neither what objects look like nor any shortcut.
SMP_SCRATCH_SCHEDULES = {"binary": Schedule(image_size=256, epochs=32, batch_size=16, lr=3e-3)}
SMP_TITLES = {
    "unet": "U-Net",
    "unetplusplus": "U-Net++",
    "deeplabv3": "DeepLabV3",
    "deeplabv3plus": "DeepLabV3+",
    "segformer": "SegFormer's all-MLP decoder",
}

VICTIMS: dict[str, VictimEntry] = {
    entry.name: entry
    for entry in (
        *(
            VictimEntry(
                name=name,
                description=f"{title} on EfficientNet-Lite0 (segmentation-models-pytorch)",
                schedules=SMP_SCHEDULES,
                scratch_schedules=SMP_SCRATCH_SCHEDULES,
                packages=("segmentation_models_pytorch",),
                build=_built_by("smp", name),
                encoders=CONVOLUTIONAL,
            )
            for name, title in SMP_TITLES.items()
        ),
        VictimEntry(
            name="deeplabv1",
            description="DeepLab's first version (LargeFOV) on EfficientNet-Lite0 (timm, own head)",
            schedules=SMP_SCHEDULES,
            scratch_schedules=SMP_SCRATCH_SCHEDULES,
            packages=("segmentation_models_pytorch",),
            build=_built_by("smp", "deeplabv1"),
        ),
        VictimEntry(
            name="mask2former",
            description="Mask2Former: small on EfficientNet-Lite0, the authors' on ResNet-50 (transformers)",
            schedules={
                "binary": Schedule(image_size=256, epochs=10, batch_size=8, lr=5e-4, weight_decay=0.05),
                "semantic": Schedule(image_size=320, epochs=12, batch_size=8, lr=5e-4, weight_decay=0.05),
                "instance": Schedule(image_size=192, epochs=20, batch_size=8, lr=5e-4, weight_decay=0.05),
                "panoptic": Schedule(image_size=192, epochs=20, batch_size=8, lr=5e-4, weight_decay=0.05),
            },
            encoders=("lite0", "resnet50"),
            whole_schedules={
                "binary": Schedule(image_size=512, epochs=50, batch_size=16, lr=1e-4, weight_decay=0.05),
                "semantic": Schedule(image_size=512, epochs=100, batch_size=16, lr=1e-4, weight_decay=0.05),
                "instance": Schedule(image_size=1024, epochs=50, batch_size=16, lr=1e-4, weight_decay=0.05),
                "panoptic": Schedule(image_size=1024, epochs=50, batch_size=16, lr=1e-4, weight_decay=0.05),
            },
            packages=("transformers", "scipy"),
            build=_built_by("mask2former"),
        ),
        VictimEntry(
            name="maskrcnn",
            description="Mask R-CNN: small on EfficientNet-Lite0, the library's own on ResNet-50 (torchvision)",
            schedules={"instance": Schedule(image_size=192, epochs=12, batch_size=8, lr=1e-3)},
            encoders=("lite0", "resnet50"),
            whole_schedules={"instance": Schedule(image_size=800, epochs=12, batch_size=16, lr=1e-4, weight_decay=0.1)},
            packages=("torchvision",),
            build=_built_by("rcnn", "maskrcnn"),
        ),
        VictimEntry(
            name="rsprompter",
            description="RSPrompter: small on EfficientNet-Lite0, from the shipped generator's weights, or on SAM (torchvision)",
            schedules={"instance": Schedule(image_size=192, epochs=12, batch_size=8, lr=5e-4)},
            encoders=("lite0", "vit_b"),
            whole_schedules={"instance": Schedule(image_size=1024, epochs=100, batch_size=8, lr=1e-4, weight_decay=0.05)},
            packages=("torchvision", "segment_anything"),
            build=_built_by("rsprompter"),
        ),
        VictimEntry(
            name="fasterrcnn",
            description="Faster R-CNN: small on EfficientNet-Lite0, the library's own on ResNet-50 (torchvision)",
            schedules={"detection": Schedule(image_size=192, epochs=12, batch_size=8, lr=1e-3)},
            encoders=("lite0", "resnet50"),
            whole_schedules={"detection": Schedule(image_size=800, epochs=12, batch_size=16, lr=1e-4, weight_decay=0.1)},
            packages=("torchvision",),
            build=_built_by("rcnn", "fasterrcnn"),
        ),
        VictimEntry(
            name="dfine",
            description="D-FINE, a detector of DETR's family: small on EfficientNet-Lite0, whole on ResNet-50 (transformers)",
            schedules={"detection": Schedule(image_size=192, epochs=20, batch_size=8, lr=1e-3)},
            encoders=("lite0", "resnet50"),
            whole_schedules={"detection": Schedule(image_size=640, epochs=72, batch_size=32, lr=2.5e-4, weight_decay=1e-4)},
            packages=("transformers", "scipy"),
            build=_built_by("dfine"),
        ),
        VictimEntry(
            name="sam",
            description="SAM: small on EfficientNet-Lite0, from the shipped generator's weights, or SAM itself (segment-anything)",
            schedules={"interactive": Schedule(image_size=256, epochs=8, batch_size=8, lr=3e-4)},
            encoders=("lite0", "vit_b"),
            whole_schedules={"interactive": Schedule(image_size=1024, epochs=8, batch_size=8, lr=1e-5)},
            packages=("segment_anything",),
            build=_built_by("sam"),
        ),
        VictimEntry(
            name="sam-hq",
            description="SAM-HQ: the high-quality token on the small SAM, or on SAM, either of them frozen (segment-anything)",
            schedules={"interactive": Schedule(image_size=256, epochs=8, batch_size=8, lr=1e-3)},
            encoders=("lite0", "vit_b"),
            whole_schedules={"interactive": Schedule(image_size=1024, epochs=12, batch_size=16, lr=1e-3)},
            packages=("segment_anything",),
            build=_built_by("sam_hq"),
        ),
    )
}


def find_victim(name: str) -> VictimEntry:
    """Look a victim up, on its usual encoder or on another one: "unet", "unet+resnet50"; "mask2former-lite0" is the small one.

    Raises:
        UsageProblem: there is none of that name, or it cannot be built on that encoder.
        EnvironmentProblem: what it needs is not installed.
    """
    own, on, encoder = name.partition(ON)
    known = own.removesuffix(SMALL)
    if known not in VICTIMS:
        raise UsageProblem(f"--victim {own!r} is not known", hint=did_you_mean(own, list(VICTIMS)))
    entry = replace(VICTIMS[known], name=name)
    if on:
        able = entry.encoders[:1] if own.endswith(SMALL) else entry.encoders
        if encoder not in able:
            raise UsageProblem(f"{own} cannot be built on {encoder!r}", hint=did_you_mean(encoder, list(able)))
        entry = replace(entry, build=lambda spec, usual=entry.build: usual(replace(spec, encoder=encoder)))  # type: ignore[misc]
        if encoder != entry.encoders[0] and entry.whole_schedules:
            entry = replace(entry, schedules=entry.whole_schedules)
    if entry.missing:
        raise MissingPackage(f"victim {name} needs {', '.join(entry.missing)}", module=entry.missing[0])
    return entry


def schedule_for(entry: VictimEntry, task: str, init: str = "pretrained") -> Schedule:
    """The victim's own schedule for a task.

    Args:
        entry: the victim.
        task: the task's name.
        init: "pretrained" or "scratch".

    Raises:
        UsageProblem: the victim cannot do it.
    """
    if task not in entry.schedules:
        able = [other.name for other in VICTIMS.values() if task in other.schedules]
        raise UsageProblem(f"{entry.name} cannot do the task {task}", hint=f"these can: {', '.join(able)}")
    return entry.schedules_from(init)[task]
