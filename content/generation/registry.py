"""The kinds of generation there are, each with its input and the function that does the work."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from ai import contract
from cms.errors import invalid
from content.projects.models import Project
from content.workflow.task_types import register_task_type


class TaskInput(BaseModel):
    """The base of input models: the API's spelling, nothing unknown, white space trimmed."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", str_strip_whitespace=True
    )


class TaskContext(Protocol):
    """What a task's function knows, and how it says how far it is."""

    @property
    def project(self) -> Project: ...

    def progress(self, percent: int, message: str) -> None:
        """Save how far it is (0 to 100), and renew the lease. Raises where the task was stopped."""


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file that a task made, to be stored as media. `values` are fields of Media by name."""

    data: bytes
    mime_type: str
    filename: str
    agent_id: str
    prompt_used: str
    model_version: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskType:
    """A kind of generation. `run(context, input)` answers the files it made; it may run more than once."""

    slug: str
    title: str
    description: str
    input_model: type[TaskInput]
    run: Callable[[TaskContext, Any], Sequence[MadeFile]]


_types: dict[str, TaskType] = {}


def register(task_type: TaskType) -> None:
    """Add a kind of generation, and let the editors' workflow steps name it."""
    _types[task_type.slug] = task_type
    register_task_type(task_type.slug, task_type.title)


def get(slug: str) -> TaskType:
    """The kind of that name. Raises INVALID, saying which there are."""
    if slug not in _types:
        raise invalid(f"There is no such task type. There are: {', '.join(sorted(_types))}.", "task_type")
    return _types[slug]


def parse_input(task_type: TaskType, value: Any) -> TaskInput:
    """The checked input of a task. Raises INVALID, naming the field below `input`."""
    if not isinstance(value, dict):
        raise invalid("The input is an object.", "input")
    try:
        return task_type.input_model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise invalid(f"{first['msg']}.", "input", *(str(part) for part in first["loc"])) from None


def model_task_types(slugs: Iterable[str]) -> tuple[contract.TaskType, ...]:
    """The named kinds as a director model is told of them; names that are unknown are left out."""
    return tuple(
        contract.TaskType(slug=kind.slug, title=kind.title, input_schema=kind.input_model.model_json_schema())
        for slug in slugs
        if (kind := _types.get(slug)) is not None
    )
