"""The doorway for workers."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from cms.accounts.models import AccessToken

from . import sender, services
from .choices import WebhookDeliveryStatus, WebhookPauseReason
from .models import Webhook, WebhookDelivery


@shared_task
def send_webhooks() -> None:
    """Send what is due, unless this process has enough of it at work."""
    sender.work()


@shared_task
def sweep_webhooks() -> None:
    """Send again for what nobody took, and pause the webhooks whose rights have ended."""
    now = timezone.now()
    token = AccessToken.objects.filter(pk=OuterRef("token_id"), expires_at__gt=now)
    running = Webhook.objects.filter(pause_reason="").select_related("owner")
    for webhook in running.filter(owner__is_active=False):
        services.pause(webhook, WebhookPauseReason.OWNER_INACTIVE, now)
    for webhook in running.filter(~Exists(token), token_id__isnull=False):
        services.pause(webhook, WebhookPauseReason.TOKEN_ENDED, now)
    if sender.due().exists():
        send_webhooks.delay()


@shared_task
def sweep_deliveries() -> int:
    """Delete deliveries that ended long ago; answers how many. Events stay in their logs, and can be replayed."""
    old = timezone.now() - timedelta(days=settings.WEBHOOK_KEEP_DAYS)
    ended = WebhookDelivery.objects.exclude(status=WebhookDeliveryStatus.PENDING)
    return ended.filter(created_at__lt=old).delete()[0]
