"""A session as one reads it: messages in order, with what was offered, chosen, attached and went wrong."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Prefetch, QuerySet

from cms.api.loading import related_list, together
from content.media import addresses
from content.media.models import Media

from .choices import MessageRole, TurnStatus
from .models import Choice, Message, MessageAttachment, Session, Turn
from .paths import siblings_of
from .rendering import render_markdown

DIRECTOR, SYSTEM, GONE = "Director", "System", "Someone who is no longer here"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message; `thumbnail` is None where it is no picture."""

    title: str
    kind: str
    file: str
    thumbnail: str | None


@dataclass(frozen=True, slots=True)
class Offered:
    """A card, and whether somebody took it."""

    choice: Choice
    taken: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One message. `turns` are those that it began, `turn` the one whose reply it is, `others` the numbers of the
    messages of other branches in its place, `onward` those of what follows it in any branch.
    """

    message: Message
    speaker: str
    html: str
    attachments: list[Attachment]
    offered: list[Offered]
    turn: Turn | None
    turns: list[Turn] = field(default_factory=list)
    others: list[int] = field(default_factory=list)
    onward: list[int] = field(default_factory=list)

    @property
    def unanswered(self) -> list[Turn]:
        """Turns that it began and that have not ended well: what a reader must be told."""
        return [turn for turn in self.turns if turn.status != TurnStatus.COMPLETED]


def messages_of(session: Session, keys: Sequence[int] | None = None) -> QuerySet[Message]:
    """The messages of a session's active path, or those of `keys`, in order, with all that `entries` reads."""
    attachments = MessageAttachment.objects.select_related("media")
    wanted = {"on_active_path": True} if keys is None else {"pk__in": keys}
    return (
        session.messages.filter(**wanted)
        .select_related("author", "selected_choice", "turn")
        .prefetch_related(
            Prefetch("attachment_rows", attachments),
            Prefetch("turns", Turn.objects.order_by("pk")),
            Prefetch("choice_rows", Choice.objects.order_by("offer", "position")),
        )
        .order_by("seq")
    )


def entries(session: Session, messages: Iterable[Message]) -> list[Entry]:
    """A page of a session's messages; a fixed number of queries, however many they are."""
    messages = together(messages)
    offered = [choice.pk for message in messages for choice in message.choice_rows.all()]
    taken = _taken(session, offered)
    return [
        Entry(
            message=message,
            speaker=speaker_of(message),
            html=render_markdown(message.content),
            attachments=[_attachment(row.media) for row in message.attachment_rows.all()],
            offered=_offered(message.choice_rows.all(), taken),
            turn=message.turn,
            turns=list(message.turns.all()),
            others=[other.seq for other in siblings_of(message) if other.pk != message.pk],
            onward=[reply.seq for reply in related_list(message, "replies")],
        )
        for message in messages
    ]


def first_offer(session: Session) -> list[Offered]:
    """What the session was opened with."""
    rows = list(session.choice_rows.filter(offer=1, message=None).order_by("position"))
    return _offered(rows, _taken(session, [choice.pk for choice in rows]))


def _taken(session: Session, choices: Iterable[int]) -> set[int]:
    rows: Any = session.messages.filter(selected_choice__in=list(choices))
    return set(rows.values_list("selected_choice_id", flat=True))


def _offered(choices: Iterable[Choice], taken: set[int]) -> list[Offered]:
    return [Offered(choice, choice.pk in taken) for choice in choices]


def speaker_of(message: Message) -> str:
    """The name of who said a message."""
    if message.role == MessageRole.ASSISTANT:
        return DIRECTOR
    if message.role == MessageRole.SYSTEM:
        return SYSTEM
    return message.author.name if message.author else GONE


def _attachment(media: Media) -> Attachment:
    return Attachment(media.title, media.get_kind_display(), addresses.file_url(media), addresses.thumbnail_url(media))
