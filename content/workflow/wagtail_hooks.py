"""Workflow steps in the admin."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.db.models.deletion import PROTECT
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from wagtail import hooks
from wagtail.admin import messages
from wagtail.admin.panels import FieldPanel, HelpPanel, InlinePanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import BooleanColumn, Column
from wagtail.snippets.models import register_snippet
from wagtail.snippets.views.snippets import CreateView, EditView, SnippetViewSet, UnpublishView

from ai.graph import MOST_CHOICES

from .forms import WorkflowStepForm
from .models import WorkflowStep
from .placeholders import PLACEHOLDERS
from .publishing import problems_without, reasons_for, require_sound_without
from .task_types import task_type_choices

PLACEHOLDER_HELP = (
    "Markdown for the director model. Placeholders: "
    + ", ".join(f"${name} ({placeholder.meaning})" for name, placeholder in PLACEHOLDERS.items())
    + ". Write $$ for a dollar sign."
)


class TaskTypeSelect(forms.Select):
    """A registered task type, or nothing."""

    def optgroups(self, *args: Any, **kwargs: Any) -> list[Any]:
        # Other apps register their types after this module is imported.
        self.choices = [("", "Nothing"), *task_type_choices()]
        return super().optgroups(*args, **kwargs)


CHOICE_PANELS = [
    FieldPanel("slug", widget=forms.TextInput),
    FieldPanel("title"),
    FieldPanel("description", widget=forms.Textarea(attrs={"rows": 2})),
    FieldPanel("icon"),
    FieldPanel("estimated_time"),
    FieldPanel("is_recommended"),
    FieldPanel("leads_to", widget=forms.Select),
    FieldPanel("submits", widget=TaskTypeSelect),
    FieldPanel("finishes"),
]

EDIT_HANDLER = ObjectList(
    [
        MultiFieldPanel(
            [
                FieldPanel("title"),
                FieldPanel("slug", widget=forms.TextInput),
                FieldPanel("description", widget=forms.Textarea(attrs={"rows": 2})),
                FieldPanel("phase"),
                FieldPanel("order"),
                FieldPanel("required"),
            ],
            heading="Step",
        ),
        MultiFieldPanel(
            [FieldPanel("instructions", widget=forms.Textarea(attrs={"rows": 24}), help_text=PLACEHOLDER_HELP)],
            heading="Director's instructions",
        ),
        MultiFieldPanel([FieldPanel("task_types")], heading="Task types"),
        MultiFieldPanel(
            [
                HelpPanel(
                    f"At most {MOST_CHOICES}, one of them recommended. The manual override comes by itself. "
                    "A choice that leads nowhere keeps the session at this step."
                ),
                InlinePanel("choices", panels=CHOICE_PANELS, label="Choice"),
            ],
            heading="Choices",
        ),
        MultiFieldPanel(
            [
                HelpPanel("Where a session may go from here. A step that is not published yet waits until it is."),
                InlinePanel("transitions", panels=[FieldPanel("to_step", widget=forms.Select)], label="Next step"),
            ],
            heading="Next steps",
        ),
    ],
    base_form_class=WorkflowStepForm,
)


class _PublishingMixin:
    """The form has checked the graph; where another editor published in between, the change stays a draft."""

    request: HttpRequest
    object: WorkflowStep

    def publish_action(self) -> HttpResponse | None:
        try:
            response: HttpResponse | None = super().publish_action()  # type: ignore[misc]  # Wagtail's view
        except ValidationError as error:
            reasons = " ".join(error.messages)
            messages.error(self.request, f"Saved as a draft, and not published: {reasons}")
            return redirect(self.get_edit_url())  # type: ignore[attr-defined]  # Wagtail's
        return response


class StepCreateView(_PublishingMixin, CreateView):
    """Adding a step."""


class StepEditView(_PublishingMixin, EditView):
    """Changing a step."""


class StepUnpublishView(UnpublishView):
    """Taking a step out of the workflow, which is refused where the workflow would break."""

    @transaction.atomic
    def unpublish(self) -> HttpResponse | None:
        try:
            require_sound_without({self.object.pk})
        except ValidationError as error:
            messages.error(self.request, f"“{self.object}” stays published. {' '.join(error.messages)}")
            return redirect(reverse(self.edit_url_name, args=[self.object.pk]))
        response: HttpResponse | None = super().unpublish()
        return response


class WorkflowStepViewSet(SnippetViewSet):
    """Steps with drafts, revisions, preview and a checked graph."""

    model = WorkflowStep
    icon = "list-ol"
    menu_label = "Workflow steps"
    menu_name = "workflow-steps"
    menu_order = 300
    add_to_admin_menu = True
    list_display = [
        "title",
        "slug",
        Column("get_phase_display", label="Phase", sort_key="phase"),
        Column("order", label="Order", sort_key="order"),
        BooleanColumn("required", label="Required", sort_key="required"),
    ]
    ordering = ["order"]
    list_filter = ["phase", "required", "live"]
    list_per_page = 50
    search_fields = ["title", "slug", "description"]
    search_backend_name = None
    edit_handler = EDIT_HANDLER
    add_view_class = StepCreateView
    edit_view_class = StepEditView
    unpublish_view_class = StepUnpublishView


register_snippet(WorkflowStepViewSet)


@hooks.register("before_delete_snippet")
def keep_needed_steps(request: HttpRequest, instances: Sequence[Model]) -> HttpResponse | None:
    """Deleting steps is refused, with the reasons, where the workflow or a session needs them."""
    steps = [instance for instance in instances if isinstance(instance, WorkflowStep)]
    reasons = [*_uses(steps), *reasons_for(problems_without({step.pk for step in steps}))]
    if not reasons:
        return None
    messages.error(request, f"Nothing was deleted. {' '.join(reasons)}")
    return redirect(reverse(WorkflowStep.snippet_viewset.get_url_name("list")))


def _uses(steps: Sequence[WorkflowStep]) -> list[str]:
    """Rows of other apps that hold on to the steps."""
    reasons = []
    relations: list[Any] = [rel for rel in WorkflowStep._meta.related_objects if rel.on_delete is PROTECT]
    for step in steps:
        for relation in relations:
            count = relation.related_model._default_manager.filter(**{relation.field.name: step}).count()
            if count:
                users = relation.related_model._meta.verbose_name_plural
                reasons.append(f"“{step}” is in use by {count} {users}: unpublish it instead.")
    return reasons
