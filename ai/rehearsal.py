"""The director that works without a model, a key or a network.

It is honest about itself: it says that it is a rehearsal, speaks from prepared notes (`ai.playbook`), follows
the workflow, measures the attached files (`ai.observations`), and claims to understand no more than that. The
same scene gives the same words.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from ai.contract import Completion, Delta, NextStep, Passage, Prompt, Scene, TaskType, Usage
from ai.extracts import extract
from ai.fill import Known, fill_input
from ai.observations import observe
from ai.playbook import Pass, Playbook, bare, filled, playbook
from ai.text import one_line, shorten
from ai.tokens import prompt_tokens, text_tokens
from ai.wishes import Move, wanted_move, wanted_task

WORD_DELAY = 0.03
MOST_WORDS = 175
MOST_FILES = 3


class RehearsalDirector:
    """A `ChatModel`. `word_delay` is the pause after each word, in seconds."""

    name = "rehearsal"
    sees_pictures = True

    def __init__(self, *, word_delay: float = WORD_DELAY) -> None:
        self._word_delay = word_delay

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Completion, None]:
        # Pictures and PDFs are opened: not on the loop that serves everybody.
        answer = await asyncio.to_thread(_answer, prompt.subject)
        for word in re.findall(r"\s*\S+", answer.text):
            yield Delta(word)
            # Nobody listens to a summary being written.
            if isinstance(prompt.subject, Scene):
                await asyncio.sleep(self._word_delay)
        used = await asyncio.to_thread(prompt_tokens, prompt.messages, prompt.tool)
        arguments = json.dumps(answer.structure, ensure_ascii=False) if answer.structure else None
        usage = Usage(used, text_tokens(answer.text) + text_tokens(arguments or ""))
        reason = "tool_calls" if arguments else "stop"
        yield Completion(answer.text, arguments, reason, usage, self.name)


@dataclass(slots=True)
class Answer:
    """`structure` holds the arguments of the tool `direct`, where there are any."""

    text: str
    structure: dict[str, Any] = field(default_factory=dict)


def _answer(subject: Scene | Passage) -> Answer:
    return Answer(extract(subject)) if isinstance(subject, Passage) else rehearse(subject)


def rehearse(scene: Scene) -> Answer:
    """The whole answer to a scene. Attached files are opened."""
    return _Rehearsal(scene, playbook()).answer()


class _Rehearsal:
    def __init__(self, scene: Scene, book: Playbook) -> None:
        self._scene = scene
        self._book = book
        self._words = _own_words(scene)
        self._is_first = not any(message.role == "assistant" for message in scene.history)
        self._move = self._wanted_move()
        self._task = self._wanted_task()

    def answer(self) -> Answer:
        prepared = self._prepared()
        opening = [*self._introduction(), *self._lead(), *self._files()]
        closing = [*self._question(prepared), *self._tag()]
        if self._opens_next:
            opening.extend(self._consequence())
        else:
            closing = [*self._consequence(), *closing]
        opening.append(filled(prepared.opening, self._facts))
        room = MOST_WORDS - _count(*opening, *closing)
        points = self._points(prepared, room)
        brief = self._brief(room - _count(points))
        text = "\n\n".join(part for part in (*opening, points, brief, *closing) if part)
        return Answer(text, self._structure())

    @property
    def _text(self) -> str:
        """The message with its lines: one sentence decides what is wished."""
        return self._scene.message.text if self._scene.chosen is None else self._words

    @property
    def _facts(self) -> dict[str, Any]:
        facts = {key: one_line(str(value)) for key, value in self._scene.project.items() if value not in (None, "")}
        facts["title"] = shorten(facts.get("title", "your series"), 60)
        return facts

    def _prepared(self) -> Pass:
        step, chosen, ahead = self._scene.step, self._scene.chosen, self._leads_to
        words = f"{self._words} {chosen.title} {chosen.slug.replace('_', ' ')}" if chosen else self._words
        turn = sum(message.role == "user" for message in self._scene.history)
        names = (ahead.slug,) if ahead and self._opens_next else (step.slug, step.phase)
        return self._book.pass_for(*names, words=words, turn=turn)

    @property
    def _opens_next(self) -> bool:
        """Whether the reply can already speak of the step that follows."""
        return self._leads_to is not None and self._book.knows(self._leads_to.slug)

    def _wanted_move(self) -> Move | None:
        chosen = self._scene.chosen
        if chosen and (chosen.leads_to or chosen.finishes or chosen.submits):
            return None
        return wanted_move(self._text, self._scene.step)

    def _wanted_task(self) -> TaskType | None:
        chosen, step = self._scene.chosen, self._scene.step
        if chosen and chosen.submits:
            return next((item for item in step.task_types if item.slug == chosen.submits), None)
        return None if chosen or self._move else wanted_task(self._text, step)

    @property
    def _leads_to(self) -> NextStep | None:
        """The step that follows this turn: decided by the choice, or asked for."""
        chosen = self._scene.chosen
        if chosen and chosen.leads_to:
            return next((item for item in self._scene.step.next_steps if item.slug == chosen.leads_to), None)
        return self._move.step if self._move else None

    def _introduction(self) -> list[str]:
        return [self._book.line("introduction")] if self._is_first else []

    def _tag(self) -> list[str]:
        return [] if self._is_first else [self._book.line("tag")]

    def _lead(self) -> list[str]:
        lead = []
        if self._scene.chosen:
            lead.append(self._book.line("chosen", choice=shorten(one_line(self._scene.chosen.title), 80)))
        if self._words:
            name = "wished" if self._move or self._task else "asked" if self._words.endswith("?") else "quote"
            lead.append(self._book.line(name, words=_plain(" ".join(self._words.split()[:24]), 160)))
        return [" ".join(lead)] if lead else []

    def _files(self) -> list[str]:
        files = self._scene.message.attachments
        if not files:
            return []
        heading = self._book.line("files" if self._words or self._scene.chosen else "files_only")
        ratio = bare(self._scene.project.get("aspect_ratio"))
        lines = [observe(item, aspect_ratio=ratio) for item in files[:MOST_FILES]]
        if len(files) > MOST_FILES:
            lines.append(f"- and {len(files) - MOST_FILES} more, which I did not open.")
        return [heading, "\n".join(lines)]

    def _points(self, prepared: Pass, room: int) -> str:
        lines: list[str] = []
        for point in prepared.points:
            line = f"- {filled(point, self._facts)}"
            if _count(*lines, line) > room:
                break
            lines.append(line)
        return "\n".join(lines)

    def _brief(self, room: int) -> str:
        """The sentence of the editors' instructions that touches the user's words, else the first; where there is
        room.
        """
        if self._leads_to:
            return ""
        sentences = [one_line(s) for s in re.split(r"(?<=[.!?])\s+|\n+", self._scene.step.instructions)]
        usable = [s.lstrip("#-*> ") for s in sentences if 4 <= len(s.split()) <= 30]
        source = usable or [one_line(self._scene.step.description)]
        spoken = set(self._words.lower().split())
        sentence = max(source, key=lambda s: len(spoken & set(s.lower().split())))
        line = self._book.line("brief", brief=_plain(sentence, 220)) if sentence else ""
        return line if _count(line) <= room else ""

    def _consequence(self) -> list[str]:
        """What this turn sets in motion, in words; `_structure` says the same to the workflow."""
        lines = []
        chosen = self._scene.chosen
        if self._task:
            lines.append(self._book.line("task", task=one_line(self._task.title)))
        if chosen and chosen.finishes:
            lines.append(self._book.line("finished"))
        elif step := self._leads_to:
            lines.append(self._moving_to(step))
        elif self._move and self._scene.step.next_steps:
            titles = " or ".join(f"**{one_line(item.title)}**" for item in self._scene.step.next_steps[:4])
            lines.append(self._book.line("staying", steps=titles))
        elif self._move:
            lines.append(self._book.line("last"))
        return lines

    def _moving_to(self, step: NextStep) -> str:
        titles = {"present": one_line(self._scene.step.title), "step": one_line(step.title)}
        description = shorten(one_line(step.description), 160)
        if not description:
            return self._book.line("moving_bare", **titles)
        return self._book.line("moving", description=description, **titles)

    def _question(self, prepared: Pass) -> list[str]:
        finishes = self._scene.chosen is not None and self._scene.chosen.finishes
        is_closing = finishes or (self._leads_to is not None and not self._opens_next)
        return [] if is_closing else [filled(prepared.question, self._facts)]

    def _structure(self) -> dict[str, Any]:
        structure: dict[str, Any] = {}
        if self._move and self._move.step:
            structure["next_step"] = self._move.step.slug
        elif self._move and self._scene.step.next_steps:
            structure["choices"] = [_choice_to(item) for item in self._scene.step.next_steps[:4]]
        if self._task:
            structure["action"] = {"task_type": self._task.slug, "input": self._input(self._task)}
        return structure

    def _input(self, task: TaskType) -> dict[str, Any]:
        facts = self._scene.project
        description = one_line(str(facts.get("description", "")))
        title = one_line(str(facts.get("title", ""))) or one_line(self._scene.step.title)
        text = self._words or self._last_words() or description or title
        return fill_input(task.input_schema, Known(text=text, title=title, facts=facts))

    def _last_words(self) -> str:
        """What the user last wrote in earnest: a choice alone is no description of a scene."""
        said = (m.text for m in reversed(self._scene.history) if m.role == "user" and len(m.text.split()) > 5)
        return one_line(next(said, ""))


def _own_words(scene: Scene) -> str:
    """What the user wrote, without the title of the choice that the message begins with."""
    words = one_line(scene.message.text)
    return words.removeprefix(one_line(scene.chosen.title)).lstrip(" .:-") if scene.chosen else words


def _choice_to(step: NextStep) -> dict[str, Any]:
    return {
        "slug": f"go_to_{step.slug}",
        "title": shorten(f"Go to {one_line(step.title)}", 80),
        "description": shorten(one_line(step.description), 300),
        "leads_to": step.slug,
    }


def _count(*parts: str) -> int:
    return sum(len(part.split()) for part in parts)


def _plain(text: str, limit: int) -> str:
    """A stranger's words inside our Markdown: their own marks lose their effect."""
    return shorten(re.sub(r"[*_`<>\[\]|#]", "", text), limit)
