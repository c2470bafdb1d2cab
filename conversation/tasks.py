"""The doorway for workers."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from . import runner
from .choices import TurnStatus
from .models import Turn


@shared_task
def run_turn(turn_id: int) -> None:
    """Bring a turn to its end, if no other runner has it."""
    runner.run(turn_id)


@shared_task
def sweep_turns() -> None:
    """Send again what was queued and not taken, or whose runner's lease has run out."""
    now = timezone.now()
    late = Q(status=TurnStatus.QUEUED, queued_at__lt=now - timedelta(seconds=settings.SWEEP_SECONDS))
    dead = Q(status=TurnStatus.RUNNING, lease_expires_at__lt=now)
    for turn_id in Turn.objects.filter(late | dead).values_list("pk", flat=True):
        run_turn.delay(turn_id)
