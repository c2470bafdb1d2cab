"""Deliveries at work: claimed webhook by webhook, posted in each log's order, tried again with growing pauses.

The delivery's row is the queue of record. Who holds a webhook's lease posts its deliveries one after another; a sender
that died leaves a lease that expires, and another takes over. So a receiver may see an event twice, under one id.
"""

import json
import logging
import random
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from cms.accounts.models import User
from cms.background import submit
from cms.errors import DomainError
from content.projects.models import ProjectEvent
from conversation.models import SessionEvent

from . import endpoint, policy, queries, services, signing
from .choices import EventLog, WebhookDeliveryStatus, WebhookPauseReason
from .endpoint import EndpointError, Response
from .models import MAX_ERROR, Webhook, WebhookDelivery
from .policy import bearer

logger = logging.getLogger(__name__)

# Deliveries of one webhook before others have their turn.
MOST_IN_A_ROW = 50
# Webhooks that one look takes from the store: other senders may have the first ones meanwhile.
MOST_LOOKED_AT = 20
# Seconds that a failing endpoint is left alone at most, whatever waits for it; and that it may ask for.
LONGEST_BREAK, LONGEST_RETRY_AFTER = 300, 86_400
MAX_PAYLOAD = 256 * 1024
GONE = 410

# A slow endpoint holds a thread: a worker process has few that may be held.
_slots = threading.BoundedSemaphore(settings.WEBHOOK_SENDERS)


class NothingToSendError(Exception):
    """The event is not for this webhook any more; the message says why."""


class RefusedError(Exception):
    """The event cannot be sent, however often it is tried; the message says why."""


def work() -> None:
    """Send what is due, webhook by webhook, unless enough threads of this process do so already."""
    # Asked again after the slot is free: who came meanwhile found none and has left.
    while due().exists():
        if not _slots.acquire(blocking=False):
            return
        try:
            while (lease := claim()) is not None:
                lease.drain()
        finally:
            _slots.release()


def deliverable() -> QuerySet[WebhookDelivery]:
    """Deliveries that may be tried now: due, and the first of their log that is pending."""
    pending = WebhookDelivery.objects.filter(status=WebhookDeliveryStatus.PENDING)
    earlier = pending.filter(
        webhook=OuterRef("webhook"), log=OuterRef("log"), log_id=OuterRef("log_id"), seq__lt=OuterRef("seq")
    )
    running = Q(webhook__is_active=True, webhook__pause_reason="") | Q(log=EventLog.TEST)
    return pending.filter(running, ~Exists(earlier), next_attempt_at__lte=timezone.now())


def due() -> QuerySet[Webhook]:
    """Webhooks with something to send that nobody serves now."""
    now = timezone.now()
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lte=now)
    rested = Q(not_before=None) | Q(not_before__lte=now)
    return Webhook.objects.filter(free, rested, Exists(deliverable().filter(webhook=OuterRef("pk"))))


def claim() -> "Lease | None":
    """Take the webhook that has waited longest; None where there is none."""
    waiting = due().order_by(F("lease_expires_at").asc(nulls_first=True), "pk")
    for pk, held in waiting.values_list("pk", "lease_token")[:MOST_LOOKED_AT]:
        token = secrets.token_hex(16)
        if due().filter(pk=pk, lease_token=held).update(lease_token=token, lease_expires_at=_lease_end()):
            return Lease(pk, token)
    return None


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.WEBHOOK_LEASE_SECONDS)


@dataclass(frozen=True, slots=True)
class Lease:
    """One sender's hold of one webhook."""

    webhook_id: int
    token: str

    def mine(self) -> QuerySet[Webhook]:
        """The webhook, as long as this sender holds it."""
        return Webhook.objects.filter(pk=self.webhook_id, lease_token=self.token)

    def drain(self) -> None:
        """Send what is due, until nothing is, the endpoint fails, or others have waited long enough."""
        try:
            for _ in range(MOST_IN_A_ROW):
                if not self.mine().update(lease_expires_at=_lease_end()) or not self._send_next():
                    break
        finally:
            self.mine().update(lease_token="", lease_expires_at=timezone.now())

    def _send_next(self) -> bool:
        """Try the next delivery; whether to go on with this webhook."""
        # Read anew each time: a changed address, a pause and an ended token count at once.
        delivery = deliverable().filter(webhook=self.webhook_id).select_related("webhook__owner").order_by("pk").first()
        if delivery is None:
            return False
        webhook = delivery.webhook
        user = bearer(webhook)
        if user is None:
            reason = WebhookPauseReason.TOKEN_ENDED if webhook.owner.is_active else WebhookPauseReason.OWNER_INACTIVE
            services.pause(webhook, reason, timezone.now())
            if delivery.log != EventLog.TEST:
                return False
            # Events wait for the owner; a test, which does not, would be found again and again.
            self._end(delivery, WebhookDeliveryStatus.SKIPPED, f"{reason.label}.")
            return True
        try:
            return self._post(delivery, payload(delivery, user))
        except NothingToSendError as nothing:
            self._end(delivery, WebhookDeliveryStatus.SKIPPED, str(nothing))
        except RefusedError as refusal:
            self._end(delivery, WebhookDeliveryStatus.FAILED, str(refusal))
        except Exception:
            # Tried again like any other, and not at every sweep.
            logger.exception("Delivery %s failed.", delivery.pk)
            self._failed(delivery, {"attempts": delivery.attempts + 1}, None, "Something went wrong on our side.")
            return False
        return True

    def _end(self, delivery: WebhookDelivery, status: WebhookDeliveryStatus, error: str) -> None:
        self._row(delivery).update(status=status, error=error[:MAX_ERROR])

    def _row(self, delivery: WebhookDelivery) -> QuerySet[WebhookDelivery]:
        """The delivery, as long as this sender holds its webhook."""
        return WebhookDelivery.objects.filter(pk=delivery.pk, webhook__in=self.mine())

    def _post(self, delivery: WebhookDelivery, body: str) -> bool:
        webhook, now, began = delivery.webhook, timezone.now(), time.monotonic()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Auto-Movie-Webhooks/1.0",
            **signing.signed_headers(webhook, delivery.message_id, body, now),
        }
        response, error = None, ""
        try:
            response = submit(endpoint.post(webhook.url, headers, body)).result()
        except EndpointError as failure:
            error = str(failure)
        answered = timezone.now()
        values = {
            "attempts": delivery.attempts + 1,
            "attempted_at": answered,
            "duration_ms": round((time.monotonic() - began) * 1000),
            "payload": body,
            "response_status": response.status if response else None,
            "response_body": response.body if response else "",
        }
        if response is not None and 200 <= response.status < 300:
            with transaction.atomic():
                self._row(delivery).update(
                    **values, status=WebhookDeliveryStatus.DELIVERED, error="", delivered_at=answered
                )
                self.mine().update(failures=0, failing_since=None, not_before=None, last_delivered_at=answered)
            return True
        self._failed(delivery, values, response, error or _told(response))
        return False

    @transaction.atomic
    def _failed(
        self, delivery: WebhookDelivery, values: dict[str, object], response: Response | None, error: str
    ) -> None:
        """Note a failed attempt: when this delivery is tried again, and when the endpoint is."""
        webhook, now = delivery.webhook, timezone.now()
        wait = _pause_after(delivery.attempts + 1)
        asked = min(response.retry_after or 0.0, LONGEST_RETRY_AFTER) if response else 0.0
        self._row(delivery).update(
            **values,
            error=error[:MAX_ERROR],
            status=WebhookDeliveryStatus.FAILED if wait is None else WebhookDeliveryStatus.PENDING,
            next_attempt_at=now + timedelta(seconds=max(wait or 0.0, asked)),
        )
        failures, since = webhook.failures + 1, webhook.failing_since or now
        rest = max(asked, min(wait or 0.0, 2.0 ** min(failures, 10), LONGEST_BREAK))
        self.mine().update(failures=failures, failing_since=since, not_before=now + timedelta(seconds=rest))
        if response is not None and response.status == GONE:
            services.pause(webhook, WebhookPauseReason.ENDPOINT_GONE, now)
        elif now - since >= timedelta(days=settings.WEBHOOK_FAILING_DAYS):
            services.pause(webhook, WebhookPauseReason.ENDPOINT_FAILING, now)


def _told(response: Response | None) -> str:
    status = response.status if response else 0
    more = " Redirects are not followed." if 300 <= status < 400 else ""
    return f"The endpoint answered {status}.{more}"


def _pause_after(attempts: int) -> float | None:
    """Seconds until the next attempt, a tenth more or less so that many do not come together; None after the last."""
    pauses = settings.WEBHOOK_RETRY_SECONDS
    return pauses[attempts - 1] * random.uniform(0.9, 1.1) if attempts <= len(pauses) else None


def payload(delivery: WebhookDelivery, user: User) -> str:
    """The body: what the query says of the event now, to `user`, the webhook's bearer.

    Raises NothingToSendError, RefusedError.
    """
    happened, data, errors = delivery.created_at, {}, None
    if delivery.log != EventLog.TEST:
        event = _event(user, delivery)
        try:
            query = queries.checked(delivery.webhook.query)
        except DomainError as error:
            raise RefusedError(error.message) from error
        result = query.result(event, delivery.log_id, queries.context_of(user))
        if result.data is None:
            raise RefusedError("; ".join(error.message for error in result.errors or []) or "The query has no result.")
        happened, data = event.at, result.data
        errors = [error.formatted for error in result.errors or []]
    body = {"type": delivery.type, "timestamp": happened.isoformat().replace("+00:00", "Z"), "data": data}
    text = json.dumps(body | ({"errors": errors} if errors else {}), separators=(",", ":"), ensure_ascii=False)
    if len(text.encode()) > MAX_PAYLOAD:
        raise RefusedError(f"What the query says of this event is over {MAX_PAYLOAD // 1024} KiB: ask for less.")
    return text


def _event(user: User, delivery: WebhookDelivery) -> ProjectEvent | SessionEvent:
    if not policy.sees(user, delivery.log, delivery.log_id):
        raise NothingToSendError(f"The webhook's owner may not see the {delivery.log} any more.")
    event: ProjectEvent | SessionEvent | None
    if delivery.log == EventLog.SESSION:
        event = SessionEvent.objects.filter(session=delivery.log_id, seq=delivery.seq).first()
    else:
        event = ProjectEvent.objects.filter(project=delivery.log_id, seq=delivery.seq).first()
    if event is None:
        raise NothingToSendError("The event is gone.")
    return event
