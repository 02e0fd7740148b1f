#!/usr/bin/env python3
"""How fast `unseg protect` is on this machine, beside what the same machine needs for the same files without it.

    python scripts/bench_speed.py [--large FOLDER] [--many 10000] [--huge 200] [--quick] [--json FILE]
    python scripts/bench_speed.py --rate-only [--pictures FOLDER] [--against COMMIT] [--rounds 3]

Every row is measured in this one run, each command in a process of its own: pictures a second on files of 12 megapixels and of 640 x 480,
beside Pillow decoding and encoding the same files at the same quality in as many processes, the large ones made smaller as well, as for the
web; how soon the first picture is there; how much memory it takes; and what a method that optimises the noise of each picture by itself (20
steps of projected gradient descent) would need.

The files are made of the examples, unless --large names a folder of real ones: what is in them hardly changes how long a codec takes. Every
second one is made of two examples, so that, as of photographs, about half of them need the second network.

With --rate-only it prints the pictures a second of `unseg protect` alone, each round in a process of its own, after one round that does not
count. With --against it checks COMMIT out beside this one, lets the two take turns, so that whatever else the machine does hits both, and
prints both medians and their ratio. Through make: `make bench-speed ARGS="--rate-only --against COMMIT"`.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from compare_speed import LEAST_ROUNDS, print_rates
from PIL import Image
from pillow_speed import EXAMPLES, KINDS, QUALITY, make_pictures, pillow_rate
from watched_protect import Done, protect

from unseg_cli.core.constants import U8Array
from unseg_cli.core.errors import UnsegError
from unseg_cli.core.parallel.spread import cores
from unseg_cli.generators.finders.agreeing import CERTAIN, certainty_of, own_maps
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.session import Session
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.difference import measure
from unseg_cli.pictures.encode import encode_picture, prepare_picture

LARGE, SMALL = (4000, 3000), (640, 480)
MANY = 10_000  # small pictures of a long run
WEB = 1000  # pixels of the longer side of a camera's pictures on the web
STEPS = 20  # of the rival's gradient descent


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement.

    Attributes:
        what: in words.
        value, unit: the figure.
        beside: the figure that it is compared with, in the same unit; None: none.
        rival: what that is of.
        ratio: how many times as long, or as much, as the rival; None: none.
        aim: what the project aims at, in words; "": nothing.
        met: whether it is met; None where there is no aim.
    """

    what: str
    value: float
    unit: str
    beside: float | None = None
    rival: str = ""
    ratio: float | None = None
    aim: str = ""
    met: bool | None = None


def at_most(row: Row, ratio: float) -> Row:
    """The row, aimed at a ratio."""
    return replace(row, aim=f"at most {ratio:g} times", met=row.ratio is not None and row.ratio <= ratio)


def under(row: Row, value: float) -> Row:
    """The row, aimed at a value that it should stay under."""
    return replace(row, aim=f"under {value:g} {row.unit}", met=row.value < value)


def rates_of(name: str, folder: Path, work: Path, rounds: int, longest: int | None = None) -> tuple[Row, Done]:
    """`unseg protect` and Pillow take turns on a folder, whose pictures both make smaller where `longest` says so."""
    options = () if longest is None else ("--longest-side", str(longest))
    ours, theirs, done = [], [], None
    for number in range(rounds):
        theirs.append(pillow_rate(folder, work / f"pillow-{name}-{number}", cores(), longest))
        done = protect(folder, work / f"unseg-{name}-{number}", *options)
        ours.append(float(done.document["images_per_second"]))
        shutil.rmtree(work / f"pillow-{name}-{number}")
        shutil.rmtree(work / f"unseg-{name}-{number}")
    assert done is not None
    rate, plain = statistics.median(ours), statistics.median(theirs)
    rival = f"Pillow, decoding{', making smaller' * bool(longest)} and encoding, {cores()} processes"
    return Row(what=f"protect, {name}", value=rate, unit="pictures/s", beside=plain, rival=rival, ratio=plain / rate), done


def milliseconds(work: Callable[[], object], tries: int = 4) -> float:
    """What something takes on this thread, at the least of some tries."""
    durations = []
    for _ in range(tries):
        began = time.perf_counter()
        work()
        durations.append(time.perf_counter() - began)
    return 1000 * min(durations)


def codec_row(path: Path) -> Row:
    """What `protect` would take for a large JPEG if noise and networks cost nothing: decoding, encoding, and decoding what was written."""
    data = path.read_bytes()

    def ours() -> object:
        picture, encoding = prepare_picture(path, data)
        return read_picture(path, encode_picture(picture, encoding)[0])

    def theirs() -> None:
        with Image.open(io.BytesIO(data)) as picture:
            picture.save(io.BytesIO(), "JPEG", quality=QUALITY, subsampling=0)

    what, rival = "of 12 megapixels the codec alone, both ways and back", "Pillow, decoding and encoding, one core"
    taken, beside = milliseconds(ours), milliseconds(theirs)
    return Row(what=what, value=taken, unit="ms", beside=beside, rival=rival, ratio=taken / beside)


def measuring_row() -> Row:
    """What comparing a large picture with its copy takes, beside encoding it."""
    with Image.open(EXAMPLES / "cat.jpg") as image:
        clean = np.asarray(image.convert("RGB").resize(LARGE))
    other, picture = np.clip(clean, 4, 255) - np.uint8(4), Image.fromarray(clean)
    ours = milliseconds(lambda: measure(clean, other))
    codec = milliseconds(lambda: picture.save(io.BytesIO(), "JPEG", quality=QUALITY, subsampling=0))
    rival = "Pillow, encoding it"
    return Row(what="measuring a picture of 12 megapixels", value=ours, unit="ms", beside=codec, rival=rival, ratio=ours / codec)


def networks_rows(small: Path) -> Iterator[Row]:
    """What it takes to find the objects of a picture, on one core: most of a small picture's time; and how often one network does."""
    session, taken, certain = Session(open_runtime("lite")), 0.0, 0
    files = sorted(small.iterdir())[:KINDS]
    for path in files:
        with Image.open(path) as image:
            picture = np.asarray(image.convert("RGB"))
        maps = own_maps(session.generator, session.look([picture]))
        assert maps is not None
        certain += certainty_of(maps[0]) >= CERTAIN
        taken += milliseconds(partial(_find, session, picture), tries=5)
    yield Row(what="finding the objects of a picture of 640 x 480, one core", value=taken / len(files), unit="ms")
    yield Row(what="of these pictures need one network alone", value=100 * certain / len(files), unit="%")


def _find(session: Session, picture: U8Array) -> None:
    session.finder.find(session.look([picture]))


def optimising_row(rate: float) -> Row:
    """What the noise of a picture takes that is optimised for it alone, against a U-Net at 256 px."""
    import segmentation_models_pytorch as smp
    import torch

    torch.manual_seed(0)
    victim = smp.Unet("timm-tf_efficientnet_lite0", encoder_weights=None).eval()
    picture, mask, epsilon = torch.rand(1, 3, 256, 256), (torch.rand(1, 1, 256, 256) > 0.5).float(), 8 / 255
    began = time.perf_counter()
    noise = torch.zeros_like(picture)
    for _ in range(STEPS):
        noise.requires_grad_(True)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(victim(picture + noise), mask)
        (gradient,) = torch.autograd.grad(loss, noise)
        noise = (noise.detach() - epsilon / 10 * gradient.sign()).clamp(-epsilon, epsilon)
    theirs, ours = time.perf_counter() - began, 1 / rate
    rival = f"{STEPS} steps of gradient descent for each picture, at 256 px"
    return Row(what="a picture of 640 x 480", value=ours, unit="s", beside=theirs, rival=rival, ratio=ours / theirs)


def measured(options: argparse.Namespace, work: Path) -> Iterator[Row]:
    """All rows, each as soon as it is known."""
    rounds = 1 if options.quick else LEAST_ROUNDS
    large = options.large or make_pictures(work / "large", LARGE, 8 if options.quick else 96)
    found, done = rates_of("12 megapixels", large, work, rounds)
    yield at_most(found, 2.0)
    yield codec_row(min(large.iterdir()))
    yield under(Row(what="most memory, 12 megapixels", value=done.memory / 1e9, unit="GB"), 1.0)
    yield rates_of(f"12 megapixels made {WEB} pixels", large, work, rounds, WEB)[0]
    small = make_pictures(work / "small", SMALL, 40 if options.quick else 200)
    found, done = rates_of("640 x 480", small, work, rounds)
    rate = found.value
    yield replace(found, aim="at least 20 pictures/s", met=rate >= 20)
    yield under(Row(what="most memory, 640 x 480", value=done.memory / 1e9, unit="GB"), 1.0)
    first = [protect(small, work / f"first-{number}", "--limit", "1").first for number in range(rounds)]
    yield under(Row(what="first picture is there after", value=statistics.median(first), unit="s"), 3.0)
    hundred = protect(small, work / "one-core", "--limit", "100", only_core=True).document["images_per_second"]
    yield Row(what="protect, 640 x 480, one core, 100 pictures", value=float(hundred), unit="pictures/s")
    both = protect(small, work / "all-cores", "--limit", "100").document["images_per_second"]
    ratio = float(both) / float(hundred)
    yield Row(what=f"the same, {cores()} cores", value=float(both), unit="pictures/s", beside=float(hundred), rival="one core", ratio=ratio)
    count = min(options.many, 1000) if options.quick else options.many
    if count:
        many = protect(make_pictures(work / "many", SMALL, count), work / "many-out")
        seen = float(many.document["images_per_second"])
        yield Row(what=f"protect, {count} pictures of 640 x 480", value=seen, unit="pictures/s")
        yield under(Row(what=f"most memory, {count} pictures", value=many.memory / 1e9, unit="GB"), 1.0)
    if options.huge:
        side = round((options.huge * 1e6 * 4 / 3) ** 0.5)
        huge = make_pictures(work / "huge", (side, int(side * 3 / 4)), 1)
        done = protect(huge, work / "huge-out")
        yield Row(what=f"one picture of {options.huge} megapixels", value=done.seconds, unit="s")
        yield under(Row(what="most memory for it", value=done.memory / 1e9, unit="GB"), 2.0)
    yield at_most(measuring_row(), 1.0)
    yield from networks_rows(small)
    yield optimising_row(rate)


def line_of(row: Row) -> str:
    """For people to read."""
    text = f"{row.what:<48}{row.value:>9.2f} {row.unit:<11}"
    if row.beside is not None and row.ratio is not None:
        text += f"{row.beside:>9.2f}   {row.ratio:>6.2f} times   {row.rival}"
    return text.rstrip() + (f"   ({row.aim}: {'met' if row.met else 'missed'})" if row.aim else "")


def processor() -> str:
    """What its maker calls this machine's processor."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.is_file() else []
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "model name" not in said:
        return platform.processor() or platform.machine()
    # Makers' names may be no more than the family's, as in virtual machines.
    numbers = [f"{name} {said[key]}" for name, key in (("family", "cpu family"), ("model", "model")) if key in said]
    return ", ".join([said["model name"], *numbers])


def busy() -> bool:
    """Whether other programs compete for the cores."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > cores() / 2


def print_table(options: argparse.Namespace) -> None:
    """Measure and print, and keep it where --json says."""
    print(f"{cores()} cores" + (", and other programs at work: read the figures as bounds, and the ratios with care" if busy() else ""))
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for row in measured(options, Path(folder)):
            print(line_of(row), flush=True)
            rows.append(row)
    if options.json:
        more = f" --many {options.many}" if options.many != MANY else ""
        command = f"python scripts/bench_speed.py{' --quick' * options.quick}{more}"
        document = {"command": command, "machine": processor(), "cores": cores(), "rows": [*map(asdict, rows)]}
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", type=Path, help="a folder of large JPEG files of quality 90 (default: made of the examples)")
    parser.add_argument("--many", type=int, default=MANY, help=f"how many small pictures make a long run; 0: none (default: {MANY})")
    parser.add_argument("--huge", type=int, default=200, help="megapixels of the one huge picture; 0: none (default: 200)")
    parser.add_argument("--quick", action="store_true", help="one round, fewer pictures")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--rate-only", action="store_true", help="only pictures a second of `unseg protect`")
    parser.add_argument("--pictures", type=Path, default=EXAMPLES, help="with --rate-only: a folder (default: examples/photos)")
    parser.add_argument("--generator", default="lite", help="with --rate-only: lite (default) or a weights file")
    parser.add_argument("--against", metavar="COMMIT", default="", help="with --rate-only: take turns with this commit")
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help=f"with --rate-only: how often (default and least: {LEAST_ROUNDS})")
    options = parser.parse_args(arguments)
    if options.against and not options.rate_only:
        parser.error("--against goes with --rate-only")
    try:
        print_rates(options) if options.rate_only else print_table(options)
    except UnsegError as problem:
        print(f"error: {problem.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
