"""Media in the admin: only what the person may see, through the same services as every other door."""

from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from wagtail import hooks
from wagtail.admin import messages
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import BooleanColumn, Column, DateColumn, TitleColumn
from wagtail.admin.views import generic
from wagtail.log_actions import log

from cms.errors import DomainError
from cms.scoped_admin import RefusalsAtFields, ScopedEditView, ScopedIndexView, ScopedRow, ScopedViewSet
from content.projects.models import Project
from content.projects.policy import ProjectPolicy

from . import addresses, services
from .choices import MediaKind
from .forms import MediaForm
from .models import CustomDocument, Media
from .policy import MediaPolicy
from .views import open_wagtail_document


def _my_projects(request: HttpRequest | None) -> QuerySet[Project]:
    return ProjectPolicy(request.user if request else None).visible()  # type: ignore[arg-type]  # the admin's door asks for a user


class MediaFilterSet(WagtailFilterSet):
    """Filters of the listing."""

    project = django_filters.ModelChoiceFilter(queryset=_my_projects)
    tag = django_filters.CharFilter(field_name="tag_rows__name", lookup_expr="iexact", label="Tag")
    character = django_filters.CharFilter(field_name="character_rows__key", label="Character")

    class Meta:
        model = Media
        fields = ("project", "kind", "media_type", "status", "agent_generated", "episode_number", "scene_key")


class MediaIndexView(ScopedIndexView):
    """The listing."""

    def get_base_queryset(self) -> QuerySet[Media]:
        return super().get_base_queryset().select_related("project")


class MediaEditView(RefusalsAtFields, ScopedEditView):
    """Editing what is known about a media item."""

    # Wagtail's template keeps the form's scripts under the name "media".
    context_object_name = "item"

    def save_instance(self) -> Media:
        media = services.update_media(
            user=self.request.user,
            media_id=self.object.pk,
            changes=self.form.changes(),
            expected_revision=self.form.cleaned_data["expected_revision"],
        )
        log(instance=media, action="wagtail.edit", content_changed=self.form.has_changed())
        return media


class MediaDeleteView(ScopedRow, generic.DeleteView):
    """Deleting through the one deletion service, which takes the file along."""

    context_object_name = "item"

    def form_valid(self, form: Any) -> HttpResponseBase:
        try:
            response: HttpResponseBase = super().form_valid(form)
        except DomainError as error:
            messages.error(self.request, error.message)
            return redirect(self.get_success_url())
        return response

    def delete_action(self) -> None:
        with transaction.atomic():
            log(instance=self.object, action="wagtail.delete")
            services.delete_media(user=self.request.user, media_id=self.object.pk)


def _preview(media: Media) -> str:
    source = addresses.thumbnail_url(media)
    if source is None:
        return MediaKind(media.kind).label
    file = addresses.file_url(media)
    return format_html('<a href="{}"><img src="{}" alt="" width="80" loading="lazy"></a>', file, source)


class MediaViewSet(ScopedViewSet):
    """Media of projects, as the person may see them."""

    model = Media
    name = "media"
    url_prefix = "media"
    icon = "image"
    menu_label = "Media"
    menu_order = 210
    add_to_admin_menu = True
    # Files come in by upload only.
    actions = ("view", "change", "delete")
    views = (
        *("index", "index_results", "edit", "delete", "inspect"),
        *("history", "history_results", "usage"),
    )
    search_fields = ("title", "filename", "description", "scene_key")
    ordering = ("-created_at", "-pk")
    list_per_page = 50
    list_display = (
        Column("preview", label="Preview", accessor=_preview),
        TitleColumn(
            "title",
            label="Title",
            sort_key="title",
            get_url=lambda media: reverse("media:edit", args=[media.pk]),
        ),
        Column("media_type", label="Type", accessor="get_media_type_display", sort_key="media_type"),
        Column("kind", label="Kind", accessor="get_kind_display", sort_key="kind"),
        Column("project", label="Project", accessor="project", sort_key="project__title"),
        Column("status", label="Status", accessor="get_status_display", sort_key="status"),
        BooleanColumn("agent_generated", label="Agent generated", sort_key="agent_generated"),
        DateColumn("created_at", label="Added", sort_key="created_at"),
    )
    filterset_class = MediaFilterSet
    index_view_class = MediaIndexView
    edit_view_class = MediaEditView
    delete_view_class = MediaDeleteView
    inspect_view_fields = (
        *("project", "title", "filename", "kind", "media_type", "status", "error_message"),
        *("mime_type", "file_size", "width", "height", "duration", "fps", "sample_rate", "sha256"),
        *("description", "episode_number", "scene_key", "timestamp", "version", "revision"),
        *("agent_generated", "agent_id", "prompt_used", "model_version", "generation_time", "task"),
        *("uploaded_by", "created_at", "updated_at"),
    )

    def visible(self, user: Any) -> QuerySet[Media]:
        return MediaPolicy(user).visible()

    def get_form_class(self, for_update: bool = False) -> type[MediaForm]:
        return MediaForm


@hooks.register("register_admin_viewset")
def register_media_viewset() -> MediaViewSet:
    """Media in the admin's menu."""
    return MediaViewSet()


@hooks.register("before_serve_document")
def follow_policy(document: CustomDocument, request: HttpRequest) -> None:
    """Wagtail's own document address opens for no one else than ours. Raises Http404."""
    open_wagtail_document(document, request)
