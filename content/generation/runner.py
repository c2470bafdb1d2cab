"""A task at work: claimed with a lease, run, and finished by whoever still holds the lease.

A runner that dies leaves a lease that expires, and another takes the task over. Files are stored before the
last transaction, rows are written in it, and only for the holder of the lease: so nothing is there twice.
"""

import io
import logging
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from cms.errors import DomainError, ErrorCode
from cms.heartbeat import LeaseLost, heartbeat
from content.media.services import Generation, StoredContent, add_media, discard, store_file
from content.media.sniff import declared_format
from content.projects.events import hint_live
from content.projects.models import Project, ProjectEvent
from content.projects.services import lock_project

from . import registry
from .choices import TaskStatus
from .models import GenerationTask, TaskResult
from .registry import MadeFile
from .services import announce

logger = logging.getLogger(__name__)

MAX_MESSAGE = 500


class TaskStopped(LeaseLost):
    """The task is no longer this runner's: it was cancelled, or taken over."""


class TaskRun:
    """One attempt at one task; the `TaskContext` of its function."""

    def __init__(self, task: GenerationTask) -> None:
        self.task = task

    @property
    def project(self) -> Project:
        return self.task.project

    def progress(self, percent: int, message: str) -> None:
        """Save how far it is, and renew the lease. Raises TaskStopped."""
        self.renew(progress=max(0, min(percent, 99)), message=message[:MAX_MESSAGE])
        hint_live(self.task.project_id, ProjectEvent.Type.TASK_UPDATED, self.task.pk)

    def renew(self, **values: int | str) -> None:
        """Keep the task for one more lease. Raises TaskStopped where it is no longer ours."""
        if not self.mine().update(lease_expires_at=_lease_end(), **values):
            raise TaskStopped

    def mine(self) -> QuerySet[GenerationTask]:
        """The row, as long as this runner holds its lease."""
        return GenerationTask.objects.filter(
            pk=self.task.pk, status=TaskStatus.RUNNING, lease_token=self.task.lease_token
        )


def run(task_id: int) -> None:
    """Bring a task to its end, if no other runner has it."""
    task = claim(task_id)
    if task is None:
        return
    attempt = TaskRun(task)
    try:
        with heartbeat(attempt.renew, lease_seconds=settings.TASK_LEASE_SECONDS, name=f"task {task.pk}"):
            kind = registry.get(task.task_type)
            made = kind.run(attempt, registry.parse_input(kind, task.input))
        complete(attempt, made)
    except TaskStopped:
        logger.info("Task %s was stopped or taken over; what it made is thrown away.", task.pk)
    except DomainError as error:
        fail(attempt, error.code, error.message)
    except Exception:
        logger.exception("Task %s failed in attempt %s.", task.pk, task.attempts)
        fail(
            attempt,
            ErrorCode.INTERNAL,
            f"Something went wrong on our side. Retry the task; if it fails again, report task {task.pk}.",
        )


@transaction.atomic
def claim(task_id: int) -> GenerationTask | None:
    """Take a task that is queued, or whose runner's lease has run out; None where there is nothing to take.

    A task whose attempts are used up is failed instead.
    """
    found = GenerationTask.objects.filter(pk=task_id).values_list("project_id", flat=True).first()
    if found is None:
        return None
    project = lock_project(found)
    free = Q(status=TaskStatus.QUEUED) | Q(status=TaskStatus.RUNNING, lease_expires_at__lte=timezone.now())
    task = GenerationTask.objects.select_for_update(of=("self",)).filter(free, pk=task_id).first()
    if task is None:
        return None
    task.project = project
    if task.attempts >= task.attempts_allowed:
        _end_as_failed(task, ErrorCode.TIMED_OUT, f"It was started {task.attempts} times and never ended.")
        announce(task, project)
        return None
    task.status = TaskStatus.RUNNING
    task.attempts += 1
    task.progress, task.message = 0, "Starting"
    task.lease_token, task.lease_expires_at = secrets.token_hex(16), _lease_end()
    task.started_at = task.started_at or timezone.now()
    task.save()
    announce(task, project)
    return task


def complete(attempt: TaskRun, made: Sequence[MadeFile]) -> None:
    """Store what was made and end the task, in one transaction; nothing stays where it is no longer ours.

    Raises TaskStopped, or what storing a file raises.
    """
    stored: list[StoredContent] = []
    try:
        for file in made:
            stored.append(store_file(io.BytesIO(file.data), declared_format(file.mime_type, file.filename)))
        _complete(attempt, made, stored)
    except BaseException:
        for content in stored:
            discard(content)
        raise


@transaction.atomic
def _complete(attempt: TaskRun, made: Sequence[MadeFile], stored: Sequence[StoredContent]) -> None:
    project = lock_project(attempt.task.project_id)
    now = timezone.now()
    ended = attempt.mine().update(
        status=TaskStatus.SUCCEEDED,
        progress=100,
        message="Done",
        finished_at=now,
        lease_token="",
        lease_expires_at=None,
    )
    if not ended:
        raise TaskStopped
    task = GenerationTask.objects.select_related("created_by").get(pk=attempt.task.pk)
    for position, (file, content) in enumerate(zip(made, stored, strict=True)):
        media = add_media(
            project=project,
            content=content,
            filename=file.filename,
            user=task.created_by,
            values=file.values,
            generation=Generation(
                agent_id=file.agent_id,
                prompt_used=file.prompt_used,
                model_version=file.model_version,
                generation_time=now,
                task_id=task.pk,
            ),
        )
        TaskResult.objects.create(task=task, media=media, position=position, attempt=task.attempts)
    announce(task, project)


@transaction.atomic
def fail(attempt: TaskRun, code: ErrorCode, message: str) -> None:
    """End the task as FAILED, if it is still this runner's."""
    project = lock_project(attempt.task.project_id)
    task = attempt.mine().first()
    if task is not None:
        _end_as_failed(task, code, message)
        announce(task, project)


def _end_as_failed(task: GenerationTask, code: ErrorCode, message: str) -> None:
    task.status, task.message = TaskStatus.FAILED, "Failed"
    task.error_code, task.error_message = code.value, message
    task.lease_token, task.lease_expires_at, task.finished_at = "", None, timezone.now()
    task.save()


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.TASK_LEASE_SECONDS)
