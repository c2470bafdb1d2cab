"""Which projects a list holds, and how it is ordered so that an index gives it page by page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from cms.accounts.models import User

from .models import Membership, Project


@dataclass(frozen=True, slots=True)
class ProjectFilters:
    """None: any. `archived`: only those, or only the others."""

    statuses: Sequence[str] | None = None
    genres: Sequence[str] | None = None
    search: str | None = None
    archived: bool | None = False


Listing = tuple[QuerySet[Any], tuple[str, str], Callable[[Any], Project]]


def project_rows(user: User, filters: ProjectFilters) -> Listing:
    """Rows to page through, their order, and how to get the project of one.

    A member's list is read from their memberships, which carry the project's date: one range of one index,
    however many projects there are. An admin's is read from the projects.
    """
    if user.is_admin:
        everything = Project.objects.filter(_condition(filters, ""))
        return everything, ("-updated_at", "-id"), lambda row: row
    mine = Membership.objects.of(user).filter(_condition(filters, "project__")).select_related("project")
    return mine, ("-project_updated_at", "-project_id"), lambda row: row.project


def _condition(filters: ProjectFilters, prefix: str) -> Q:
    condition = Q()
    if filters.statuses is not None:
        condition &= Q(**{f"{prefix}status__in": filters.statuses})
    if filters.genres is not None:
        condition &= Q(**{f"{prefix}genre__in": filters.genres})
    if filters.archived is not None:
        condition &= Q(**{f"{prefix}archived_at__isnull": not filters.archived})
    for word in (filters.search or "").split():
        condition &= Q(**{f"{prefix}title__icontains": word}) | Q(**{f"{prefix}description__icontains": word})
    return condition
