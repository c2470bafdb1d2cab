"""What the conversation, which is above this subject, tells it when everything is loaded."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from cms.accounts.models import User

from .models import GenerationTask

ChangeHook = Callable[[GenerationTask], None]
SessionsHook = Callable[[User | None], "QuerySet[Any]"]

_change_hook: ChangeHook | None = None
_sessions_hook: SessionsHook | None = None


def register_change_hook(hook: ChangeHook) -> None:
    """Have `hook(task)` called at every change of a task's state, inside the task's own transaction.

    The project's row is locked then; `hook` writes the session's event. There is one such hook.
    """
    global _change_hook
    _change_hook = hook


def register_visible_sessions(hook: SessionsHook) -> None:
    """Have `hook(user)` say which sessions a person may see: to name one in a task, or to read a task's."""
    global _sessions_hook
    _sessions_hook = hook


def tell_change(task: GenerationTask) -> None:
    """Tell the conversation that a task's state changed."""
    if _change_hook is not None and task.session_id is not None:
        _change_hook(task)


def visible_sessions(user: User | None) -> "QuerySet[Any]":
    """The sessions that a person may see; none until the conversation has said which."""
    if _sessions_hook is not None:
        return _sessions_hook(user)
    sessions = GenerationTask._meta.get_field("session").related_model
    return sessions._default_manager.none()
