"""Malformed and hostile replies: `corpus/*.json`, played back by the fault server under the model name `corpus/<name>`.

A case is an object; what is left out has the value that an honest reply would have.

    name, why   what it is called, and what it is about
    says        the words of the reply; PROSE by default
    reports     the structured part: any value, or a string that is sent as it is. Told as a function call, as a fenced
                block of JSON, or both in turn (`ways`: "call", "block")
    repeat      {"says", "reports" or "raw": [unit, times, before, after]}: for what is too long to be written down
    again       what it reports when it is asked for the structured part once more; by default the same
    deltas      the stream in place of the above, as a list of deltas; `events` as a list of whole chunks; `raw` as text
    finish, usage     of the last chunks; null leaves them out
    obeys       it reports only where this text is in what it was asked
    given       title, description, text, file, step, preferences: what people had put into it
    expect      see tests/conversation/test_corpus.py
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ai.fault_talk import Talk

FOLDER = Path(__file__).with_name("corpus")
PIECE = 1_000
WORDS = "Let us open on the harbour at dawn."
USAGE = {"prompt_tokens": 321, "completion_tokens": 45, "total_tokens": 366}


@dataclass(frozen=True)
class Case:
    """A reply, told in one of its ways."""

    file: str
    way: str
    values: dict[str, Any]

    @property
    def name(self) -> str:
        return f"corpus/{self.file}/{self.values['name']}/{self.way}"

    @property
    def expect(self) -> dict[str, Any]:
        return self.values.get("expect", {})

    @property
    def given(self) -> dict[str, Any]:
        return self.values.get("given", {})

    def play(self, talk: Talk) -> None:
        values = self.values
        raw = self._long("raw")
        if raw is not None:
            talk.raw(raw)
            talk.close()
        elif "events" in values:
            for event in values["events"]:
                talk.raw(f"data: {json.dumps(event)}\n\n")
            talk.raw("data: [DONE]\n\n")
            talk.close()
        elif "deltas" in values:
            for delta in values["deltas"]:
                talk.delta(delta)
            self._end(talk, "stop")
        else:
            self._answer(talk)

    def _answer(self, talk: Talk) -> None:
        reports = self._reports(talk)
        is_block = self.way == "block" and reports is not None
        says = "" if talk.is_repair else self._long("says", WORDS)
        if is_block:
            says = f"{says}\n\n```json\n{reports}\n```\n"
        for start in range(0, len(says), PIECE):
            talk.delta({"content": says[start : start + PIECE]})
        if reports is not None and not is_block:
            talk.call(reports)
        self._end(talk, "stop" if reports is None or is_block else "tool_calls")

    def _reports(self, talk: Talk) -> str | None:
        if "obeys" in self.values and self.values["obeys"] not in json.dumps(talk.asked.body, ensure_ascii=False):
            return None
        value = self.values["again"] if talk.is_repair and "again" in self.values else self._long("reports")
        return value if value is None or isinstance(value, str) else json.dumps(value)

    def _long(self, key: str, default: str | None = None) -> Any:
        if key not in self.values.get("repeat", {}):
            return self.values.get(key, default)
        unit, times, before, after = [*self.values["repeat"][key], "", ""][:4]
        return f"{before}{unit * times}{after}"

    def _end(self, talk: Talk, finish: str) -> None:
        talk.delta({}, self.values.get("finish", finish))
        usage = self.values.get("usage", USAGE)
        if usage is not None:
            talk.chunk({"choices": [], "usage": usage})
        talk.raw("data: [DONE]\n\n")
        talk.close()


def cases() -> Iterator[Case]:
    for path in sorted(FOLDER.glob("*.json")):
        for values in json.loads(path.read_text()):
            has_structure = "reports" in values or "reports" in values.get("repeat", {})
            for way in values.get("ways", ["call", "block"] if has_structure else ["words"]):
                yield Case(path.stem, way, values)


CORPUS = list(cases())
PLAYS: dict[str, Callable[[Talk], None]] = {case.name: case.play for case in CORPUS}
