"""GenerationTask: the queue of record of work that makes media."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from .choices import ACTIVE_TASK, TaskStatus


class GenerationTask(models.Model):
    """One piece of work. A message on a queue only says "look at row n"; this row says what is so."""

    project = models.ForeignKey("projects.Project", on_delete=models.CASCADE, related_name="generation_tasks")
    session = models.ForeignKey(
        "conversation.Session",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="generation_tasks",
    )
    turn = models.ForeignKey(
        "conversation.Turn", null=True, blank=True, on_delete=models.SET_NULL, related_name="generation_tasks"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="generation_tasks",
    )
    task_type = models.CharField(max_length=100)
    input = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=20, choices=TaskStatus, default=TaskStatus.QUEUED)
    progress = models.PositiveSmallIntegerField(default=0, help_text="0 to 100.")
    message = models.CharField(max_length=500, blank=True, help_text="What it is doing, for people.")
    attempts = models.PositiveIntegerField(default=0)
    attempts_allowed = models.PositiveIntegerField(default=3, help_text="A retry by a person adds to them.")
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.TextField(blank=True)
    # Null and not "": the unique constraint lets any number of tasks have no key.
    idempotency_key = models.CharField(max_length=100, null=True, blank=True)
    idempotency_digest = models.CharField(max_length=64, blank=True)
    lease_token = models.CharField(max_length=32, blank=True, help_text="Known to the runner that holds it.")
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    results: models.ManyToManyField = models.ManyToManyField(
        "media.Media", through="TaskResult", related_name="result_of_tasks", blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # When it was last put into the queue, which a retry does again.
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["project", "-created_at", "-id"], name="task_newest_first"),
            models.Index(
                fields=["status", "lease_expires_at"],
                condition=Q(status__in=ACTIVE_TASK),
                name="task_under_way",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(progress__lte=100), name="task_progress_at_most_100"),
            models.CheckConstraint(condition=Q(status__in=TaskStatus.values), name="task_status_is_known"),
            models.UniqueConstraint(
                fields=["project", "created_by", "idempotency_key"],
                name="task_idempotency_key_unique_per_caller",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task_type} {self.pk} ({self.get_status_display()})"

    @property
    def is_finished(self) -> bool:
        """Whether it has come to one of its three ends."""
        return self.status not in ACTIVE_TASK


class TaskResult(models.Model):
    """A media item that a task made. One per position, so that a second runner cannot add it again."""

    task = models.ForeignKey(GenerationTask, on_delete=models.CASCADE, related_name="result_rows")
    media = models.ForeignKey("media.Media", on_delete=models.CASCADE, related_name="task_result_rows")
    position = models.PositiveIntegerField(default=0)
    attempt = models.PositiveIntegerField(help_text="The attempt that made it.")

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["task", "position"], name="task_result_position_unique"),
            models.UniqueConstraint(fields=["task", "media"], name="task_result_media_once"),
        ]

    def __str__(self) -> str:
        return f"{self.media} of {self.task}"
