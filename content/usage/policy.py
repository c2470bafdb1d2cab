"""Who may know what was used: the one place that every door asks."""

from collections.abc import Collection

from django.db.models import Exists, OuterRef, Q, QuerySet

from cms.accounts.models import User
from content.projects.choices import MembershipRole
from content.projects.models import Membership, Project

from .models import UsageEntry


class UsagePolicy:
    """Members know a project's totals; who used what its owner and admins; what a person used, they and admins."""

    def __init__(self, user: User | None) -> None:
        self.user = user

    def may_see_person(self, person: User) -> bool:
        """Whether she may know what the person used in all projects."""
        return self.user is not None and (self.user.is_admin or self.user.pk == person.pk)

    def with_spenders(self, projects: Collection[Project]) -> set[int]:
        """Of these projects those (by key) of which she may know who used what."""
        if self.user is None:
            return set()
        if self.user.is_admin:
            return {project.pk for project in projects}
        owned = Membership.objects.of(self.user).filter(project__in=projects, role=MembershipRole.OWNER)
        return set(owned.values_list("project_id", flat=True))

    def entries(self) -> QuerySet[UsageEntry]:
        """The entries that she may see one by one: her own, and those of projects that she owns."""
        entries = UsageEntry.objects.all()
        if self.user is None or not self.user.is_active:
            return entries.none()
        if self.user.is_admin:
            return entries
        owned = Membership.objects.of(self.user).filter(project=OuterRef("project_id"), role=MembershipRole.OWNER)
        return self.user.narrowed(entries.filter(Q(user=self.user) | Exists(owned)), "project_id")
