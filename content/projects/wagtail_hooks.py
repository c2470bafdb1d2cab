"""Projects in the admin."""

from typing import Any

from django.db.models import QuerySet
from django.urls import URLPattern, path
from wagtail import hooks
from wagtail.admin.ui.tables import Column, DateColumn
from wagtail.log_actions import LogActionRegistry

from cms.scoped_admin import ScopedViewSet

from . import admin_views
from .forms import CREATE_HANDLER, EDIT_HANDLER
from .models import Project
from .policy import ProjectPolicy


class ProjectViewSet(ScopedViewSet):
    """Each member's projects, all for admins. Projects are archived, never deleted: media and sessions hang on them."""

    model = Project
    name = "projects"
    url_prefix = "projects"
    icon = "folder-open-inverse"
    menu_label = "Projects"
    menu_order = 190
    add_to_admin_menu = True
    actions = ("view", "add", "change")
    views = ("index", "index_results", "add", "edit", "inspect", "history", "history_results")
    index_view_class = admin_views.ProjectIndexView
    add_view_class = admin_views.ProjectCreateView
    edit_view_class = admin_views.ProjectEditView
    inspect_view_class = admin_views.ProjectInspectView
    filterset_class = admin_views.ProjectFilterSet
    search_fields = ("title",)
    ordering = ("-updated_at", "-pk")
    list_per_page = 50
    list_display = (
        "title",
        Column("genre", label="Genre", accessor="get_genre_display", sort_key="genre"),
        Column("status", label="Status", accessor="get_status_display", sort_key="status"),
        Column("created_by", label="Owner", accessor="created_by"),
        Column("progress", label="Progress", accessor="progress_percent"),
        DateColumn("archived_at", label="Archived", sort_key="archived_at"),
        DateColumn("updated_at", label="Updated", sort_key="updated_at"),
    )
    edit_handler = EDIT_HANDLER

    def visible(self, user: Any) -> QuerySet[Project]:
        return ProjectPolicy(user).visible()

    def get_add_view_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        handler = CREATE_HANDLER.bind_to_model(Project)
        return {
            **super().get_add_view_kwargs(**kwargs),
            "panel": handler,
            "form_class": handler.get_form_class(),
        }

    def get_urlpatterns(self) -> list[URLPattern]:
        view = self.construct_view
        return [
            *super().get_urlpatterns(),
            path("archive/<int:pk>/", view(admin_views.ProjectArchiveView), name="archive"),
            path("restore/<int:pk>/", view(admin_views.ProjectRestoreView), name="restore"),
            path("members/<int:pk>/add/", view(admin_views.MemberAddView), name="add_member"),
            path(
                "members/<int:pk>/remove/<int:user_pk>/",
                view(admin_views.MemberRemoveView),
                name="remove_member",
            ),
        ]


@hooks.register("register_admin_viewset")
def register_project_viewset() -> ProjectViewSet:
    """Projects in the admin's menu."""
    return ProjectViewSet()


@hooks.register("register_log_actions")
def register_project_actions(actions: LogActionRegistry) -> None:
    """What a project's history tells beside creation and edits."""
    actions.register_action("projects.archive", "Archive", "Archived")
    actions.register_action("projects.restore", "Restore", "Taken out of the archive")
    actions.register_action("projects.add_member", "Add a member", "A member was added")
    actions.register_action("projects.remove_member", "Remove a member", "A member was removed")
