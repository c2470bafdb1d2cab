"""The doorway for workers."""

from datetime import timedelta
from typing import Any

from celery import shared_task
from celery.signals import worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from . import runner, summaries
from .choices import TurnStatus
from .keeper import STOPPING
from .models import Turn
from .presence import sweep_presences
from .scene import director_model


@worker_shutting_down.connect
def take_no_more(**_: Any) -> None:
    """The process was asked to end."""
    STOPPING.set()


@worker_shutdown.connect
def hand_back(**_: Any) -> None:
    """It ends now: other processes take what is at work here."""
    runner.hand_back()


@shared_task
def run_turn(turn_id: int) -> None:
    """Have this process answer a turn, if no other has it; the message has done its work once the turn is taken."""
    runner.begin(turn_id)


@shared_task
def extend_summary(turn_id: int) -> None:
    """Tell what was said long ago in few words, for the turns to come."""
    summaries.extend(turn_id, director_model())


@shared_task
def sweep_turns() -> None:
    """Send again what was queued and not taken, or whose runner's lease has run out; forget who died while here."""
    sweep_presences()
    now = timezone.now()
    late = Q(status=TurnStatus.QUEUED, queued_at__lt=now - timedelta(seconds=settings.SWEEP_SECONDS))
    dead = Q(status=TurnStatus.RUNNING, lease_expires_at__lt=now)
    for turn_id in Turn.objects.filter(late | dead).values_list("pk", flat=True):
        run_turn.delay(turn_id)
