"""Generation tasks in the API."""

import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import strawberry
from django.db.models import Prefetch
from strawberry.scalars import JSON

from cms.accounts.types import User
from cms.api.context import Context, viewer
from cms.api.enums import graphql_enum
from cms.api.errors import UserError, error_list, stored_error
from cms.api.loading import related, related_list, siblings, together
from cms.api.node import Node
from content.media.types import Media
from content.projects.models import ProjectEvent as ProjectEventRow
from content.projects.types import ProjectEvent, is_event

from . import hooks, models
from .choices import TaskStatus
from .policy import TaskPolicy

if TYPE_CHECKING:
    from content.projects.types import Project
    from conversation.types import Session

Info = strawberry.Info[Context, Any]
LazyProject = Annotated["Project", strawberry.lazy("content.projects.types")]
LazySession = Annotated["Session", strawberry.lazy("conversation.types")]

graphql_enum(
    TaskStatus,
    "Where a generation task is.",
    {
        "QUEUED": "Waiting for a runner.",
        "RUNNING": "Being worked on.",
        "SUCCEEDED": "Done: `results` holds what was made.",
        "FAILED": "It did not work out: `error` says why; retryTask has it done again.",
        "CANCELLED": "Stopped by a person; retryTask has it done again.",
    },
)


def _project(root: strawberry.Parent[models.GenerationTask]) -> LazyProject:
    return cast("LazyProject", related(root, "project"))


def _session(root: strawberry.Parent[models.GenerationTask], info: Info) -> LazySession | None:
    if root.session_id is None:
        return None
    known: dict[int, Any] = info.context.cache.setdefault("task_sessions", {})
    if root.session_id not in known:
        asked = {task.session_id for task in siblings(root) if task.session_id is not None}
        visible = together(hooks.visible_sessions(viewer(info)).filter(pk__in=asked))
        known.update(dict.fromkeys(asked) | {session.pk: session for session in visible})
    return cast("LazySession | None", known[root.session_id])


def _created_by(root: strawberry.Parent[models.GenerationTask]) -> User | None:
    return cast("User | None", related(root, "created_by"))


def _results(root: strawberry.Parent[models.GenerationTask]) -> list[Media]:
    # Without select_related: `related` makes the media of all tasks one group, loaded together.
    rows = models.TaskResult.objects.order_by("position")
    results = related_list(root, Prefetch("result_rows", rows, to_attr="_results"))
    return cast("list[Media]", [related(result, "media") for result in results])


def _error(root: strawberry.Parent[models.GenerationTask]) -> UserError | None:
    return stored_error(root.error_code, root.error_message)


@strawberry.type(description="A piece of work that makes media.")
class GenerationTask(Node):
    model = models.GenerationTask

    project: LazyProject = strawberry.field(resolver=_project, description="The project that it works for.")
    session: LazySession | None = strawberry.field(
        resolver=_session, description="The session that it came from; null where the viewer may not see it."
    )
    task_type: str = strawberry.field(description="The kind of work, such as storyboard_panel.")
    input: JSON = strawberry.field(description="What it was asked for.")
    created_by: User | None = strawberry.field(resolver=_created_by, description="Who asked for it.")
    attempts: int = strawberry.field(description="How often it was started.")
    status: TaskStatus = strawberry.field(description="Where it is.")
    progress: int = strawberry.field(description="0 to 100.")
    message: str = strawberry.field(description="What it is doing, for people.")
    results: list[Media] = strawberry.field(resolver=_results, description="What it made.")
    error: UserError | None = strawberry.field(resolver=_error, description="Why it FAILED; null otherwise.")
    created_at: datetime.datetime = strawberry.field(description="When it was asked for.")
    started_at: datetime.datetime | None = strawberry.field(description="When work on it began.")
    finished_at: datetime.datetime | None = strawberry.field(description="When it came to its end.")


@strawberry.type(description="Answer of the mutations on generation tasks.")
class TaskPayload:
    task: GenerationTask | None = strawberry.field(default=None, description="As stored; null when refused.")
    errors: list[UserError] = error_list()


def _event_task(root: strawberry.Parent[Any], info: Info) -> GenerationTask | None:
    return cast("GenerationTask | None", TaskPolicy(viewer(info)).visible().filter(pk=root.object_id).first())


@strawberry.type(description="A generation task of the project changed.")
class ProjectTaskUpdatedEvent(ProjectEvent):
    task: GenerationTask | None = strawberry.field(
        resolver=_event_task, description="As it is on delivery; null where it is gone."
    )
    is_type_of = is_event(ProjectEventRow.Type.TASK_UPDATED)
