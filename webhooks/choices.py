"""The logs that webhooks follow, and the states of webhooks and deliveries."""

from django.db import models


class EventLog(models.TextChoices):
    """The ordered log that an event is from; TEST is the webhook's own log of tests."""

    PROJECT = "project", "Project"
    SESSION = "session", "Session"
    TEST = "test", "Test"


class WebhookState(models.TextChoices):
    """PAUSED is the server's doing, INACTIVE the owner's."""

    ACTIVE = "active", "Active"
    INACTIVE = "inactive", "Switched off"
    PAUSED = "paused", "Paused"


class WebhookPauseReason(models.TextChoices):
    """Why the server has paused a webhook."""

    TOKEN_ENDED = "token_ended", "The access token that it was registered with has expired or was revoked"
    OWNER_INACTIVE = "owner_inactive", "Its owner is no longer active"
    ENDPOINT_GONE = "endpoint_gone", "The endpoint answered 410 Gone"
    ENDPOINT_FAILING = "endpoint_failing", "Every delivery failed for days"


class WebhookDeliveryStatus(models.TextChoices):
    """PENDING is under way; the others are ends."""

    PENDING = "pending", "Pending"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"
