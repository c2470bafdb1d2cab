"""What is done with media: every write, each one transaction. Uploads are in uploads.py."""

import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Max

from cms.accounts.models import User
from cms.errors import conflict
from content.projects.events import record_event
from content.projects.models import Project, ProjectEvent
from content.projects.policy import ProjectAction, ProjectPolicy
from content.projects.services import lock_project, require_unarchived

from . import unowned
from .choices import DEFAULT_TYPE, PLAYABLE, MediaKind, MediaStatus
from .examination import HEAD_BYTES, FileFacts, examine, examine_head
from .files import random_path
from .models import (
    MAX_TITLE_LENGTH,
    CustomDocument,
    CustomImage,
    Media,
    MediaCharacter,
    MediaTag,
    ProcessingJob,
)
from .policy import MediaPolicy
from .quota import require_room
from .sniff import Format, declared_format
from .storage import media_storage
from .values import check_field, check_filename
from .words import words_changed

logger = logging.getLogger(__name__)

LISTS = ("tags", "character_keys")
# What search reads; a change of it makes the embedding stale.
WORDS = frozenset({"title", "description", "scene_key", *LISTS})
INHERITED = ("media_type", "title", "description", "episode_number", "scene_key", "timestamp", *LISTS)


@dataclass(frozen=True, slots=True)
class StoredContent:
    """A file that was examined and put into its final place, and belongs to no row yet."""

    path: str
    facts: FileFacts


@dataclass(frozen=True, slots=True)
class Generation:
    """How an agent made a media item; `task_id` is the key of its GenerationTask."""

    agent_id: str
    prompt_used: str
    model_version: str
    generation_time: datetime
    task_id: int | None = None


def store_file(file: IO[bytes], declared: Format) -> StoredContent:
    """Examine a file that this process holds and put it into its final place; the name is ours.

    Call it outside of a transaction: decoding takes time. Raises what `examination` raises.
    """
    facts = _examined(file, declared)
    path = _final_path(declared)
    unowned.note(path)
    file.seek(0)
    default_storage.save(path, File(file))
    return StoredContent(path, facts)


def adopt_file(received: str, declared: Format) -> StoredContent:
    """Give received bytes their final place and examine them there, where no sender can change them any more.

    Call it outside of a transaction. Raises FileNotFoundError, or what `examination` raises; nothing is left then.
    """
    path, storage = _final_path(declared), media_storage()
    unowned.note(path)
    try:
        storage.adopt(received, path, content_type=declared.mime_type)
        if declared.kind in PLAYABLE:
            facts = examine_head(storage.head(path, HEAD_BYTES), storage.size(path), declared)
        else:
            with storage.open(path, "rb") as file:
                facts = examine(file, declared)
    except BaseException:
        unowned.discard(path)
        raise
    return StoredContent(path, facts)


def discard(content: StoredContent) -> None:
    """Remove a stored file that no row came to own."""
    unowned.discard(content.path)


def _final_path(declared: Format) -> str:
    folder = "images" if declared.kind == MediaKind.IMAGE else "documents"
    return random_path(folder, f"original.{declared.extensions[0]}")


def _examined(file: IO[bytes], declared: Format) -> FileFacts:
    if declared.kind not in PLAYABLE:
        return examine(file, declared)
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return examine_head(file.read(HEAD_BYTES), size, declared)


def add_media(
    *,
    project: Project,
    content: StoredContent,
    filename: str,
    user: User | None,
    values: Mapping[str, Any],
    status: MediaStatus = MediaStatus.ACTIVE,
    replaces: Media | None = None,
    generation: Generation | None = None,
) -> Media:
    """Give a stored file its media item, inside the caller's transaction, which holds the project's lock.

    `values` are fields by name, checked here; what is absent comes from `replaces`, whose next version this
    is, else from the file. What takes longer (thumbnail, text, embedding) is done in the background.
    Raises INVALID, LIMIT_EXCEEDED, or CONFLICT where the project is archived.
    """
    require_unarchived(project)
    facts = content.facts
    require_room(project, facts.size)
    checked = _initial_values(filename, facts, replaces)
    checked |= {name: check_field(name, value, project) for name, value in values.items()}
    media = Media(
        project=project,
        kind=facts.format.kind,
        status=status,
        filename=filename,
        mime_type=facts.format.mime_type,
        file_size=facts.size,
        sha256=facts.sha256,
        width=facts.width,
        height=facts.height,
        uploaded_by=user,
        **{name: value for name, value in checked.items() if name not in LISTS},
    )
    if replaces is not None:
        latest = Media.objects.filter(chain=replaces.chain).aggregate(latest=Max("version"))["latest"]
        media.chain, media.version = replaces.chain, latest + 1
    if generation is not None:
        _note_generation(media, generation)
    _attach_file(media, content, user)
    media.save(force_insert=True)
    unowned.take(content.path)
    _write_lists(media, checked)
    words_changed([media.pk])
    _count_bytes(project, facts.size)
    queue_processing(media)
    record_event(project, ProjectEvent.Type.MEDIA_UPDATED, media.pk)
    return media


def create_media_from_bytes(
    *,
    project_id: int,
    user: User | None,
    data: bytes,
    mime_type: str,
    filename: str,
    values: Mapping[str, Any],
    generation: Generation | None = None,
) -> Media:
    """Store bytes that this process made as media of a project, in a transaction of its own.

    Raises what `store_file` and `add_media` raise; nothing is left behind then.
    """
    name = check_filename(filename)
    content = store_file(io.BytesIO(data), declared_format(mime_type, name))
    try:
        with transaction.atomic():
            return add_media(
                project=lock_project(project_id),
                content=content,
                filename=name,
                user=user,
                values=values,
                generation=generation,
            )
    except BaseException:
        discard(content)
        raise


@transaction.atomic
def update_media(
    *, user: User, media_id: int, changes: Mapping[str, Any], expected_revision: int | None = None
) -> Media:
    """Write the fields in `changes`, and no others; None clears where the value may be empty.

    Raises NOT_FOUND, INVALID, or CONFLICT (project archived, another revision, still being processed).
    """
    media, project = _locked(user, media_id)
    if expected_revision is not None and expected_revision != media.revision:
        raise conflict(
            "Someone else has changed this media item meanwhile. Read it again and repeat your change.",
            "expected_revision",
        )
    checked = {name: check_field(name, value, project) for name, value in changes.items()}
    if "status" in checked:
        require_status_may_change(media, checked["status"])
    for name, value in checked.items():
        if name not in LISTS:
            setattr(media, name, value)
    _write_lists(media, checked)
    _save_edit(media, project)
    if not WORDS.isdisjoint(checked):
        words_changed([media.pk])
    return media


@transaction.atomic
def archive_media(*, user: User, media_id: int) -> Media:
    """Put a media item aside; archiving an archived one changes nothing. Raises NOT_FOUND, CONFLICT."""
    media, project = _locked(user, media_id)
    if media.status != MediaStatus.ARCHIVED:
        require_status_may_change(media, MediaStatus.ARCHIVED)
        media.status = MediaStatus.ARCHIVED
        _save_edit(media, project)
    return media


@transaction.atomic
def retry_media(*, user: User, media_id: int) -> Media:
    """Have a FAILED media item's file processed again. Raises NOT_FOUND, or CONFLICT where it has not failed or
    the project is archived.
    """
    media, project = _locked(user, media_id)
    if media.status != MediaStatus.FAILED:
        raise conflict("Only media that failed can be processed again.")
    media.status, media.error_code, media.error_message = MediaStatus.PROCESSING, "", ""
    _save_edit(media, project)
    queue_processing(media)
    return media


def queue_processing(media: Media) -> None:
    """Have a media item's file processed, inside the caller's transaction; workers hear of it after the commit."""
    ProcessingJob.objects.filter(media=media).delete()
    media.job = ProcessingJob.objects.create(media=media)
    transaction.on_commit(_dispatch_processing)


def _dispatch_processing() -> None:
    from .tasks import process_media

    try:
        process_media.delay()
    except Exception:
        # The row is the queue of record: the sweep sends again what the broker did not take.
        logger.warning("Processing could not be sent to the queue; the sweep will.", exc_info=True)


@transaction.atomic
def delete_media(*, user: User, media_id: int) -> None:
    """Delete a media item; its files go after the commit. Raises NOT_FOUND, CONFLICT (archived)."""
    media, project = _locked(user, media_id)
    holder = media.image or media.document
    renditions = media.image.renditions.values_list("file", flat=True) if media.image else ()
    unowned.give_up(media.file_path, media.thumbnail, *renditions)
    _count_bytes(project, -media.file_size)
    media.delete()
    if holder is not None:
        holder.delete()
    record_event(project, ProjectEvent.Type.MEDIA_UPDATED, media_id)


def _count_bytes(project: Project, size: int) -> None:
    # updated_at and revision stay: this is no edit of the project.
    Project.objects.filter(pk=project.pk).update(media_bytes=F("media_bytes") + size)


def _locked(user: User, media_id: int) -> tuple[Media, Project]:
    found = MediaPolicy(user).get(ProjectAction.EDIT, media_id)
    project = lock_project(found.project_id)
    # Membership may have ended while we waited for the lock.
    ProjectPolicy(user).get(ProjectAction.EDIT, project.pk)
    require_unarchived(project)
    media = Media.objects.select_for_update(of=("self",)).get(pk=media_id)
    media.project = project
    return media, project


def _save_edit(media: Media, project: Project) -> None:
    media.revision += 1
    media.save()
    record_event(project, ProjectEvent.Type.MEDIA_UPDATED, media.pk)


def require_status_may_change(media: Media, wanted: str) -> None:
    """Raises CONFLICT where people may not give a media item this status now."""
    if media.status == MediaStatus.PROCESSING:
        raise conflict("This media item is still being processed. Wait until it is ready.", "status")
    if media.status == MediaStatus.FAILED and wanted != MediaStatus.ARCHIVED:
        raise conflict("Processing this media item failed. Have it processed again, or archive it.", "status")


def _initial_values(filename: str, facts: FileFacts, replaces: Media | None) -> dict[str, Any]:
    if replaces is not None:
        return {name: getattr(replaces, name) for name in INHERITED}
    stem = filename.rpartition(".")[0] or filename
    return {"title": stem[:MAX_TITLE_LENGTH], "media_type": DEFAULT_TYPE[facts.format.kind]}


def _note_generation(media: Media, generation: Generation) -> None:
    media.agent_generated = True
    media.agent_id = generation.agent_id
    media.prompt_used = generation.prompt_used
    media.model_version = generation.model_version
    media.generation_time = generation.generation_time
    media.task_id = generation.task_id


def _attach_file(media: Media, content: StoredContent, user: User | None) -> None:
    facts = content.facts
    common = {
        "title": media.title,
        "file": content.path,
        "file_size": facts.size,
        "file_hash": facts.sha1,
        "uploaded_by_user": user,
    }
    # In bulk, which sends no signals: project files stay out of Wagtail's indexes.
    if media.kind == MediaKind.IMAGE:
        image = CustomImage(width=facts.stored_width, height=facts.stored_height, **common)
        media.image = CustomImage.all_objects.bulk_create([image])[0]
    else:
        media.document = CustomDocument.all_objects.bulk_create([CustomDocument(**common)])[0]


def _write_lists(media: Media, values: Mapping[str, Any]) -> None:
    if "tags" in values and values["tags"] != media.tags:
        media.tag_rows.all().delete()
        MediaTag.objects.bulk_create(MediaTag(media=media, name=name) for name in values["tags"])
    if "character_keys" in values and values["character_keys"] != media.character_keys:
        media.character_rows.all().delete()
        MediaCharacter.objects.bulk_create(MediaCharacter(media=media, key=key) for key in values["character_keys"])
