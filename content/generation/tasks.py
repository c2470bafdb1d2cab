"""The doorway for workers."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from . import runner
from .choices import TaskStatus
from .models import GenerationTask


@shared_task
def run_task(task_id: int) -> None:
    """Bring a generation task to its end, if no other runner has it."""
    runner.run(task_id)


@shared_task
def sweep_tasks() -> None:
    """Send again what was queued and not taken, or whose runner's lease has run out."""
    now = timezone.now()
    late = Q(status=TaskStatus.QUEUED, queued_at__lt=now - timedelta(seconds=settings.SWEEP_SECONDS))
    dead = Q(status=TaskStatus.RUNNING, lease_expires_at__lte=now)
    for task_id in GenerationTask.objects.filter(late | dead).values_list("pk", flat=True):
        run_task.delay(task_id)
