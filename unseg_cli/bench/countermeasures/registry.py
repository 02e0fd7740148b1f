"""The table of countermeasures."""

from __future__ import annotations

from unseg_cli.bench.countermeasures import filters
from unseg_cli.bench.countermeasures.base import Countermeasure, PictureStep
from unseg_cli.bench.countermeasures.crops import CropAndScale
from unseg_cli.bench.countermeasures.denoiser import Denoiser
from unseg_cli.bench.countermeasures.mixing import CutMix, MixUp
from unseg_cli.bench.countermeasures.training import Adversarial, WorstOfSeveral
from unseg_cli.core.errors import UsageProblem, did_you_mean

COUNTERMEASURES: dict[str, Countermeasure] = {
    step.name: step
    for step in (
        Countermeasure(name="none"),
        PictureStep(name="gray", apply=filters.gray, also_test=True),
        PictureStep(name="jpeg75", apply=lambda image: filters.jpeg(image, 75)),
        PictureStep(name="jpeg10", apply=lambda image: filters.jpeg(image, 10)),
        PictureStep(name="blur", apply=filters.blur),
        PictureStep(name="bitdepth", apply=filters.bitdepth),
        PictureStep(name="resize", apply=filters.resize),
        PictureStep(name="denoise", apply=filters.denoise),
        CropAndScale(name="crop-and-scale"),
        MixUp(name="mixup"),
        CutMix(name="cutmix"),
        WorstOfSeveral(name="ueraser"),
        Adversarial(name="adversarial"),
        Denoiser(name="denoiser"),
    )
}


def find_countermeasure(name: str) -> Countermeasure:
    """Look one up.

    Raises:
        UsageProblem: there is none of that name.
    """
    if name not in COUNTERMEASURES:
        raise UsageProblem(f"--defences {name!r} is not known", hint=did_you_mean(name, list(COUNTERMEASURES)))
    return COUNTERMEASURES[name]
