"""Webhook and its deliveries."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from .choices import EventLog, WebhookDeliveryStatus, WebhookPauseReason, WebhookState

MAX_NAME, MAX_URL, MAX_QUERY = 100, 2_000, 10_000
# Characters of an endpoint's answer that are kept.
MAX_RESPONSE = 2_000
MAX_ERROR = 500


class Webhook(models.Model):
    """A subscription query whose events are posted to an address, with the rights of its owner or their token.

    Its secret is nowhere stored: `secret_salt` and the site's key make it (signing.py).
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks")
    # Stays when the token is gone: a webhook of a token never gets its owner's full rights.
    token = models.ForeignKey(
        "accounts.AccessToken",
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        help_text="Whose rights it has; none: its owner's own.",
    )
    name = models.CharField(max_length=MAX_NAME)
    url = models.CharField("URL", max_length=MAX_URL)
    query = models.TextField(max_length=MAX_QUERY)
    log = models.CharField(max_length=10, choices=EventLog, help_text="The kind of log that the query follows.")
    event_types = models.JSONField(help_text="The types of that log's events that the query asks for.")
    project = models.ForeignKey(
        "projects.Project", null=True, blank=True, on_delete=models.CASCADE, related_name="webhooks"
    )
    is_active = models.BooleanField("active", default=True)
    pause_reason = models.CharField(max_length=20, choices=WebhookPauseReason, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="Failed attempts since the last success.")
    failing_since = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True, help_text="Nothing is sent until then.")
    last_delivered_at = models.DateTimeField("last delivery", null=True, blank=True)
    secret_salt = models.CharField(max_length=32)
    former_secret_salt = models.CharField(max_length=32, blank=True)
    former_secret_expires_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    # Once the lease was given back, when that was: who waited longest is served first.
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["log", "owner"], condition=Q(is_active=True, pause_reason=""), name="webhook_listening"
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(log__in=[EventLog.PROJECT, EventLog.SESSION]), name="webhook_log_is_known"
            ),
            models.CheckConstraint(
                condition=Q(pause_reason__in=["", *WebhookPauseReason.values]), name="webhook_pause_reason_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> WebhookState:
        """Whether events are sent, and who decided it."""
        if self.pause_reason:
            return WebhookState.PAUSED
        return WebhookState.ACTIVE if self.is_active else WebhookState.INACTIVE


class WebhookDelivery(models.Model):
    """One event for one webhook: the queue of record, and what became of it.

    `log_id` is the key of the project or session in whose log the event is.
    """

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    log = models.CharField(max_length=10, choices=EventLog)
    log_id = models.PositiveBigIntegerField()
    seq = models.PositiveBigIntegerField(help_text="The event's place in its log.")
    event_type = models.CharField(max_length=30)
    status = models.CharField(max_length=10, choices=WebhookDeliveryStatus, default=WebhookDeliveryStatus.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    attempted_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    payload = models.TextField(blank=True, help_text="The body that was sent last.")
    response_status = models.PositiveIntegerField(null=True, blank=True)
    response_body = models.TextField(blank=True, help_text="The beginning of the endpoint's answer.")
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    error = models.CharField(max_length=MAX_ERROR, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["webhook", "-id"], name="webhook_delivery_newest"),
            models.Index(
                fields=["webhook", "log", "log_id", "seq"],
                condition=Q(status=WebhookDeliveryStatus.PENDING),
                name="webhook_delivery_pending",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["webhook", "log", "log_id", "seq"], name="webhook_delivery_once_per_event"),
            models.CheckConstraint(
                condition=Q(status__in=WebhookDeliveryStatus.values), name="webhook_delivery_status_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.seq}"

    @property
    def type(self) -> str:
        """The event's type as receivers see it: hierarchical, parted by full stops."""
        return self.event_type.replace("_", ".")

    @property
    def message_id(self) -> str:
        """The header webhook-id: the same at every attempt and replay of this event for this webhook."""
        name = f"{self.webhook_id}/{self.log}/{self.log_id}/{self.seq}"
        return f"msg_{uuid.uuid5(_MESSAGES, name).hex}"


# A name space of our own (RFC 9562).
_MESSAGES = uuid.UUID("f2f1a3c6-6a5b-4d7e-9d0c-7d9a0f3f5b11")
