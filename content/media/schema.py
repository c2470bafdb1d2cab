"""The API's doors to media."""

from typing import Annotated, Any, cast

import strawberry
from django.db.models import QuerySet
from django.db.models.functions import Lower

from cms.accounts.models import User
from cms.api.connections import After, Before, Connection, First, Last, paginate
from cms.api.context import require_user
from cms.api.errors import answers
from cms.api.ids import parse_id
from cms.api.node import register_node
from cms.api.scalars import BigInt
from cms.api.values import Input, given, or_none, plain
from content.projects.models import Project
from content.projects.policy import ProjectAction, ProjectPolicy

from . import models, search, services, uploads
from .choices import MediaStatus, MediaType
from .policy import MediaPolicy
from .types import (
    CancelUploadPayload,
    Info,
    Media,
    MediaFilter,
    MediaPayload,
    UploadTicketPayload,
    api_ticket,
)

ORDER = ("-created_at", "-pk")

register_node("Media", lambda user, pk: MediaPolicy(user).visible().filter(pk=pk).first())


def media_connection(
    user: User,
    project: Project | None,
    filters: MediaFilter | None,
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Connection[Media]:
    """One page of the media that `user` may see, of one project or of all, newest first."""
    rows = MediaPolicy(user).visible()
    if project is not None:
        rows = rows.filter(project=project)
    return paginate(_filtered(rows, filters), order=ORDER, first=first, after=after, last=last, before=before)


def _filtered(rows: QuerySet[models.Media], filters: MediaFilter | None) -> QuerySet[models.Media]:
    if filters is None or filters.statuses is None:
        rows = rows.exclude(status=MediaStatus.ARCHIVED)
    if filters is None:
        return rows
    for name, values in (
        ("kind", filters.kinds),
        ("media_type", filters.types),
        ("status", filters.statuses),
    ):
        if values is not None:
            rows = rows.filter(**{f"{name}__in": plain(values)})
    for name in ("episode_number", "scene_key", "agent_generated"):
        if (value := getattr(filters, name)) is not None:
            rows = rows.filter(**{name: value})
    if filters.tags is not None:
        rows = rows.filter(pk__in=_tagged(filters.tags))
    if filters.character_key is not None:
        rows = rows.filter(character_rows__key=filters.character_key)
    return search.matches_all(rows, filters.search) if filters.search else rows


def _tagged(names: list[str]) -> QuerySet[models.MediaTag, Any]:
    tags = models.MediaTag.objects.annotate(folded=Lower("name"))
    return tags.filter(folded__in=[name.lower() for name in names]).values("media")


@strawberry.input(description="Ask for permission to send one file.")
class CreateUploadInput:
    project_id: strawberry.ID = strawberry.field(description="The project that it is for.")
    filename: str = strawberry.field(description="1 to 255 characters; a path before it is dropped.")
    file_size: BigInt = strawberry.field(description="Bytes; exactly so many are taken.")
    mime_type: str = strawberry.field(description="What the file is, such as image/png.")
    type: MediaType | None = strawberry.field(
        default=strawberry.UNSET,
        description="What it is for. Left out: STYLE_REFERENCE for a picture, SCRIPT_DOCUMENT for a document,"
        " REFERENCE_VIDEO for a video, AUDIO_CLIP for a sound, or that of the media item that it replaces.",
    )
    replaces_media_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The media item of which this is the next version."
    )


@strawberry.input(description="Turn the bytes that were sent into a media item.")
class CompleteUploadInput:
    id: strawberry.ID = strawberry.field(description="The ticket's id.")


@strawberry.input(description="Give a ticket back, with the room that it holds in the plan's storage.")
class CancelUploadInput:
    id: strawberry.ID = strawberry.field(description="The ticket's id.")


@strawberry.input(description="Change a media item. An absent field stays; null clears where it may be empty.")
class UpdateMediaInput:
    id: strawberry.ID = strawberry.field(description="The media item.")
    type: MediaType | None = strawberry.field(default=strawberry.UNSET, description="What it is for.")
    title: str | None = strawberry.field(default=strawberry.UNSET, description="1 to 255 characters.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="Up to 5,000 characters.")
    tags: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="At most 30, of 1 to 50 characters each."
    )
    status: MediaStatus | None = strawberry.field(default=strawberry.UNSET, description="ACTIVE, DRAFT or ARCHIVED.")
    character_keys: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="At most 50, of 1 to 100 characters each."
    )
    episode_number: int | None = strawberry.field(
        default=strawberry.UNSET, description="From 1 to the project's number of episodes."
    )
    scene_key: str | None = strawberry.field(default=strawberry.UNSET, description="Up to 100 characters.")
    timestamp: float | None = strawberry.field(default=strawberry.UNSET, description="Seconds, from 0.")
    expected_revision: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="Someone else saved meanwhile: CONFLICT, and nothing is written.",
    )


@strawberry.input(description="Put a media item aside.")
class ArchiveMediaInput:
    id: strawberry.ID = strawberry.field(description="The media item.")


@strawberry.input(description="Process again what FAILED.")
class RetryMediaInput:
    id: strawberry.ID = strawberry.field(description="The media item.")


@strawberry.type
class MediaQuery:
    @strawberry.field(description="Media that the caller may see, newest first.")
    def media(
        self,
        info: Info,
        project_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Of this project; left out: of all.")
        ] = None,
        filters: Annotated[MediaFilter | None, strawberry.argument(description="Which of them.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Media]:
        user = require_user(info)
        project = _project(user, project_id) if project_id is not None else None
        return media_connection(user, project, filters, first=first, after=after, last=last, before=before)


def _project(user: User, project_id: str) -> Project:
    return ProjectPolicy(user).get(
        ProjectAction.VIEW, parse_id(project_id, "Project", "project_id"), field="project_id"
    )


@strawberry.type
class MediaMutation:
    @strawberry.mutation(description="Ask for permission to send one file to a project.")
    @answers(UploadTicketPayload)
    def create_upload(self, info: Info, input: Input[CreateUploadInput]) -> UploadTicketPayload:
        user = require_user(info)
        replaces = or_none(input.replaces_media_id)
        upload = uploads.create_upload(
            user=user,
            project_id=parse_id(input.project_id, "Project", "project_id"),
            filename=input.filename,
            file_size=input.file_size,
            mime_type=input.mime_type,
            media_type=or_none(input.type),
            replaces_media_id=parse_id(replaces, "Media", "replaces_media_id") if replaces is not None else None,
        )
        return UploadTicketPayload(ticket=api_ticket(upload, info.context))

    @strawberry.mutation(
        description="Turn the bytes that were sent into a media item; calling it again gives the same one. It is "
        "PROCESSING then, and becomes ACTIVE or FAILED in the background."
    )
    @answers(MediaPayload)
    def complete_upload(self, info: Info, input: Input[CompleteUploadInput]) -> MediaPayload:
        user = require_user(info)
        media = uploads.complete_upload(user=user, upload_id=parse_id(input.id, "UploadTicket"))
        return MediaPayload(media=cast("Media", media))

    @strawberry.mutation(description="Give up an upload that is not completed; its bytes are removed.")
    @answers(CancelUploadPayload)
    def cancel_upload(self, info: Info, input: Input[CancelUploadInput]) -> CancelUploadPayload:
        uploads.cancel_upload(user=require_user(info), upload_id=parse_id(input.id, "UploadTicket"))
        return CancelUploadPayload()

    @strawberry.mutation(description="Change what is known about a media item.")
    @answers(MediaPayload)
    def update_media(self, info: Info, input: Input[UpdateMediaInput]) -> MediaPayload:
        user = require_user(info)
        changes = given(
            input,
            *("type", "title", "description", "tags", "status"),
            *("character_keys", "episode_number", "scene_key", "timestamp"),
        )
        if "type" in changes:
            changes["media_type"] = changes.pop("type")
        media = services.update_media(
            user=user,
            media_id=parse_id(input.id, "Media"),
            changes=changes,
            expected_revision=or_none(input.expected_revision),
        )
        return MediaPayload(media=cast("Media", media))

    @strawberry.mutation(description="Put a media item aside; old messages keep showing it.")
    @answers(MediaPayload)
    def archive_media(self, info: Info, input: Input[ArchiveMediaInput]) -> MediaPayload:
        media = services.archive_media(user=require_user(info), media_id=parse_id(input.id, "Media"))
        return MediaPayload(media=cast("Media", media))

    @strawberry.mutation(description="Process again what FAILED.")
    @answers(MediaPayload)
    def retry_media(self, info: Info, input: Input[RetryMediaInput]) -> MediaPayload:
        media = services.retry_media(user=require_user(info), media_id=parse_id(input.id, "Media"))
        return MediaPayload(media=cast("Media", media))
