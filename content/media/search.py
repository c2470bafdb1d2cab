"""Finding media by words: which rows, and how well each fits."""

import re

from django.db.models import Case, Exists, F, FloatField, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Cast

from cms.errors import invalid

from .models import Media, MediaCharacter, MediaTag

MAX_TEXT_LENGTH = 500
MAX_WORDS = 12
MAX_RESULTS = 100
# Short words say little about likeness.
MIN_LIKENESS_LENGTH = 3
# How much a word found in each place says about what the file is.
PLACES = (("title", 1.0), ("scene_key", 0.8), ("filename", 0.7), ("description", 0.6))
TAG_WEIGHT, CHARACTER_WEIGHT = 0.9, 0.8


def words_of(text: str) -> list[str]:
    """The distinct words of a text, in order, at most 12."""
    return list(dict.fromkeys(re.findall(r"\w+", text.casefold().replace("_", " "))))[:MAX_WORDS]


def matches_all(rows: QuerySet[Media], text: str) -> QuerySet[Media]:
    """The rows in which every word of `text` is found somewhere."""
    for word in words_of(text):
        rows = rows.filter(_anywhere(word))
    return rows


def find_by_text(rows: QuerySet[Media], text: str, limit: int) -> list[Media]:
    """The best `limit` rows for a text, best first, each with a `score` above 0 and up to 1.

    Raises INVALID where the text is over-long or holds no word.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise invalid(f"Search for at most {MAX_TEXT_LENGTH} characters.", "text")
    words = words_of(text)
    if not words:
        raise invalid("Give at least one word to search for.", "text")
    return _best(rows, words, limit)


def find_similar(rows: QuerySet[Media], likeness: Media, limit: int) -> list[Media]:
    """The best `limit` rows that share words with `likeness`: its tags, characters, scene and title."""
    text = " ".join([*likeness.tags, *likeness.character_keys, likeness.scene_key, likeness.title])
    words = [word for word in words_of(text) if len(word) >= MIN_LIKENESS_LENGTH]
    return _best(rows.exclude(pk=likeness.pk), words, limit) if words else []


def _best(rows: QuerySet[Media], words: list[str], limit: int) -> list[Media]:
    total = sum((_weight(word) for word in words), Value(0.0))
    scored = rows.annotate(score=Cast(total, FloatField()) / Value(float(len(words))))
    return list(scored.filter(score__gt=0).order_by(F("score").desc(), "-created_at", "-pk")[:limit])


def _weight(word: str) -> Case:
    """The weight of the best place in which a word is found; 0 where it is nowhere."""
    places = [
        *((Q(**{f"{field}__icontains": word}), weight) for field, weight in PLACES),
        (Q(_tagged(word)), TAG_WEIGHT),
        (Q(_with_character(word)), CHARACTER_WEIGHT),
    ]
    places.sort(key=lambda place: -place[1])
    return Case(*(When(found, then=Value(weight)) for found, weight in places), default=Value(0.0))


def _anywhere(word: str) -> Q:
    condition = Q(_tagged(word)) | Q(_with_character(word))
    for field, _ in PLACES:
        condition |= Q(**{f"{field}__icontains": word})
    return condition


def _tagged(word: str) -> Exists:
    return Exists(MediaTag.objects.filter(media=OuterRef("pk"), name__icontains=word))


def _with_character(word: str) -> Exists:
    return Exists(MediaCharacter.objects.filter(media=OuterRef("pk"), key__icontains=word))
