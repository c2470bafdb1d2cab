"""The API's doors to projects."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, cast

import strawberry
from django.utils import timezone
from graphql import GraphQLError

from cms.accounts.callers import Caller
from cms.accounts.models import User as UserRow
from cms.api.connections import After, Before, Connection, First, Last, paginate
from cms.api.context import invalid_argument, require_user, unauthenticated
from cms.api.errors import answers
from cms.api.ids import parse_id
from cms.api.node import register_node
from cms.api.scalars import BigInt
from cms.api.threads import in_thread
from cms.api.values import Input, given, or_none, plain
from cms.errors import DomainError, ErrorCode, invalid
from cms.realtime import listen

from . import services
from .choices import AspectRatio, Genre, ProjectStatus, QualityTier, TargetAudience
from .events import project_group
from .listing import ProjectFilters, project_rows
from .models import Project as ProjectRow
from .models import ProjectEvent as EventRow
from .policy import ProjectAction, ProjectPolicy
from .types import (
    Info,
    Project,
    ProjectEvent,
    ProjectPayload,
)

# Seconds: how often the log is read and access asked for without any hint.
POLL = 5.0
BATCH = 200
MAX_SEARCH = 200

register_node("Project", lambda user, pk: ProjectPolicy(user).visible().filter(pk=pk).first())


@strawberry.input(description="Which projects to list. Several values of one field: any of them.")
class ProjectFilter:
    statuses: list[ProjectStatus] | None = strawberry.field(default=None, description="Any of these.")
    genres: list[Genre] | None = strawberry.field(default=None, description="Any of these.")
    search: str | None = strawberry.field(default=None, description="Words in the title or the description.")
    archived: bool | None = strawberry.field(default=False, description="Archived ones instead; null: both.")


@strawberry.input(description="How the series is to be made. An absent field stays as it is.")
class ProjectSettingsInput:
    aspect_ratio: AspectRatio | None = strawberry.field(
        default=strawberry.UNSET, description="The shape of the picture."
    )
    episode_duration: int | None = strawberry.field(
        default=strawberry.UNSET, description="Target duration of an episode, 1 to 600 minutes."
    )
    quality_tier: QualityTier | None = strawberry.field(
        default=strawberry.UNSET, description="How much care and money generation takes."
    )


@strawberry.input(description="Create a project that the caller owns.")
class CreateProjectInput:
    title: str = strawberry.field(description="1 to 200 characters.")
    description: str | None = strawberry.field(default=None, description="Up to 5,000 characters.")
    genre: Genre = strawberry.field(description="What kind of series it is.")
    episode_count: int | None = strawberry.field(
        default=None, description="10, or the plan's limit where that is smaller, by default."
    )
    target_audience: TargetAudience | None = strawberry.field(default=None, description="FAMILY by default.")
    settings: ProjectSettingsInput | None = strawberry.field(default=None, description="16:9, 22 minutes, STANDARD.")
    idempotency_key: str | None = strawberry.field(
        default=None, description="The same key again answers with the same project."
    )


@strawberry.input(description="Change a project. An absent field stays as it is; null clears where it may be empty.")
class UpdateProjectInput:
    id: strawberry.ID = strawberry.field(description="The project.")
    title: str | None = strawberry.field(default=strawberry.UNSET, description="1 to 200 characters.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="Up to 5,000 characters.")
    genre: Genre | None = strawberry.field(default=strawberry.UNSET, description="What kind of series it is.")
    episode_count: int | None = strawberry.field(
        default=strawberry.UNSET, description="At least 1, at most what the owner's plan allows."
    )
    target_audience: TargetAudience | None = strawberry.field(default=strawberry.UNSET, description="Whom it is for.")
    status: ProjectStatus | None = strawberry.field(default=strawberry.UNSET, description="How far it is.")
    settings: ProjectSettingsInput | None = strawberry.field(
        default=strawberry.UNSET, description="Only the fields that are sent are written."
    )
    style_reference_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Pictures of this project, replacing the list; null clears it."
    )
    token_budget: BigInt | None = strawberry.field(
        default=strawberry.UNSET,
        description="Tokens of director models that it may use in all; null: no limit. Its owner and admins only.",
    )
    expected_revision: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="Where someone else has saved meanwhile: CONFLICT, and nothing is written.",
    )


@strawberry.input(description="Archive a project: it stays readable and refuses every write.")
class ArchiveProjectInput:
    id: strawberry.ID = strawberry.field(description="The project.")
    expected_revision: int | None = strawberry.field(default=None, description="Another revision by now: CONFLICT.")


@strawberry.input(description="Take a project out of the archive.")
class RestoreProjectInput:
    id: strawberry.ID = strawberry.field(description="The project.")
    expected_revision: int | None = strawberry.field(default=None, description="Another revision by now: CONFLICT.")


@strawberry.input(description="Make a person a member.")
class AddCollaboratorInput:
    project_id: strawberry.ID = strawberry.field(description="The project.")
    email: str = strawberry.field(description="The address that the person signs in with.")


@strawberry.input(description="End a membership.")
class RemoveCollaboratorInput:
    project_id: strawberry.ID = strawberry.field(description="The project.")
    user_id: strawberry.ID = strawberry.field(description="The collaborator.")


WRITTEN = ("title", "description", "genre", "episode_count", "target_audience", "status", "token_budget")
SETTINGS = ("aspect_ratio", "episode_duration", "quality_tier")


def _payload(project: ProjectRow) -> ProjectPayload:
    return ProjectPayload(project=cast("Project", ProjectRow.objects.get(pk=project.pk)))


def project_connection(user: UserRow, filters: ProjectFilters, **page: Any) -> Connection[Any]:
    """A page of the projects that the person may see, newest first."""
    rows, order, node = project_rows(user, filters)
    return paginate(rows, order=order, node=node, **page)


@strawberry.type
class ProjectsQuery:
    @strawberry.field(description="A project by id; null where there is none that the caller may see.")
    def project(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The project.")]
    ) -> Project | None:
        user = require_user(info)
        try:
            found = ProjectPolicy(user).get(ProjectAction.VIEW, parse_id(id, "Project"))
        except DomainError:
            return None
        return cast("Project", found)

    @strawberry.field(description="The projects that the caller may see, newest first; archived ones left out.")
    def projects(
        self,
        info: Info,
        filters: Annotated[ProjectFilter | None, strawberry.argument(description="Which of them.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Project]:
        user = require_user(info)
        wanted = ProjectFilters()
        if filters is not None:
            if len(filters.search or "") > MAX_SEARCH:
                raise invalid_argument(f"Search for at most {MAX_SEARCH} characters.")
            wanted = ProjectFilters(
                statuses=plain(filters.statuses),
                genres=plain(filters.genres),
                search=filters.search,
                archived=filters.archived,
            )
        return project_connection(user, wanted, first=first, after=after, last=last, before=before)


@strawberry.type
class ProjectsMutation:
    @strawberry.mutation(description="Create a project that the caller owns.")
    @answers(ProjectPayload, beyond_projects=True)
    def create_project(self, info: Info, input: Input[CreateProjectInput]) -> ProjectPayload:
        settings = given(input.settings, *SETTINGS) if input.settings else {}
        fields = {"description": input.description, "episode_count": input.episode_count}
        project = services.create_project(
            user=require_user(info),
            title=input.title,
            genre=plain(input.genre),
            target_audience=plain(input.target_audience),
            idempotency_key=input.idempotency_key,
            **fields,
            **settings,
        )
        return _payload(project)

    @strawberry.mutation(description="Change a project; only the fields that were sent are written.")
    @answers(ProjectPayload)
    def update_project(self, info: Info, input: Input[UpdateProjectInput]) -> ProjectPayload:
        changes = given(input, *WRITTEN)
        if input.settings is None:
            raise invalid("Settings cannot be empty: send the ones to change.", "settings")
        if input.settings is not strawberry.UNSET:
            changes |= given(input.settings, *SETTINGS)
        references = None
        if input.style_reference_ids is not strawberry.UNSET:
            references = [parse_id(value, "Media", "style_reference_ids") for value in input.style_reference_ids or []]
        project = services.update_project(
            user=require_user(info),
            project_id=parse_id(input.id, "Project"),
            changes=changes,
            style_reference_ids=references,
            expected_revision=or_none(input.expected_revision),
        )
        return _payload(project)

    @strawberry.mutation(description="Archive a project; its owner and admins only.")
    @answers(ProjectPayload)
    def archive_project(self, info: Info, input: Input[ArchiveProjectInput]) -> ProjectPayload:
        return _payload(
            services.archive_project(
                user=require_user(info),
                project_id=parse_id(input.id, "Project"),
                expected_revision=input.expected_revision,
            )
        )

    @strawberry.mutation(description="Take a project out of the archive; its owner and admins only.")
    @answers(ProjectPayload)
    def restore_project(self, info: Info, input: Input[RestoreProjectInput]) -> ProjectPayload:
        return _payload(
            services.restore_project(
                user=require_user(info),
                project_id=parse_id(input.id, "Project"),
                expected_revision=input.expected_revision,
            )
        )

    @strawberry.mutation(description="Make a person a member; the project's owner and admins only.")
    @answers(ProjectPayload)
    def add_collaborator(self, info: Info, input: Input[AddCollaboratorInput]) -> ProjectPayload:
        pk = parse_id(input.project_id, "Project", "project_id")
        user = require_user(info)
        return _payload(services.add_collaborator(user=user, project_id=pk, email=input.email))

    @strawberry.mutation(description="End a membership; the project's owner and admins only.")
    @answers(ProjectPayload)
    def remove_collaborator(self, info: Info, input: Input[RemoveCollaboratorInput]) -> ProjectPayload:
        pk = parse_id(input.project_id, "Project", "project_id")
        user = require_user(info)
        person = parse_id(input.user_id, "User", "user_id")
        return _payload(services.remove_collaborator(user=user, project_id=pk, user_id=person))


class _AccessLostError(Exception):
    """The subscriber may no longer see the project."""


def _start(info: Info, project_id: strawberry.ID, after: int | None) -> tuple[Caller, ProjectRow, int]:
    user = require_user(info)
    pk = parse_id(project_id, "Project", "project_id")
    project = ProjectPolicy(user).get(ProjectAction.VIEW, pk, field="project_id")
    if after is not None and not 0 <= after <= project.last_event_seq:
        raise invalid_argument(f"`after` lies beyond the project's last event, {project.last_event_seq}.")
    caller = Caller.of(user, info.context.token)
    return caller, project, project.last_event_seq if after is None else after


def _read(caller: Caller, project_id: int, after: int) -> list[EventRow]:
    user = caller.user()
    if user is None:
        raise unauthenticated()
    if not ProjectPolicy(user).visible().filter(pk=project_id).exists():
        raise _AccessLostError
    return list(EventRow.objects.filter(project=project_id, seq__gt=after).order_by("seq")[:BATCH])


async def _events(caller: Caller, project_id: int, after: int) -> AsyncGenerator[ProjectEvent, None]:
    live: ProjectEvent | None = None
    async with listen(project_group(project_id), caller.group) as hints:
        while True:
            try:
                rows = await in_thread(_read, caller, project_id, after)
            except _AccessLostError:
                raise GraphQLError(
                    "The project was not found.", extensions={"code": ErrorCode.NOT_FOUND.value}
                ) from None
            for row in rows:
                after = row.seq
                yield cast("ProjectEvent", row)
            if live is not None:
                yield live
                live = None
            if len(rows) < BATCH:
                hint = await hints.next(min(POLL, caller.seconds_left))
                # Told after the next look at the log, which asks for the access too.
                live = _live(project_id, *hint["live"]) if hint is not None and "live" in hint else None


def _live(project_id: int, kind: str, object_id: int) -> ProjectEvent:
    """An event that is not stored: it has no seq, and nobody sees it again."""
    row = EventRow(project_id=project_id, at=timezone.now(), type=kind, object_id=object_id)
    return cast("ProjectEvent", row)


@strawberry.type
class ProjectsSubscription:
    @strawberry.subscription(
        description="What was stored in the project's log after `after`, then live: no gap, nothing twice. "
        "Without `after` only live."
    )
    async def project_events(
        self,
        info: Info,
        project_id: Annotated[strawberry.ID, strawberry.argument(description="The project.")],
        after: Annotated[
            int | None,
            strawberry.argument(description="The last seq that the caller has; left out: only live."),
        ] = None,
    ) -> AsyncGenerator[ProjectEvent, None]:
        caller, project, start = await in_thread(_start, info, project_id, after)
        return _events(caller, project.pk, start)
