"""Sessions in the admin: listed, and read as a transcript. What is said is said in the chat alone."""

from typing import Any

import django_filters
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from wagtail import hooks
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import BooleanColumn, Column, DateColumn
from wagtail.admin.widgets.button import HeaderButton

from cms.accounts.models import User
from cms.api.ids import global_id
from cms.scoped_admin import ScopedIndexView, ScopedInspectView, ScopedViewSet
from content.media.models import Media
from content.projects.models import Project
from content.projects.policy import ProjectPolicy
from content.workflow.models import WorkflowStep

from .choices import ExportFormat
from .models import Message, Session
from .paths import path_through
from .policy import SessionPolicy
from .transcript import entries, first_offer, messages_of

MESSAGES_PER_PAGE = 50
MOST_DIGITS = 18


def _visible(request: HttpRequest | None) -> QuerySet[Session]:
    return SessionPolicy(request.user if request else None).visible()  # type: ignore[arg-type]  # the admin's door asks for a user


def _my_projects(request: HttpRequest | None) -> QuerySet[Project]:
    user: Any = request.user if request else None
    return ProjectPolicy(user).visible().order_by("title")


def _steps_in_use(request: HttpRequest | None) -> QuerySet[WorkflowStep]:
    return WorkflowStep.objects.filter(pk__in=_visible(request).values("current_step")).order_by("order")


def _speakers(request: HttpRequest | None) -> QuerySet[User]:
    return User.objects.filter(pk__in=_visible(request).values("user")).order_by("name")


class SessionFilterSet(WagtailFilterSet):
    """Filters of the listing; what they offer comes from the sessions that the person may see."""

    project = django_filters.ModelChoiceFilter(queryset=_my_projects)
    user = django_filters.ModelChoiceFilter(queryset=_speakers)
    current_step = django_filters.ModelChoiceFilter(queryset=_steps_in_use, label="Step")

    class Meta:
        model = Session
        fields = ("project", "user", "current_step", "state", "shared")


class SessionIndexView(ScopedIndexView):
    """The listing."""

    def get_base_queryset(self) -> QuerySet[Session]:
        return super().get_base_queryset().select_related("project", "user", "current_step")


class SessionInspectView(ScopedInspectView):
    """The transcript of the active path, or with `at` of the branch that holds the message of that number."""

    template_name = "conversation/admin/transcript.html"
    page_title = "Transcript"

    def get_object(self, queryset: Any = None) -> Session:
        sessions = Session.objects.select_related("project", "user", "current_step")
        return get_object_or_404(sessions, pk=self.pk)

    def get_fields(self) -> list[str]:
        return []

    @property
    def header_buttons(self) -> list[HeaderButton]:
        key = global_id("Session", self.object.pk)
        addresses = {kind.label: reverse("session-export", args=[key, kind]) for kind in ExportFormat}
        exports = [
            HeaderButton(f"Export as {kind}", url=address, icon_name="download") for kind, address in addresses.items()
        ]
        return [HeaderButton("Open the chat", url=reverse("session", args=[key]), icon_name="arrow-right"), *exports]

    def _message_at(self) -> Message | None:
        seq = self.request.GET.get("at", "")
        is_number = seq.isascii() and seq.isdigit() and len(seq) <= MOST_DIGITS
        return self.object.messages.filter(seq=seq).first() if is_number else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        session = self.object
        at = self._message_at()
        path = path_through(session, at)
        # A branch is opened where it begins to differ, not at its first page.
        place = path.index(at.pk) // MESSAGES_PER_PAGE + 1 if at else 1
        page = Paginator(path, MESSAGES_PER_PAGE).get_page(self.request.GET.get("p", place))
        return {
            **super().get_context_data(**kwargs),
            "at": at,
            "leaf": path[-1] if path else None,
            "page": page,
            "entries": entries(session, messages_of(session, list(page.object_list))),
            "opening": first_offer(session) if page.number == 1 else [],
            "project_url": reverse("projects:inspect", args=[session.project_id]),
        }


class SessionViewSet(ScopedViewSet):
    """Sessions as their policy shows them: one's own and shared ones, all for admins."""

    model = Session
    name = "sessions"
    url_prefix = "sessions"
    icon = "comment"
    menu_label = "Sessions"
    menu_order = 200
    add_to_admin_menu = True
    actions = ("view",)
    views = ("index", "index_results", "inspect")
    index_view_class = SessionIndexView
    inspect_view_class = SessionInspectView
    filterset_class = SessionFilterSet
    search_fields = ("title", "project__title")
    ordering = ("-updated_at", "-pk")
    list_per_page = 50
    list_display = (
        "title",
        Column("project", label="Project", accessor="project", sort_key="project__title"),
        Column("user", label="User", accessor="user", sort_key="user__name"),
        Column("current_step", label="Step", accessor="current_step", sort_key="current_step__order"),
        Column("state", label="State", accessor="get_state_display", sort_key="state"),
        BooleanColumn("shared", label="Shared", sort_key="shared"),
        DateColumn("updated_at", label="Updated", sort_key="updated_at"),
    )
    form_fields = ()

    def visible(self, user: Any) -> QuerySet[Session]:
        return SessionPolicy(user).visible()


@hooks.register("register_admin_viewset")
def register_session_viewset() -> SessionViewSet:
    """Sessions in the admin's menu."""
    return SessionViewSet()


@hooks.register("describe_project")
def count_sessions(user: User, project: Project) -> list[tuple[str, int, str | None]]:
    """For a project's page: how many of its sessions the person may see."""
    count = SessionPolicy(user).visible().filter(project=project).count()
    return [("Sessions", count, f"{reverse('sessions:index')}?project={project.pk}")]


@hooks.register("describe_media")
def tell_where_it_was_sent(user: User, media: Media) -> list[tuple[str, str | None]]:
    """For a media item's page: the sessions that the person may see in which it was sent."""
    sessions = SessionPolicy(user).visible().filter(messages__attachment_rows__media=media).distinct()[:5]
    return [(f"Sent in “{session}”", reverse("sessions:inspect", args=[session.pk])) for session in sessions]
