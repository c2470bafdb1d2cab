"""The admin's form for a project; content.projects.services checks and writes what it gives."""

from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import format_html
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import FieldPanel, MultiFieldPanel, ObjectList

from cms.api.ids import global_id

from .models import StyleReference
from .policy import ProjectAction, ProjectPolicy
from .services import DEFAULT_EPISODES

WRITTEN = (
    *("title", "description", "genre", "episode_count", "target_audience", "status", "token_budget"),
    *("aspect_ratio", "episode_duration", "quality_tier"),
)
MEDIA = StyleReference._meta.get_field("media").related_model


class PicturesField(forms.ModelMultipleChoiceField):
    """Pictures of the project, shown as such."""

    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, obj: Any) -> str:
        address = reverse("media-thumbnail", args=[global_id("Media", obj.pk)])
        return format_html('<img src="{}" alt="" loading="lazy"> <span>{}</span>', address, obj)


class ProjectForm(WagtailAdminModelForm):
    """A project's own data. `expected_revision` is the one that the form was opened with."""

    style_references = PicturesField(
        queryset=MEDIA._default_manager.none(),
        required=False,
        help_text="Pictures of this project that set its visual style.",
    )
    expected_revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Media:
        css = {"all": ["projects/admin.css"]}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        project = self.instance
        owner = project.created_by if project.pk else self.for_user
        limit = owner.limits.max_episodes_per_project
        episodes = self.fields["episode_count"]
        episodes.help_text = f"1 to {limit} on the {owner.get_tier_display()} plan."
        if not project.pk:
            episodes.initial = self.initial["episode_count"] = min(DEFAULT_EPISODES, limit)
            return
        if not ProjectPolicy(self.for_user).may(ProjectAction.MANAGE, project):
            self.fields.pop("token_budget", None)
        pictures = MEDIA._default_manager.filter(project=project, kind="image")
        self.fields["style_references"].queryset = pictures.order_by("-created_at", "-pk")
        self.initial["style_references"] = list(project.style_reference_rows.values_list("media_id", flat=True))
        self.initial["expected_revision"] = project.revision

    def values(self) -> dict[str, Any]:
        """All of the project's own fields."""
        return {name: self.cleaned_data[name] for name in WRITTEN if name in self.cleaned_data}

    def changes(self) -> dict[str, Any]:
        """The fields that differ from what is stored."""
        return {name: self.cleaned_data[name] for name in WRITTEN if name in self.changed_data}

    def opened_revision(self) -> int:
        """The revision that the form was opened with; where a client left it out, one that is never current."""
        return self.cleaned_data["expected_revision"] or 0

    def chosen_pictures(self) -> list[int] | None:
        """The style references where they were changed: those kept in the members' order, then new ones."""
        if "style_references" not in self.changed_data:
            return None
        chosen = [picture.pk for picture in self.cleaned_data["style_references"]]
        kept = [pk for pk in self.initial["style_references"] if pk in chosen]
        return [*kept, *(pk for pk in chosen if pk not in kept)]


SERIES = MultiFieldPanel(
    [
        FieldPanel("title"),
        FieldPanel("description", widget=forms.Textarea(attrs={"rows": 4})),
        FieldPanel("genre"),
        FieldPanel("target_audience"),
        FieldPanel("episode_count"),
        FieldPanel("status"),
    ],
    heading="Series",
)
PRODUCTION = MultiFieldPanel(
    [FieldPanel("aspect_ratio"), FieldPanel("episode_duration"), FieldPanel("quality_tier")],
    heading="Production settings",
)
BUDGET = MultiFieldPanel([FieldPanel("token_budget")], heading="Budget")
STYLE = MultiFieldPanel([FieldPanel("style_references")], heading="Style references", classname="collapsed")

CREATE_HANDLER = ObjectList([SERIES, PRODUCTION], base_form_class=ProjectForm)
EDIT_HANDLER = ObjectList([SERIES, PRODUCTION, BUDGET, STYLE], base_form_class=ProjectForm)
