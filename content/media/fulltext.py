"""Finding media by words, with each database's own full-text index: FTS5 on SQLite, a GIN index on PostgreSQL.

Why not Wagtail's search: docs/adr/0007-search.md.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from .lexemes import PLACES, Word, lexeme, lexemes_of
from .models import Media
from .search_index import MediaWords

# Of a word that more media have, the newest so many count.
MOST_OF_A_WORD = 20_000
MOST_FOUND = 10_000
# A longer word than the one that was typed.
BEGUN = 0.8
# What has no more than a word that nearly everything has is left out: the least score, and part of the best score.
LEAST, LEAST_OF_BEST = 0.15, 0.25
# Rows that are read and written at once; each may hold long text.
BATCH = 100

Ids = NDArray[np.int64]
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Found:
    """Media by their keys, best first, with a score above 0 and up to 1."""

    media_ids: Ids
    scores: Scores


NOTHING = Found(np.empty(0, np.int64), np.empty(0, np.float64))


@dataclass(frozen=True, slots=True)
class _Lookup:
    """What is asked of the index: a word at a place, or (`word` is None) all words at any place."""

    word: int | None
    weight: float
    expression: str


def index_words(media_ids: Collection[int]) -> None:
    """Make the index follow what media say now, inside the transaction that changed it. Gone with the media item."""
    keys = list(media_ids)
    for start in range(0, len(keys), BATCH):
        media = Media.objects.filter(pk__in=keys[start : start + BATCH])
        rows = media.select_related("text_row").prefetch_related("tag_rows", "character_rows")
        MediaWords.objects.bulk_create(
            [MediaWords(media_id=row.pk, lexemes=lexemes_of(row)) for row in rows],
            update_conflicts=True,
            update_fields=["lexemes"],
            unique_fields=["media"],
        )


def find(project_id: int, words: Sequence[Word], *, but: int | None = None) -> Found:
    """The media of a project, archived ones too, that have some of the words; at most 10,000. One query.

    `but` is the key of one that is left out.

    A word counts the more the fewer media have it, and by the best place where a media item has it (`PLACES`); one
    that has all words at the best place scores 1.
    """
    if not words:
        return NOTHING
    lookups = list(_lookups(project_id, words))
    lists = _ask(lookups)
    ids = _distinct(np.concatenate(lists))
    best = np.zeros((len(words), len(ids)))
    for lookup, found in zip(lookups, lists, strict=True):
        rows = slice(None) if lookup.word is None else slice(lookup.word, lookup.word + 1)
        columns = np.searchsorted(ids, found)
        best[rows, columns] = np.maximum(best[rows, columns], lookup.weight)
    rarity = 1 / np.log2(2 + np.maximum(1, (best > 0).sum(axis=1)))
    scores: Scores = rarity @ best / rarity.sum()
    scores = np.where(ids == but, 0.0, scores)
    kept = scores >= max(LEAST, LEAST_OF_BEST * scores.max(initial=0.0))
    return best_first(ids[kept], scores[kept])


def best_first(ids: Ids, scores: Scores) -> Found:
    """The best 10,000 in order; of equal ones the newer first."""
    order = np.lexsort((-ids, -scores))[:MOST_FOUND]
    return Found(ids[order], scores[order])


def _distinct(values: Ids) -> Ids:
    """In order. NumPy's own takes several times as long at a hundred thousand."""
    ordered = np.sort(values)
    return ordered[np.diff(ordered, prepend=-1) > 0]


def _lookups(project_id: int, words: Sequence[Word]) -> Iterator[_Lookup]:
    syntax = SYNTAX[connection.vendor]
    for number, word in enumerate(words):
        for place, weight in PLACES.items():
            text = lexeme(project_id, place, word.text)
            yield _Lookup(number, weight, syntax.exact(text))
            if word.is_begun:
                yield _Lookup(number, weight * BEGUN, syntax.begun(text))
    if len(words) > 1:
        # Else media would be missed that have two words of which each is in more than MOST_OF_A_WORD newer ones.
        surely = BEGUN if any(word.is_begun for word in words) else 1.0
        for depth, weight in enumerate(PLACES.values(), start=1):
            yield _Lookup(None, weight * surely, _all_of(project_id, words, list(PLACES)[:depth]))


def _all_of(project_id: int, words: Sequence[Word], places: Sequence[str]) -> str:
    """All words, each at one of the places."""
    syntax = SYNTAX[connection.vendor]
    each = []
    for word in words:
        written = syntax.begun if word.is_begun else syntax.exact
        each.append(syntax.any_of.join(written(lexeme(project_id, place, word.text)) for place in places))
    return syntax.all_of.join(f"({one})" for one in each)


def _ask(lookups: Sequence[_Lookup]) -> list[Ids]:
    """The keys of the media that each lookup finds, newest first, by one statement."""
    select = SYNTAX[connection.vendor].select
    sql = " UNION ALL ".join(select.format(number=number, most=MOST_OF_A_WORD) for number in range(len(lookups)))
    with connection.cursor() as cursor:
        cursor.execute(sql, [lookup.expression for lookup in lookups])
        answers: dict[int, str | None] = dict(cursor.fetchall())
    return [_numbers(answers[number]) for number in range(len(lookups))]


def _numbers(text: str | None) -> Ids:
    return np.fromstring(text, np.int64, sep=",") if text else np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Syntax:
    """How a database is asked, and with `select` for media.

    Lexemes hold letters, digits and a full stop, so nothing in them needs escaping.
    """

    quote: str
    begun_mark: str
    any_of: str
    all_of: str
    select: str

    def exact(self, text: str) -> str:
        """What has the lexeme."""
        return f"{self.quote}{text}{self.quote}"

    def begun(self, text: str) -> str:
        """What has a lexeme that begins so."""
        return f"{self.exact(text)}{self.begun_mark}"


SYNTAX = {
    "sqlite": Syntax(
        '"',
        " *",
        " OR ",
        " AND ",
        "SELECT {number}, group_concat(rowid) FROM (SELECT rowid FROM media_words_index"
        " WHERE media_words_index MATCH %s ORDER BY rowid DESC LIMIT {most})",
    ),
    # "+ 0" keeps PostgreSQL from reading the newest media of all projects backwards until it has found enough.
    "postgresql": Syntax(
        "'",
        ":*",
        " | ",
        " & ",
        "SELECT {number}, array_to_string(array_agg(media_id), ',') FROM (SELECT media_id FROM media_words"
        " WHERE lexemes @@ %s::tsquery ORDER BY media_id + 0 DESC LIMIT {most}) AS found{number}",
    ),
}
