"""A session's ordered log, and the hints that tell subscribers of it."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import F

from cms.realtime import group_send, send_hint
from content.generation.models import GenerationTask
from content.projects.progress import Progress
from content.workflow.models import WorkflowStep

from .models import Message, Session, SessionEvent, Turn

Type = SessionEvent.Type
STEP_FIELDS = ("id", "slug", "title", "description", "phase", "order", "required")

EventHook = Callable[[Session, SessionEvent], None]

_event_hook: EventHook | None = None


def register_event_hook(hook: EventHook) -> None:
    """Have `hook(session, event)` called for every stored event, inside its transaction. There is one such hook."""
    global _event_hook
    _event_hook = hook


def session_group(session_id: int) -> str:
    """The channel group of a session's subscribers."""
    return f"session.{session_id}"


def hint_session(session_id: int) -> None:
    """After the commit, have the session's subscribers read its log and ask for their access again."""
    group = session_group(session_id)
    transaction.on_commit(lambda: send_hint(group, {"type": group}))


async def send_delta(turn: Turn, offset: int, text: str) -> None:
    """Pass on part of a reply. `offset` counts UTF-16 code units from the reply's beginning."""
    group = session_group(turn.session_id)
    message = {"type": group, "turn": turn.pk, "attempt": turn.attempts, "offset": offset, "text": text}
    await group_send(group, message)


def record_event(session: Session, type: Type, payload: Mapping[str, Any]) -> SessionEvent:
    """Append to the session's log, inside the caller's transaction.

    The number is counted in the database: two instances of the same row may be in use in one transaction.
    """
    row = Session.objects.filter(pk=session.pk)
    row.update(last_event_seq=F("last_event_seq") + 1)
    session.last_event_seq = row.values_list("last_event_seq", flat=True).get()
    event = SessionEvent.objects.create(session=session, seq=session.last_event_seq, type=type, payload=dict(payload))
    if _event_hook is not None:
        _event_hook(session, event)
    hint_session(session.pk)
    return event


def message_added(message: Message) -> None:
    """A message was stored."""
    record_event(message.session, Type.MESSAGE_ADDED, {"message": message.pk})


def turn_updated(session: Session, turn: Turn) -> None:
    """A turn changed its status."""
    record_event(session, Type.TURN_UPDATED, {"turn": turn.pk})


def session_updated(session: Session) -> None:
    """The session's title, sharing or state changed."""
    record_event(session, Type.SESSION_UPDATED, {})


def choices_offered(session: Session) -> None:
    """There is a new offer of choices (possibly an empty one)."""
    record_event(session, Type.CHOICES_OFFERED, {"offer": session.offer})


def step_changed(session: Session, step: WorkflowStep, progress: Progress) -> None:
    """The session moved, or a step was completed; step and progress are kept as they are now."""
    record_event(
        session,
        Type.STEP_CHANGED,
        {
            "step": {name: getattr(step, name) for name in STEP_FIELDS},
            "progress": {
                "current_phase": progress.current_phase,
                "completed_steps": progress.completed_steps,
                "overall_progress": progress.overall_progress,
            },
        },
    )


def path_changed(session: Session) -> None:
    """Another path of the session's tree of messages is the active one."""
    record_event(session, Type.PATH_CHANGED, {})


def task_updated(task: GenerationTask) -> None:
    """A generation task of a session changed its state; called inside the task's own transaction."""
    if task.session is not None:
        record_event(task.session, Type.TASK_UPDATED, {"task": task.pk})
