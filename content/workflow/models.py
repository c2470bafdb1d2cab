"""WorkflowStep with its choices and next steps: content that editors own, draft, publish and preview."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.http import HttpRequest
from modelcluster.fields import ParentalKey
from modelcluster.models import ClusterableModel
from wagtail.models import DraftStateMixin, Orderable, PreviewableMixin, Revision, RevisionMixin

from ai.graph import MANUAL_OVERRIDE

from .choices import Phase
from .placeholders import SAMPLE_FACTS, MissingFactError, render, validate_instructions
from .task_types import unknown_task_types

snake_case = RegexValidator(
    r"^[a-z][a-z0-9_]*\Z",
    "Use small letters, digits and underscores, beginning with a letter: visual_design.",
)


class WorkflowStepQuerySet(models.QuerySet["WorkflowStep"]):
    """Steps; deleting several at once is checked as deleting one is."""

    def published(self) -> "WorkflowStepQuerySet":
        """The steps that sessions may be at, in order."""
        return self.filter(live=True).order_by("order", "pk")

    @transaction.atomic
    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the steps. Raises ValidationError where the published workflow would break."""
        from . import publishing

        publishing.require_sound_without(set(self.values_list("pk", flat=True)))
        return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]  # Django's mark: not for templates
    delete.queryset_only = True  # type: ignore[attr-defined]  # Django's mark: not on the manager


class WorkflowStep(DraftStateMixin, RevisionMixin, PreviewableMixin, ClusterableModel):
    """A stretch of a production, with what the director has to do there.

    The row holds what is published while `live`; a draft of a published step is its latest revision.
    """

    slug = models.SlugField(
        max_length=80,
        unique=True,
        validators=[snake_case],
        help_text="Its stable name: sessions and clients use it.",
    )
    title = models.CharField(max_length=80)
    description = models.TextField(
        max_length=500, help_text="For people, in a sentence or two: what is settled in this step."
    )
    phase = models.CharField(max_length=30, choices=Phase)
    order = models.PositiveIntegerField(
        unique=True,
        help_text="Its place on the way. Leave gaps (10, 20, 30). A move to a higher order completes a step.",
    )
    required = models.BooleanField(default=True, help_text="Counts towards a project's progress.")
    instructions = models.TextField(validators=[validate_instructions])
    task_types = models.JSONField(
        default=list, blank=True, help_text="What the director may have generated in this step."
    )
    next_steps: models.ManyToManyField = models.ManyToManyField(
        "self", through="StepTransition", symmetrical=False, related_name="previous_steps"
    )

    objects: ClassVar[models.Manager["WorkflowStep"]] = WorkflowStepQuerySet.as_manager()

    class Meta:
        ordering = ["order", "pk"]
        verbose_name = "workflow step"
        constraints = [
            models.CheckConstraint(condition=Q(phase__in=Phase.values), name="workflow_step_phase_is_known"),
        ]

    def __str__(self) -> str:
        return self.title or self.slug

    def clean(self) -> None:
        super().clean()
        types = self.task_types
        if not isinstance(types, list) or not all(isinstance(slug, str) for slug in types):
            raise ValidationError({"task_types": "Give a list of task types."})
        unknown = unknown_task_types(types)
        if unknown:
            raise ValidationError(
                {"task_types": f"No such task type: {', '.join(unknown)}. Choose among those offered."}
            )

    @transaction.atomic
    def save(self, **kwargs: Any) -> None:
        """Store the step with the choices and transitions that were set on it."""
        if self.pk and not kwargs.get("update_fields"):
            pending = getattr(self, "_cluster_related_objects", None) or {}
            # Written anew, with the same keys: two rows that exchange their slugs would collide half-way.
            for relation, model in (("choices", StepChoice), ("transitions", StepTransition)):
                if relation in pending:
                    model._default_manager.filter(step_id=self.pk).delete()
        super().save(**kwargs)

    @transaction.atomic
    def publish(self, revision: Revision, *args: Any, **kwargs: Any) -> None:
        """Publish a revision. Raises ValidationError, and changes nothing, where the workflow would break."""
        from . import publishing

        proposed = revision.as_object()
        proposed.full_clean()
        publishing.require_sound_with(proposed)
        super().publish(revision, *args, **kwargs)

    @transaction.atomic
    def unpublish(self, *args: Any, **kwargs: Any) -> None:
        """Take the step out of the workflow. Raises ValidationError where the workflow would break."""
        from . import publishing

        publishing.require_sound_without({self.pk})
        super().unpublish(*args, **kwargs)

    @transaction.atomic
    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the step. Raises ValidationError where the published workflow would break."""
        from . import publishing

        publishing.require_sound_without({self.pk})
        deleted: tuple[int, dict[str, int]] = super().delete(*args, **kwargs)
        return deleted

    def get_preview_template(self, request: HttpRequest, mode_name: str) -> str:
        return "workflow/preview.html"

    def get_preview_context(self, request: HttpRequest, mode_name: str) -> dict[str, Any]:
        from .cards import step_cards

        try:
            instructions = render(self.instructions, SAMPLE_FACTS)
        except MissingFactError as error:
            instructions = str(error)
        next_steps = [transition.to_step for transition in self.transitions.all()]
        context = super().get_preview_context(request, mode_name)
        return {**context, "instructions": instructions, "cards": step_cards(self), "next_steps": next_steps}


class StepTransition(Orderable):
    """An allowed move. One to a step that is not published waits until that step is."""

    step = ParentalKey(WorkflowStep, on_delete=models.CASCADE, related_name="transitions")
    to_step = models.ForeignKey(
        WorkflowStep, on_delete=models.CASCADE, related_name="incoming", verbose_name="next step"
    )

    class Meta(Orderable.Meta):
        verbose_name = "next step"
        constraints = [
            models.UniqueConstraint(fields=["step", "to_step"], name="transition_once_per_step"),
            models.CheckConstraint(condition=~Q(step=F("to_step")), name="transition_not_to_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.step} → {self.to_step}"


class StepChoice(Orderable):
    """A card that the step offers, with the effect that choosing it has."""

    step = ParentalKey(WorkflowStep, on_delete=models.CASCADE, related_name="choices")
    slug = models.SlugField(max_length=80, validators=[snake_case])
    title = models.CharField(max_length=80)
    description = models.CharField(max_length=300)
    icon = models.CharField(max_length=16, blank=True, help_text="An emoji.")
    estimated_time = models.CharField(
        max_length=40,
        blank=True,
        help_text="Only what was measured, for example “10–15 minutes”; else leave it empty.",
    )
    is_recommended = models.BooleanField("recommended", default=False, help_text="Exactly one choice of a step.")
    leads_to = models.ForeignKey(
        WorkflowStep,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The session moves there. Must be among the next steps below. Empty: it stays.",
    )
    submits = models.SlugField(
        "starts the task", max_length=80, blank=True, help_text="One of this step's task types, or nothing."
    )
    finishes = models.BooleanField(
        "finishes the series", default=False, help_text="Only in the last step: completes it and the session."
    )

    class Meta(Orderable.Meta):
        verbose_name = "choice"
        constraints = [
            models.UniqueConstraint(fields=["step", "slug"], name="choice_slug_unique_in_step"),
            models.CheckConstraint(condition=~Q(slug=MANUAL_OVERRIDE), name="choice_is_not_the_manual_override"),
            models.CheckConstraint(
                condition=Q(finishes=False) | Q(leads_to__isnull=True), name="choice_finishes_or_leads_on"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        super().clean()
        if self.slug == MANUAL_OVERRIDE:
            raise ValidationError({"slug": "The manual override is offered by itself: use another slug."})
        if self.finishes and self.leads_to_id:
            raise ValidationError({"leads_to": "A choice that finishes the series leads nowhere: empty this."})
        if self.submits and unknown_task_types([self.submits]):
            raise ValidationError({"submits": f"No such task type: {self.submits}. Choose among those offered."})
