"""Project, its members, its completed steps and its event log."""

from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from cms.accounts.choices import MAX_TOKENS
from cms.accounts.models import User

from .choices import AspectRatio, Genre, MembershipRole, ProjectStatus, QualityTier, TargetAudience

MAX_EPISODE_MINUTES = 600


class Project(models.Model):
    """A series in the making. Its progress is derived from completed steps (progress.py), never typed in."""

    title = models.CharField(max_length=200)
    description = models.TextField(blank=True, max_length=5_000, help_text="A brief description of the series.")
    genre = models.CharField(max_length=20, choices=Genre)
    episode_count = models.PositiveIntegerField(
        default=10, validators=[MinValueValidator(1)], help_text="Total number of episodes planned."
    )
    target_audience = models.CharField(max_length=20, choices=TargetAudience, default=TargetAudience.FAMILY)
    status = models.CharField(max_length=20, choices=ProjectStatus, default=ProjectStatus.CONCEPT)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="created_projects")
    members: models.ManyToManyField = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="projects"
    )
    style_references: models.ManyToManyField = models.ManyToManyField(
        "media.Media",
        through="StyleReference",
        related_name="style_of_projects",
        blank=True,
        help_text="Reference images for the visual style.",
    )
    aspect_ratio = models.CharField(max_length=10, choices=AspectRatio, default=AspectRatio.WIDESCREEN_16_9)
    episode_duration = models.PositiveIntegerField(
        default=22,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_EPISODE_MINUTES)],
        help_text="Target duration of an episode, in minutes.",
    )
    quality_tier = models.CharField(max_length=20, choices=QualityTier, default=QualityTier.STANDARD)
    revision = models.PositiveIntegerField(default=1, editable=False)
    idempotency_key = models.CharField(max_length=100, null=True, blank=True, editable=False)
    idempotency_digest = models.CharField(max_length=64, blank=True, editable=False)
    last_event_seq = models.PositiveBigIntegerField(default=0, editable=False)
    media_bytes = models.PositiveBigIntegerField(
        "storage used", default=0, editable=False, help_text="Bytes of all its media's files."
    )
    token_budget = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(MAX_TOKENS)],
        help_text="Tokens of the director's model that it may use in all. Leave empty for no limit of its own.",
    )
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-updated_at", "-pk"]
        indexes = [models.Index(fields=["-updated_at", "-id"], name="project_newest_first")]
        constraints = [
            models.CheckConstraint(condition=Q(episode_count__gte=1), name="project_has_an_episode"),
            models.CheckConstraint(
                condition=Q(episode_duration__gte=1) & Q(episode_duration__lte=MAX_EPISODE_MINUTES),
                name="project_episode_duration_in_bounds",
            ),
            models.CheckConstraint(condition=Q(genre__in=Genre.values), name="project_genre_is_known"),
            models.CheckConstraint(condition=Q(status__in=ProjectStatus.values), name="project_status_is_known"),
            models.UniqueConstraint(
                fields=["created_by", "idempotency_key"], name="project_idempotency_key_unique_per_caller"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_archived(self) -> bool:
        """Readable, refuses every write, and does not count towards the plan."""
        return self.archived_at is not None


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Memberships, from which every policy derives who may see what."""

    def of(self, user: User) -> Self:
        """A person's; where they came by a token that is limited to projects, in these alone."""
        return user.narrowed(self.filter(user=user), "project")


class Membership(models.Model):
    """A person's place in a project.

    `project_updated_at` repeats the project's `updated_at` (services.touch writes both), so that "mine or
    shared with me, newest first" is one range of one index, whatever the number of projects.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=MembershipRole, default=MembershipRole.COLLABORATOR)
    project_updated_at = models.DateTimeField(default=timezone.now, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["user", "-project_updated_at", "-project"], name="membership_newest_first")]
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="member_once_per_project"),
            models.UniqueConstraint(
                fields=["project"], condition=Q(role=MembershipRole.OWNER), name="one_owner_per_project"
            ),
            models.CheckConstraint(condition=Q(role__in=MembershipRole.values), name="membership_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.project} ({self.get_role_display()})"


class StyleReference(models.Model):
    """A picture of the project that sets its visual style, in the members' order."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="style_reference_rows")
    media = models.ForeignKey("media.Media", on_delete=models.CASCADE, related_name="style_reference_rows")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["project", "media"], name="style_reference_once_per_project")]

    def __str__(self) -> str:
        return f"{self.media} in {self.project}"


class StepCompletion(models.Model):
    """A turn that left a workflow step forwards, or finished the last one."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="step_completions")
    step = models.ForeignKey("workflow.WorkflowStep", on_delete=models.CASCADE, related_name="completions")
    turn = models.ForeignKey("conversation.Turn", on_delete=models.CASCADE, related_name="step_completions")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["project", "step", "turn"], name="step_completed_once_per_turn")]

    def __str__(self) -> str:
        return f"{self.step} of {self.project}"


class ProjectEvent(models.Model):
    """One entry of a project's ordered log, which subscriptions replay."""

    class Type(models.TextChoices):
        """What changed; the API's event types."""

        PROJECT_UPDATED = "project_updated", "Project updated"
        MEDIA_UPDATED = "media_updated", "Media updated"
        TASK_UPDATED = "task_updated", "Task updated"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveBigIntegerField()
    type = models.CharField(max_length=30, choices=Type)
    object_id = models.PositiveBigIntegerField(help_text="The row that changed.")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["seq"]
        constraints = [
            models.UniqueConstraint(fields=["project", "seq"], name="project_event_seq_unique"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="project_event_seq_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.project_id}:{self.seq} {self.type}"
