"""Projects in the API."""

import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import strawberry
from django.db.models import Prefetch

from cms.accounts.types import User
from cms.api.connections import After, Before, Connection, First, Last
from cms.api.context import Context, require_user, viewer
from cms.api.enums import graphql_enum
from cms.api.errors import UserError, error_list
from cms.api.loading import related, related_list
from cms.api.node import Node
from cms.api.scalars import BigInt
from content.workflow.services import published_graph
from content.workflow.types import Phase

from . import choices, hooks, models
from .choices import AspectRatio, Genre, ProjectStatus, QualityTier, TargetAudience
from .policy import ProjectPolicy
from .progress import Progress, progress_of

if TYPE_CHECKING:
    from content.generation.types import GenerationTask
    from content.media.types import Media, MediaFilter
    from content.usage.types import Usage
    from conversation.types import Session

Info = strawberry.Info[Context, Any]
LazyMedia = Annotated["Media", strawberry.lazy("content.media.types")]
LazyMediaFilter = Annotated["MediaFilter", strawberry.lazy("content.media.types")]
LazySession = Annotated["Session", strawberry.lazy("conversation.types")]
LazyUsage = Annotated["Usage", strawberry.lazy("content.usage.types")]
LazyTask = Annotated["GenerationTask", strawberry.lazy("content.generation.types")]

graphql_enum(Genre, "What kind of series it is.")
graphql_enum(TargetAudience, "Whom the series is for, and its rating.")
graphql_enum(ProjectStatus, "How far the production is, as its members set it.")
graphql_enum(AspectRatio, "The shape of the picture.")
graphql_enum(QualityTier, "How much care and money generation takes.")


@strawberry.type(description="How the series is to be made.")
class ProjectSettings:
    aspect_ratio: AspectRatio = strawberry.field(description="The shape of the picture.")
    episode_duration: int = strawberry.field(description="Target duration of an episode, in minutes.")
    quality_tier: QualityTier = strawberry.field(description="How much care and money generation takes.")


@strawberry.type(description="Where the project stands; derived from completed steps, never typed in.")
class ProjectProgress:
    current_phase: Phase = strawberry.field(description="The phase of the first required step not yet completed.")
    completed_steps: list[str] = strawberry.field(description="Slugs of completed steps, in order of completion.")
    overall_progress: int = strawberry.field(description="Share of the required steps completed, 0 to 100.")


def workflow_graph(context: Context) -> Any:
    """The published workflow, read once a request."""
    if "graph" not in context.cache:
        context.cache["graph"] = published_graph()
    return context.cache["graph"]


def api_progress(progress: Progress) -> ProjectProgress:
    """Progress in the API's form."""
    return ProjectProgress(
        current_phase=Phase(progress.current_phase),
        completed_steps=progress.completed_steps,
        overall_progress=progress.overall_progress,
    )


def _created_by(root: strawberry.Parent[models.Project]) -> User:
    return cast("User", related(root, "created_by"))


def _collaborators(root: strawberry.Parent[models.Project]) -> list[User]:
    rows = models.Membership.objects.filter(role=choices.MembershipRole.COLLABORATOR).select_related("user")
    memberships = related_list(root, Prefetch("memberships", rows, to_attr="_collaborators"))
    return cast("list[User]", [related(membership, "user") for membership in memberships])


def _style_references(root: strawberry.Parent[models.Project]) -> list[LazyMedia]:
    rows = models.StyleReference.objects.all()
    references = related_list(root, Prefetch("style_reference_rows", rows, to_attr="_style_references"))
    return [related(reference, "media") for reference in references]


def _settings(root: strawberry.Parent[models.Project]) -> ProjectSettings:
    # The row has all three fields under the same names.
    return cast("ProjectSettings", root)


def _progress(root: strawberry.Parent[models.Project], info: Info) -> ProjectProgress:
    return api_progress(progress_of(root, workflow_graph(info.context)))


def _sessions(
    root: strawberry.Parent[models.Project],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Connection[LazySession]:
    return hooks.session_connection(require_user(info), root, first=first, after=after, last=last, before=before)


def _media(
    root: strawberry.Parent[models.Project],
    info: Info,
    filters: Annotated[LazyMediaFilter | None, strawberry.argument(description="Which of them.")] = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Connection[LazyMedia]:
    return hooks.media_connection(require_user(info), root, filters, first=first, after=after, last=last, before=before)


def _usage(root: strawberry.Parent[models.Project], info: Info) -> LazyUsage:
    return hooks.usage(root, info)  # type: ignore[no-any-return]  # a hook


def _token_budget(root: strawberry.Parent[models.Project]) -> BigInt | None:
    return None if root.token_budget is None else BigInt(root.token_budget)


def _tasks(
    root: strawberry.Parent[models.Project],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Connection[LazyTask]:
    return hooks.task_connection(require_user(info), root, first=first, after=after, last=last, before=before)


@strawberry.type(description="A series in the making.")
class Project(Node):
    model = models.Project

    title: str = strawberry.field(description="1 to 200 characters.")
    description: str = strawberry.field(description="A brief description of the series.")
    genre: Genre = strawberry.field(description="What kind of series it is.")
    episode_count: int = strawberry.field(description="Total number of episodes planned.")
    target_audience: TargetAudience = strawberry.field(description="Whom it is for.")
    status: ProjectStatus = strawberry.field(description="How far the production is, as its members set it.")
    created_by: User = strawberry.field(resolver=_created_by, description="The owner, whose plan's limits hold.")
    collaborators: list[User] = strawberry.field(resolver=_collaborators, description="The members beside the owner.")
    style_references: list[LazyMedia] = strawberry.field(
        resolver=_style_references, description="Pictures that set the visual style, in the members' order."
    )
    settings: ProjectSettings = strawberry.field(resolver=_settings, description="How it is to be made.")
    progress: ProjectProgress = strawberry.field(resolver=_progress, description="Where it stands in the workflow.")
    token_budget: BigInt | None = strawberry.field(
        resolver=_token_budget,
        description="Tokens of director models that the owner gives it, in all its time; null: no limit of its own.",
    )
    usage: LazyUsage = strawberry.field(
        resolver=_usage, description="Tokens that were used for it, what they cost, and what is left of its budget."
    )
    revision: int = strawberry.field(
        description="Rises with what updateProject writes, not with turns or progress; for expectedRevision."
    )
    archived_at: datetime.datetime | None = strawberry.field(
        description="When it was archived: readable, refuses every write. Null while it is not."
    )
    last_event_seq: int = strawberry.field(description="Subscribe to projectEvents after it, and nothing is missed.")
    sessions: Connection[LazySession] = strawberry.field(
        resolver=_sessions, description="Conversations that the viewer may see, newest first."
    )
    media: Connection[LazyMedia] = strawberry.field(resolver=_media, description="Its media, newest first.")
    tasks: Connection[LazyTask] = strawberry.field(resolver=_tasks, description="Its generation tasks, newest first.")
    created_at: datetime.datetime = strawberry.field(description="When it was made.")
    updated_at: datetime.datetime = strawberry.field(description="When its own data last changed.")


@strawberry.type(description="Answer of the mutations on a project.")
class ProjectPayload:
    project: Project | None = strawberry.field(default=None, description="As stored; null when refused.")
    errors: list[UserError] = error_list()


@strawberry.interface(description="Something that happened in a project.")
class ProjectEvent:
    seq: int | None = strawberry.field(description="Its place in the project's log; null where it is not stored.")
    at: datetime.datetime = strawberry.field(description="When it happened.")


def _event_project(root: strawberry.Parent[models.ProjectEvent], info: Info) -> Project | None:
    found = ProjectPolicy(viewer(info)).visible().filter(pk=root.object_id).first()
    return cast("Project | None", found)


def is_event(kind: models.ProjectEvent.Type) -> Any:
    """Which rows of the log are of an event type."""
    return classmethod(lambda cls, obj, info: isinstance(obj, models.ProjectEvent) and obj.type == kind)


@strawberry.type(description="The project's data, members or archive state changed.")
class ProjectUpdatedEvent(ProjectEvent):
    project: Project | None = strawberry.field(
        resolver=_event_project, description="As it is on delivery; null where it is gone."
    )
    is_type_of = is_event(models.ProjectEvent.Type.PROJECT_UPDATED)
