"""What runs have found, in sentences."""

from __future__ import annotations

from typing import Any

from unseg_cli.bench.conditions import CLEAN, SPELLINGS
from unseg_cli.bench.summary.runs import Answer

Document = dict[str, Any]

#: What is measured, for people who do not know the names of tasks.
ABILITIES = {
    "binary": "find the object in a picture",
    "semantic": "say of every part of a picture what it shows",
    "instance": "find every object of a picture, and outline it",
    "detection": "find every object of a picture, and draw a box around it",
    "panoptic": "divide a picture into its objects and what lies around them",
    "interactive": "outline an object that somebody points at",
}
#: What a model was trained on, by condition, where "pictures with .. noise, a control," would not say it.
TRAINED_ON = {
    "clean-subset": "the pictures that stay clean, alone,",
    "protected": "protected pictures",
    "protected-auto": "pictures that were protected without masks, by detected objects,",
    "protected-corrected": "pictures that were protected by detected objects, corrected where those were unsure,",
    "protected-whole": "pictures that were protected as a whole",
    "protected-uniform": "pictures with one pattern all over",
    "protected-per-class": "pictures whose classes were protected with a pattern each",
}
HOW_IT_WORKS = (
    "A model is trained twice: once on the pictures as they are, and once on protected copies of the same pictures. Both are tested on "
    "pictures that neither has seen, and that are never protected. What the second has learned less than the first is what the protection "
    "does."
)
WHAT_IT_IS_NOT = (
    "It says nothing about models that are trained already, and little about models, data or ways to undo the protection that were not "
    "tried here."
)


def asked(answer: Answer) -> str:
    """What was asked, in one sentence."""
    first = answer.runs[0].results
    names = ", ".join(dict.fromkeys(victim for victim, _ in answer.victims))
    return (
        f"Can a model that was trained on protected copies of {first['train_pictures']} pictures of {answer.data} still "
        f"{ABILITIES[answer.task]}, in {first['test_pictures']} other pictures that are clean? Models: {names}."
    )


def found(answer: Answer, victim: str, defence: str) -> list[str]:
    """What was found about a victim under a defence, a sentence for each condition."""
    entries = answer.of(victim, defence)
    against = "" if defence == "none" else f", with {defence} done to all training pictures"
    lines = [f"{victim}{against}: trained on clean pictures it scores {entries[0]['clean_mean']:.1f} of 100."]
    lines += [_found(entry) for entry in entries if entry["condition"] != CLEAN]
    floor = answer.floor(victim)
    return lines if floor is None else [*lines, f"Who looks at no picture scores {floor:.1f}."]


def _found(entry: Document) -> str:
    """The sentence about one condition."""
    condition, lost, at_best = entry["condition"], entry["relative_drop"], entry.get("best_relative_drop")
    what = TRAINED_ON.get(condition, f"pictures with {condition} noise, a control,")
    line = f"Trained on {what} it scores {entry['mean']:.1f}"
    if lost is None:
        return f"{line}. It had learned too little from clean ones for a loss to mean anything."
    line += f": it has lost {lost:.0f} % of what it would have learned" if lost >= 0.5 else ": it has lost nothing"
    if SPELLINGS[condition].ours and at_best is not None:
        line += f", and {max(at_best, 0):.0f} % if its training was stopped at the best moment"
    return f"{line}."


def how_sure(answer: Answer) -> str:
    """How much can be built on it."""
    if answer.smoke_test:
        return "Not at all: these trainings only show that everything runs."
    seeds = min((entry["n"] for entry in answer.entries), default=1)
    if seeds < 2:
        return "Each training was done once. Another start may give a score that is several points higher or lower."
    said = "their scores have a standard deviation of at most"
    return f"Each training was done {seeds} times or more, from other starts; {said} {max(entry['std'] for entry in answer.entries):.1f}."
