"""What is done with webhooks: every write, each one transaction."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from cms import rate_limits
from cms.accounts.models import User
from cms.errors import DomainError, ErrorCode, conflict, invalid
from content.projects.policy import ProjectAction, ProjectPolicy

from . import queries, signing
from .choices import EventLog, WebhookPauseReason, WebhookState
from .endpoint import checked_url
from .events import send_on_commit
from .models import MAX_NAME, Webhook, WebhookDelivery
from .policy import WebhookPolicy, require_read

logger = logging.getLogger(__name__)

# How long the secret before a rotation still signs.
FORMER_SECRET = timedelta(days=1)
TEST_EVENT = "webhook_test"


@transaction.atomic
def create_webhook(
    *,
    user: User,
    name: str,
    url: str,
    query: str,
    project_id: int | None = None,
    is_active: bool = True,
) -> tuple[Webhook, str]:
    """Register a webhook with the caller's rights: the token's, where one was used. Answers its secret too.

    Raises INVALID, NOT_FOUND (the project), LIMIT_EXCEEDED, FORBIDDEN (the token may not read).
    """
    require_read(user)
    webhook = Webhook(owner=user, token=user.token, is_active=is_active, secret_salt=signing.new_salt())
    _write(webhook, user, {"name": name, "url": url, "query": query, "project_id": project_id})
    _check_limit(user)
    webhook.save()
    return webhook, signing.secret(webhook.secret_salt)


def _check_limit(user: User) -> None:
    # Locked, so that two registrations at once are counted one after the other.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    limit, used = settings.WEBHOOKS_PER_PLAN[user.tier.upper()], user.webhooks.count()
    if used >= limit:
        raise DomainError(
            ErrorCode.LIMIT_EXCEEDED,
            f"Your plan allows {limit} webhooks. Delete one, or change the plan.",
            limit=limit,
            remaining=max(0, limit - used),
        )


@transaction.atomic
def update_webhook(*, user: User, webhook_id: int, changes: dict[str, Any]) -> Webhook:
    """Change a webhook; from now on it has the rights of this call. `is_active` true also ends a pause.

    Raises INVALID, NOT_FOUND, FORBIDDEN (another's, or the token may not read).
    """
    require_read(user)
    webhook = _locked(WebhookPolicy(user).get_own(webhook_id))
    # Else a token of few rights could have a webhook of many send elsewhere, or something else.
    webhook.token = user.token
    is_active = changes.pop("is_active", None)
    _write(webhook, user, changes)
    if is_active is not None:
        webhook.is_active = is_active
    if is_active or webhook.pause_reason == WebhookPauseReason.TOKEN_ENDED:
        webhook.pause_reason, webhook.failing_since, webhook.failures, webhook.not_before = "", None, 0, None
        send_on_commit()
    webhook.save()
    return webhook


def _write(webhook: Webhook, user: User, changes: dict[str, Any]) -> None:
    """Put checked values on a webhook. Raises INVALID, NOT_FOUND."""
    if "project_id" in changes:
        pk = changes["project_id"]
        webhook.project = pk and ProjectPolicy(user).get(ProjectAction.VIEW, pk, field="project_id")
    if "name" in changes:
        webhook.name = (changes["name"] or "").strip()
        if not 1 <= len(webhook.name) <= MAX_NAME:
            raise invalid(f"Give a name of 1 to {MAX_NAME} characters.", "name")
    if "url" in changes:
        webhook.url = checked_url(changes["url"] or "")
    if "query" in changes:
        query = queries.checked(changes["query"] or "")
        webhook.query, webhook.log, webhook.event_types = changes["query"], query.log, list(query.event_types)


@transaction.atomic
def delete_webhook(*, user: User, webhook_id: int) -> None:
    """Delete a webhook and its deliveries. Raises NOT_FOUND."""
    WebhookPolicy(user).get(webhook_id).delete()


@transaction.atomic
def rotate_secret(*, user: User, webhook_id: int) -> tuple[Webhook, str]:
    """Give a webhook another secret; the one before it signs as well for one more day. Raises NOT_FOUND, FORBIDDEN."""
    webhook = _locked(WebhookPolicy(user).get_own(webhook_id))
    webhook.former_secret_salt, webhook.former_secret_expires_at = webhook.secret_salt, timezone.now() + FORMER_SECRET
    webhook.secret_salt = signing.new_salt()
    webhook.save()
    return webhook, signing.secret(webhook.secret_salt)


@transaction.atomic
def send_test(*, user: User, webhook_id: int) -> WebhookDelivery:
    """Queue a delivery without an event, for a webhook in any state. Raises NOT_FOUND, RATE_LIMITED."""
    webhook = _locked(WebhookPolicy(user).get(webhook_id))
    rate_limits.count("webhooks", user.pk, what="tests and replays of webhooks")
    last = webhook.deliveries.filter(log=EventLog.TEST).aggregate(last=Max("seq"))["last"] or 0
    delivery = WebhookDelivery.objects.create(
        webhook=webhook, log=EventLog.TEST, log_id=webhook.pk, seq=last + 1, event_type=TEST_EVENT
    )
    send_on_commit()
    return delivery


def _locked(webhook: Webhook) -> Webhook:
    """The row, locked until the transaction ends."""
    return Webhook.objects.select_for_update(of=("self",), no_key=True).select_related("owner").get(pk=webhook.pk)


def require_active(webhook: Webhook) -> None:
    """Raises CONFLICT where nothing is sent."""
    if webhook.state is not WebhookState.ACTIVE:
        raise conflict("This webhook sends nothing now. Switch it on first.")


@transaction.atomic
def pause(webhook: Webhook, reason: WebhookPauseReason, now: datetime) -> None:
    """Stop sending until the owner switches the webhook on again, and tell them by e-mail."""
    running = Webhook.objects.filter(pk=webhook.pk, pause_reason="")
    if not running.update(pause_reason=reason, updated_at=now):
        return
    logger.warning("Webhook %s is paused: %s.", webhook.pk, reason.label)
    if webhook.owner.is_active:
        transaction.on_commit(lambda: _tell(webhook, reason))


def _tell(webhook: Webhook, reason: WebhookPauseReason) -> None:
    try:
        send_mail(
            f"Your webhook “{webhook.name}” is paused",
            f"Nothing more is sent to {webhook.url}.\n\nWhy: {reason.label}.\n\n"
            "When that is put right, switch the webhook on again (updateWebhook with active: true) and have what it "
            "missed sent by replayWebhook.",
            None,
            [webhook.owner.email],
        )
    except Exception:
        # The admin and the API show it as well.
        logger.warning("The owner of webhook %s was not told that it is paused.", webhook.pk, exc_info=True)
