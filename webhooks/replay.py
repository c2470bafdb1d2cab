"""Sending again what a log holds, from any point."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from cms import rate_limits
from cms.accounts.models import User
from cms.errors import DomainError, ErrorCode, invalid, not_found
from content.projects.models import ProjectEvent
from content.projects.policy import ProjectPolicy
from conversation.models import SessionEvent
from conversation.policy import SessionPolicy

from .choices import EventLog, WebhookDeliveryStatus
from .events import send_on_commit
from .models import Webhook, WebhookDelivery
from .policy import WebhookPolicy, bearer
from .services import require_active

MOST_REPLAYED = 10_000


@transaction.atomic
def replay(
    *,
    user: User,
    webhook_id: int,
    delivery_id: int | None = None,
    log: tuple[str, int] | None = None,
    after: int | None = None,
    since: datetime | None = None,
) -> int:
    """Send events again, each log's in order: one delivery, a log's after `after`, or all since a moment.

    `log` is the kind of log and its project's or session's key. Answers how many events. Raises NOT_FOUND (also where
    the webhook does not follow that log or its owner may not see it), INVALID, CONFLICT where the webhook is switched
    off or paused, LIMIT_EXCEEDED, RATE_LIMITED.
    """
    webhook = WebhookPolicy(user).get(webhook_id)
    if [delivery_id, log, since].count(None) != 2 or (log is None) != (after is None):
        raise invalid("Name one delivery, or a log and `after`, or a moment.", "delivery_id")
    if delivery_id is not None:
        return _replay_delivery(user, webhook, delivery_id)
    if log is not None:
        return _replay_events(user, webhook, _of_log(webhook, log, after or 0))
    logs = _followed(webhook).values("pk")
    return _replay_events(user, webhook, _events(webhook).filter(**{f"{_name(webhook)}__in": logs}, at__gte=since))


def _replay_delivery(user: User, webhook: Webhook, delivery_id: int) -> int:
    if not webhook.deliveries.filter(pk=delivery_id).exists():
        raise not_found("The delivery", "delivery_id")
    _begin(user, webhook)
    ended = webhook.deliveries.filter(pk=delivery_id).exclude(status=WebhookDeliveryStatus.PENDING)
    send_on_commit()
    return ended.update(status=WebhookDeliveryStatus.PENDING, attempts=0, next_attempt_at=timezone.now(), error="")


def _of_log(webhook: Webhook, log: tuple[str, int], after: int) -> QuerySet[Any]:
    kind, log_id = log
    if after < 0:
        raise invalid("`after` is the seq of an event, or 0 for all.", "after")
    if kind != webhook.log or not _followed(webhook).filter(pk=log_id).exists():
        raise not_found(f"The {webhook.log}", "log_id")
    return _events(webhook).filter(**{_name(webhook): log_id}, seq__gt=after)


def _begin(user: User, webhook: Webhook) -> None:
    require_active(webhook)
    rate_limits.count("webhooks", user.pk, what="tests and replays of webhooks")


def _name(webhook: Webhook) -> str:
    return "session" if webhook.log == EventLog.SESSION else "project"


def _events(webhook: Webhook) -> QuerySet[Any]:
    model = SessionEvent if webhook.log == EventLog.SESSION else ProjectEvent
    return model._default_manager.filter(type__in=webhook.event_types)


def _followed(webhook: Webhook) -> QuerySet[Any]:
    """The projects or sessions whose logs the webhook follows and may see."""
    user = bearer(webhook)
    if webhook.log == EventLog.SESSION:
        sessions = SessionPolicy(user).visible()
        return sessions.filter(project=webhook.project_id) if webhook.project_id else sessions
    projects = ProjectPolicy(user).visible()
    return projects.filter(pk=webhook.project_id) if webhook.project_id else projects


def _replay_events(user: User, webhook: Webhook, events: QuerySet[Any]) -> int:
    found = list(events.order_by("pk").values_list(f"{_name(webhook)}_id", "seq", "type")[: MOST_REPLAYED + 1])
    if len(found) > MOST_REPLAYED:
        raise DomainError(
            ErrorCode.LIMIT_EXCEEDED,
            f"These are more than {MOST_REPLAYED:,} events. Begin later, or replay one log at a time.",
            limit=MOST_REPLAYED,
        )
    _begin(user, webhook)
    now = timezone.now()
    WebhookDelivery.objects.bulk_create(
        [
            WebhookDelivery(
                webhook=webhook, log=webhook.log, log_id=log_id, seq=seq, event_type=kind, next_attempt_at=now
            )
            for log_id, seq, kind in found
        ],
        batch_size=500,
        update_conflicts=True,
        unique_fields=["webhook", "log", "log_id", "seq"],
        update_fields=["status", "attempts", "next_attempt_at", "error"],
    )
    send_on_commit()
    return len(found)
