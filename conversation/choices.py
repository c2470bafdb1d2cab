"""The states of a conversation."""

from django.db import models


class SessionState(models.TextChoices):
    """ERROR only where the step is gone without a replacement; a failed turn leaves a session ACTIVE."""

    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    COMPLETED = "completed", "Completed"
    ERROR = "error", "Error"


class MessageRole(models.TextChoices):
    """Who speaks. Only the server writes as SYSTEM."""

    USER = "user", "User"
    ASSISTANT = "assistant", "Assistant"
    SYSTEM = "system", "System"


class TurnStatus(models.TextChoices):
    """QUEUED and RUNNING are under way; the others are ends."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class ExportFormat(models.TextChoices):
    """As what a session is exported; the value is the file's ending."""

    MARKDOWN = "md", "Markdown"
    JSON = "json", "JSON"
    PDF = "pdf", "PDF"


ACTIVE_TURN = (TurnStatus.QUEUED, TurnStatus.RUNNING)
