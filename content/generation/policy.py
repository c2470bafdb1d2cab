"""Who may see and change generation tasks: what they may do with the project."""

from django.db.models import QuerySet

from cms.accounts.models import User
from cms.errors import not_found
from content.projects.models import Membership
from content.projects.policy import ProjectAction, ProjectPolicy

from .models import GenerationTask


class TaskPolicy:
    """What one person may do with generation tasks."""

    def __init__(self, user: User | None) -> None:
        self.user = user

    def visible(self) -> QuerySet[GenerationTask]:
        """The tasks that the person may see: those of their projects, all for admins."""
        tasks = GenerationTask.objects.all()
        if self.user is None:
            return tasks.none()
        if self.user.is_admin:
            return tasks
        return tasks.filter(project__in=Membership.objects.of(self.user).values("project"))

    def get(self, action: ProjectAction, pk: int, *, field: str = "id") -> GenerationTask:
        """The task. Raises NOT_FOUND where it is invisible, FORBIDDEN where the person may only look."""
        task = self.visible().filter(pk=pk).first()
        if task is None:
            raise not_found("The task", field)
        ProjectPolicy(self.user).get(action, task.project_id, field=field)
        return task
