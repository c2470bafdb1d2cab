"""Lists of sessions."""

from typing import Any

from django.db.models import QuerySet

from cms.accounts.models import User
from cms.api.connections import Connection, paginate
from content.projects.models import Membership, Project

from .models import Session
from .policy import SessionPolicy

NEWEST_FIRST = ("-updated_at", "-id")


def session_connection(
    user: User, project: Project | None = None, *, search: str | None = None, **page: Any
) -> Connection[Any]:
    """A page of the sessions that the person may see, newest first; of one project, or of all.

    `search` leaves those whose titles hold all its words, or beginnings or parts of them.
    """
    rows: QuerySet[Session] = SessionPolicy(user).visible()
    if project is not None:
        rows = rows.filter(project=project)
    elif not user.is_admin:
        # As a list of projects, so that the person's own part of an index is read and not everybody's sessions.
        rows = rows.filter(project__in=Membership.objects.of(user).values("project"))
    for word in (search or "").split():
        rows = rows.filter(title__icontains=word)
    return paginate(rows, order=NEWEST_FIRST, **page)
