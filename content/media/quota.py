"""How much room for files the plan of a project's creator leaves."""

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from cms.accounts.models import User
from cms.errors import DomainError, ErrorCode
from content.projects.models import Project
from content.projects.services import storage_used_by

from .choices import OPEN_UPLOADS
from .models import Upload


def require_room(project: Project, size: int, *, reserved: bool = False) -> None:
    """Raises LIMIT_EXCEEDED where `size` more bytes are more than the plan of the project's creator holds.

    With `reserved`, what open tickets may still bring counts as used; hold the creator's row then.
    """
    owner = project.created_by
    used = storage_used_by([owner])[owner.pk]
    if reserved:
        used += _open_tickets(owner)
    limit = owner.limits.max_storage
    if used + size > limit:
        raise DomainError(
            ErrorCode.LIMIT_EXCEEDED,
            f"The {owner.get_tier_display()} plan of the project's owner has room for {_gigabytes(limit)} of media, "
            f"and {_gigabytes(used)} are used. Delete media that are not needed, or change the plan.",
            limit=limit,
            remaining=max(0, limit - used),
        )


def lock_owner(project: Project) -> None:
    """Let nobody else take room of the same plan until the transaction ends."""
    project.created_by = User.objects.select_for_update().get(pk=project.created_by_id)


def _open_tickets(owner: User) -> int:
    tickets = Upload.objects.filter(project__created_by=owner, status__in=OPEN_UPLOADS, expires_at__gt=timezone.now())
    return tickets.aggregate(total=Sum("file_size"))["total"] or 0


def _gigabytes(size: int) -> str:
    return f"{size / settings.GIGABYTE:,.1f} GB"
