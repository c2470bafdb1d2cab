"""Projects in the admin: what members see and do there. Every write is one of content.projects.services."""

from typing import Any

import django_filters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from wagtail import hooks
from wagtail.admin import messages
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.views import generic
from wagtail.admin.widgets.boolean_radio_select import BooleanRadioSelect
from wagtail.admin.widgets.button import Button
from wagtail.log_actions import log

from cms.accounts.models import User
from cms.api.ids import global_id
from cms.api.loading import together
from cms.scoped_admin import (
    RefusalsAtFields,
    ScopedActionView,
    ScopedEditView,
    ScopedIndexView,
    ScopedInspectView,
)
from content.workflow.choices import Phase
from content.workflow.services import published_graph

from . import services
from .choices import Genre, MembershipRole, ProjectStatus
from .models import Project
from .policy import ProjectAction, ProjectPolicy
from .progress import progress_of

ARCHIVED = "This project is archived: it can be read, and restored by its owner."


def inspect_url(project: Project) -> str:
    """The page of a project in the admin."""
    return reverse("projects:inspect", args=[project.pk])


class ProjectFilterSet(WagtailFilterSet):
    """Filters of the listing."""

    status = django_filters.MultipleChoiceFilter(choices=ProjectStatus.choices, widget=CheckboxSelectMultiple)
    genre = django_filters.MultipleChoiceFilter(choices=Genre.choices, widget=CheckboxSelectMultiple)
    archived = django_filters.BooleanFilter(
        field_name="archived_at",
        lookup_expr="isnull",
        exclude=True,
        label="Archived",
        widget=BooleanRadioSelect,
    )

    class Meta:
        model = Project
        fields = ("status", "genre", "archived")


class ProjectIndexView(ScopedIndexView):
    """The listing. Progress is computed for a page's projects together."""

    def paginate_queryset(self, queryset: QuerySet[Project], page_size: int) -> Any:
        paginator, page, rows, has_others = super().paginate_queryset(queryset, page_size)
        graph = published_graph()
        projects = together(rows)
        for project in projects:
            project.progress_percent = f"{progress_of(project, graph).overall_progress}%"
        page.object_list = projects
        return paginator, page, projects, has_others

    def get_edit_url(self, instance: Project) -> str | None:
        return None if instance.is_archived else super().get_edit_url(instance)


class ProjectCreateView(RefusalsAtFields, generic.CreateView):
    """A new project, whose owner is who makes it."""

    def save_instance(self) -> Project:
        project = services.create_project(user=self.request.user, **self.form.values())
        log(instance=project, action="wagtail.create", content_changed=True)
        return project

    def get_success_url(self) -> str:
        return inspect_url(self.object)


class ProjectEditView(RefusalsAtFields, ScopedEditView):
    """Changing a project. What somebody else has saved since the form was opened is not overwritten."""

    form_names = {"style_reference_ids": "style_references"}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        project = self.get_object()
        if project.is_archived:
            messages.warning(request, ARCHIVED)
            return redirect(inspect_url(project))
        response: HttpResponseBase = super().get(request, *args, **kwargs)
        return response

    def save_instance(self) -> Project:
        changes, pictures = self.form.changes(), self.form.chosen_pictures()
        project = services.update_project(
            user=self.request.user,
            project_id=self.object.pk,
            changes=changes,
            style_reference_ids=pictures,
            expected_revision=self.form.opened_revision(),
        )
        log(instance=project, action="wagtail.edit", content_changed=bool(changes) or pictures is not None)
        return project


class ProjectInspectView(ScopedInspectView):
    """A project with its members, progress and what it holds."""

    template_name = "projects/admin/inspect.html"

    def get_object(self, queryset: Any = None) -> Project:
        return get_object_or_404(Project.objects.select_related("created_by"), pk=self.pk)

    @property
    def header_more_buttons(self) -> list[Button]:
        project, buttons = self.object, []
        if not project.is_archived and self.user_has_permission("change"):
            buttons.append(Button("Edit", url=self.get_edit_url(), icon_name="edit", priority=10))
        if self.may_manage:
            name, icon = ("restore", "undo") if project.is_archived else ("archive", "folder-inverse")
            address = reverse(f"projects:{name}", args=[project.pk])
            buttons.append(Button(name.title(), url=address, icon_name=icon, priority=20))
        return buttons

    @property
    def may_manage(self) -> bool:
        """Whether the person may archive the project and change its members here."""
        return self.user_has_permission("change") and ProjectPolicy(self.request.user).may(
            ProjectAction.MANAGE, self.object
        )

    def get_fields(self) -> list[str]:
        return []

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        project, graph = self.object, published_graph()
        progress = progress_of(project, graph)
        titles = {step.slug: step.title for step in graph.steps}
        return {
            **super().get_context_data(**kwargs),
            "progress": progress,
            "phase": Phase(progress.current_phase).label,
            "completed_steps": [titles.get(slug, slug) for slug in progress.completed_steps],
            "memberships": project.memberships.select_related("user"),
            "owner_role": MembershipRole.OWNER,
            "pictures": [
                (row.media, global_id("Media", row.media_id))
                for row in project.style_reference_rows.select_related("media")
            ],
            "facts": self._facts(),
            "may_manage": self.may_manage,
            "chat_url": reverse("project_chat", args=[global_id("Project", project.pk)]),
        }

    def _facts(self) -> list[tuple[str, int, str | None]]:
        """What other subjects have to tell of the project: label, count, address of a listing."""
        project = self.object
        told = [fact for tell in hooks.get_hooks("describe_project") for fact in tell(self.request.user, project)]
        media = f"{reverse('media:index')}?project={project.pk}"
        return [
            *told,
            ("Media", project.media.exclude(status="archived").count(), media),
            ("Generation tasks", project.generation_tasks.count(), None),
        ]


class _ManageView(ScopedActionView):
    """Something that only the owner and admins do."""

    model = Project
    template_name = "projects/admin/confirm.html"
    header_icon = "folder-open-inverse"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not ProjectPolicy(self.person).may(ProjectAction.MANAGE, self.object):
            raise PermissionDenied
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    @property
    def person(self) -> User:
        """Who asks."""
        user = self.request.user
        assert isinstance(user, User)
        return user

    def get_done_url(self) -> str:
        return inspect_url(self.object)


class ProjectArchiveView(_ManageView):
    """Putting a project aside."""

    page_title = "Archive"
    question = (
        "Everybody in the project can still read it, nobody can change it or talk in its sessions, and it no longer "
        "counts towards the plan."
    )
    confirm_label = "Archive the project"
    serious = True

    def act(self) -> str:
        project = services.archive_project(user=self.person, project_id=self.object.pk)
        log(instance=project, action="projects.archive")
        return f"“{project}” is archived."


class ProjectRestoreView(_ManageView):
    """Taking a project out of the archive."""

    page_title = "Restore"
    question = "The project takes changes again, and counts towards its owner's plan."
    confirm_label = "Restore the project"

    def act(self) -> str:
        project = services.restore_project(user=self.person, project_id=self.object.pk)
        log(instance=project, action="projects.restore")
        return f"“{project}” is restored."


class MemberAddView(_ManageView):
    """Making a person a member; the form is on the project's page."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return redirect(self.get_done_url())

    def act(self) -> str:
        email = self.request.POST.get("email", "")
        project = services.add_collaborator(user=self.person, project_id=self.object.pk, email=email)
        log(instance=project, action="projects.add_member", data={"email": email})
        return f"{email} is a member of “{project}”."


class MemberRemoveView(_ManageView):
    """Ending a person's membership."""

    page_title = "Remove a member"
    confirm_label = "Remove the member"
    serious = True

    @property
    def question(self) -> str:  # type: ignore[override]  # names the person
        person = get_object_or_404(User, memberships__project=self.object, pk=self.kwargs["user_pk"])
        return f"{person} ({person.email}) loses all access to the project, to their own sessions in it as well."

    def act(self) -> str:
        project = services.remove_collaborator(
            user=self.person, project_id=self.object.pk, user_id=self.kwargs["user_pk"]
        )
        log(instance=project, action="projects.remove_member", data={"user": self.kwargs["user_pk"]})
        return "The member was removed."
