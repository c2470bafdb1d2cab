"""What people do with generation tasks: ask for one, stop it, have it done again; runner.py does the work."""

import logging
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from cms.accounts.models import User
from cms.errors import conflict, not_found
from cms.idempotency import check_key, digest, once, same
from content.media.values import check_field
from content.projects.events import record_event
from content.projects.models import Project, ProjectEvent
from content.projects.policy import ProjectAction, ProjectPolicy
from content.projects.services import lock_project, require_unarchived

from . import hooks, registry
from .choices import TaskStatus
from .models import GenerationTask
from .policy import TaskPolicy

if TYPE_CHECKING:
    from conversation.models import Session, Turn

logger = logging.getLogger(__name__)


def submit_task(
    *,
    user: User,
    project_id: int,
    task_type: str,
    input: Any,
    session_id: int | None = None,
    idempotency_key: str | None = None,
) -> GenerationTask:
    """Ask for a piece of work; it is done in the background. The same key again answers with the same task.

    Raises NOT_FOUND (fields project_id, session_id), INVALID, CONFLICT (archived, or the key was used for
    something else).
    """
    key = check_key(idempotency_key)
    project = ProjectPolicy(user).get(ProjectAction.EDIT, project_id, field="project_id")
    fingerprint = digest(task_type=task_type, input=input, session=session_id)
    return once(
        lambda: _submit(user, project.pk, task_type, input, session_id, key, fingerprint),
        lambda: same(_made_with(user, project.pk, key), fingerprint),
    )


@transaction.atomic
def _submit(
    user: User,
    project_id: int,
    task_type: str,
    input: Any,
    session_id: int | None,
    key: str | None,
    fingerprint: str,
) -> GenerationTask:
    earlier = same(_made_with(user, project_id, key), fingerprint)
    if earlier is not None:
        return earlier
    project = lock_project(project_id)
    ProjectPolicy(user).get(ProjectAction.EDIT, project_id, field="project_id")
    session = None
    if session_id is not None:
        session = hooks.visible_sessions(user).filter(pk=session_id, project=project).first()
        if session is None:
            raise not_found("The session", "session_id")
    return create_task_row(
        project=project,
        user=user,
        task_type=task_type,
        input={} if input is None else input,
        session=session,
        idempotency_key=key,
        idempotency_digest=fingerprint,
    )


def create_task_row(
    *,
    project: Project,
    user: User | None,
    task_type: str,
    input: Any,
    session: "Session | None" = None,
    turn: "Turn | None" = None,
    idempotency_key: str | None = None,
    idempotency_digest: str = "",
) -> GenerationTask:
    """Queue a piece of work inside the caller's transaction, which holds the project's lock; sent on commit.

    Raises INVALID, naming `task_type` or a field below `input`, or CONFLICT where the project is archived;
    nothing is written then.
    """
    require_unarchived(project)
    kind = registry.get(task_type)
    checked = registry.parse_input(kind, input).model_dump(mode="json", by_alias=True, exclude_none=True)
    if "episodeNumber" in checked:
        check_field("episode_number", checked["episodeNumber"], project)
    task = GenerationTask.objects.create(
        project=project,
        session=session,
        turn=turn,
        created_by=user,
        task_type=task_type,
        input=checked,
        message="Waiting to start",
        attempts_allowed=settings.MAX_ATTEMPTS,
        idempotency_key=idempotency_key,
        idempotency_digest=idempotency_digest,
    )
    announce(task, project)
    dispatch_on_commit(task.pk)
    return task


@transaction.atomic
def cancel_task(*, user: User, task_id: int) -> GenerationTask:
    """Stop a task; its runner throws away what it makes. Cancelling a cancelled one changes nothing.

    Raises NOT_FOUND, CONFLICT (it has ended, or the project is archived).
    """
    task, project = _locked(user, task_id)
    if task.status == TaskStatus.CANCELLED:
        return task
    if task.is_finished:
        raise conflict("This task has ended already and cannot be cancelled.")
    task.status, task.message = TaskStatus.CANCELLED, "Cancelled"
    task.lease_token, task.lease_expires_at, task.finished_at = "", None, timezone.now()
    task.save()
    announce(task, project)
    return task


@transaction.atomic
def retry_task(*, user: User, task_id: int) -> GenerationTask:
    """Have a failed or cancelled task done again, as the same row. Raises NOT_FOUND, CONFLICT."""
    task, project = _locked(user, task_id)
    if task.status not in {TaskStatus.FAILED, TaskStatus.CANCELLED}:
        raise conflict("Only a task that failed or was cancelled can be retried.")
    task.status, task.progress, task.message = TaskStatus.QUEUED, 0, "Waiting to start"
    task.error_code = task.error_message = task.lease_token = ""
    task.lease_expires_at = task.started_at = task.finished_at = None
    task.attempts_allowed = task.attempts + settings.MAX_ATTEMPTS
    task.queued_at = timezone.now()
    task.save()
    announce(task, project)
    dispatch_on_commit(task.pk)
    return task


def announce(task: GenerationTask, project: Project) -> None:
    """Write a change of state into the logs, inside its transaction, which holds the project's lock."""
    record_event(project, ProjectEvent.Type.TASK_UPDATED, task.pk)
    hooks.tell_change(task)


def dispatch_on_commit(task_id: int) -> None:
    """After the commit, have a runner look at the task."""
    transaction.on_commit(lambda: _dispatch(task_id))


def _dispatch(task_id: int) -> None:
    from .tasks import run_task

    try:
        run_task.delay(task_id)
    except Exception:
        # The row is the queue of record: the sweep sends again what the broker did not take.
        logger.warning("Task %s could not be sent to the queue; the sweep will.", task_id, exc_info=True)


def _made_with(user: User, project_id: int, key: str | None) -> GenerationTask | None:
    if key is None:
        return None
    return GenerationTask.objects.filter(project_id=project_id, created_by=user, idempotency_key=key).first()


def _locked(user: User, task_id: int) -> tuple[GenerationTask, Project]:
    found = TaskPolicy(user).get(ProjectAction.EDIT, task_id)
    project = lock_project(found.project_id)
    ProjectPolicy(user).get(ProjectAction.EDIT, project.pk)
    require_unarchived(project)
    return GenerationTask.objects.select_for_update(of=("self",)).get(pk=task_id), project
