"""What a director model is given and what it gives back.

These types are the whole border between the conversation and a model. They hold plain values, so any door (a
turn's runner, a test, a script) can fill a `Scene` and stream the answer of any `ChatModel`.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

Role = Literal["system", "user", "assistant"]
Purpose = Literal["reply", "repair", "summary"]


@dataclass(frozen=True, slots=True)
class Still:
    """A picture that any model takes: a JPEG or PNG within the limits of `ai.pictures`. `seconds` is its place in
    the video that it was taken from.
    """

    data: bytes
    mime_type: str
    width: int
    height: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What of a file can be given to a model, small enough to be kept for a turn.

    `stills` are a picture or, in their order, the frames sampled from a video; `text` is a document's, and `is_cut`
    says that it goes on. `width` and `height` are the file's own, in pixels as shown; `duration` is in seconds,
    `sample_rate` in Hz; None is unknown. `problem` says in words for people why there is nothing to give.
    """

    stills: tuple[Still, ...] = ()
    is_first_of_several: bool = False
    text: str = ""
    pages: int = 0
    is_cut: bool = False
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    fps: float | None = None
    sample_rate: int | None = None
    problem: str = ""


@dataclass(frozen=True)
class Attachment:
    """A file of a message. What is in it is read when it is first asked for, and once; `load` never raises for a
    file that cannot be read.
    """

    name: str
    mime_type: str
    load: Callable[[], Content]

    @cached_property
    def content(self) -> Content:
        """Takes up to seconds the first time: call it where a loop need not wait."""
        return self.load()

    @property
    def is_picture(self) -> bool:
        return self.mime_type.startswith("image/")

    @property
    def is_video(self) -> bool:
        return self.mime_type.startswith("video/")

    @property
    def is_sound(self) -> bool:
        return self.mime_type.startswith("audio/")


@dataclass(frozen=True, slots=True)
class Picture:
    """A still as it is sent. `caption` is said just before it; empty where the message's text names it."""

    still: Still
    caption: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a model is not given of a file, in words for people that follow the file's name.

    `is_all` says that nothing of its content is given.
    """

    name: str
    reason: str
    is_all: bool = True


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """Something that was said. In a scene it has its `attachments`; in a prompt these have become part of the text
    and `pictures`.
    """

    role: Role
    text: str
    attachments: tuple[Attachment, ...] = ()
    pictures: tuple[Picture, ...] = ()


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
class Passage:
    """A stretch of a conversation that is to be told in few words. `summary` tells what was said before it."""

    summary: str
    messages: tuple[ChatMessage, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent to a model: pictures are ready to send, other files have become text. `tool` is a JSON schema
    of the function `direct` in the OpenAI form, where the model may call it, and `must_call` says that nothing else
    is wanted; `max_tokens` bounds the answer. `subject` is what the prompt was made of. `left_out` is what of the
    present message's files is not in it.
    """

    messages: tuple[ChatMessage, ...]
    tool: Mapping[str, Any] | None
    max_tokens: int
    subject: Scene | Passage
    left_out: tuple[LeftOut, ...] = ()
    must_call: bool = False


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
    not yet validated; `finish_reason` is what the provider said, as a rule stop, length or tool_calls. `is_estimated`
    says that the provider gave no usage that can be believed.
    """

    text: str
    tool_arguments: str | None
    finish_reason: str
    usage: Usage
    model: str
    is_estimated: bool = False


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """One call of a provider, for the ledger. `is_estimated` says that the provider did not count, or that the call
    was ended before it did.
    """

    model: str
    usage: Usage
    is_estimated: bool = False
    purpose: Purpose = "reply"


class ChatModel(Protocol):
    """A director. `stream` gives deltas and then exactly one `Completion`, or raises `ai.errors.AIError`, whose
    `calls` tell what was used by then.

    It may be cancelled or closed (`aclose()`) at any time; the provider's request then ends at once.
    `sees_pictures` says whether a prompt for it may hold pictures.
    """

    name: str
    sees_pictures: bool

    def stream(self, prompt: Prompt) -> AsyncIterator[Delta | Completion]: ...
