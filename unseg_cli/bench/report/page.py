"""The pages of results, and the tables of README.md and docs/using.md: made of the bench runs and lines that are kept in docs/results/.

docs/results.md is docs/results_intro.md, written by hand but for its numbers; in front of its second heading stand the tables that say what
came of everything. docs/results_runs.md has a section for each run, made of its results.json and run.json alone,
docs/results_tried.md what was tried before.
"""

from __future__ import annotations

from pathlib import Path

from unseg_cli.bench.report import efficacy, facts, first, kept, lines, markdown, speed, train_speed
from unseg_cli.bench.report.targets import targets

#: The table of README.md stands between these.
BEGIN, END = "<!-- table by scripts/make_results.py -->", "<!-- end of table -->"
#: And that of docs/using.md.
STRENGTHS_BEGIN, STRENGTHS_END = "<!-- strengths by scripts/make_results.py -->", "<!-- end of strengths -->"
SPEED_BEGIN, SPEED_END = "<!-- speed by scripts/make_results.py -->", "<!-- end of speed -->"
EARLIER = "**Made with an earlier generator than the one that ships now**, and not in the tables of results.md."
OTHER = "**Made with the generator `{name}`, not with the one that ships**, and not in the tables of results.md."
PLAINER = "**{conditions}: drawn before noise code {code}, which hides noise better at 200 %**, and not in the tables of results.md."
SHIPPED = "lite"
RUNS = """# Every run

A section for each run that is kept in [results/](results/): its command, its tables, and what they depend on. What they come to stands in
[results.md](results.md)."""
TRIED = """# What was tried

The noises that were tried, the schedules that victims were tried with, and what the first generator was measured with. What came of it
stands in [results.md](results.md), and why things are as they are in [decisions.md](decisions.md)."""


def pages(docs: Path) -> dict[Path, str]:
    """What the files that are made of docs/results/ have to hold, by path.

    Args:
        docs: the folder of results_intro.md and results/; README.md and weights/ lie beside it.
    """
    runs = kept.kept_runs(docs)
    pooled = kept.pooled(runs, kept.shipped_weights(docs))
    made = {
        docs / "results.md": _results_page(docs, runs, pooled),
        docs / "results_runs.md": _page(RUNS, *map(_section, runs)),
        docs / "results_tried.md": _page(TRIED, lines.experiments(docs), lines.schedules(docs), first.section(docs, runs)),
    }
    using = docs / "using.md"
    if using.is_file():
        made[using] = with_table(using.read_text(encoding="utf-8"), efficacy.by_strength(pooled), STRENGTHS_BEGIN, STRENGTHS_END)
    readme = docs.parent / "README.md"
    if readme.is_file():
        text = with_table(readme.read_text(encoding="utf-8"), efficacy.efficacy(pooled, short=True))
        made[readme] = with_table(text, speed.sentence(docs), SPEED_BEGIN, SPEED_END)
    return made


def stale(made: dict[Path, str]) -> list[Path]:
    """The files that hold something else."""
    return [path for path, text in made.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]


def with_table(page: str, table: str, begin: str = BEGIN, end: str = END) -> str:
    """A page with what stands between two comments made again."""
    if begin not in page or end not in page:
        return page
    head, rest = page.split(begin, 1)
    return f"{head}{begin}\n\n{table}\n\n{end}{rest.split(end, 1)[1]}"


def _results_page(docs: Path, runs: list[kept.KeptRun], pooled: kept.Pooled) -> str:
    introduction, *sections = facts.fill_in((docs / "results_intro.md").read_text(encoding="utf-8").rstrip(), runs).split("\n\n## ")
    return _page(
        introduction,
        targets(docs, pooled),
        efficacy.section(pooled),
        *(f"## {section}" for section in sections),
        lines.detections(docs),
        speed.section(docs),
        train_speed.section(docs),
    )


def _page(*parts: str) -> str:
    """Parts of a page, those without content omitted."""
    return "\n\n".join(filter(None, parts)) + "\n"


def _section(run: kept.KeptRun) -> str:
    plots = " ".join(f"![{name}](results/{run.name}/{name}.png)" for name in ("bars", "curves") if (run.folder / f"{name}.png").is_file())
    name = (run.run["generator"] or {}).get("name", SHIPPED)
    note = "" if not run.outdated else f"{EARLIER if name == SHIPPED else OTHER.format(name=name)}\n\n"
    plainer = sorted({row["condition"] for row in run.results["rows"] if run.shown_more(row["condition"])})
    if plainer and not run.outdated:
        note += f"{PLAINER.format(conditions=', '.join(plainer), code=kept.CLOSE_NOISE)}\n\n"
    note += "".join(f"    {command}\n" for command in run.beforehand.get("commands", []))
    return f"## {run.name}\n\n{note}{markdown.section(run.results, run.run).rstrip()}\n\n{plots}".rstrip()
