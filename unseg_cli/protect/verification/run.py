"""The workflow of `unseg verify`: pair the trees, judge every pair and every stranger, and report."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from unseg_cli.core.events import Events, Report
from unseg_cli.core.memory import keep_freed_memory
from unseg_cli.core.parallel.processes import elsewhere, worth_starting
from unseg_cli.core.parallel.spread import PIXELS_A_WORKER, Room, cores
from unseg_cli.pictures.header import pixels_in
from unseg_cli.pictures.masks import rule_for
from unseg_cli.protect.config import VerifyConfig
from unseg_cli.protect.manifest import Record
from unseg_cli.protect.results.faint import Faint
from unseg_cli.protect.results.report import Mean
from unseg_cli.protect.verification.judge import MISSING, Verdict, judge_pair
from unseg_cli.protect.verification.pairs import Pair, Trees, pair_trees
from unseg_cli.protect.verification.strangers import judge_strangers

Judge = Callable[[Pair], dict[str, Any]]

STRANGERS_AT_ONCE = 2  # more would decode too many large pictures at once


def verify(config: VerifyConfig, events: Events, *, processes: bool = False) -> Report:
    """Compare a protected tree with the clean one.

    Args:
        config: the two trees and, perhaps, a budget and masks; without a budget each picture's own from the manifest counts, else the
            default.
        events: receives progress, and what of DST was not looked at; with -v also what is wrong with which picture, as it is found.
        processes: see `unseg_cli.protect.run.protect`.

    Returns:
        A report with `pairs` and `strangers`; exit code 1 where a picture is missing, unchanged, out of budget or not readable, or where
        DST holds one that belongs to none of SRC.

    Raises:
        UsageProblem: SRC, DST or the masks do not exist, or SRC is what `protect` wrote.
        NothingToDo: no picture in SRC.
        EnvironmentProblem: the manifest cannot be read.
    """
    started = time.perf_counter()
    here = _judge(config)
    trees = pair_trees(config.src, config.dst, config.masks)
    if trees.passed_over:
        events.warn(f"not looked at in DST: {trees.passed_over}")
    if trees.copied:
        what = "a data set's label maps, and with --split train its test pictures"
        events.info(f"{trees.copied} files are as they were and NOT protected: {what}")
    workers = cores()
    count = worth_starting(len(trees.pairs), workers) if processes else 0
    try:
        with (
            elsewhere(_judge, config, here, count=count, say=events.detail) as judge,
            _threads(workers) as pool,
        ):
            results = _judged(trees, judge, workers, pool, events)
        with _threads(STRANGERS_AT_ONCE) as pool:
            strangers = judge_strangers(trees, pool)
    finally:
        events.stop()
    return _report(results, strangers, trees, config.only_problems, time.perf_counter() - started)


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Which begin nothing new after Ctrl-C."""
    pool = ThreadPoolExecutor(count, thread_name_prefix="unseg")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _judge(config: VerifyConfig) -> Judge:
    """What judges a pair, in this process or another."""
    keep_freed_memory()
    return partial(judge_pair, budget=config.budget, rule=rule_for(config.masks, config.mask_rule))


def _judged(trees: Trees, judge: Judge, workers: int, pool: ThreadPoolExecutor, events: Events) -> list[dict[str, Any]]:
    room, results = Room(PIXELS_A_WORKER * workers), []

    def judged(pair: Pair) -> dict[str, Any]:
        with room.taken(pixels_in(pair.src)):
            return judge(pair)

    events.start(len(trees.pairs), "verifying")
    for result in pool.map(judged, trees.pairs):
        results.append(result)
        for text in (result["problem"], result["note"]):
            if text:
                events.detail(f"{result['src']}: {text}")
        events.advance()
    return results


def _report(
    results: list[dict[str, Any]], strangers: list[dict[str, Any]], trees: Trees, only_problems: bool | None, seconds: float
) -> Report:
    rows = trees.manifest.rows
    good = [result for result in results if result["ok"]]
    measured = [result for result in results if result["linf_255"] is not None]
    generators = {(row.get("generator"), row.get("generator_sha256")) for row in rows.values() if row.get("status") != "copied"}
    name, sha256 = generators.pop() if len(generators) == 1 else (None, None)
    sources = Counter(rows[result["src"]].get("mask_source") for result in results if result["src"] in rows)
    verdicts = Counter(result["verdict"] for result in results)
    faint = Faint()
    for result in good:
        faint.add(rows.get(result["src"], Record()))
    document: dict[str, Any] = {
        "schema": 1,
        "command": "verify",
        "images": len(results),
        "protected": len(good),
        "skipped": 0,
        "failed": len(results) - len(good),
        "missing": sum(result["problem"] == MISSING for result in results),
        "not_in_manifest": sum(not result["in_manifest"] for result in results),
        "verdicts": {verdict.value: verdicts[verdict.value] for verdict in Verdict},
        "linf_255_max": max((result["linf_255"] for result in measured), default=None),
        "psnr_mean": Mean.of(result["psnr"] for result in measured).rounded,
        "ssim_mean": Mean.of(result["ssim"] for result in measured).rounded,
        "seconds": round(seconds, 3),
        "images_per_second": round(len(results) / seconds, 3) if seconds else 0.0,
        "faint": faint.count,
        "mask_source": {source: sources[source] for source in ("file", "auto", "whole")},
        "generator": {"name": name, "sha256": sha256},
        "failures": [{"path": result["src"], "error": result["problem"]} for result in results if not result["ok"]],
        "pairs": results,
        "strangers": strangers,
        "only_problems": only_problems,
    }
    return Report(document=document, exit_code=1 if strangers or len(good) < len(results) else 0, closing=faint.lines())
