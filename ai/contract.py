"""What a director model is given and what it gives back.

These types are the whole border between the conversation and a model. They hold plain values, so any door (a
turn's runner, a test, a script) can fill a `Scene` and stream the answer of any `ChatModel`.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a message: the bytes as they were uploaded (picture, plain text, Markdown or PDF)."""

    name: str
    mime_type: str
    data: bytes

    @property
    def is_picture(self) -> bool:
        return self.mime_type.startswith("image/")


@dataclass(frozen=True, slots=True)
class ChatMessage:
    role: Role
    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class NextStep:
    """A step that the workflow allows after the present one."""

    slug: str
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class TaskType:
    """A kind of generation that the present step allows; `input_schema` is the JSON schema of its input."""

    slug: str
    title: str
    input_schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The choice that the user's message took. Its effects are decided; no model can change them."""

    slug: str
    title: str
    leads_to: str | None = None
    submits: str | None = None
    finishes: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """The workflow step the session is at. `instructions` are the editors', with placeholders already filled."""

    slug: str
    title: str
    description: str
    phase: str
    instructions: str
    next_steps: tuple[NextStep, ...]
    task_types: tuple[TaskType, ...]
    choice_titles: tuple[str, ...]
    is_last: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that the director knows in one turn. `project` holds facts for the prompt (title, description,
    genre, episode_count, target_audience, aspect_ratio, episode_duration in minutes, quality_tier, progress in
    percent); any other key is left out of the prompt. `history` is oldest first and ends before `message`, the
    user's present one.
    """

    project: Mapping[str, str | int]
    step: Step
    preferences: Mapping[str, Any]
    summary: str
    pinned_facts: tuple[str, ...]
    history: tuple[ChatMessage, ...]
    message: ChatMessage
    chosen: Chosen | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent to a model: pictures are ready to send, other files have become text. `tool` is a JSON schema
    of the function `direct` in the OpenAI form; `max_tokens` bounds the answer.
    """

    messages: tuple[ChatMessage, ...]
    tool: Mapping[str, Any]
    max_tokens: int
    scene: Scene


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the reply's prose, as people see it."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them, or our estimate (`ai.tokens`) where it did not."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Completion:
    """The end of a reply. `text` is the deltas joined; `tool_arguments` is the raw JSON of the structured part,
    not yet validated; `finish_reason` is stop, length or tool_calls.
    """

    text: str
    tool_arguments: str | None
    finish_reason: str
    usage: Usage
    model: str


class ChatModel(Protocol):
    """A director. `stream` gives deltas and then exactly one `Completion`, or raises `ai.errors.AIError`.

    It may be cancelled or closed (`aclose()`) at any time; the provider's request then ends at once.
    """

    name: str

    def stream(self, prompt: Prompt) -> AsyncIterator[Delta | Completion]: ...
