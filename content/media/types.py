"""Media in the API."""

import datetime
from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Any, cast

import strawberry

from cms.accounts.types import User
from cms.api.context import Context, viewer
from cms.api.enums import graphql_enum
from cms.api.errors import UserError, error_list, stored_error
from cms.api.ids import global_id
from cms.api.loading import related, related_list, siblings, together
from cms.api.node import Node
from cms.api.scalars import BigInt
from content.projects.models import ProjectEvent as ProjectEventRow
from content.projects.types import ProjectEvent, is_event

from . import addresses, models
from .choices import MediaKind, MediaStatus, MediaType
from .policy import MediaPolicy

if TYPE_CHECKING:
    from content.projects.types import Project

Info = strawberry.Info[Context, Any]
LazyProject = Annotated["Project", strawberry.lazy("content.projects.types")]

graphql_enum(
    MediaKind,
    "What a file is, technically.",
    {
        "IMAGE": "A still picture.",
        "VIDEO": "Moving pictures, with or without sound.",
        "AUDIO": "Sound alone.",
        "DOCUMENT": "Text or PDF.",
    },
)
graphql_enum(
    MediaType,
    "What a file is for in the production.",
    {
        "STYLE_REFERENCE": "Style Reference: shows the look that is wanted.",
        "CHARACTER_DESIGN": "Character Design: what a character looks like.",
        "ENVIRONMENT_DESIGN": "Environment Design: what a place looks like.",
        "CONCEPT_ART": "Concept Art: an idea made visible.",
        "STORYBOARD": "Storyboard: a shot as it is planned.",
        "VIDEO_SEGMENT": "Video Segment: a piece of a film.",
        "AUDIO_CLIP": "Audio Clip: any piece of sound.",
        "VOICE_PROFILE": "Voice Profile: how a character sounds.",
        "MUSIC_TRACK": "Music Track: music of an episode.",
        "SOUND_EFFECT": "Sound Effect: one sound of a scene.",
        "FINAL_VIDEO": "Final Video: a finished film.",
        "SCRIPT_DOCUMENT": "Script Document: script, outline or notes.",
        "REFERENCE_VIDEO": "Reference Video: moving pictures that show what is wanted.",
    },
)
graphql_enum(
    MediaStatus,
    "Where a media item is in its life.",
    {
        "ACTIVE": "Ready, and in use.",
        "DRAFT": "Ready, and not decided on.",
        "ARCHIVED": "Put aside: left out of lists unless they ask for it, and still there for old messages.",
        "PROCESSING": "Its file is here and can be opened and sent with a message; what it measures, its thumbnail and "
        "its words are still being worked out.",
        "FAILED": "It could not be processed; `error` says why.",
    },
)


@strawberry.type(description="How an agent made a media item.")
class GenerationMetadata:
    agent_id: str | None = strawberry.field(description="The agent that generated it.")
    prompt_used: str = strawberry.field(description="The prompt that it was generated from.")
    model_version: str = strawberry.field(description="The version of the model used.")
    generation_time: datetime.datetime | None = strawberry.field(description="When it was generated.")
    task_id: strawberry.ID | None = strawberry.field(
        description="The generation task that made it; null where there was none."
    )


@strawberry.type(description="What of the story a media item belongs to.")
class RelatedElements:
    character_keys: list[str] = strawberry.field(description="The characters that appear in it.")
    episode_number: int | None = strawberry.field(description="The episode, from 1.")
    scene_key: str | None = strawberry.field(description="The scene's identifier.")
    timestamp: float | None = strawberry.field(description="Seconds from the start of the video.")


@strawberry.type(description="What a file measures; null where it does not apply to its kind.")
class TechnicalData:
    width: int | None = strawberry.field(description="Pixels, as shown.")
    height: int | None = strawberry.field(description="Pixels, as shown.")
    duration: float | None = strawberry.field(description="Seconds.")
    fps: float | None = strawberry.field(description="Pictures per second.")
    sample_rate: int | None = strawberry.field(description="Hz.")


def _project(root: strawberry.Parent[models.Media]) -> LazyProject:
    return cast("LazyProject", related(root, "project"))


def _type(root: strawberry.Parent[models.Media]) -> MediaType:
    return cast("MediaType", root.media_type)


def _error(root: strawberry.Parent[models.Media]) -> UserError | None:
    return stored_error(root.error_code, root.error_message)


def _progress(root: strawberry.Parent[models.Media]) -> int | None:
    if root.status == MediaStatus.PROCESSING:
        # Asked for all siblings at once.
        related(root, "job")
    return root.progress


def _url(root: strawberry.Parent[models.Media], info: Info) -> str | None:
    return info.context.absolute(addresses.file_url(root))


def _thumbnail_url(root: strawberry.Parent[models.Media], info: Info) -> str | None:
    path = addresses.thumbnail_url(root)
    return info.context.absolute(path) if path else None


def _signed_url(
    root: strawberry.Parent[models.Media],
    info: Info,
    expires_in: Annotated[int | None, strawberry.argument(description="Seconds until it expires, 60 to 3,600.")] = 600,
) -> str:
    return info.context.absolute(addresses.signed_url(root, expires_in=600 if expires_in is None else expires_in))


def _generation(root: strawberry.Parent[models.Media]) -> GenerationMetadata | None:
    if not root.agent_generated:
        return None
    task_id = root.task_id
    return GenerationMetadata(
        agent_id=root.agent_id or None,
        prompt_used=root.prompt_used,
        model_version=root.model_version,
        generation_time=root.generation_time,
        task_id=strawberry.ID(global_id("GenerationTask", task_id)) if task_id else None,
    )


def _uploaded_by(root: strawberry.Parent[models.Media]) -> User | None:
    return cast("User | None", related(root, "uploaded_by"))


def _tags(root: strawberry.Parent[models.Media]) -> list[str]:
    return [row.name for row in related_list(root, "tag_rows")]


def _related_elements(root: strawberry.Parent[models.Media]) -> RelatedElements:
    return RelatedElements(
        character_keys=[row.key for row in related_list(root, "character_rows")],
        episode_number=root.episode_number,
        scene_key=root.scene_key or None,
        timestamp=root.timestamp,
    )


def _technical_data(root: strawberry.Parent[models.Media]) -> TechnicalData:
    # The row has all five fields under the same names.
    return cast("TechnicalData", root)


def _previous_versions(root: strawberry.Parent[models.Media]) -> list["Media"]:
    if root.version == 1:
        return []
    if "_previous_versions" not in root.__dict__:
        _load_previous_versions(root)
    return cast("list[Media]", root.__dict__["_previous_versions"])


def _load_previous_versions(media: models.Media) -> None:
    """One query for all media that were loaded together; versions of one chain share a project."""
    rows = siblings(media)
    chains = {row.chain for row in rows if row.version > 1}
    by_chain: dict[Any, list[models.Media]] = defaultdict(list)
    for version in together(models.Media.objects.filter(chain__in=chains).order_by("-version")):
        by_chain[version.chain].append(version)
    for row in rows:
        row.__dict__["_previous_versions"] = [old for old in by_chain[row.chain] if old.version < row.version]


@strawberry.type(description="A file of a project, with what is known about it.")
class Media(Node):
    model = models.Media

    project: LazyProject = strawberry.field(resolver=_project, description="The project that it belongs to.")
    kind: MediaKind = strawberry.field(description="What the file is, technically.")
    type: MediaType = strawberry.field(resolver=_type, description="What it is for.")
    status: MediaStatus = strawberry.field(description="Where it is in its life.")
    error: UserError | None = strawberry.field(resolver=_error, description="Why it FAILED; null otherwise.")
    progress: int | None = strawberry.field(
        resolver=_progress,
        description="How far processing is, 0 to 100; null unless PROCESSING. Subscribers of `projectEvents` are told "
        "of it by MediaUpdatedEvents without seq.",
    )
    title: str = strawberry.field(description="1 to 255 characters.")
    filename: str = strawberry.field(description="As its owner called the file.")
    mime_type: str = strawberry.field(description="The type that the content was found to have.")
    file_size: BigInt = strawberry.field(description="Bytes.")
    url: str | None = strawberry.field(
        resolver=_url,
        description="A stable address that checks membership (cookie or Bearer) at every request; null where "
        "there are no bytes.",
    )
    thumbnail_url: str | None = strawberry.field(
        resolver=_thumbnail_url,
        description="A small WebP picture, at most 400 pixels on a side, with the same check: the picture itself, a "
        "frame of a video, a document's first page, a sound's waveform. Null where there is none, or not yet.",
    )
    signed_url: str = strawberry.field(
        resolver=_signed_url,
        description="For pages on other origins: opens for whoever holds it, until it expires.",
    )
    agent_generated: bool = strawberry.field(description="Whether an AI agent made it.")
    generation: GenerationMetadata | None = strawberry.field(
        resolver=_generation, description="How it was made; null unless an AI agent made it."
    )
    uploaded_by: User | None = strawberry.field(
        resolver=_uploaded_by, description="Who sent it, or asked for it to be made."
    )
    description: str = strawberry.field(description="Human or AI-generated description.")
    tags: list[str] = strawberry.field(resolver=_tags, description="Free words.")
    related_elements: RelatedElements = strawberry.field(
        resolver=_related_elements, description="What of the story it belongs to."
    )
    technical_data: TechnicalData = strawberry.field(resolver=_technical_data, description="What the file measures.")
    version: int = strawberry.field(description="1, 2, 3 … in its chain of files.")
    previous_versions: list["Media"] = strawberry.field(
        resolver=_previous_versions, description="The versions before it, newest first."
    )
    revision: int = strawberry.field(description="Rises with every edit; for expectedRevision.")
    created_at: datetime.datetime = strawberry.field(description="When it was stored.")
    updated_at: datetime.datetime = strawberry.field(description="When it last changed.")


@strawberry.type(description="A media item that was found, and how well it fits.")
class MediaMatch:
    media: Media = strawberry.field(description="What was found.")
    score: float = strawberry.field(description="How well it fits: above 0, and 1 at best.")


@strawberry.type(description="A header of an HTTP request.")
class HttpHeader:
    name: str = strawberry.field(description="The header's name.")
    value: str = strawberry.field(description="What to send.")


@strawberry.type(description="Permission to send one file. Send the bytes, then call completeUpload.")
class UploadTicket:
    id: strawberry.ID = strawberry.field(description="For completeUpload.")
    method: str = strawberry.field(description="The HTTP method: PUT.")
    url: str = strawberry.field(description="Signed; expires; needs no cookie and no token.")
    headers: list[HttpHeader] = strawberry.field(description="To be sent as they are.")
    expires_at: datetime.datetime = strawberry.field(description="When the address stops working.")


def api_ticket(upload: models.Upload, context: Context) -> UploadTicket:
    """A ticket in the API's form."""
    return UploadTicket(
        id=strawberry.ID(global_id("UploadTicket", upload.pk)),
        method="PUT",
        url=context.absolute(addresses.upload_url(upload)),
        headers=[HttpHeader(name="Content-Type", value=upload.mime_type)],
        expires_at=upload.expires_at,
    )


@strawberry.type(description="Answer of `createUpload`.")
class UploadTicketPayload:
    ticket: UploadTicket | None = strawberry.field(default=None, description="Null when refused.")
    errors: list[UserError] = error_list()


@strawberry.type(description="Answer of `cancelUpload`.")
class CancelUploadPayload:
    errors: list[UserError] = error_list()


@strawberry.type(description="Answer of the mutations on media.")
class MediaPayload:
    media: Media | None = strawberry.field(default=None, description="As stored; null when refused.")
    errors: list[UserError] = error_list()


@strawberry.input(
    description="Which media: all conditions hold. Several values of one field: any of them. `statuses` left "
    "out: all but ARCHIVED."
)
class MediaFilter:
    kinds: list[MediaKind] | None = strawberry.field(default=None, description="What the files are.")
    types: list[MediaType] | None = strawberry.field(default=None, description="What they are for.")
    statuses: list[MediaStatus] | None = strawberry.field(default=None, description="Where they are in their life.")
    tags: list[str] | None = strawberry.field(default=None, description="Whole tags, whatever their case.")
    character_key: str | None = strawberry.field(default=None, description="A character that appears in it.")
    episode_number: int | None = strawberry.field(default=None, description="The episode.")
    scene_key: str | None = strawberry.field(default=None, description="The scene.")
    agent_generated: bool | None = strawberry.field(default=None, description="Whether an AI agent made it.")
    search: str | None = strawberry.field(
        default=None,
        description="Words that all occur in title, file name, description, tags, scene or characters.",
    )


def _event_media(root: strawberry.Parent[Any], info: Info) -> Media | None:
    return cast("Media | None", MediaPolicy(viewer(info)).visible().filter(pk=root.object_id).first())


@strawberry.type(description="A media item was added, changed or removed.")
class MediaUpdatedEvent(ProjectEvent):
    media: Media | None = strawberry.field(
        resolver=_event_media, description="As it is on delivery; null where it is gone."
    )
    is_type_of = is_event(ProjectEventRow.Type.MEDIA_UPDATED)
