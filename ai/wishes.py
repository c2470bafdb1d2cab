"""What a producer plainly asks for in free words: to move on, or to have something generated.

English only, and deliberately narrow: what is not plain is no wish.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ai.contract import NextStep, Step, TaskType

_MOVE = re.compile(
    r"\b(?:next (?:step|phase|stage)|move on|carry on to|let'?s (?:go|proceed|advance)|proceed"
    r"|(?:go|move|continue|advance|jump|skip|switch) (?:ahead )?(?:on )?(?:with|to))\b",
    re.IGNORECASE,
)
_NOT = re.compile(r"\b(?:not|never|n't|don'?t|won'?t|before we|stay)\b|n't\b", re.IGNORECASE)
_ASKS = re.compile(r"\?\s*$")
_MAKE = re.compile(r"\b(?:draw|generate|render|create|make|sketch|produce|paint)\b", re.IGNORECASE)
_GENERIC = frozenset(
    [
        "the",
        "and",
        "for",
        "with",
        "into",
        "step",
        "phase",
        "stage",
        "your",
        "our",
        "its",
        "this",
        "that",
        "all",
    ]
)


@dataclass(frozen=True, slots=True)
class Move:
    """A wish to move on. `step` is where to, or None where the workflow has no such way from here."""

    step: NextStep | None


def wanted_move(text: str, step: Step) -> Move | None:
    """The sentence that asks to move on decides; one that says no, or only wonders, does not ask."""
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", text):
        if _MOVE.search(sentence) and not _NOT.search(sentence) and not _ASKS.search(sentence):
            return Move(_target(sentence, step))
    return None


def _target(sentence: str, step: Step) -> NextStep | None:
    named = _best(sentence, step.next_steps)
    if named is not None:
        return named
    names_another = re.search(r"\b(?:to|with)\s+(?!the next|next)\w", sentence, re.IGNORECASE)
    return step.next_steps[0] if step.next_steps and not names_another else None


def _best(sentence: str, steps: Sequence[NextStep]) -> NextStep | None:
    words = _words(sentence)
    scored = [(len(words & _words(f"{item.title} {item.slug}")), -place, item) for place, item in enumerate(steps)]
    score, _, item = max(scored, default=(0, 0, None), key=lambda entry: entry[:2])
    return item if score else None


def wanted_task(text: str, step: Step) -> TaskType | None:
    """The task whose name shares a word with a sentence that asks to make something."""
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", text):
        if not _MAKE.search(sentence) or _NOT.search(sentence):
            continue
        words = _words(sentence)
        for item in step.task_types:
            if words & _words(f"{item.title} {item.slug}"):
                return item
    return None


def _words(text: str) -> set[str]:
    """Lower-case words without a plural's s, and without those that say nothing."""
    found = re.findall(r"[a-z]{3,}", text.lower().replace("_", " "))
    return {word.removesuffix("s") for word in found if word not in _GENERIC}
