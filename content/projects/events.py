"""A project's ordered log, and the hint that tells subscribers to read it."""

from collections.abc import Callable

from django.db import transaction
from django.db.models import F

from cms.realtime import send_hint

from .models import Project, ProjectEvent

EventHook = Callable[[Project, ProjectEvent], None]

_event_hook: EventHook | None = None


def register_event_hook(hook: EventHook) -> None:
    """Have `hook(project, event)` called for every stored event, inside its transaction. There is one such hook."""
    global _event_hook
    _event_hook = hook


def project_group(project_id: int) -> str:
    """The channel group of a project's subscribers."""
    return f"project.{project_id}"


def record_event(project: Project, type: ProjectEvent.Type, object_id: int) -> ProjectEvent:
    """Append to the project's log, inside the caller's transaction; subscribers hear of it after the commit.

    The number is counted in the database: two instances of the same row may be in use in one transaction.
    """
    row = Project.objects.filter(pk=project.pk)
    row.update(last_event_seq=F("last_event_seq") + 1)
    project.last_event_seq = row.values_list("last_event_seq", flat=True).get()
    event = ProjectEvent.objects.create(project=project, seq=project.last_event_seq, type=type, object_id=object_id)
    if _event_hook is not None:
        _event_hook(project, event)
    hint_project(project.pk)
    return event


def hint_live(project_id: int, type: ProjectEvent.Type, object_id: int) -> None:
    """Tell subscribers of progress between two states: delivered now or never, and not in the log."""
    group = project_group(project_id)
    send_hint(group, {"type": group, "live": [type.value, object_id]})


def hint_project(project_id: int) -> None:
    """After the commit, have subscribers of the project read the log and ask for their access again."""
    group = project_group(project_id)
    transaction.on_commit(lambda: send_hint(group, {"type": group}))
