"""A session's events in the API."""

import datetime
from typing import Any, cast

import strawberry

from cms.api.context import viewer
from cms.api.ids import global_id
from content.generation.policy import TaskPolicy
from content.generation.types import GenerationTask
from content.projects.progress import Progress
from content.projects.types import ProjectProgress, api_progress
from content.workflow.models import WorkflowStep as WorkflowStepRow
from content.workflow.types import Choice, WorkflowStep

from . import models
from .policy import SessionPolicy
from .presence import Presences
from .presence_types import Participant, participants
from .realtime import TurnDelta
from .types import Info, Message, Session, Turn

Row = models.SessionEvent


@strawberry.interface(
    description="Something that happened in a session. Stored events carry seq 1, 2, 3 …; one that is not stored has "
    "seq null and is never replayed. Skip types that you do not know."
)
class SessionEvent:
    seq: int | None = strawberry.field(description="Its place in the session's log; null where it is not stored.")
    at: datetime.datetime = strawberry.field(description="When it happened.")


def _is(kind: Row.Type) -> Any:
    """Which rows of the log are of an event type."""
    return classmethod(lambda cls, obj, info: isinstance(obj, Row) and obj.type == kind)


def _message(root: strawberry.Parent[Row], info: Info) -> Message | None:
    found = SessionPolicy(viewer(info)).messages().filter(pk=root.payload["message"]).first()
    return cast("Message | None", found)


@strawberry.type(description="A message was stored.")
class MessageAddedEvent(SessionEvent):
    message: Message | None = strawberry.field(
        resolver=_message, description="As it is on delivery; null where it is gone."
    )
    is_type_of = _is(Row.Type.MESSAGE_ADDED)


def _turn(root: strawberry.Parent[Row], info: Info) -> Turn | None:
    found = SessionPolicy(viewer(info)).turns().filter(pk=root.payload["turn"]).first()
    return cast("Turn | None", found)


@strawberry.type(description="A turn was queued, began, or ended.")
class TurnUpdatedEvent(SessionEvent):
    turn: Turn | None = strawberry.field(resolver=_turn, description="As it is on delivery; null where it is gone.")
    is_type_of = _is(Row.Type.TURN_UPDATED)


@strawberry.type(
    description="Part of a reply. attempt lower than the one shown: drop it; higher: start again from the empty "
    "text. offset = length so far: append; less: replace from there; more: a gap, subscribe again."
)
class TurnDeltaEvent(SessionEvent):
    turn_id: strawberry.ID = strawberry.field(description="The turn whose reply grows.")
    attempt: int = strawberry.field(description="The turn's attempt; rises when it begins anew.")
    offset: int = strawberry.field(
        description="Where the text belongs, in UTF-16 code units (String.length) from the reply's beginning."
    )
    text: str = strawberry.field(description="The new piece; never splits a surrogate pair.")

    @classmethod
    def of(cls, delta: TurnDelta) -> "TurnDeltaEvent":
        """The API's form of a piece of a reply."""
        return cls(
            seq=None,
            at=delta.at,
            turn_id=strawberry.ID(global_id("Turn", delta.turn)),
            attempt=delta.attempt,
            offset=delta.offset,
            text=delta.text,
        )


def _choices(root: strawberry.Parent[Row]) -> list[Choice]:
    rows = models.Choice.objects.filter(session_id=root.session_id, offer=root.payload["offer"])
    return cast("list[Choice]", list(rows.order_by("position")))


@strawberry.type(description="There is a new offer of choices.")
class ChoicesOfferedEvent(SessionEvent):
    choices: list[Choice] = strawberry.field(resolver=_choices, description="As they were offered then.")
    is_type_of = _is(Row.Type.CHOICES_OFFERED)


def _step(root: strawberry.Parent[Row]) -> WorkflowStep:
    return cast("WorkflowStep", WorkflowStepRow(**root.payload["step"]))


def _progress(root: strawberry.Parent[Row]) -> ProjectProgress:
    return api_progress(Progress(**root.payload["progress"]))


@strawberry.type(description="The session moved to another step, or a step was completed.")
class StepChangedEvent(SessionEvent):
    step: WorkflowStep = strawberry.field(resolver=_step, description="The session's step then.")
    progress: ProjectProgress = strawberry.field(resolver=_progress, description="The project's progress then.")
    is_type_of = _is(Row.Type.STEP_CHANGED)


def _session(root: strawberry.Parent[Row], info: Info) -> Session | None:
    return cast("Session | None", SessionPolicy(viewer(info)).visible().filter(pk=root.session_id).first())


@strawberry.type(description="The session's title, sharing or state changed.")
class SessionUpdatedEvent(SessionEvent):
    session: Session | None = strawberry.field(
        resolver=_session, description="As it is on delivery; null where it is gone."
    )
    is_type_of = _is(Row.Type.SESSION_UPDATED)


@strawberry.type(
    description="Another branch is the active one, or the active one was cut back: read the session's messages again."
)
class PathChangedEvent(SessionEvent):
    session: Session | None = strawberry.field(
        resolver=_session, description="As it is on delivery; null where it is gone."
    )
    is_type_of = _is(Row.Type.PATH_CHANGED)


def _task(root: strawberry.Parent[Row], info: Info) -> GenerationTask | None:
    found = TaskPolicy(viewer(info)).visible().filter(pk=root.payload["task"]).first()
    return cast("GenerationTask | None", found)


@strawberry.type(description="A generation task of this session changed its state.")
class TaskUpdatedEvent(SessionEvent):
    task: GenerationTask | None = strawberry.field(
        resolver=_task, description="As it is on delivery; null where it is gone."
    )
    is_type_of = _is(Row.Type.TASK_UPDATED)


@strawberry.type(
    description="Who has the session open, whenever that changes; the first one comes soon after the start. Sent to "
    "those only whose operation names this type."
)
class PresenceEvent(SessionEvent):
    people: list[Participant] = strawberry.field(description="In the order of coming, oneself included.")

    @classmethod
    def of(cls, found: Presences) -> "PresenceEvent":
        """The API's form of who is here."""
        return cls(seq=None, at=found.at, people=participants(found.people))


EVENT_TYPES: list[type] = [
    MessageAddedEvent,
    TurnUpdatedEvent,
    TurnDeltaEvent,
    ChoicesOfferedEvent,
    StepChangedEvent,
    SessionUpdatedEvent,
    PathChangedEvent,
    TaskUpdatedEvent,
    PresenceEvent,
]
