"""What a director remembers of a long conversation, so that a turn costs the same however long it is: the decisions
that were made, a summary of what was said long ago (summaries.py writes it), and word for word what came after.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import QuerySet, Subquery
from django.db.models.functions import Coalesce

from ai.contract import ChatMessage, Role
from ai.director import MOST_PINNED_FACTS
from ai.text import one_line, shorten
from ai.tokens import message_tokens

from .models import Message, Session, Summary

# Messages that are told word for word at most.
HISTORY_MESSAGES = 60
# When so many messages, or so large a part of the model's input, are in no summary, one is made.
DUE_MESSAGES = 40
DUE_SHARE = 0.5
# Messages of the path, newest first, among which decisions and a summary are looked for.
LOOKED_AT = 1_000
LONGEST_OWN_WORDS = 200
_DECISION = ("step__title", "selected_choice__title", "selected_choice__is_manual_override", "content")


@dataclass(frozen=True, slots=True)
class Memory:
    """`summary` tells the path up to and with the message number `upto`; "" and 0 where there is none."""

    summary: str
    upto: int
    decisions: tuple[str, ...]


def recall(session: Session, message: Message) -> Memory:
    """What is remembered when `message`, the newest of the active path, is answered: two queries, whose rows do not
    grow with the conversation.
    """
    path = Message.objects.filter(session=session, on_active_path=True, seq__lt=message.seq)
    oldest = path.order_by("-seq").values("seq")[LOOKED_AT : LOOKED_AT + 1]
    recent = path.filter(seq__gt=Coalesce(Subquery(oldest), 0))
    found = newest_summary(recent)
    return Memory(
        summary=found.text if found else "",
        upto=found.message.seq if found else 0,
        decisions=tuple(_decisions(recent)),
    )


def newest_summary(path: QuerySet[Message]) -> Summary | None:
    """The summary that reaches furthest on a path, with its message."""
    written = Summary.objects.filter(message__in=path).exclude(text="")
    return written.select_related("message").only("text", "message__seq").order_by("-message__seq").first()


def _decisions(path: QuerySet[Message]) -> Iterator[str]:
    """The latest choices taken, oldest first, each with the step at which it was."""
    taken = path.filter(selected_choice__isnull=False).order_by("-seq").values_list(*_DECISION)
    for step, title, is_own_words, content in reversed(taken[: MOST_PINNED_FACTS - 1]):
        where = f"At “{step}”" if step else "At a step that is gone"
        words = shorten(one_line(content if is_own_words else content.removeprefix(title)), LONGEST_OWN_WORDS)
        if is_own_words:
            yield f"{where}, decided in the producer's own words: {words}"
        else:
            yield f"{where}, chosen: {title}" + (f" ({words})" if words else "")


def is_due(untold: Sequence[ChatMessage]) -> bool:
    """Whether so much of a conversation is in no summary that one should be made."""
    return len(untold) >= DUE_MESSAGES or sum(map(message_tokens, untold)) > share_of_input(DUE_SHARE)


def share_of_input(share: float) -> float:
    """Tokens of a part of the model's input."""
    return float(settings.MODEL_INPUT_TOKENS * share)


def role_of(message: Message) -> Role:
    """Who spoke, in the words of the model's contract."""
    roles: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
    return roles[message.role]
