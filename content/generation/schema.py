"""The API's doors to generation tasks."""

from typing import Annotated, cast

import strawberry
from strawberry.scalars import JSON

from cms.accounts.models import User
from cms.api.connections import Connection, paginate
from cms.api.context import require_user
from cms.api.errors import answers
from cms.api.ids import parse_id
from cms.api.node import register_node
from cms.api.values import Input, or_none
from cms.errors import DomainError
from content.projects.models import Project

from . import services
from .policy import TaskPolicy
from .types import GenerationTask, Info, TaskPayload

ORDER = ("-created_at", "-pk")

register_node("GenerationTask", lambda user, pk: TaskPolicy(user).visible().filter(pk=pk).first())


def task_connection(
    user: User,
    project: Project,
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Connection[GenerationTask]:
    """One page of a project's tasks that `user` may see, newest first."""
    rows = TaskPolicy(user).visible().filter(project=project)
    return paginate(rows, order=ORDER, first=first, after=after, last=last, before=before)


@strawberry.input(description="Ask for a piece of work that makes media.")
class SubmitTaskInput:
    project_id: strawberry.ID = strawberry.field(description="The project that it works for.")
    session_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="A session of the project, whose events will tell of the task."
    )
    task_type: str = strawberry.field(description="The kind of work, such as storyboard_panel.")
    input: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="What is asked for; an object whose shape the task type sets."
    )
    idempotency_key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="1 to 100 characters: the same key again answers with the same task.",
    )


@strawberry.input(description="Stop a task.")
class CancelTaskInput:
    id: strawberry.ID = strawberry.field(description="The task.")


@strawberry.input(description="Have a task done again that failed or was cancelled.")
class RetryTaskInput:
    id: strawberry.ID = strawberry.field(description="The task.")


@strawberry.type
class GenerationQuery:
    @strawberry.field(description="A generation task; null where the caller may not see it.")
    def task(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The task.")]
    ) -> GenerationTask | None:
        user = require_user(info)
        try:
            pk = parse_id(id, "GenerationTask")
        except DomainError:
            return None
        return cast("GenerationTask | None", TaskPolicy(user).visible().filter(pk=pk).first())


@strawberry.type
class GenerationMutation:
    @strawberry.mutation(description="Ask for a piece of work; it is done in the background.")
    @answers(TaskPayload)
    def submit_task(self, info: Info, input: Input[SubmitTaskInput]) -> TaskPayload:
        user = require_user(info)
        session_id = or_none(input.session_id)
        task = services.submit_task(
            user=user,
            project_id=parse_id(input.project_id, "Project", "project_id"),
            task_type=input.task_type,
            input=or_none(input.input),
            session_id=parse_id(session_id, "Session", "session_id") if session_id is not None else None,
            idempotency_key=or_none(input.idempotency_key),
        )
        return TaskPayload(task=cast("GenerationTask", task))

    @strawberry.mutation(description="Stop a task that has not ended.")
    @answers(TaskPayload)
    def cancel_task(self, info: Info, input: Input[CancelTaskInput]) -> TaskPayload:
        task = services.cancel_task(user=require_user(info), task_id=parse_id(input.id, "GenerationTask"))
        return TaskPayload(task=cast("GenerationTask", task))

    @strawberry.mutation(description="Have a task done again that failed or was cancelled.")
    @answers(TaskPayload)
    def retry_task(self, info: Info, input: Input[RetryTaskInput]) -> TaskPayload:
        task = services.retry_task(user=require_user(info), task_id=parse_id(input.id, "GenerationTask"))
        return TaskPayload(task=cast("GenerationTask", task))
