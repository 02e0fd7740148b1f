"""`unseg doctor`: is everything here that the other commands need? Each check answers alone, and says what to do."""

from __future__ import annotations

import importlib.util
import io
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from unseg_cli.core.device import accelerator_here
from unseg_cli.core.errors import EnvironmentProblem, UnsegError
from unseg_cli.core.events import Events, Report
from unseg_cli.core.extras import EXTRAS, absent_modules, how_to_install, install_line
from unseg_cli.core.parallel.spread import cores
from unseg_cli.generators.files import FINDERS, HOW_TO_GET, SUFFIX, cache_dir, named_weights, shipped_weights_dir
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.shelf import check_sums

OK, WARNING, PROBLEM = "ok", "warning", "problem"
OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 13)
#: Format name of Pillow -> largest difference in grey levels after a round trip of a flat picture.
CODECS = {"JPEG": 3, "PNG": 0, "WEBP": 3, "TIFF": 0, "BMP": 0, "HEIF": 8}
#: An imported vit_b is the largest thing that the cache has to hold.
ROOM_NEEDED = 1 << 30
#: What each extra is for.
EXTRA_USES = {
    "torch": "for GPUs and other generators",
    "train": "for `unseg train`",
    "bench": "for `unseg bench`",
    "ray": "for s3:// and clusters",
    "ui": "for the page in the browser",
}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One answer of the doctor.

    Attributes:
        name: what was looked at.
        status: ok, warning (something works less well) or problem (a command will fail).
        detail: what was found.
        hint: what to do; empty where all is well.
    """

    name: str
    status: str
    detail: str
    hint: str = ""


def doctor(events: Events) -> Report:
    """Look at Python, torch, devices, codecs, weights, a forward pass, the cache and the optional extras.

    Returns:
        `{"schema": 1, "command": "doctor", "checks": [{"name", "status", "detail", "hint"}]}`; exit code 4 where one is a problem.
    """
    checks: list[Check] = []
    events.start(len(CHECKS), "checking")
    for name, look in CHECKS.items():
        try:
            checks.extend(look())
        except UnsegError as error:
            checks.append(Check(name=name, status=PROBLEM, detail=error.message, hint=error.hint))
        except Exception as error:  # a check that falls over is a finding, and must not hide the ones after it
            detail = f"{type(error).__name__}: {error}".splitlines()[0]
            checks.append(Check(name=name, status=PROBLEM, detail=detail, hint="reinstall the package; if it stays, report this line"))
        events.advance(note=name)
    events.stop()

    counts = {status: sum(check.status == status for check in checks) for status in (OK, WARNING, PROBLEM)}
    closing = f"{counts[OK]} ok, {counts[WARNING]} warnings, {counts[PROBLEM]} problems"
    return Report(
        document={"schema": 1, "command": "doctor", "checks": [asdict(check) for check in checks]},
        exit_code=EnvironmentProblem.exit_code if counts[PROBLEM] else 0,
        closing=(closing,),
    )


def check_python() -> Iterator[Check]:
    """The interpreter's version."""
    found = sys.version_info[:3]
    detail = ".".join(map(str, found))
    wanted = " to ".join(".".join(map(str, version)) for version in (OLDEST_PYTHON, NEWEST_PYTHON))
    if found[:2] < OLDEST_PYTHON:
        yield Check(name="python", status=PROBLEM, detail=detail, hint=f"use Python {wanted}")
    elif found[:2] > NEWEST_PYTHON:
        yield Check(name="python", status=WARNING, detail=f"{detail}, not tested", hint=f"use Python {wanted}")
    else:
        yield Check(name="python", status=OK, detail=detail)


def check_torch() -> Iterator[Check]:
    """That torch can compute, where it is installed, and what each kind of device says."""
    yield Check(name="cpu", status=OK, detail=f"{cores()} cores")
    if importlib.util.find_spec("torch") is None:
        hint = f"for GPUs and other generators: {how_to_install('torch')}"
        yield Check(name="torch", status=OK, detail="not here (optional)", hint=hint)
        if accelerator_here():
            yield Check(name="cuda", status=WARNING, detail="a GPU seems to be here, and is not used", hint=how_to_install("torch"))
        return
    import torch

    torch.ones(2, 2).matmul(torch.ones(2, 2))
    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
    yield Check(name="torch", status=OK, detail=f"{torch.__version__} ({built})")
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            device = torch.cuda.get_device_properties(index)
            yield Check(name=f"cuda:{index}", status=OK, detail=f"{device.name}, {device.total_memory / 2**30:.0f} GiB")
    elif shutil.which("nvidia-smi"):
        hint = "install a torch build that fits the driver (pytorch.org); until then the CPU is used"
        yield Check(name="cuda", status=WARNING, detail="an NVIDIA driver is here, but torch cannot use it", hint=hint)
    else:
        yield Check(name="cuda", status=OK, detail="none; the CPU is used")
    if torch.backends.mps.is_available():
        yield Check(name="mps", status=OK, detail="Apple GPU")


def check_codecs() -> Iterator[Check]:
    """Encode and decode a small picture in memory with every codec."""
    again = install_line("--force-reinstall pillow")
    for name, tolerance in CODECS.items():
        if name == "HEIF":
            if importlib.util.find_spec("pillow_heif") is None:
                yield Check(name="codec heif", status=WARNING, detail="cannot be read", hint=install_line("pillow-heif"))
                continue
            import pillow_heif

            pillow_heif.register_heif_opener()
        try:
            difference = round_trip(name)
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            yield Check(name=f"codec {name.lower()}", status=PROBLEM, detail=f"does not work: {error}", hint=again)
            continue
        good = difference <= tolerance
        yield Check(
            name=f"codec {name.lower()}",
            status=OK if good else PROBLEM,
            detail="round trip in memory" if good else f"a flat picture came back {difference} levels off",
            hint="" if good else again,
        )


def round_trip(format_name: str) -> int:
    """The largest difference, in grey levels, of a flat 32 x 32 colour picture after encoding and decoding."""
    picture = np.full((32, 32, 3), (200, 120, 40), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format=format_name, quality=95)
    buffer.seek(0)
    with Image.open(buffer) as opened:
        decoded = np.asarray(opened.convert("RGB"), np.int16)
    return int(np.abs(decoded - picture).max())


def check_weights() -> Iterator[Check]:
    """That the shipped weights are here, and that nothing changed since they were recorded."""
    if "lite" not in named_weights():
        yield Check(name="weights lite", status=PROBLEM, detail=f"not in {shipped_weights_dir()}", hint=HOW_TO_GET["lite"])
    for name in FINDERS:
        if not (shipped_weights_dir() / f"{name}{SUFFIX}").is_file():
            yield Check(name=f"weights {name}", status=PROBLEM, detail=f"not in {shipped_weights_dir()}", hint=HOW_TO_GET[name])
    for folder in (shipped_weights_dir(), cache_dir()):
        for row in check_sums(folder):
            path, status = Path(row["path"]), row["status"]
            if status == "ok":
                yield Check(name=_weights_name(path), status=OK, detail=f"{path} ({path.stat().st_size / 1e6:.1f} MB, hash as recorded)")
            elif status == "unlisted":
                hint = "where you put it there yourself, all is well; else import it with `unseg weights import`"
                yield Check(name=_weights_name(path), status=WARNING, detail=f"{path}: no hash is recorded for it", hint=hint)
            else:
                hint = HOW_TO_GET["lite"] if folder == shipped_weights_dir() else "import it again with `unseg weights import`"
                detail = f"{path}: {'listed, but not there' if status == 'missing' else 'its hash is not the recorded one'}"
                yield Check(name=_weights_name(path), status=PROBLEM, detail=detail, hint=hint)
    if "vit_b" not in named_weights():
        yield Check(name="weights vit_b", status=OK, detail="not here (optional)", hint=HOW_TO_GET["vit_b"])


def _weights_name(path: Path) -> str:
    """A generator's or finder's name; of the graph beside it, the file's."""
    return f"weights {path.stem if path.suffix == SUFFIX else path.name}"


def check_forward_pass() -> Iterator[Check]:
    """One picture through the shipped generator, the way that `protect` would go, with the time it took."""
    runtime = open_runtime("lite")
    size = runtime.spec.image_size
    frames = np.linspace(0, 1, 3 * size * size, dtype=np.float32).reshape(1, 3, size, size)
    runtime.detect(runtime.embed(frames))  # the first pass also pays for set-up
    began = time.perf_counter()
    logits = runtime.detect(runtime.embed(frames))
    seconds = time.perf_counter() - began
    if logits is None or not np.isfinite(logits).all() or logits.std() == 0:
        detail = f"what the generator finds on {runtime.device} makes no sense"
        yield Check(name="forward pass", status=PROBLEM, detail=detail, hint="use --device cpu, and report it")
        return
    yield Check(name="forward pass", status=OK, detail=f"{seconds:.2f} s a picture on {runtime.device}, in {runtime.library}")


def check_cache() -> Iterator[Check]:
    """That a file can be written where imported weights go."""
    folder = cache_dir()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        # Where the cache does not exist yet, its nearest parent answers, and nothing is left behind.
        with tempfile.NamedTemporaryFile(dir=existing, prefix=".unseg-") as file:
            file.write(b"unseg")
    except OSError as error:
        yield Check(name="cache", status=PROBLEM, detail=f"{folder}: {error.strerror}", hint="set UNSEG_HOME to a folder you can write")
        return
    free = shutil.disk_usage(existing).free
    if free < ROOM_NEEDED:
        yield Check(name="cache", status=WARNING, detail=f"{folder}: {free / 1e6:.0f} MB free", hint="make room, or set UNSEG_HOME")
    else:
        yield Check(name="cache", status=OK, detail=f"{folder}: can be written, {free / 1e9:.0f} GB free")


def check_extras() -> Iterator[Check]:
    """The packages that only some commands need."""
    for extra, packages in EXTRAS.items():
        absent = absent_modules(extra)
        if absent:
            detail = f"not installed: {', '.join(packages[module] for module in absent)}"
            hint = f"{EXTRA_USES[extra]}: {how_to_install(absent[0], extra)}"
            yield Check(name=f"extra {extra}", status=WARNING, detail=detail, hint=hint)
        else:
            yield Check(name=f"extra {extra}", status=OK, detail="installed")


CHECKS: dict[str, Callable[[], Iterator[Check]]] = {
    "python": check_python,
    "torch": check_torch,
    "codecs": check_codecs,
    "weights": check_weights,
    "forward pass": check_forward_pass,
    "cache": check_cache,
    "extras": check_extras,
}
