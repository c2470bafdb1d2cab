"""What media mean, as vectors: by which model, of what, and when.

A media item whose `embedding_model` is not the current model's name is due: after an edit of its words, and all of
them after a change of the model. Messages only say "look"; the sweep finds what they missed.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from django.conf import settings
from django.core.cache import cache as shared
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Substr

from ai.embeddings import (
    EmbeddingError,
    EmbeddingModel,
    EmbeddingRefusedError,
    EmbeddingUnavailableError,
    Matrix,
    Vector,
)
from ai.embeddings.jina import JinaModel
from ai.embeddings.local import LocalModel
from content.projects.models import Project
from content.projects.services import lock_project

from . import vectors
from .lexemes import words_in_filename
from .models import Media, MediaEmbedding

logger = logging.getLogger(__name__)

# Characters of extracted text, and of everything; a model may read less.
MOST_EXTRACT, MOST_TEXT = 2_000, 8_000
# Media that are embedded between two looks at the database.
BATCH = 32
# Seconds that one sweep works at most, and for which no other then begins.
SWEEP = 25
# Seconds until a service that failed is asked again; at least and at most, where it says so itself.
PAUSE, LONGEST_PAUSE = 30, 600
# An operator has to act first.
PAUSE_MISCONFIGURED = 300

Part = MediaEmbedding.Part
T = TypeVar("T", str, bytes)


@dataclass(frozen=True, slots=True)
class Subject:
    """What of a media item is embedded. Equal ones have equal vectors."""

    media_id: int
    project_id: int
    text: str
    picture: str


def model() -> EmbeddingModel:
    """The configured model."""
    return _model(settings.JINA_API_KEY, settings.JINA_BASE_URL)


@cache
def _model(key: str, address: str) -> EmbeddingModel:
    made: EmbeddingModel = JinaModel(key, address=address) if key else LocalModel()
    sees = "texts and pictures" if made.sees_pictures else "texts; pictures are found by their words"
    logger.info("Media are searched with %s, which reads %s.", made.name, sees)
    return made


def embed(media_id: int) -> None:
    """Embed a media item now, if it is due and no service is paused. It stays due where that fails.

    Call it outside of a transaction: it takes time. Never raises for a service's failure.
    """
    if not is_paused():
        used = model()
        _embed(_subjects([media_id], used), used)


def request() -> None:
    """Have what is due embedded soon, after the caller's transaction."""
    transaction.on_commit(_dispatch)


def sweep() -> int:
    """Embed what is due, for half a minute at most; answers how many media were looked at.

    Several workers may sweep at once, which costs work and spoils nothing; all but the first leave at once where
    they share a cache.
    """
    if is_paused() or not due(model()).exists() or not shared.add("embedding-sweep", True, timeout=2 * SWEEP):
        return 0
    done, until = 0, time.monotonic() + SWEEP
    try:
        while not is_paused() and time.monotonic() < until and (count := embed_due(BATCH)):
            done += count
    finally:
        shared.delete("embedding-sweep")
    return done


def embed_due(limit: int) -> int:
    """Embed at most `limit` media that are due, new and edited ones first; answers how many were looked at."""
    used = model()
    keys = due(used).values_list("pk", flat=True)
    subjects = _subjects(list(keys.filter(embedding_model="")[:limit]) or list(keys[:limit]), used)
    _embed(subjects, used)
    return len(subjects)


def due(used: EmbeddingModel) -> QuerySet[Media]:
    """The media without vectors of this model of what they say now, but for those whose file is being processed."""
    # Two ranges of an index; "not equal" would read the whole table.
    other = Q(embedding_model__lt=used.name) | Q(embedding_model__gt=used.name)
    return Media.objects.order_by().filter(other, job=None)


def is_paused() -> bool:
    """Whether the service failed a moment ago and is left alone, by all processes that share a cache."""
    return bool(shared.get(_pause_key()))


def pause(error: EmbeddingError) -> None:
    """Leave the service alone for a while, and say why in the log."""
    seconds: float = PAUSE_MISCONFIGURED
    if isinstance(error, EmbeddingUnavailableError):
        seconds = min(LONGEST_PAUSE, max(PAUSE, error.retry_after or 0))
    shared.set(_pause_key(), True, timeout=seconds)
    logger.warning("%s gives no embeddings, and is asked again in %.0f s: %s", model().name, seconds, error)


def _pause_key() -> str:
    return f"embedding-paused:{model().name}"


def _dispatch() -> None:
    from .tasks import sweep_embeddings

    try:
        sweep_embeddings.delay()
    except Exception:
        # The rows say what is due, and the next sweep finds them.
        logger.warning("Embedding could not be sent to the queue; the next sweep does it.", exc_info=True)


def _subjects(media_ids: Collection[int], used: EmbeddingModel) -> list[Subject]:
    rows = Media.objects.filter(pk__in=media_ids).exclude(embedding_model=used.name).order_by("pk")
    rows = rows.annotate(extract=Substr("text_row__text", 1, MOST_EXTRACT))
    rows = rows.prefetch_related("tag_rows", "character_rows")
    return [Subject(row.pk, row.project_id, text_of(row), row.thumbnail if used.sees_pictures else "") for row in rows]


def text_of(media: Media) -> str:
    """The words of a media item as a model reads them, the most telling first. Takes a row with its `extract`."""
    filename = words_in_filename(media.filename)
    extract: str | None = media.extract  # type: ignore[attr-defined]  # annotated
    parts = [
        media.title,
        filename if filename.casefold() not in media.title.casefold() else "",
        media.description,
        ", ".join([*media.tags, *media.character_keys]),
        f"scene {media.scene_key}" if media.scene_key else "",
        extract or "",
    ]
    return ". ".join(part.strip().rstrip(".") for part in parts if part.strip())[:MOST_TEXT]


def _embed(subjects: Sequence[Subject], used: EmbeddingModel) -> None:
    try:
        made = _vectors(subjects, used)
    except EmbeddingError as error:
        pause(error)
        return
    by_project: dict[int, list[Subject]] = defaultdict(list)
    for subject in subjects:
        by_project[subject.project_id].append(subject)
    for project_id, of_project in by_project.items():
        _write(project_id, of_project, made, used)


@transaction.atomic
def _write(project_id: int, subjects: Sequence[Subject], made: "_Made", used: EmbeddingModel) -> None:
    """Replace the vectors of media that still say what was embedded; no edit, so no revision and no event."""
    try:
        # So that keys rise in the order of commits, on which content.media.vectors relies.
        lock_project(project_id)
    except Project.DoesNotExist:
        return
    unchanged = set(_subjects([subject.media_id for subject in subjects], used)) & set(subjects)
    keys = [subject.media_id for subject in unchanged]
    MediaEmbedding.objects.filter(media__in=keys).delete()
    MediaEmbedding.objects.bulk_create(
        MediaEmbedding(
            project_id=project_id,
            media_id=key,
            part=part,
            model=used.name,
            dimensions=used.dimensions,
            vector=vectors.stored(vector),
        )
        for key in sorted(keys)
        for part, vector in made[key].items()
    )
    Media.objects.filter(pk__in=keys).update(embedding_model=used.name)


_Made = dict[int, dict[str, Vector]]


def _vectors(subjects: Sequence[Subject], used: EmbeddingModel) -> _Made:
    """The vectors of each media item by part; what the model refuses has none. Raises EmbeddingError."""
    made: _Made = {subject.media_id: {} for subject in subjects}
    texts = [(subject.media_id, subject.text) for subject in subjects]
    pictures = [(subject.media_id, data) for subject in subjects if (data := _picture(subject))]
    for key, vector in _each(texts, used.embed_passages):
        made[key][Part.TEXT] = vector
    for key, vector in _each(pictures, used.embed_pictures):
        made[key][Part.PICTURE] = vector
    return made


def _each(items: Sequence[tuple[int, T]], embed_many: Callable[[Sequence[T]], Matrix]) -> Iterator[tuple[int, Vector]]:
    """The vectors of the items, but for those that are refused for good."""
    if not items:
        return
    try:
        rows = embed_many([item for _, item in items])
    except EmbeddingRefusedError as error:
        if len(items) == 1:
            logger.warning("Media %s is not found by its meaning: %s", items[0][0], error)
            return
        half = len(items) // 2
        yield from _each(items[:half], embed_many)
        yield from _each(items[half:], embed_many)
    else:
        yield from zip((key for key, _ in items), rows, strict=True)


def _picture(subject: Subject) -> bytes | None:
    if not subject.picture:
        return None
    try:
        with default_storage.open(subject.picture, "rb") as file:
            data: bytes = file.read()
            return data
    except FileNotFoundError:
        return None
    except Exception as error:
        # A bucket that does not answer just now.
        raise EmbeddingUnavailableError(f"a thumbnail cannot be read ({type(error).__name__})") from error
