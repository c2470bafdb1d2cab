"""What the rehearsal director has to say about a step: prepared passes, kept as data in
`prompts/rehearsal.toml`.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from pydantic import BaseModel, ConfigDict

from ai.text import slugify

_FILE = Path(__file__).parent / "prompts" / "rehearsal.toml"


class Pass(BaseModel):
    """One prepared answer. `subjects` are the lower-case words that call for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subjects: tuple[str, ...]
    opening: str
    points: tuple[str, ...]
    question: str


class _Passes(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    passes: tuple[Pass, ...]


class Playbook(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    lines: dict[str, str]
    steps: dict[str, _Passes]
    phases: dict[str, _Passes]

    def line(self, name: str, /, **values: str) -> str:
        """A short line of its own. Raises KeyError for a missing line or value."""
        return Template(self.lines[name]).substitute(values)

    def knows(self, name: str) -> bool:
        """Whether there are passes for a step or phase of this slug."""
        return name in self.steps or name in self.phases

    def pass_for(self, *names: str, words: str, turn: int) -> Pass:
        """Of the first name it knows: the pass that the words call for, else the one whose turn it is."""
        known = next(filter(self.knows, map(slugify, names)), "any")
        passes = (self.steps.get(known) or self.phases[known]).passes
        spoken = set(re.findall(r"[a-z]+", words.lower()))
        scores = [len(spoken & set(item.subjects)) for item in passes]
        best = [item for item, score in zip(passes, scores, strict=True) if score == max(scores)]
        return best[turn % len(best)]


@cache
def playbook() -> Playbook:
    """Read once. Raises ValidationError where the file is not of the expected form."""
    return Playbook.model_validate(tomllib.loads(_FILE.read_text(encoding="utf-8")))


_UNKNOWN: Mapping[str, str] = {
    "title": "your series",
    "genre": "your genre",
    "episodes": "all",
    "duration": "20 or so",
    "audience": "your",
    "aspect": "your format",
    "quality": "draft",
}
_SOURCES: Mapping[str, str] = {
    "title": "title",
    "genre": "genre",
    "episodes": "episode_count",
    "duration": "episode_duration",
    "audience": "target_audience",
    "aspect": "aspect_ratio",
    "quality": "quality_tier",
}


def filled(text: str, project: Mapping[str, Any]) -> str:
    """The text with the project's facts; an unknown fact gets a neutral word."""
    values = {name: bare(project.get(source)) or _UNKNOWN[name] for name, source in _SOURCES.items()}
    for name in ("genre", "audience", "quality"):
        values[name] = values[name].replace("_", " ").replace("-", " ").lower()
    return Template(text).substitute(values)


def bare(fact: object) -> str:
    """A fact without the explanation that its label carries: 16:9 of "16:9 (Widescreen)"."""
    return re.sub(r"\s*\([^)]*\)\s*$", "", str(fact or ""))
