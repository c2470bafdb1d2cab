"""Media in the admin: only what the person may see, through the same services as every other door."""

from typing import Any

import django_filters
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from wagtail import hooks
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import BooleanColumn, Column, DateColumn, TitleColumn
from wagtail.admin.views import generic
from wagtail.admin.views.generic import history, usage
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.log_actions import log
from wagtail.permission_policies import ModelPermissionPolicy

from cms.errors import DomainError
from content.projects.models import Project
from content.projects.policy import ProjectPolicy

from . import addresses, services
from .choices import MediaKind
from .forms import MediaForm
from .models import CustomDocument, Media
from .policy import MediaPolicy
from .views import open_wagtail_document


class MediaAdminPolicy(ModelPermissionPolicy):
    """Whoever has the admin door may change and delete media they may see; files come in by upload only."""

    def user_has_permission(self, user: Any, action: str) -> bool:
        return action != "add" and user.is_active and user.has_perm("wagtailadmin.access_admin")

    def user_has_any_permission(self, user: Any, actions: Any) -> bool:
        return any(self.user_has_permission(user, action) for action in actions)

    def user_has_permission_for_instance(self, user: Any, action: str, instance: Any) -> bool:
        return (
            self.user_has_permission(user, action)
            and MediaPolicy(user).visible().filter(pk=instance.pk).exists()
        )

    def instances_user_has_any_permission_for(self, user: Any, actions: Any) -> QuerySet[Media]:
        visible = MediaPolicy(user).visible()
        return visible if self.user_has_any_permission(user, actions) else visible.none()


class VisibleOnly:
    """A view of one media item, which is not there for those who may not see it."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not MediaPolicy(request.user).visible().filter(pk=kwargs["pk"]).exists():  # type: ignore[arg-type]  # the admin's door asks for a user
            raise Http404
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]  # a mixin
        return response


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


class MediaIndexView(generic.IndexView):
    """The listing."""

    def get_base_queryset(self) -> QuerySet[Media]:
        return MediaPolicy(self.request.user).visible().select_related("project")


class MediaEditView(VisibleOnly, generic.EditView):
    """Editing what is known about a media item."""

    def save_instance(self) -> Media:
        media = services.update_media(
            user=self.request.user,
            media_id=self.object.pk,
            changes=self.form.changes(),
            expected_revision=self.form.cleaned_data["expected_revision"],
        )
        log(instance=media, action="wagtail.edit", content_changed=self.form.has_changed())
        return media

    def form_valid(self, form: MediaForm) -> HttpResponseBase:
        try:
            response: HttpResponseBase = super().form_valid(form)
        except DomainError as error:
            field = error.field[0] if error.field and error.field[0] in form.fields else None
            form.add_error(None if field == "expected_revision" else field, error.message)
            self.produced_error_code = "validation_error"
            self.produced_error_message = self.get_error_message()
            return self.form_invalid(form)  # type: ignore[no-any-return]  # untyped base
        return response


class MediaDeleteView(VisibleOnly, generic.DeleteView):
    """Deleting through the one deletion service, which takes the file along."""

    def form_valid(self, form: Any) -> HttpResponseBase:
        try:
            response: HttpResponseBase = super().form_valid(form)
        except DomainError as error:
            messages.error(self.request, error.message)
            return redirect(self.get_success_url())
        return response

    def delete_action(self) -> None:
        log(instance=self.object, action="wagtail.delete")
        services.delete_media(user=self.request.user, media_id=self.object.pk)


class MediaInspectView(VisibleOnly, generic.InspectView):
    """All that is known about a media item."""


class MediaHistoryView(VisibleOnly, history.HistoryView):
    """Who changed what in the admin."""


class MediaUsageView(VisibleOnly, usage.UsageView):
    """Where a media item is used."""


def _preview(media: Media) -> str:
    source = addresses.thumbnail_url(media)
    if source is None:
        return MediaKind(media.kind).label
    file = addresses.file_url(media)
    return format_html('<a href="{}"><img src="{}" alt="" width="80" loading="lazy"></a>', file, source)


class MediaViewSet(ModelViewSet):
    """Media of projects, as the person may see them."""

    model = Media
    name = "media"
    url_prefix = "media"
    icon = "image"
    menu_label = "Media"
    menu_order = 210
    add_to_admin_menu = True
    add_to_reference_index = False
    copy_view_enabled = False
    inspect_view_enabled = True
    search_backend_name = None
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
    inspect_view_class = MediaInspectView
    history_view_class = MediaHistoryView
    usage_view_class = MediaUsageView
    inspect_view_fields = (
        *("project", "title", "filename", "kind", "media_type", "status", "error_message"),
        *("mime_type", "file_size", "width", "height", "duration", "fps", "sample_rate", "sha256"),
        *("description", "episode_number", "scene_key", "timestamp", "version", "revision"),
        *("agent_generated", "agent_id", "prompt_used", "model_version", "generation_time", "task"),
        *("uploaded_by", "created_at", "updated_at"),
    )

    @property
    def permission_policy(self) -> MediaAdminPolicy:  # type: ignore[override]  # untyped base
        return MediaAdminPolicy(self.model)

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
