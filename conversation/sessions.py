"""What is done with sessions, beside the turns in them."""

from typing import Any

from django.db import transaction

from cms.accounts.models import User
from cms.errors import DomainError, ErrorCode, conflict, invalid
from cms.idempotency import check_key, digest, once, same
from content.projects.models import Project
from content.projects.policy import ProjectAction, ProjectPolicy
from content.projects.progress import open_step
from content.projects.services import require_unarchived
from content.workflow.cards import step_cards
from content.workflow.models import WorkflowStep
from content.workflow.services import published_graph

from . import events
from .choices import ACTIVE_TURN, SessionState
from .models import Session
from .offers import offer, withdraw
from .policy import SessionAction, SessionPolicy

MAX_TITLE = 200


def lock_session(pk: int) -> Session:
    """The session's row, locked until the transaction ends. Where its project is locked too, the project is first."""
    locked = Session.objects.select_for_update(of=("self",), no_key=True)
    return locked.select_related("project", "current_step").get(pk=pk)


def require_active(session: Session) -> None:
    """Raises SESSION_NOT_ACTIVE, saying how to go on."""
    if session.state != SessionState.ACTIVE:
        raise DomainError(
            ErrorCode.SESSION_NOT_ACTIVE,
            f"This session is {session.get_state_display().lower()}. Resume it to go on.",
        )


def require_no_turn(session: Session) -> None:
    """Raises TURN_IN_PROGRESS while a turn is queued or running."""
    if session.turns.filter(status__in=ACTIVE_TURN).exists():
        raise DomainError(
            ErrorCode.TURN_IN_PROGRESS, "The director is still answering. Wait for the reply, or stop it."
        )


def start_session(
    *, user: User, project_id: int, title: str | None = None, idempotency_key: str | None = None
) -> Session:
    """Start a session at the project's first open step, with that step's choices.

    Raises NOT_FOUND (field project_id), CONFLICT (archived, or the key's other use), INVALID.
    """
    key = check_key(idempotency_key)
    project = ProjectPolicy(user).get(ProjectAction.EDIT, project_id, field="project_id")
    fingerprint = digest(title=title)
    return once(
        lambda: _start(user, project, title, key, fingerprint),
        lambda: same(_made_with(user, project, key), fingerprint),
    )


def _made_with(user: User, project: Project, key: str | None) -> Session | None:
    return Session.objects.filter(project=project, user=user, idempotency_key=key).first() if key else None


@transaction.atomic
def _start(user: User, project: Project, title: str | None, key: str | None, fingerprint: str) -> Session:
    earlier = same(_made_with(user, project, key), fingerprint)
    if earlier is not None:
        return earlier
    require_unarchived(project)
    step = current_project_step(project)
    number = project.sessions.filter(user=user).count() + 1
    session = Session.objects.create(
        project=project,
        user=user,
        title=_checked_title(title) if title is not None else f"Session {number}",
        has_own_title=title is not None,
        current_step=step,
        idempotency_key=key,
        idempotency_digest=fingerprint,
    )
    offer(session, step_cards(step))
    events.session_updated(session)
    return session


def current_project_step(project: Project) -> WorkflowStep:
    """Where a new session of the project starts."""
    return WorkflowStep.objects.get(slug=open_step(project, published_graph()))


def _checked_title(title: str) -> str:
    title = " ".join(title.split())
    if not 1 <= len(title) <= MAX_TITLE:
        raise invalid(f"A title has 1 to {MAX_TITLE} characters.", "title")
    return title


def _managed(user: User, session_id: int) -> Session:
    """The locked session, for its user or an admin, in a project that takes writes."""
    SessionPolicy(user).get(SessionAction.MANAGE, session_id)
    session = lock_session(session_id)
    require_unarchived(session.project)
    return session


@transaction.atomic
def update_session(*, user: User, session_id: int, changes: dict[str, Any]) -> Session:
    """Write the title and the sharing that were sent. Raises NOT_FOUND, FORBIDDEN, INVALID, CONFLICT."""
    session = _managed(user, session_id)
    for name, value in changes.items():
        if value is None:
            raise invalid("This value cannot be empty.", name)
        setattr(session, name, _checked_title(value) if name == "title" else value)
    session.has_own_title |= "title" in changes
    session.save(update_fields=[*changes, "has_own_title", "updated_at"])
    events.session_updated(session)
    return session


@transaction.atomic
def pause_session(*, user: User, session_id: int) -> Session:
    """Pause an active session; a paused one stays paused.

    Raises NOT_FOUND, FORBIDDEN, TURN_IN_PROGRESS, SESSION_NOT_ACTIVE, CONFLICT (archived).
    """
    session = _managed(user, session_id)
    if session.state != SessionState.PAUSED:
        require_active(session)
        require_no_turn(session)
        _set_state(session, SessionState.PAUSED)
    return session


@transaction.atomic
def complete_session(*, user: User, session_id: int) -> Session:
    """Complete a session that is active or paused; it may be resumed later.

    Raises NOT_FOUND, FORBIDDEN, TURN_IN_PROGRESS, CONFLICT (archived, or in error).
    """
    session = _managed(user, session_id)
    if session.state == SessionState.ERROR:
        raise conflict("This session's step is gone. Resume it first: it then goes on at the project's step.")
    if session.state != SessionState.COMPLETED:
        require_no_turn(session)
        finish(session)
    return session


def finish(session: Session) -> None:
    """Set a locked session COMPLETED, and offer nothing."""
    withdraw(session)
    _set_state(session, SessionState.COMPLETED)


@transaction.atomic
def resume_session(*, user: User, session_id: int) -> Session:
    """Make a session active again; one in error, or whose step is gone, goes on at the project's present step.

    Raises NOT_FOUND, FORBIDDEN, CONFLICT (archived).
    """
    session = _managed(user, session_id)
    if session.state == SessionState.ACTIVE:
        return session
    was_completed = session.state == SessionState.COMPLETED
    if not session.current_step.live:
        session.current_step = current_project_step(session.project)
        session.save(update_fields=["current_step", "updated_at"])
        was_completed = True
    if was_completed:
        offer(session, step_cards(session.current_step), session.active_leaf)
        events.choices_offered(session)
    _set_state(session, SessionState.ACTIVE)
    return session


@transaction.atomic
def mark_step_gone(*, session_id: int) -> None:
    """Put a session whose step is no longer published into ERROR, from which `resume_session` leads out."""
    session = lock_session(session_id)
    if session.state == SessionState.ACTIVE and not session.current_step.live:
        _set_state(session, SessionState.ERROR)


def _set_state(session: Session, state: SessionState) -> None:
    session.state = state
    session.save(update_fields=["state", "updated_at"])
    events.session_updated(session)
