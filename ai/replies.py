"""What is believed of a model's answer: parsed and validated once, here.

The prose always counts. A part of the structure that is malformed, too large, or not allowed at this step is
dropped with a note in words for people.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ai.contract import Completion, Scene, Step
from ai.text import clean, clean_json, is_blank, one_line, quoted, shorten, slugify, visible_line
from ai.tool import DESCRIPTION_LENGTH, MOST_CHOICES, TITLE_LENGTH

LONGEST_TEXT = 20_000
LONGEST_STRUCTURE = 64_000
LONGEST_INPUT = 16_000
MOST_NOTES = 12
OVERRIDE = "manual_override"
_MOST_CHOICES_READ = 20


@dataclass(frozen=True, slots=True)
class ProposedChoice:
    """`leads_to` and `submits` are allowed at the scene's step; a session that moves on must check them again."""

    slug: str
    title: str
    description: str = ""
    leads_to: str | None = None
    submits: str | None = None
    recommended: bool = False


@dataclass(frozen=True, slots=True)
class ProposedAction:
    """A task of an allowed type. `input` is a JSON object that the task's own model has yet to validate."""

    task_type: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """`faults` say, in words for a model, what of the structure was lost because of its form: whoever is told may put
    it right. What the workflow forbids is no fault of form, and one bad choice beside good ones is not worth asking.
    """

    text: str
    next_step: str | None = None
    choices: tuple[ProposedChoice, ...] = ()
    action: ProposedAction | None = None
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def _line(value: object) -> object:
    return visible_line(value) if isinstance(value, str) else value


def _name(value: object) -> object:
    """A slug or nothing: models write null as an empty string or as a word."""
    line = _line(value)
    return None if line in ("", "null", "none", "None") else line


Line = Annotated[str, BeforeValidator(_line)]
Name = Annotated[Annotated[str, Field(max_length=100)] | None, BeforeValidator(_name)]


def _called(*names: str) -> Any:
    return AliasChoices(*names)


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class _Choice(_Part):
    slug: Name = Field(default=None, validation_alias=_called("slug", "id"))
    title: Annotated[Line, Field(min_length=1, max_length=TITLE_LENGTH)]
    description: Line = ""
    leads_to: Name = Field(default=None, validation_alias=_called("leads_to", "leadsTo", "next_step", "nextStep"))
    submits: Name = Field(default=None, validation_alias=_called("submits", "task_type", "taskType"))
    recommended: bool = Field(default=False, validation_alias=_called("recommended", "isRecommended", "is_recommended"))
    override: bool = Field(default=False, validation_alias=_called("isManualOverride", "is_manual_override"))


class _Action(_Part):
    task_type: Annotated[Line, Field(min_length=1, max_length=100)] = Field(
        validation_alias=_called("task_type", "taskType", "type")
    )
    input: dict[str, Any] = Field(default_factory=dict, validation_alias=_called("input", "taskData", "task_data"))


def parse_reply(completion: Completion, scene: Scene) -> Reply:
    """Never raises: what cannot be believed is left out and noted."""
    return _Reading(scene).read(completion)


def parse_repaired(completion: Completion, structure: str | None, scene: Scene) -> Reply | None:
    """The reply with another structured part in the place of its own; None where that is no better."""
    if not structure:
        return None
    # Words that come with a repair have been said already.
    reading = _Reading(scene, takes_response=is_blank(completion.text))
    repaired = reading.read(replace(completion, tool_arguments=structure))
    return None if repaired.faults else repaired


class _Reading:
    def __init__(self, scene: Scene, *, takes_response: bool = True) -> None:
        self._scene = scene
        self._takes_response = takes_response
        self._step: Step = scene.step
        self._notes: list[str] = []
        self._faults: list[str] = []

    def read(self, completion: Completion) -> Reply:
        structure = self._structure(completion.tool_arguments)
        next_step = self._next_step(_first(structure, "next_step", "nextStep"))
        choices = self._choices(structure.get("choices"), moves_to=next_step or self._decided_step)
        action = self._action(structure)
        text = self._text(completion, structure)
        if is_blank(text):
            text = self._stand_in(next_step, choices, action)
        if completion.finish_reason == "length":
            self._note("The reply reached its longest permitted length and ends early.")
        return Reply(text, next_step, choices, action, tuple(self._notes[:MOST_NOTES]), tuple(self._faults))

    @property
    def _decided_step(self) -> str | None:
        return self._scene.chosen.leads_to if self._scene.chosen else None

    def _note(self, text: str) -> None:
        self._notes.append(text)

    def _fault(self, text: str, note: str) -> None:
        self._faults.append(text)
        self._note(note)

    def _structure(self, raw: str | None) -> dict[str, Any]:
        if not raw or not raw.strip():
            return {}
        if len(raw) > LONGEST_STRUCTURE:
            fault = f"It is longer than {LONGEST_STRUCTURE:,} characters."
            self._fault(fault, "The director's structured part was far too large and was left out.")
            return {}
        try:
            value = clean_json(load_json(raw))
            fault = f"It is a JSON {type(value).__name__}, not an object."
        except (ValueError, RecursionError) as error:
            value, fault = raw, f"It is not valid JSON: {error}."
        if isinstance(value, dict) or value is None:
            return value or {}
        self._fault(fault, "The director's structured part could not be read and was left out.")
        return {}

    def _next_step(self, value: object) -> str | None:
        slug = self._allowed(value, [item.slug for item in self._step.next_steps], "step")
        chosen = self._scene.chosen
        if slug is None or chosen is None or not (chosen.leads_to or chosen.finishes):
            return slug
        if slug != chosen.leads_to:
            self._note(f"The director proposed the step {quoted(slug)}, but the choice taken decides this.")
        return None

    def _allowed(self, value: object, allowed: list[str], kind: str) -> str | None:
        """The proposed slug where it is allowed; to stay at the present step is no proposal."""
        slug = _name(value)
        if slug is None or (kind == "step" and slug == self._step.slug):
            return None
        if isinstance(slug, str) and slug in allowed:
            return slug
        if not isinstance(slug, str):
            self._faults.append("`next_step` must be a string, or be left out.")
        what = "the step" if kind == "step" else "the task"
        self._note(f"The director proposed {what} {quoted(slug)}, which the workflow does not allow here.")
        return None

    def _choices(self, value: object, *, moves_to: str | None) -> tuple[ProposedChoice, ...]:
        if not value:
            return ()
        if not isinstance(value, list):
            fault = "`choices` must be a list of objects."
            self._fault(fault, "The director's choices could not be read and were left out.")
            return ()
        kept: list[ProposedChoice] = []
        malformed: list[str] = []
        for item in value[:_MOST_CHOICES_READ]:
            choice = self._choice(item, kept, malformed, moves_to=moves_to)
            if choice is not None and len(kept) == MOST_CHOICES:
                self._note(f"The director proposed more than {MOST_CHOICES} choices; the rest were left out.")
                break
            if choice is not None:
                kept.append(choice)
        if not kept:
            self._faults.extend(malformed)
        return tuple(kept)

    def _choice(
        self, item: object, kept: list[ProposedChoice], malformed: list[str], *, moves_to: str | None
    ) -> ProposedChoice | None:
        try:
            draft = _Choice.model_validate({"title": item} if isinstance(item, str) else item)
        except ValidationError as error:
            malformed.append(f"A choice in `choices` is not valid: {_complaint(error)}.")
            self._note(f"A choice that the director proposed was left out: {_reason(error)}.")
            return None
        slug = slugify(draft.slug or "") or slugify(draft.title) or f"choice_{len(kept) + 1}"
        if draft.override or OVERRIDE in (slug, slugify(draft.title)):
            self._note("The director proposed the manual override, which is always offered anyway.")
            return None
        notes = len(self._notes)
        leads_to = self._allowed(draft.leads_to, [s.slug for s in self._step.next_steps], "step")
        submits = self._allowed(draft.submits, [t.slug for t in self._step.task_types], "task")
        if len(self._notes) > notes:
            # Without its effect the choice would promise what taking it does not do.
            return None
        if len(draft.description) > DESCRIPTION_LENGTH:
            self._note(f"The description of the choice {quoted(draft.title)} was too long and was shortened.")
        return ProposedChoice(
            slug=_unique(slug, {choice.slug for choice in kept}),
            title=draft.title,
            description=shorten(draft.description, DESCRIPTION_LENGTH),
            leads_to=None if leads_to == moves_to else leads_to,
            submits=submits,
            recommended=draft.recommended and not any(choice.recommended for choice in kept),
        )

    def _action(self, structure: Mapping[str, Any]) -> ProposedAction | None:
        value = _first(structure, "action", "action_required", "actionRequired")
        if isinstance(value, str) and _name(value) is not None:
            value = {"task_type": value, "input": _first(structure, "task_data", "taskData", "input") or {}}
        if not value:
            return None
        if isinstance(value, dict) and _name(_first(value, "task_type", "taskType", "type")) is None:
            return None
        try:
            draft = _Action.model_validate(value)
        except ValidationError as error:
            fault = f"`action` is not valid: {_complaint(error)}."
            self._fault(fault, f"A task that the director proposed was left out: {_reason(error)}.")
            return None
        task_type = self._allowed(draft.task_type, [item.slug for item in self._step.task_types], "task")
        if task_type is None:
            return None
        decided = self._scene.chosen.submits if self._scene.chosen else None
        if decided and decided != task_type:
            self._note(f"The director proposed the task {quoted(task_type)}, but the choice taken decides this.")
            return None
        if len(json.dumps(draft.input, default=str)) > LONGEST_INPUT:
            fault = f"The input of the action is longer than {LONGEST_INPUT:,} characters."
            self._fault(fault, f"The task {quoted(task_type)} was left out: its input is too large.")
            return None
        return ProposedAction(task_type, draft.input)

    def _text(self, completion: Completion, structure: Mapping[str, Any]) -> str:
        """The prose; what a `response` in the structure says besides is added to it."""
        # Where the chat template opens the thought, only its end is in the answer.
        text = clean(completion.text).rpartition("</think>")[2].strip()
        response = structure.get("response") if self._takes_response else None
        if isinstance(response, str) and response.strip() and response.strip() not in text:
            text = f"{text}\n\n{response.strip()}".strip()
        if len(text) > LONGEST_TEXT:
            self._note(f"The reply was longer than {LONGEST_TEXT:,} characters and was cut.")
        return shorten(text, LONGEST_TEXT)

    def _stand_in(
        self, next_step: str | None, choices: tuple[ProposedChoice, ...], action: ProposedAction | None
    ) -> str:
        """A short text in the place of prose that the model left out."""
        parts = []
        if action is not None:
            title = next(item.title for item in self._step.task_types if item.slug == action.task_type)
            parts.append(f"I am handing this on as a task: **{one_line(title)}**.")
        if step := next_step or self._decided_step:
            titles = (item.title for item in self._step.next_steps if item.slug == step)
            parts.append(f"Let us go on to **{one_line(next(titles, step))}**.")
        if choices:
            listed = "\n".join(f"- **{c.title}**" + (f": {c.description}" if c.description else "") for c in choices)
            parts.append(f"Here is how we could go on:\n\n{listed}")
        if not parts:
            self._note("The director gave no text.")
            return "I have nothing to add yet. Tell me in a sentence or two what you would like to do next."
        return "\n\n".join(parts)


def load_json(raw: str) -> Any:
    """The JSON value of a model's text, with one cheap repair (fences, talk around it, trailing commas).

    Raises ValueError, RecursionError.
    """
    text = raw.strip()
    try:
        return _parsed(text)
    except (ValueError, RecursionError):
        tidied = _tidied(text)
        if tidied == text:
            raise
        return _parsed(tidied)


def _parsed(text: str) -> Any:
    value = json.loads(text, parse_constant=_finite, parse_float=_finite)
    return json.loads(value, parse_constant=_finite, parse_float=_finite) if isinstance(value, str) else value


def _finite(number: str) -> float:
    """NaN and Infinity, also as 1e999, are no JSON, and no database takes them."""
    value = float(number)
    if not isfinite(value):
        raise ValueError(f"{number[:20]} is no JSON value")
    return value


def _tidied(text: str) -> str:
    start, end = text.find("{"), text.rfind("}")
    body = text[start : end + 1] if 0 <= start < end else text
    return re.sub(r",(\s*[}\]])", r"\1", body)


def _first(values: Mapping[str, Any], *names: str) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), None)


def _reason(error: ValidationError) -> str:
    """The first complaint, in words: Pydantic's own would quote what the model wrote."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = str(first["loc"][0]) if first["loc"] else ""
    match first["type"]:
        case "missing" | "string_too_short" | "too_short":
            return f"its {where} is missing"
        case "string_too_long" | "too_long":
            return f"its {where} is too long"
        case _:
            return f"its {where} is not of the right kind" if where else "it is not of the right kind"


def _complaint(error: ValidationError) -> str:
    """Pydantic's complaints, without what the model wrote."""
    errors = error.errors(include_input=False, include_url=False, include_context=False)[:3]
    return "; ".join(f"{'.'.join(map(str, item['loc'])) or 'the value'}: {item['msg']}" for item in errors)


def _unique(slug: str, taken: set[str]) -> str:
    number, candidate = 2, slug
    while candidate in taken:
        candidate, number = f"{slug}_{number}", number + 1
    return candidate
