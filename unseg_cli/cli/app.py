"""The command line: options -> configuration -> workflow -> console. The only file that imports typer.

A command's body names the library function it calls. Nothing heavy is imported before a command runs, so that `--help` is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from unseg_cli import __version__
from unseg_cli.bench.config import BenchConfig
from unseg_cli.cli.invocation import INTERRUPTED, Flags, run_workflow, usage_error
from unseg_cli.cli.options import batch_size_of, budget_of, epsilon_of, integers_of, names_of
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.protect.config import ProtectConfig, VerifyConfig
from unseg_cli.train.presets import train_config

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"auto_envvar_prefix": "UNSEG"},
    help="Protect pictures against unauthorised training of segmentation models, and measure how well it works.",
    epilog="Every option of a command can also be given as UNSEG_<COMMAND>_<OPTION>, such as UNSEG_PROTECT_EPSILON.",
)
weights_app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="List, find, check or import generators.")
app.add_typer(weights_app, name="weights")


def _option(*names: str, **settings: Any) -> Any:
    """A typer option whose environment variable is not spelt out in the help: the rule for all of them is in the epilogue."""
    return typer.Option(*names, show_envvar=False, **settings)


Target = Literal["auto", "whole", "uniform"]
Strength = Literal["low", "medium", "high"]
Format = Literal["keep", "png", "jpeg", "webp"]
Metadata = Literal["keep", "strip", "strip-gps"]
Preset = Literal["lite", "adapt", "paper", "tiny"]
MaskSource = Literal["gt", "auto", "whole", "uniform"]
Init = Literal["pretrained", "scratch"]

Json = Annotated[bool, _option("--json", help="Print the result as one JSON document.")]
Quiet = Annotated[bool, _option("--quiet", "-q", help="Only the result, warnings and errors.")]
Verbose = Annotated[bool, _option("--verbose", "-v", help="Also details.")]
Debug = Annotated[bool, _option("--debug", help="Show the traceback of an error.")]
Device = Annotated[str, _option(metavar="auto|cpu|cuda|cuda:N|mps", help="Where the networks run.")]
Seed = Annotated[int, _option(min=0, help="Same seed, same bytes on the same device.")]
GeneratorName = Annotated[str, _option(metavar="lite|vit_b|FILE", help="The noise generator.")]
Epsilon = Annotated[str | None, _option(metavar="E", help="Bound on objects: 8/255 or a float in [0,1].  [default: 8/255]")]
EpsilonBg = Annotated[str | None, _option(metavar="E", help="Bound beside objects.  [default: 2/255]")]
Spare = Annotated[
    bool | None, _option("--spare/--no-spare", help="Less noise on smooth places and faces.  [default: without masks, if --target is auto]")
]
MaskRule = Annotated[str, _option(metavar="RULE", help="Objects are nonzero, not-void (not 255), class:7,9 or panoptic-rgb.")]

Conditions = Annotated[
    str, _option(metavar="NAME,...", help="Of clean, protected, protected-auto|whole|uniform|per-class, random, texture.")
]


@app.callback(invoke_without_command=True)
def root(
    # Not from the environment: whoever sets UNSEG_VERSION for a container does not ask for this.
    version: Annotated[bool, _option("--version", help="Print the version.", allow_from_autoenv=False)] = False,
) -> None:
    """Print the version, or leave it to a command."""
    if version:
        typer.echo(f"unseg {__version__}")
        raise typer.Exit(0)


@app.command()
def protect(
    src: Annotated[Path, typer.Argument(help="A picture, or a folder of pictures.")],
    dst: Annotated[Path, typer.Argument(help="Where the protected tree goes; never SRC itself.")],
    masks: Annotated[Path | None, _option(help="Folder with masks of the same relative names.")] = None,
    mask_rule: MaskRule = "nonzero",
    per_class: Annotated[bool, _option("--per-class", help="Masks hold class numbers: every class gets noise of its own.")] = False,
    target: Annotated[Target, _option(help="Without a mask: the objects it finds, the whole picture, or that in one pattern.")] = "auto",
    spare: Spare = None,
    epsilon: Epsilon = None,
    epsilon_bg: EpsilonBg = None,
    strength: Annotated[Strength | None, _option(help="Instead of the epsilons: 4/1, 8/2 or 16/4 of 255.")] = None,
    generator: GeneratorName = "lite",
    sam_checkpoint: Annotated[Path | None, _option(help="SAM's own checkpoint, for vit_b.")] = None,
    format: Annotated[Format, _option(help="File format to write.")] = "keep",
    quality: Annotated[
        int | None, _option(min=1, max=100, help="Of JPEG and WebP.  [default: the source's; JPEG at least 90, lossy WebP 95]")
    ] = None,
    metadata: Annotated[Metadata, _option(help="EXIF, ICC and the like.")] = "keep",
    workers: Annotated[int, _option(min=0, help="Threads that read and write.")] = 2,
    batch_size: Annotated[str, _option(metavar="auto|N", help="Pictures in one forward pass.")] = "auto",
    limit: Annotated[int | None, _option(min=1, help="Only the first so many pictures, done ones included.")] = None,
    include: Annotated[list[str] | None, _option(metavar="GLOB", help="Only matching paths; may be repeated.")] = None,
    exclude: Annotated[list[str] | None, _option(metavar="GLOB", help="Not matching paths; may be repeated.")] = None,
    overwrite: Annotated[bool, _option("--overwrite", help="Replace files in DST that no manifest knows.")] = False,
    fail_fast: Annotated[bool, _option("--fail-fast", help="Stop at the first failure.")] = False,
    dry_run: Annotated[bool, _option("--dry-run", help="Say what would be done; write nothing.")] = False,
    save_noise: Annotated[Path | None, _option(metavar="DIR", help="Keep the noise as arrays.")] = None,
    preview: Annotated[Path | None, _option(metavar="DIR", help="Write clean | protected | noise x16.")] = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Protect a picture or a folder of pictures. Names, formats, sizes and metadata stay."""

    def work(events: Events) -> Report:
        config = ProtectConfig(
            src=src, dst=dst, masks=masks, mask_rule=mask_rule, per_class=per_class, target=target, spare=spare,
            budget=budget_of(epsilon, epsilon_bg, strength),
            generator=generator, sam_checkpoint=sam_checkpoint, format=format, quality=quality, metadata=metadata,
            workers=workers, batch_size=batch_size_of(batch_size), limit=limit, include=tuple(include or ()), exclude=tuple(exclude or ()),
            overwrite=overwrite, fail_fast=fail_fast, dry_run=dry_run, save_noise=save_noise, preview=preview, device=device, seed=seed,
        )  # fmt: skip
        from unseg_cli.protect.run import protect as workflow

        return workflow(config, events)

    return run_workflow("protect", work, Flags(json, quiet, verbose, debug), unit="pictures")


@app.command()
def verify(
    src: Annotated[Path, typer.Argument(help="The clean picture or folder.")],
    dst: Annotated[Path, typer.Argument(help="What `unseg protect` wrote.")],
    epsilon: Annotated[str | None, _option(metavar="E", help="Bound on objects.  [default: the manifest's]")] = None,
    epsilon_bg: Annotated[str | None, _option(metavar="E", help="Bound beside the objects of --masks.  [default: the manifest's]")] = None,
    masks: Annotated[Path | None, _option(help="Check both bounds, each where these masks say.  [default: the larger, everywhere]")] = None,
    mask_rule: MaskRule = "nonzero",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Compare a protected folder with the clean one. Per picture: largest change, PSNR, SSIM, within the budget or not."""

    def work(events: Events) -> Report:
        if epsilon_bg and masks is None:
            raise UsageProblem("--epsilon-bg needs --masks: the files do not tell where objects end", hint="give --masks DIR")
        budget = budget_of(epsilon, epsilon_bg, None) if epsilon or epsilon_bg else None
        config = VerifyConfig(src=src, dst=dst, budget=budget, masks=masks, mask_rule=mask_rule)
        from unseg_cli.protect.verification import verify as workflow

        return workflow(config, events)

    return run_workflow("verify", work, Flags(json, quiet, verbose, debug), unit="pictures")


@app.command()
def train(
    data: Annotated[
        str,
        _option(metavar="DATA", help="Folder, wds:GLOB, hqseg44k:ROOT, sa1b:ROOT, coco:IMAGES:JSON, synthetic or a name; comma-joined."),
    ],
    out: Annotated[Path, _option(metavar="RUN", help="The run's folder.")] = Path("runs/train"),
    preset: Annotated[Preset, _option(help="Recipe whose values the other options replace.")] = "lite",
    epochs: Annotated[float | None, _option(min=0, help="Passes over the data in the bilevel stage.")] = None,
    object_epochs: Annotated[float | None, _option(min=0, help="Passes in the first stage, which learns to find objects.")] = None,
    focus_epochs: Annotated[float | None, _option(min=0, help="Passes in the second, which learns to do so without help.")] = None,
    max_steps: Annotated[int | None, _option(min=1, help="At most this many steps in each stage.")] = None,
    max_minutes: Annotated[float | None, _option(min=0, help="Stop after this long.")] = None,
    image_size: Annotated[int | None, _option(min=32, help="Side of the square training pictures.")] = None,
    batch_size: Annotated[int | None, _option(min=1, help="Pictures in a step.")] = None,
    lr: Annotated[float | None, _option(min=0, help="Learning rate.")] = None,
    train_epsilon: Annotated[str | None, _option(metavar="E", help="Noise bound while training.")] = None,
    label_modification: Annotated[bool | None, _option(help="Generator steps aim at an all-ones mask.")] = None,
    surrogate_every: Annotated[int | None, _option(min=2, help="One block in so many trains the surrogate.")] = None,
    init: Annotated[str | None, _option(metavar="lite|FILE", help="Weights to start from.")] = None,
    sam_parts: Annotated[Path | None, _option(metavar="FILE", help="SAM's prompt encoder and mask decoder.")] = None,
    amp: Annotated[bool | None, _option(help="Mixed precision.")] = None,
    resume: Annotated[bool, _option("--resume", help="Go on where RUN stopped.")] = False,
    workers: Annotated[int | None, _option(min=0, help="Processes that load data.")] = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Train a noise generator, or adapt the shipped one to other kinds of pictures."""

    def work(events: Events) -> Report:
        config = train_config(
            preset, data=data, out=out, epochs=epochs, object_epochs=object_epochs, focus_epochs=focus_epochs, max_steps=max_steps,
            max_minutes=max_minutes, image_size=image_size, batch_size=batch_size, lr=lr, init=init, sam_parts=sam_parts, amp=amp,
            train_epsilon=epsilon_of(train_epsilon, "--train-epsilon"), label_modification=label_modification,
            surrogate_every=surrogate_every, resume=resume, workers=workers, device=device, seed=seed,
        )  # fmt: skip
        from unseg_cli.train.loop import train as workflow

        return workflow(config, events)

    return run_workflow("train", work, Flags(json, quiet, verbose, debug), unit="steps")


@app.command()
def bench(
    victim: Annotated[str, _option(metavar="NAME,...", help="Victims to train; see `unseg victims`.")] = "unet",
    data: Annotated[
        str, _option(metavar="DATA", help="A folder with images/{train,test} and masks/{train,test}, or synthetic.")
    ] = "synthetic",
    task: Annotated[str | None, _option(help="Task.  [default: read from the data]")] = None,
    conditions: Conditions = "clean,protected,random",
    protect_masks: Annotated[MaskSource, _option(help="Masks that the protection uses.")] = "gt",
    mask_rule: Annotated[str | None, _option(help="Which labels are objects.  [default: the task's]")] = None,
    spare: Spare = None,
    epsilon: Epsilon = None,
    epsilon_bg: EpsilonBg = None,
    strength: Annotated[Strength | None, _option(help="Instead of the epsilons.")] = None,
    defences: Annotated[str, _option(metavar="NAME,...", help="Of none, gray, jpeg75, jpeg10, blur, bitdepth, resize, denoise.")] = "none",
    ratio: Annotated[float, _option(min=0, max=1, help="Share of the training pictures that is protected.")] = 1.0,
    seeds: Annotated[str, _option("--seeds", "--seed", metavar="N,...", help="One run for each.")] = "0",
    init: Annotated[Init, _option(help="How victims start.")] = "pretrained",
    epochs: Annotated[int | None, _option(min=1, help="Passes over the data.  [default: the victim's]")] = None,
    image_size: Annotated[int | None, _option(min=32, help="Side of the training pictures.  [default: the victim's]")] = None,
    batch_size: Annotated[int | None, _option(min=1, help="Pictures in a step.  [default: the victim's]")] = None,
    lr: Annotated[float | None, _option(min=0, help="Learning rate.  [default: the victim's]")] = None,
    limit: Annotated[int | None, _option(min=1, help="Use at most this many pictures of each split.")] = None,
    generator: GeneratorName = "lite",
    protected: Annotated[Path | None, _option(metavar="DIR", help="Pictures protected earlier.")] = None,
    out: Annotated[Path, _option(metavar="RUN", help="The run's folder.")] = Path("runs/bench"),
    resume: Annotated[bool, _option("--resume", help="Go on where RUN stopped.")] = False,
    fail_under: Annotated[float | None, _option(metavar="PERCENT", help="Exit 1 where the drop is smaller.")] = None,
    workers: Annotated[int, _option(min=0, help="Processes that load data.")] = 0,
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Measure what models learn from protected pictures. Trains victims on clean and on protected ones; tests both on clean ones."""

    def work(events: Events) -> Report:
        config = BenchConfig(
            victims=names_of(victim, "--victim"), data=data, task=task, conditions=names_of(conditions, "--conditions"),
            protect_masks=protect_masks, mask_rule=mask_rule, spare=spare, budget=budget_of(epsilon, epsilon_bg, strength),
            defences=names_of(defences, "--defences"), ratio=ratio, seeds=integers_of(seeds, "--seeds"), init=init, epochs=epochs,
            image_size=image_size, batch_size=batch_size, lr=lr, limit=limit, generator=generator, protected=protected, out=out,
            resume=resume, fail_under=fail_under, device=device, workers=workers,
        )  # fmt: skip
        from unseg_cli.bench.run import bench as workflow

        return workflow(config, events)

    return run_workflow("bench", work, Flags(json, quiet, verbose, debug), unit="steps")


@weights_app.command("list")
def weights_list(json: Json = False, quiet: Quiet = False, verbose: Verbose = False, debug: Debug = False) -> int:
    """Every generator that a name can mean: shipped, imported or absent."""

    def work(events: Events) -> Report:
        from unseg_cli.generators.shelf import weights_list as workflow

        return workflow(events)

    return run_workflow("weights list", work, Flags(json, quiet, verbose, debug))


@weights_app.command("path")
def weights_path(
    name: Annotated[str, typer.Argument(help="A generator's name.")] = "lite",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Where a generator's weights lie."""

    def work(events: Events) -> Report:
        from unseg_cli.generators.shelf import weights_path as workflow

        return workflow(name)

    return run_workflow("weights path", work, Flags(json, quiet, verbose, debug))


@weights_app.command("verify")
def weights_verify(json: Json = False, quiet: Quiet = False, verbose: Verbose = False, debug: Debug = False) -> int:
    """Hash the weights files and compare with the recorded sums."""

    def work(events: Events) -> Report:
        from unseg_cli.generators.shelf import weights_verify as workflow

        return workflow()

    return run_workflow("weights verify", work, Flags(json, quiet, verbose, debug))


@weights_app.command("import")
def weights_import(
    file: Annotated[Path, typer.Argument(help="The authors' Generator_*.pth, or a generator.safetensors.")],
    name: Annotated[str | None, _option(help="What to call it.  [default: the name in the file]")] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Turn released weights into safetensors. `--generator NAME` finds them."""

    def work(events: Events) -> Report:
        from unseg_cli.generators.shelf import weights_import as workflow

        return workflow(file, name)

    return run_workflow("weights import", work, Flags(json, quiet, verbose, debug))


@app.command()
def doctor(json: Json = False, quiet: Quiet = False, verbose: Verbose = False, debug: Debug = False) -> int:
    """Check that everything needed is here. Python, torch, devices, codecs, weights and their hashes, a write."""

    def work(events: Events) -> Report:
        from unseg_cli.doctor.checks import doctor as workflow

        return workflow(events)

    return run_workflow("doctor", work, Flags(json, quiet, verbose, debug))


@app.command()
def victims(json: Json = False, quiet: Quiet = False, verbose: Verbose = False, debug: Debug = False) -> int:
    """List the models that bench can train. Names, tasks, and the extra that each needs."""

    def work(events: Events) -> Report:
        from unseg_cli.bench.victims.registry import list_victims

        return list_victims()

    return run_workflow("victims", work, Flags(json, quiet, verbose, debug))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        argv: arguments without the program's name; None: those of the process.

    Returns:
        The exit code: 0 done, 1 some input failed, 2 usage, 3 nothing to do, 4 environment, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:  # typer would first import what it converts values with: several times the work
        typer.echo(f"unseg {__version__}")
        return 0
    command = typer.main.get_command(app)
    try:
        result = command.main(args=arguments, prog_name="unseg", standalone_mode=False)
    except typer.TyperException as problem:
        message = problem.format_message().replace("Value error, ", "")
        if type(problem).__name__ == "NoArgsIsHelpError":
            typer.echo(message)
            return UsageProblem.exit_code
        context = getattr(problem, "ctx", None)
        return usage_error(context.command_path if context else "unseg", message, as_json="--json" in arguments)
    except typer.Abort:
        return INTERRUPTED
    return result if isinstance(result, int) else 0


def run() -> None:
    """Entry point of the `unseg` script."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # `unseg ... | head`: the reader has gone, and the interpreter must not complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)
