"""Finding what was said, by its words, in all sessions that one may see.

The words are kept as those of media are (docs/adr/0007-search.md), except that a lexeme does not begin with its
project: people search all of theirs at once. The project is a lexeme of its own, so that the index itself leaves
others' messages out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Case, QuerySet, Value, When
from django.db.models.expressions import Combinable, RawSQL

from cms.accounts.models import User
from cms.errors import invalid
from content.media.fulltext import SYNTAX
from content.media.lexemes import Word, places_of, sought_words
from content.projects.models import Membership, Project

from .choices import MessageRole
from .models import Message
from .policy import SessionPolicy
from .search_index import MessageWords, lexemes_of, often_lexeme, project_lexeme

MAX_TEXT_LENGTH = 500
MAX_WORDS = 12
# With more projects than these it costs less to leave others' messages out afterwards.
MOST_PROJECTS = 200
# Of what more messages have, the newest so many count.
MOST_FOUND = 20_000
BEST_THEN_NEWEST = ("-relevance", "-id")
# Letters of an excerpt, and of what comes before its first word that was sought.
EXCERPT, BEFORE = 240, 60
# Of a long message, so many letters are looked through for the best place.
MOST_EXAMINED = 50_000
MOST_COMPARED = 100

_TABLES = {
    "sqlite": "SELECT rowid FROM message_words_index WHERE message_words_index MATCH %s",
    "postgresql": "SELECT message_id FROM message_words WHERE lexemes @@ %s::tsquery",
}
# "+ 0" keeps PostgreSQL from reading the newest messages of all projects backwards until it has found enough.
_NEWEST = {
    "sqlite": " ORDER BY rowid DESC LIMIT {most}",
    "postgresql": " ORDER BY message_id + 0 DESC LIMIT {most}",
}


def index_message(message: Message) -> None:
    """Let a new message be found, inside the transaction that stores it. What the server itself says is not."""
    if message.role != MessageRole.SYSTEM:
        lexemes = lexemes_of(message.session.project_id, message.content)
        MessageWords.objects.create(message=message, lexemes=lexemes)


def words_of(text: str) -> list[Word]:
    """What to look for; the last word may be the beginning of one until a space follows it.

    Raises INVALID where the text is over-long or holds no word.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise invalid(f"Search for at most {MAX_TEXT_LENGTH} characters.", "text")
    words = sought_words(text, most=MAX_WORDS, last_is_begun=not text[-1:].isspace())
    if not words:
        raise invalid("Give at least one word to search for.", "text")
    return words


def found_messages(user: User, words: Sequence[Word], project: Project | None = None) -> QuerySet[Message]:
    """The messages of sessions that the person sees in which all the words are, of all branches.

    Each has a `relevance`: how many of the words are there as whole words, and once more those that are there often.
    It depends on nothing but the message and the words, so that an order by it is stable. Of words that more than
    20,000 messages of the person's projects have, the newest so many count.
    """
    syntax = SYNTAX[connection.vendor]
    scope = _scope(user, project)
    every = {word: (syntax.begun if word.is_begun else syntax.exact)(word.text) for word in words}
    within = [f"({syntax.any_of.join(syntax.exact(project_lexeme(key)) for key in scope)})"] if scope else []
    signs = [(word, often_lexeme(word.text)) for word in words]
    signs += [(word, word.text) for word in words if word.is_begun]
    # Counted before others' messages are left out, the newest could all be others'.
    most = MOST_FOUND if scope or user.is_admin else None
    relevance: Combinable = Value(0)
    for word, sign in signs:
        better = every | {word: syntax.exact(sign)}
        relevance += Case(When(pk__in=_having([*better.values(), *within], most), then=1), default=0)
    rows = SessionPolicy(user).messages()
    if project is not None:
        rows = rows.filter(session__project=project)
    return rows.filter(pk__in=_having([*every.values(), *within], most)).annotate(relevance=relevance)


def _having(lexemes: Sequence[str], most: int | None) -> RawSQL:
    """The keys of messages that have all of these; at most so many, the newest."""
    sql = _TABLES[connection.vendor]
    if most is not None:
        sql += _NEWEST[connection.vendor].format(most=most)
    return RawSQL(sql, [SYNTAX[connection.vendor].all_of.join(lexemes)])


def _scope(user: User, project: Project | None) -> list[int]:
    """The projects to which the index limits a search; none: it does not."""
    if project is not None:
        return [project.pk]
    if user.is_admin:
        return []
    mine = Membership.objects.of(user).values_list("project", flat=True)
    keys = list(mine[: MOST_PROJECTS + 1])
    return keys if len(keys) <= MOST_PROJECTS else []


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a message as plain text, and where the words are in it: first letter and number of letters."""

    text: str
    highlights: list[tuple[int, int]]


def excerpt(content: str, words: Sequence[Word]) -> Excerpt:
    """The part of a message with the most of the words, white space made single spaces.

    Offsets and lengths count UTF-16 code units.
    """
    text = " ".join(content[:MOST_EXAMINED].split())
    places = list(places_of(text, words))
    start, end = _window(text, places)
    opening, closing = "… " if start else "", " …" if end < len(text) else ""
    shown = opening + text[start:end] + closing
    highlights: list[tuple[int, int]] = []
    for first, after in _merged(places, start, end):
        offset = _utf16(opening + text[start:first])
        highlights.append((offset, _utf16(text[first:after])))
    return Excerpt(shown, highlights)


def _window(text: str, places: Sequence[tuple[int, int, Word]]) -> tuple[int, int]:
    """From where to where the excerpt reaches: whole words, where there are spaces."""
    main = _fullest(places)
    start = max(0, main - BEFORE)
    if start:
        start = text.find(" ", start, main) + 1 or start
    end = start + EXCERPT
    if end >= len(text):
        return start, len(text)
    space = text.rfind(" ", main + BEFORE, end + 1)
    return start, end if space < 0 else space


def _fullest(places: Sequence[tuple[int, int, Word]]) -> int:
    """Where an excerpt's first place is, so that it shows as many of the words as one can; of equal ones the first."""
    best, most = 0, 0
    for number, (first, _, _) in enumerate(places[:MOST_COMPARED]):
        near = places[number : number + MOST_COMPARED]
        count = len({word for _, end, word in near if end <= first - BEFORE + EXCERPT})
        if count > most:
            best, most = first, count
    return best


def _merged(places: Sequence[tuple[int, int, Word]], start: int, end: int) -> list[tuple[int, int]]:
    """What lies in the excerpt, touching places made one."""
    merged: list[tuple[int, int]] = []
    for first, after, _ in places:
        if first < start or after > end:
            continue
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(after, merged[-1][1]))
        else:
            merged.append((first, after))
    return merged


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
