"""Finding media of a project: by words and by meaning, or by likeness to another media item."""

import logging
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from django.db.models import Exists, OuterRef, Q, QuerySet

from ai.embeddings import EmbeddingError, EmbeddingModel, Matrix, Scale
from cms.errors import invalid
from content.projects.models import Project

from . import embedding, fulltext, vectors
from .choices import MediaStatus
from .fulltext import Found
from .lexemes import sought_words
from .models import Media, MediaCharacter, MediaTag

logger = logging.getLogger(__name__)

MAX_TEXT_LENGTH = 500
MAX_WORDS = 12
MAX_RESULTS = 100
FIELDS = ("title", "scene_key", "filename", "description")
# What each side adds to a score. Words that are there are surer than a likeness of meaning.
BY_WORDS, BY_MEANING = 0.6, 0.4
# Media of like meaning that are taken into account.
MOST_ALIKE = 500
# One or two letters mean nothing yet.
SHORTEST_MEANING = 3
# Queries whose vectors a process keeps, so that typing the same again costs nothing.
QUERIES_KEPT = 512
# Of what was found, so many are asked for first; archived ones among them are left out.
FIRST_LOOK = 300


def matches_all(rows: QuerySet[Media], text: str) -> QuerySet[Media]:
    """The rows in which every word of `text` is found somewhere."""
    for word in words_of(text):
        rows = rows.filter(_anywhere(word))
    return rows


def words_of(text: str) -> list[str]:
    """The distinct words of a text, in order, at most 12."""
    return list(dict.fromkeys(re.findall(r"\w+", text.casefold().replace("_", " "))))[:MAX_WORDS]


def find_by_text(project: Project, text: str, limit: int) -> list[Media]:
    """The best `limit` media of a project for a text, best first, each with a `score` above 0 and up to 1.

    A score is a convex combination of how well the words fit and how alike the meaning is, each from 0 to 1: Bruch,
    Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval" (ACM TOIS 42, 2023), found that to order
    better than reciprocal ranks, and unlike those it says how good the best one is. Where nothing is embedded, or
    no service answers, words alone make the score. Raises INVALID where the text is over-long or holds no word.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise invalid(f"Search for at most {MAX_TEXT_LENGTH} characters.", "text")
    words = sought_words(text, most=MAX_WORDS, last_is_begun=not text[-1:].isspace())
    if not words:
        raise invalid("Give at least one word to search for.", "text")
    by_words = fulltext.find(project.pk, words)
    by_meaning = _by_meaning(project, text)
    return _media(project, by_words if by_meaning is None else _fused(by_words, by_meaning), limit)


def find_similar(project: Project, likeness: Media, limit: int) -> list[Media]:
    """The best `limit` media of a project that are like `likeness`, itself left out, best first, each with a `score`.

    While it has no vector, those that share words with its tags, characters, scene and title.
    """
    used = embedding.model()
    own = vectors.of_media(likeness.pk, used.name)
    found = _by_words_of(project, likeness) if own is None else _alike(project, used, own, used.mutual)
    others = found.media_ids != likeness.pk
    return _media(project, Found(found.media_ids[others], found.scores[others]), limit)


def _by_words_of(project: Project, media: Media) -> Found:
    text = " ".join([*media.tags, *media.character_keys, media.scene_key, media.title])
    words = [word for word in sought_words(text, most=3 * MAX_WORDS, last_is_begun=False) if len(word.text) > 1]
    return fulltext.find(project.pk, words[:MAX_WORDS], but=media.pk)


def _by_meaning(project: Project, text: str) -> Found | None:
    """None where nothing can be said."""
    used, text = embedding.model(), " ".join(text.split())
    if (len(text) < SHORTEST_MEANING and text.isascii()) or not vectors.exist(project.pk, used.name):
        return None
    vector = _query_vector(used, text)
    return None if vector is None else _alike(project, used, vector[None], used.asked)


def _query_vector(used: EmbeddingModel, text: str) -> Matrix | None:
    if embedding.is_paused():
        return None
    try:
        return _kept_query_vector(used, text)
    except EmbeddingError as error:
        # Words still find; the next search need not wait for the same failure.
        embedding.pause(error)
        return None


@lru_cache(maxsize=QUERIES_KEPT)
def _kept_query_vector(used: EmbeddingModel, text: str) -> Matrix:
    return used.embed_query(text)


def _alike(project: Project, used: EmbeddingModel, wanted: Matrix, scale: Scale) -> Found:
    near = vectors.nearest(
        project_id=project.pk, model=used.name, vectors=wanted, above=scale.unrelated, most=MOST_ALIKE
    )
    scores = scale.likeness(near.cosines).astype(np.float64)
    return fulltext.best_first(near.media_ids[scores > 0], scores[scores > 0])


def _fused(by_words: Found, by_meaning: Found) -> Found:
    ids = np.union1d(by_words.media_ids, by_meaning.media_ids)
    scores = np.zeros(len(ids))
    for found, share in ((by_words, BY_WORDS), (by_meaning, BY_MEANING)):
        scores[np.searchsorted(ids, found.media_ids)] += share * found.scores
    return fulltext.best_first(ids, scores)


def _media(project: Project, found: Found, limit: int) -> list[Media]:
    """The first `limit` of what was found that are not archived, with their scores."""
    keys: list[int] = found.media_ids.tolist()
    wanted = _unarchived(project, keys[:FIRST_LOOK])[:limit]
    if len(wanted) < limit and len(keys) > FIRST_LOOK:
        wanted += _unarchived(project, keys[FIRST_LOOK:])[: limit - len(wanted)]
    scores = dict(zip(keys, found.scores.tolist(), strict=True))
    rows = Media.objects.in_bulk(wanted)
    media = [rows[key] for key in wanted if key in rows]
    for row in media:
        row.score = scores[row.pk]  # type: ignore[attr-defined]  # for the API
    return media


def _unarchived(project: Project, keys: Sequence[int]) -> list[int]:
    if not keys:
        return []
    rows = Media.objects.filter(pk__in=keys, project=project).exclude(status=MediaStatus.ARCHIVED)
    there = set(rows.values_list("pk", flat=True))
    return [key for key in keys if key in there]


def _anywhere(word: str) -> Q:
    condition = Q(_tagged(word)) | Q(_with_character(word))
    for field in FIELDS:
        condition |= Q(**{f"{field}__icontains": word})
    return condition


def _tagged(word: str) -> Exists:
    return Exists(MediaTag.objects.filter(media=OuterRef("pk"), name__icontains=word))


def _with_character(word: str) -> Exists:
    return Exists(MediaCharacter.objects.filter(media=OuterRef("pk"), key__icontains=word))
