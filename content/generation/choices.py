"""Where a generation task is."""

from django.db import models


class TaskStatus(models.TextChoices):
    """A task's life: queued, running, and one of three ends."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


ACTIVE_TASK = (TaskStatus.QUEUED, TaskStatus.RUNNING)
