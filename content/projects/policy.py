"""Who may see and do what with projects: the one place that every door asks."""

from enum import Enum, auto

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from cms.accounts.models import User
from cms.api.loading import related, related_list, siblings, together
from cms.errors import forbidden, not_found

from .choices import MembershipRole, ProjectStatus
from .models import Membership, Project


class ProjectAction(Enum):
    """VIEW and EDIT are every member's; MANAGE (archive, collaborators) is the owner's. Admins may all."""

    VIEW = auto()
    EDIT = auto()
    MANAGE = auto()


class ProjectPolicy:
    """What one person may do with projects."""

    def __init__(self, user: User | None) -> None:
        self.user = user

    def visible(self) -> QuerySet[Project]:
        """The projects that the person may see."""
        projects = Project.objects.select_related("created_by")
        if self.user is None:
            return projects.none()
        if self.user.is_admin:
            return projects
        mine = Membership.objects.of(self.user).filter(project=OuterRef("pk"))
        return projects.filter(Exists(mine))

    def may(self, action: ProjectAction, project: Project) -> bool:
        """Whether the person may do this with a project."""
        if self.user is None:
            return False
        if self.user.is_admin:
            return True
        role = self._role(project)
        return role is not None and (action is not ProjectAction.MANAGE or role == MembershipRole.OWNER)

    def get(self, action: ProjectAction, pk: int, *, field: str = "id") -> Project:
        """The project. Raises NOT_FOUND where it is invisible, FORBIDDEN where only the owner may do this."""
        project = self.visible().filter(pk=pk).first()
        if project is None:
            raise not_found("The project", field)
        if not self.may(action, project):
            raise forbidden("Only the project's owner may do this.")
        return project

    def _role(self, project: Project) -> str | None:
        assert self.user is not None
        return Membership.objects.of(self.user).filter(project=project).values_list("role", flat=True).first()


def projects_of(person: User) -> QuerySet[Project]:
    """The projects that the person is a member of, which for admins are not all that they see."""
    return Project.objects.filter(pk__in=Membership.objects.of(person).values("project"))


def active_projects_of(person: User, viewer: User | None) -> list[Project]:
    """The newest 50 projects, neither archived nor completed, of `person` that `viewer` may see."""
    if viewer is None:
        return []
    rows = (
        Membership.objects.filter(project__archived_at=None)
        .exclude(project__status=ProjectStatus.COMPLETED)
        .order_by("-project_updated_at", "-project_id")
    )
    if not viewer.is_admin and (viewer.pk != person.pk or viewer.is_limited):
        rows = rows.filter(Exists(Membership.objects.of(viewer).filter(project=OuterRef("project"))))
    if len(siblings(person)) == 1:
        # The first rows of one index; a prefetch numbers all that the person has.
        memberships = together(rows.filter(user=person)[:50])
    else:
        memberships = related_list(person, Prefetch("memberships", rows[:50], to_attr="_active_memberships"))
    return [related(membership, "project") for membership in memberships]
