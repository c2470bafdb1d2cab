"""From a stored event to the deliveries of the webhooks that ask for it, in the event's own transaction."""

import logging

from django.db import transaction

from content.projects.models import Project, ProjectEvent
from conversation.models import Session, SessionEvent

from . import policy
from .choices import EventLog
from .models import WebhookDelivery

logger = logging.getLogger(__name__)


def project_event_stored(project: Project, event: ProjectEvent) -> None:
    """A project's log has a new entry."""
    _deliver(EventLog.PROJECT, project.pk, project.pk, event)


def session_event_stored(session: Session, event: SessionEvent) -> None:
    """A session's log has a new entry."""
    _deliver(EventLog.SESSION, session.pk, session.project_id, event)


def _deliver(log: EventLog, log_id: int, project_id: int, event: ProjectEvent | SessionEvent) -> None:
    asking = [webhook for webhook in policy.listening(log, project_id) if event.type in webhook.event_types]
    deliveries = [
        WebhookDelivery(webhook=webhook, log=log, log_id=log_id, seq=event.seq, event_type=event.type)
        for webhook in asking
        # A delivery alone tells that something happened.
        if (user := policy.bearer(webhook)) is not None and policy.sees(user, log, log_id)
    ]
    if deliveries:
        WebhookDelivery.objects.bulk_create(deliveries)
        send_on_commit()


def send_on_commit() -> None:
    """After the commit, have a worker look for what is due."""
    transaction.on_commit(_send)


def _send() -> None:
    from .tasks import send_webhooks

    try:
        send_webhooks.delay()
    except Exception:
        # The rows are the queue of record: the sweep sends again what the broker did not take.
        logger.warning("Webhooks could not be sent to a worker now.", exc_info=True)
