"""Media in the admin: only what the person may see, through the same services as every other door."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from wagtail import hooks
from wagtail.log_actions import LogActionRegistry

from cms.scoped_admin import ScopedViewSet
from content.projects.models import Project

from . import admin_bulk, admin_listing, admin_upload, admin_views
from .forms import MediaForm
from .models import CustomDocument, Media
from .policy import MediaPolicy
from .views import open_wagtail_document


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
    # Any entry makes the listing searchable; what is searched says content.media.search.
    search_fields = ("title",)
    ordering = "-created_at"
    list_per_page = 50
    index_view_class = admin_listing.MediaIndexView
    edit_view_class = admin_views.MediaEditView
    inspect_view_class = admin_views.MediaInspectView
    delete_view_class = admin_views.MediaDeleteView
    filterset_class = admin_listing.MediaFilterSet
    index_template_name = admin_listing.MediaIndexView.template_name
    index_results_template_name = admin_listing.MediaIndexView.results_template_name
    edit_template_name = admin_views.MediaEditView.template_name
    inspect_template_name = admin_views.MediaInspectView.template_name
    # Beside what the page shows of the file itself.
    inspect_view_fields = (
        *("title", "kind", "media_type", "status", "description", "tags", "character_keys"),
        *("episode_number", "scene_key", "timestamp", "agent_id", "prompt_used", "model_version", "generation_time"),
        *("task", "mime_type", "sha256", "version", "revision", "updated_at"),
    )

    def visible(self, user: Any) -> QuerySet[Media]:
        return MediaPolicy(user).visible()

    def get_form_class(self, for_update: bool = False) -> type[MediaForm]:
        return MediaForm

    def get_urlpatterns(self) -> list[URLPattern]:
        view, folders = self.construct_view, admin_listing.FoldersView
        names = {
            "model": Project,
            "index_url_name": self.get_url_name("folders"),
            "index_results_url_name": self.get_url_name("folders_results"),
            "edit_url_name": None,
            "delete_url_name": None,
            "inspect_url_name": None,
            "header_icon": folders.header_icon,
            "paginate_by": self.list_per_page,
        }
        return [
            *super().get_urlpatterns(),
            path("folders/", view(folders, **names), name="folders"),
            path("folders/results/", view(folders, results_only=True, **names), name="folders_results"),
            path("upload/", view(admin_upload.MediaUploadView, header_icon="upload"), name="upload"),
            path("open/", view(admin_upload.MediaOpenView), name="open"),
            path("archive/<int:pk>/", view(admin_views.MediaArchiveView), name="archive"),
            path("restore/<int:pk>/", view(admin_views.MediaRestoreView), name="restore"),
            path("retry/<int:pk>/", view(admin_views.MediaRetryView), name="retry"),
        ]


@hooks.register("register_admin_viewset")
def register_media_viewset() -> MediaViewSet:
    """Media in the admin's menu."""
    return MediaViewSet()


@hooks.register("register_log_actions")
def register_media_actions(actions: LogActionRegistry) -> None:
    """What a media item's history tells beside edits."""
    actions.register_action("media.archive", "Archive", "Archived")
    actions.register_action("media.restore", "Restore", "Taken out of the archive")
    actions.register_action("media.retry", "Process again", "Processed again")


for action_class in admin_bulk.ACTIONS:
    hooks.register("register_bulk_action", action_class)


@hooks.register("before_serve_document")
def follow_policy(document: CustomDocument, request: HttpRequest) -> None:
    """Wagtail's own document address opens for no one else than ours. Raises Http404."""
    open_wagtail_document(document, request)
