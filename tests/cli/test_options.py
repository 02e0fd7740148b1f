"""Every option of the interface is there, reaches the configuration, and can come from the environment. What it does: `effects/`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.cli.conftest import LEAST, Stand
from unseg_cli.cli.app import app, main
from unseg_cli.cli.manual import MANUAL
from unseg_cli.core.budget import STRENGTHS, NoiseBudget
from unseg_cli.core.settings import settings_of
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.presets import PRESETS

EVERYWHERE = "json quiet verbose debug"
INTERFACE = {
    "protect": "masks mask-rule target epsilon epsilon-bg strength max-difference closely min-cell generator sam-checkpoint format quality "
    "metadata longest-side workers batch-size limit include exclude files-from overwrite fail-fast dry-run save-noise preview report "
    "watch engine device dataset split",
    "detect": "threshold only point not-point box whole overwrite generator sam-checkpoint workers batch-size limit include exclude "
    "dry-run device",
    "verify": "",
    "restore": "workers overwrite",
    "train": "data out preset epochs max-steps max-minutes image-size batch-size lr train-epsilon label-modification surrogate-every "
    "init amp resume workers device seed dry-run surrogate-weights",
    "bench": "victim data task classes conditions protect-masks defences ratio seeds init encoder encoder-weights epochs image-size limit "
    "amp generator protected out resume fail-under quick dry-run device",
    "bench-report": "out markdown overwrite",
    "ui": "host port no-browser share-on-network",
    "doctor": "",
    "victims": "",
    "weights list": "",
    "weights path": "",
    "weights verify": "",
    "weights import": "",
    "weights fetch": "url",
}

# command, what stands on the line, attribute of the configuration, its value
CASES: list[tuple[str, str, str, Any]] = [
    ("protect", "--masks m", "masks", Path("m")),
    ("protect", "--mask-rule class:7,9", "mask_rule", "class:7,9"),
    ("protect", "--per-class", "per_class", True),
    ("protect", "--target whole", "target", "whole"),
    ("protect", "--target uniform", "target", "uniform"),
    ("bench", "--protect-masks uniform", "protect_masks", "uniform"),
    ("bench", "--classes person,car", "classes", ("person", "car")),
    ("bench", "--encoder res2net50", "encoder", "res2net50"),
    ("bench", "--encoder-weights w.pth", "encoder_weights", Path("w.pth")),
    ("bench", "--amp", "amp", True),
    ("protect", "", "budget", STRENGTHS["medium"]),
    ("protect", "--epsilon 4/255", "budget", NoiseBudget(4 / 255, 0.0, visible=None)),
    ("protect", "--epsilon-bg 1/255", "budget", NoiseBudget(background=1 / 255)),
    ("protect", "--strength high", "budget", STRENGTHS["high"]),
    ("protect", "--max-difference 0.5", "budget", NoiseBudget(visible=0.5)),
    ("protect", "--closely", "budget", NoiseBudget(closely=True)),
    ("protect", "--no-closely", "budget", NoiseBudget(closely=False)),
    ("protect", "--min-cell 4", "budget", NoiseBudget(min_cell=4.0)),
    ("protect", "--generator vit_b", "generator", "vit_b"),
    ("protect", "--sam-checkpoint s.pth", "sam_checkpoint", Path("s.pth")),
    ("protect", "--format webp", "format", "webp"),
    ("protect", "--quality 97", "quality", 97),
    ("protect", "--metadata strip-gps", "metadata", "strip-gps"),
    ("protect", "--longest-side 1600", "longest_side", 1600),
    ("protect", "--workers 3", "workers", 3),
    ("protect", "--batch-size 5", "batch_size", 5),
    ("protect", "--batch-size auto", "batch_size", None),
    ("protect", "--limit 7", "limit", 7),
    ("protect", "--include *.png", "include", ("*.png",)),
    ("protect", "--files-from list.txt", "files_from", "list.txt"),
    ("protect", "--exclude a --exclude b", "exclude", ("a", "b")),
    ("protect", "--overwrite", "overwrite", True),
    ("protect", "--fail-fast", "fail_fast", True),
    ("protect", "--dry-run", "dry_run", True),
    ("protect", "--save-noise n", "save_noise", Path("n")),
    ("protect", "--preview p", "preview", Path("p")),
    ("protect", "--report r.html", "report", Path("r.html")),
    ("protect", "--watch", "watch", True),
    ("protect", "--engine ray", "engine", "ray"),
    ("protect", "--device cuda:1", "device", "cuda:1"),
    ("verify", "", "budget", None),
    ("verify", "--epsilon 0.1", "budget", NoiseBudget(0.1, 0.0, visible=None)),
    ("verify", "--epsilon-bg 0.02 --masks m", "budget", NoiseBudget(background=0.02)),
    ("verify", "--masks m", "masks", Path("m")),
    ("verify", "--masks m --mask-rule class:7", "mask_rule", "class:7"),
    ("verify", "", "only_problems", None),
    ("verify", "--only-problems", "only_problems", True),
    ("verify", "--all-pictures", "only_problems", False),
    ("restore", "--workers 3", "workers", 3),
    ("restore", "--overwrite", "overwrite", True),
    ("ui", "--host 0.0.0.0", "host", "0.0.0.0"),
    ("ui", "--port 9000", "port", 9000),
    ("ui", "--no-browser", "no_browser", True),
    ("ui", "--share-on-network", "share_on_network", True),
    ("train", "--preset tiny", "preset", "tiny"),
    ("train", "--epochs 3", "epochs", 3.0),
    ("train", "--object-epochs 0.5", "object_epochs", 0.5),
    ("train", "--focus-epochs 0.5", "focus_epochs", 0.5),
    ("train", "--max-steps 9", "max_steps", 9),
    ("train", "--max-minutes 1.5", "max_minutes", 1.5),
    ("train", "--image-size 96", "image_size", 96),
    ("train", "--batch-size 3", "batch_size", 3),
    ("train", "--lr 0.5", "lr", 0.5),
    ("train", "--train-epsilon 2/255", "train_epsilon", 2 / 255),
    ("train", "--label-modification", "label_modification", True),
    ("train", "--preset paper --no-label-modification", "label_modification", False),
    ("train", "--preset paper", "label_modification", True),
    ("train", "--surrogate-every 5", "surrogate_every", 5),
    ("train", "--generator sam_lite", "generator", "sam_lite"),
    ("train", "--prompt-kinds mask,box", "prompt_kinds", ("box", "mask")),
    ("train", "--preset paper", "prompt_kinds", ("box", "points", "mask")),
    ("train", "--accumulate 4", "accumulate", 4),
    ("train", "--recompute", "recompute", True),
    ("train", "--amp-type fp16", "amp_type", "fp16"),
    ("train", "--sam-checkpoint s.pth", "sam_checkpoint", Path("s.pth")),
    ("train", "--dry-run", "dry_run", True),
    ("train", "--init w.pth", "init", "w.pth"),
    ("train", "--sam-parts s", "sam_parts", Path("s")),
    ("train", "--surrogate-weights m.pth", "surrogate_weights", "m.pth"),
    ("train", "--amp", "amp", True),
    ("train", "--resume", "resume", True),
    ("train", "--workers 0", "workers", 0),
    ("train", "--device cpu", "device", "cpu"),
    ("train", "--seed 4", "seed", 4),
    ("bench", "--victim unet,mask2former", "victims", ("unet", "mask2former")),
    ("bench", "--data voc:x", "data", "voc:x"),
    ("bench", "--task binary", "task", "binary"),
    ("bench", "--conditions clean,texture", "conditions", ("clean", "texture")),
    ("bench", "--protect-masks auto", "protect_masks", "auto"),
    ("bench", "--mask-rule class:1", "mask_rule", "class:1"),
    ("detect", "--threshold 0.5", "threshold", 0.5),
    ("detect", "--only sub/a.png", "only", "sub/a.png"),
    ("detect", "--point 1,2 --point 3,4", "point", ((1, 2), (3, 4))),
    ("detect", "--not-point 1,2", "not_point", ((1, 2),)),
    ("detect", "--box 1,2,3,4", "box", (1, 2, 3, 4)),
    ("detect", "--whole", "whole", True),
    ("detect", "--include a* --include b*", "include", ("a*", "b*")),
    ("detect", "--batch-size auto", "batch_size", None),
    ("detect", "--dry-run", "dry_run", True),
    ("bench", "--strength low", "budget", STRENGTHS["low"]),
    ("bench", "--max-difference 0.5 --min-cell 4", "budget", NoiseBudget(visible=0.5, min_cell=4.0)),
    ("bench", "--defences gray,jpeg75", "defences", ("gray", "jpeg75")),
    ("bench", "--ratio 0.8", "ratio", 0.8),
    ("bench", "--seeds 0,1,2", "seeds", (0, 1, 2)),
    ("bench", "--seed 3", "seeds", (3,)),
    ("bench", "--init scratch", "init", "scratch"),
    ("bench", "--epochs 2", "epochs", 2),
    ("bench", "--image-size 64", "image_size", 64),
    ("bench", "--batch-size 2", "batch_size", 2),
    ("bench", "--lr 0.1", "lr", 0.1),
    ("bench", "--limit 10", "limit", 10),
    ("bench", "--generator g", "generator", "g"),
    ("bench", "--protected d", "protected", Path("d")),
    ("bench", "--out r", "out", Path("r")),
    ("bench", "--resume", "resume", True),
    ("bench", "--fail-under 60", "fail_under", 60.0),
    ("bench", "--workers 1", "workers", 1),
    ("bench", "--device cpu", "device", "cpu"),
]


def commands() -> dict[str, Any]:
    """Name of every command, as typed, and the command."""
    found = {}
    for name, command in typer.main.get_command(app).commands.items():
        inner = getattr(command, "commands", None)
        found.update({f"{name} {sub}": each for sub, each in inner.items()} if inner else {name: command})
    return found


def test_the_commands_are_those_of_the_interface() -> None:
    assert set(commands()) == set(INTERFACE)


@pytest.mark.parametrize("name", INTERFACE)
def test_the_options_of_the_interface_are_there(name: str) -> None:
    offered = {option.lstrip("-") for parameter in commands()[name].params for option in parameter.opts}
    assert set(f"{INTERFACE[name]} {EVERYWHERE}".split()) <= offered


@pytest.mark.parametrize("name", INTERFACE)
def test_every_option_listens_to_the_variable_of_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """UNSEG_<COMMAND>_<OPTION> is asked for every option of every command."""
    root = typer.main.get_command(app)
    context = root.make_context("unseg", ["victims"])
    command = root
    for part in name.split():
        command = command.commands[part]
        context = type(context)(command, parent=context, info_name=part)
    options = [parameter for parameter in command.params if parameter.opts[0].startswith("--") and parameter.name != "help"]
    assert len(options) >= len(EVERYWHERE.split())
    for option in options:
        variable = f"UNSEG_{name}_{option.opts[0][2:]}".upper().replace("-", "_").replace(" ", "_")
        monkeypatch.setenv(variable, "seen")
        assert option.resolve_envvar_value(context) == "seen", variable


@pytest.mark.parametrize(("command", "line", "attribute", "value"), CASES, ids=[f"{case[0]} {case[1]}" for case in CASES])
def test_options_reach_the_configuration(command: str, line: str, attribute: str, value: Any, stand: Stand) -> None:
    stand(command)
    assert main([*LEAST[command], *line.split()]) == 0
    found = getattr(stand.config, attribute)
    assert found == value
    assert type(found) is type(value) or isinstance(value, float | Path)


@pytest.mark.parametrize(
    ("command", "variable", "text", "attribute", "value"),
    [
        ("protect", "UNSEG_PROTECT_EPSILON", "4/255", "budget", NoiseBudget(4 / 255, 0.0, visible=None)),
        ("protect", "UNSEG_PROTECT_MAX_DIFFERENCE", "0.5", "budget", NoiseBudget(visible=0.5)),
        ("protect", "UNSEG_PROTECT_DRY_RUN", "1", "dry_run", True),
        ("protect", "UNSEG_PROTECT_DRY_RUN", "0", "dry_run", False),
        ("protect", "UNSEG_PROTECT_INCLUDE", "*.png *.jpg", "include", ("*.png", "*.jpg")),
        ("protect", "UNSEG_PROTECT_MASK_RULE", "not-void", "mask_rule", "not-void"),
        ("detect", "UNSEG_DETECT_POINT", "1,2 3,4", "point", ((1, 2), (3, 4))),
        ("detect", "UNSEG_DETECT_THRESHOLD", "0.25", "threshold", 0.25),
        ("bench", "UNSEG_BENCH_SEEDS", "1,2", "seeds", (1, 2)),
        ("train", "UNSEG_TRAIN_AMP", "true", "amp", True),
        ("train", "UNSEG_TRAIN_OUT", "elsewhere", "out", Path("elsewhere")),
    ],
)
def test_the_environment_sets_options(
    command: str, variable: str, text: str, attribute: str, value: Any, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand(command)
    monkeypatch.setenv(variable, text)
    line = LEAST[command] if variable != "UNSEG_TRAIN_OUT" else ["train", "--data", "synthetic"]
    assert main(line) == 0
    assert getattr(stand.config, attribute) == value


@pytest.mark.parametrize("name", ["", *INTERFACE])
def test_help_can_be_asked_for_in_one_letter(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "-h"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: unseg {name}".strip())


@pytest.mark.parametrize("name", INTERFACE)
def test_the_help_has_every_option_once_under_a_heading(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([*name.split(), "-h"])
    text = capsys.readouterr().out
    headings = re.findall(r"^([A-Z][a-z ]+):$", text, flags=re.MULTILINE)
    assert headings[-1] == ("Examples" if name in MANUAL else "Messages")
    assert len(headings) == len(set(headings))
    text = text.partition("\nExamples:")[0]
    for parameter in commands()[name].params:
        (flag, *_) = [option for option in parameter.opts if option.startswith("--")] or [parameter.name]
        assert len(re.findall(rf"^  (?:-\w, )?{flag}\b(?!-)", text, flags=re.MULTILINE)) == 1, flag


def test_the_options_of_protect_are_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    main(["protect", "-h"])
    text = capsys.readouterr().out
    order = "Arguments: Objects: --masks --target Noise: --strength Written-files: --format Which-pictures: --include Run: --workers"
    places = [text.index(f"\n{word.replace('-', ' ')}" if word.endswith(":") else f"  {word}") for word in order.split()]
    assert places == sorted(places)


def test_every_preset_can_be_chosen() -> None:
    (preset,) = [setting.options[0] for setting in settings_of(TrainConfig) if setting.field == "preset"]
    assert set(preset.choices) == set(PRESETS)


def test_the_line_beats_the_environment(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    stand("protect")
    monkeypatch.setenv("UNSEG_PROTECT_LIMIT", "5")
    assert main(["protect", "a", "b", "--limit", "6"]) == 0
    assert stand.config.limit == 6
