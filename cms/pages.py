"""The pages for people with a browser. What is live in them is a client of the public GraphQL API."""

from dataclasses import dataclass
from typing import cast

from allauth.account.forms import LoginForm
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.staticfiles import finders
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse

from ai.graph import Graph
from cms.accounts.models import User
from cms.api.ids import global_id, parse_id
from cms.api.loading import related_list, together
from cms.errors import DomainError, ErrorCode
from content.projects.listing import ProjectFilters, project_rows
from content.projects.models import Project
from content.projects.policy import ProjectAction, ProjectPolicy
from content.projects.progress import progress_of
from content.projects.services import projects_used
from content.workflow.choices import Phase
from content.workflow.services import published_graph
from conversation.models import MAX_MESSAGE_LENGTH, Session
from conversation.policy import SessionAction, SessionPolicy
from conversation.sessions import start_session

from .forms import ProjectForm

PAGE_SIZE = 24


def favicon(request: HttpRequest) -> HttpResponse:
    """Where browsers look for a site's icon on what has no page around it, such as a picture or a film."""
    return redirect(static("favicon.svg"))


@dataclass(frozen=True, slots=True)
class PlanUse:
    """How much of the plan is used."""

    used: int
    maximum: int


@dataclass(frozen=True, slots=True)
class ProgressShown:
    """A project's progress in words."""

    overall_progress: int
    current_phase_title: str


class ProjectCard:
    """A project as the list shows it: the row, with what is computed beside it."""

    def __init__(self, project: Project, graph: Graph) -> None:
        self._project = project
        progress = progress_of(project, graph)
        self.progress = ProgressShown(progress.overall_progress, str(Phase(progress.current_phase).label))
        self.url_chat = reverse("project_chat", args=[global_id("Project", project.pk)])
        self.member_names = [member.name for member in related_list(project, "members")]

    def __getattr__(self, name: str) -> object:
        return getattr(self._project, name)


def home(request: HttpRequest) -> HttpResponse:
    """What this is and the way in; straight to the projects for who is signed in."""
    if request.user.is_authenticated:
        return redirect("projects")
    return render(request, "home.html", {"form": LoginForm()})


@login_required
def projects(request: HttpRequest) -> HttpResponse:
    """The person's projects, and the form that starts one."""
    user = cast("User", request.user)
    form = ProjectForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid() and (created := form.create()):
        return redirect("project_chat", project_id=global_id("Project", created.pk))
    rows, order, project_of = project_rows(user, ProjectFilters())
    page = Paginator(rows.order_by(*order), PAGE_SIZE).get_page(request.GET.get("page"))
    graph = published_graph()
    shown = together(project_of(row) for row in page.object_list)
    return render(
        request,
        "projects/list.html",
        {
            "projects": [ProjectCard(project, graph) for project in shown],
            "page": page,
            "form": form,
            "limit": PlanUse(projects_used(user), user.limits.max_projects),
        },
        status=200 if request.method != "POST" else 422,
    )


@login_required
def project_chat(request: HttpRequest, project_id: str) -> HttpResponse:
    """The caller's latest session of a project, or a new one."""
    user = cast("User", request.user)
    try:
        project = ProjectPolicy(user).get(ProjectAction.VIEW, parse_id(project_id, "Project"))
        latest = Session.objects.filter(project=project, user=user).order_by("-updated_at", "-pk").first()
        session = latest or start_session(user=user, project_id=project.pk)
    except DomainError as error:
        if error.code is ErrorCode.NOT_FOUND:
            raise Http404(error.message) from error
        messages.error(request, error.message)
        return redirect("projects")
    return redirect("session", session_id=global_id("Session", session.pk))


@login_required
def session(request: HttpRequest, session_id: str) -> HttpResponse:
    """The chat page."""
    user = cast("User", request.user)
    try:
        found = SessionPolicy(user).get(SessionAction.VIEW, parse_id(session_id, "Session"))
    except DomainError as error:
        raise Http404(error.message) from error
    return render(
        request,
        "sessions/chat.html",
        {
            "session": found,
            "session_id": global_id("Session", found.pk),
            "project": found.project,
            "project_id": global_id("Project", found.project_id),
            "user_id": global_id("User", user.pk),
            "max_message_length": MAX_MESSAGE_LENGTH,
            "trusted_documents": settings.TRUSTED_DOCUMENTS_ONLY,
            "chat_built": finders.find("chat.js") is not None,
        },
    )
