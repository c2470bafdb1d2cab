"""Who may read and who may change the workflow."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from cms.accounts.models import User

from .models import WorkflowStep


class WorkflowPolicy:
    """Anyone signed in reads published steps; Editors (by the group's permissions) and admins change them."""

    def __init__(self, user: User | AnonymousUser | None) -> None:
        self.user = user if isinstance(user, User) and user.is_active else None

    def may_read(self) -> bool:
        """Whether she may read the published workflow."""
        return self.user is not None

    def may_edit(self) -> bool:
        """Whether she may save drafts of steps."""
        return self._has("change")

    def may_publish(self) -> bool:
        """Whether she may publish and unpublish steps."""
        return self._has("publish")

    def visible(self) -> QuerySet[WorkflowStep]:
        """The steps she may see: published ones, and drafts for those who edit."""
        if self.user is None:
            return WorkflowStep.objects.none()
        steps = WorkflowStep.objects.order_by("order", "pk")
        return steps if self.may_edit() else steps.filter(live=True)

    def _has(self, action: str) -> bool:
        return self.user is not None and (self.user.is_admin or self.user.has_perm(f"workflow.{action}_workflowstep"))
