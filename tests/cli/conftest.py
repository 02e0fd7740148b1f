"""Stand-ins for the workflows, so that the command line is tested without networks and weights."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from unseg_cli.core.events import Events, Report

#: command -> (module, function)
WORKFLOWS = {
    "protect": ("unseg_cli.protect.run", "protect"),
    "detect": ("unseg_cli.detect.run", "detect"),
    "verify": ("unseg_cli.protect.verification", "verify"),
    "restore": ("unseg_cli.protect.restore", "restore"),
    "train": ("unseg_cli.train.loop", "train"),
    "bench": ("unseg_cli.bench.run", "bench"),
    "bench report": ("unseg_cli.bench.summary.run", "report_runs"),
    "ui": ("unseg_cli.ui.run", "ui"),
    "doctor": ("unseg_cli.doctor.checks", "doctor"),
    "weights fetch": ("unseg_cli.generators.fetching", "weights_fetch"),
    "weights import": ("unseg_cli.generators.shelf", "weights_import"),
}
#: The least that a command needs on its line.
LEAST = {
    "protect": ["protect", "in", "out"],
    "detect": ["detect", "in", "masks"],
    "verify": ["verify", "in", "out"],
    "restore": ["restore", "out", "noise", "back"],
    "train": ["train", "--data", "synthetic", "--out", "run"],
    "bench": ["bench"],
    "bench-report": ["bench-report", "run"],
    "ui": ["ui"],
    "doctor": ["doctor"],
}


class Stand:
    """Puts a function in the place of a workflow and keeps the configurations that it was called with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.configs: list[Any] = []
        self._monkeypatch = monkeypatch

    def __call__(self, command: str, behave: Callable[[Events], Report | None] = lambda events: None) -> None:
        module, function = WORKFLOWS[command]

        def workflow(*arguments: Any, **_: Any) -> Report:
            self.configs.append(arguments[0] if len(arguments) > 1 else None)
            return behave(arguments[-1]) or Report(document={"schema": 1, "command": f"stand-in for {command}"})

        self._monkeypatch.setitem(sys.modules, module, SimpleNamespace(**{function: workflow}))

    @property
    def config(self) -> Any:
        """The configuration of the last call."""
        return self.configs[-1]


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    return Stand(monkeypatch)
