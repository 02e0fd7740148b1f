"""The presets of `unseg train`, the settings that follow from one, and the command that says the same."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

from unseg_cli.core.errors import UsageProblem, did_you_mean
from unseg_cli.core.settings import settings_of
from unseg_cli.core.shell import command_of
from unseg_cli.train.config import TrainConfig

#: Follow --lr in proportion: a rate that is too high is too high in every stage, and some presets have but one stage.
FOLLOW_LR = ("noise_lr", "surrogate_lr")

PRESETS: dict[str, dict[str, Any]] = {
    # Made the shipped weights.
    "lite": {},
    # Teaches the shipped generator other kinds of pictures, from some that have masks: what an object is there. The noise stays as it is.
    # Few pictures are seen often, many not all.
    "adapt": {"init": "lite", "object_epochs": 0.0, "focus_epochs": 40.0, "epochs": 0.0, "max_steps": 300, "lr": 2e-4},
    # A minute on a CPU: the whole path at toy size. Its weights are good for tests only.
    "tiny": {
        "object_epochs": 2.0,
        "focus_epochs": 1.0,
        "epochs": 2.0,
        "max_steps": 12,
        "image_size": 64,
        "surrogate_size": 64,
        "batch_size": 4,
        "block_steps": 2,
        "save_every": 6,
        "workers": 0,
    },
    # The paper's recipe on a processor: its noise decoder on the small SAM of the lite generator, its 27 turns with fewer steps and a
    # higher learning rate. A pixel of the noise is two of the surrogate, as there.
    "paper-lite": {
        "generator": "sam_lite",
        "object_epochs": 0.0,
        "focus_epochs": 0.0,
        "epochs": 27.0,
        "max_steps": 1080,
        "image_size": 128,
        "surrogate_size": 128,
        "batch_size": 8,
        "lr": 1e-3,  # of no stage that runs here: what --lr is measured by
        "noise_lr": 1e-3,
        "surrogate_lr": 4e-4,
        "step_decay": True,
        "train_epsilon": 1 / 255,
        "label_modification": True,
        "surrogate_every": 4,
        "block_steps": 40,
        "prompt_free_share": 0.0,
        "grey_share": 0.0,
        "degrade": 0.0,
    },
    # The paper's schedule: needs SAM ViT-B weights (--init) and large GPUs.
    "paper": {
        "generator": "vit_b",
        "object_epochs": 0.0,
        "focus_epochs": 0.0,
        "epochs": 27.0,
        "surrogate_size": 512,
        "batch_size": 4,
        "lr": 1e-4,  # of no stage that runs here: what --lr is measured by
        "noise_lr": 1e-4,
        "surrogate_lr": 1e-4,
        "step_decay": True,
        "train_epsilon": 1 / 255,
        "label_modification": True,
        "surrogate_every": 4,
        "block_steps": None,
        "prompt_free_share": 0.0,
        "grey_share": 0.0,
        "degrade": 0.0,
        "loss_points": 112 * 112,
        "scales": (0.1, 2.0),
    },
}


def train_config(preset: str, **overrides: Any) -> TrainConfig:
    """A preset with the given settings replaced; None means "as the preset says".

    `lr` takes the rates of `FOLLOW_LR` with it, unless they are given, too.

    Raises:
        UsageProblem: unknown preset, or a setting that cannot be.
    """
    if preset not in PRESETS:
        raise UsageProblem(f"--preset {preset!r} is unknown", hint=did_you_mean(preset, list(PRESETS)))
    known = {field.name for field in fields(TrainConfig)}
    given = {name: value for name, value in overrides.items() if value is not None and name in known}
    recipe = TrainConfig(preset=preset, **PRESETS[preset])
    if "lr" in given:
        given = {**{name: getattr(recipe, name) / recipe.lr * given["lr"] for name in FOLLOW_LR}, **given}
    config = replace(recipe, **given)
    for name in ("image_size", "surrogate_size"):
        value = getattr(config, name)
        if value is not None and (value < 32 or value % 32):
            raise UsageProblem(f"--{name.replace('_', '-')} {value} is not a multiple of 32", hint="for example 256")
    for name in ("batch_size", "max_steps", "save_every", "block_steps", "surrogate_every", "accumulate"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise UsageProblem(f"--{name.replace('_', '-')} {value} is not positive", hint="pass at least 1")
    if config.surrogate_every < 2:
        raise UsageProblem("--surrogate-every 1 would never train the generator", hint="pass at least 2")
    for name in ("lr", *FOLLOW_LR):
        value = getattr(config, name)
        if not (math.isfinite(value) and value > 0):
            raise UsageProblem(f"--{name.replace('_', '-')} {value:g} would teach nothing", hint="pass a number above 0, such as 1e-4")
    return config


def command_line(config: TrainConfig) -> str:
    """The command that says the same as `config`; options that say what the preset says anyway are omitted.

    What no option can say is missing: see `without_option`.
    """
    recipe, words = train_config(config.preset), ["unseg", "train"]
    for setting in settings_of(TrainConfig):
        (option,), value = setting.options, getattr(config, setting.field)
        if value == (TrainConfig().preset if setting.field == "preset" else getattr(recipe, setting.field)) and not option.required:
            continue
        if isinstance(value, bool):
            words.append(option.flag if value else option.flag.replace("--", "--no-", 1))
        else:
            words += [option.flag, ",".join(value) if isinstance(value, tuple) else str(value)]
    return command_of(words)


def without_option(config: TrainConfig) -> dict[str, Any]:
    """Settings that differ from the preset's and were made in Python, since no option stands for them."""
    known = {setting.field for setting in settings_of(TrainConfig)}
    typed = train_config(config.preset, **{name: getattr(config, name) for name in known if name != "preset"})
    return {f.name: getattr(config, f.name) for f in fields(config) if getattr(config, f.name) != getattr(typed, f.name)}
