"""The rolling summary of a long conversation: an earlier one and the messages after it become the next.

Summaries are rows on messages, so every branch has those of its own path. They are written after a turn, in the
background; a turn needs none.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from ai.contract import ChatMessage, ChatModel, Passage, ProviderCall, Scene
from ai.errors import AIError
from ai.summaries import Summarised, summarise
from ai.text import shorten
from ai.tokens import message_tokens
from cms.background import submit
from cms.errors import DomainError
from content.usage import services as usage

from .choices import MessageRole
from .memory import DUE_SHARE, HISTORY_MESSAGES, is_due, newest_summary, role_of, share_of_input
from .models import Message, MessageAttachment, Summary, Turn
from .sessions import lock_session

logger = logging.getLogger(__name__)

# What stays word for word: messages, and a part of the model's input.
KEPT_MESSAGES = 16
KEPT_SHARE = 0.25
# Of a message, in characters: the rest of a very long one hardly changes what is remembered of it.
LONGEST_SAID = 3_000
# Summaries in a row: a conversation that had none for long catches up in the turns that follow.
MOST_IN_A_ROW = 3
# Seconds after which a summary that was begun is taken for lost.
CLAIM_SECONDS = 300


@dataclass(frozen=True, slots=True)
class _Work:
    """What this caller, and no other, is to summarise. The claim is a summary without words, which nobody reads."""

    claim: Summary
    passage: Passage


def extend_later(turn: Turn, scene: Scene) -> None:
    """After a turn that answered `scene`, have a worker extend the summary, where there is enough to be told."""
    if not is_due(scene.history):
        return
    from .tasks import extend_summary

    try:
        extend_summary.delay(turn.pk)
    except Exception:
        # The next turn asks again.
        logger.warning("The summary after turn %s could not be sent to a worker.", turn.pk, exc_info=True)


def extend(turn_id: int, model: ChatModel) -> None:
    """Bring the summary of the active path of the turn's session up to date, as far as it is due; the turn's person
    pays. It may be called at any time, however often: one caller works, and a failure leaves all as it was.
    """
    turn = Turn.objects.select_related("session__project", "requested_by").filter(pk=turn_id).first()
    if turn is None:
        return
    for _ in range(MOST_IN_A_ROW):
        work = _claim(turn.session_id, model.name)
        if work is None or not _write(turn, work, model):
            return


@transaction.atomic
def _claim(session_id: int, model: str) -> _Work | None:
    """The next messages to take in; None where nothing is due, or somebody is at it."""
    session = lock_session(session_id)
    claims = Summary.objects.filter(message__session=session, text="")
    if claims.filter(created_at__gt=timezone.now() - timedelta(seconds=CLAIM_SECONDS)).exists():
        return None
    claims.delete()
    path = Message.objects.filter(session=session, on_active_path=True)
    earlier = newest_summary(path)
    untold = path.filter(seq__gt=earlier.message.seq if earlier else 0, notice_of=None)
    newest = list(untold.order_by("-seq")[:HISTORY_MESSAGES])[::-1]
    if not is_due(list(map(_whole, newest))):
        return None
    batch = _batch(untold.filter(seq__lt=_first_kept(newest)))
    if not batch:
        return None
    claim = Summary.objects.create(message=batch[-1], text="", model=model)
    return _Work(claim, Passage(earlier.text if earlier else "", tuple(map(_said, batch))))


def _first_kept(newest: Sequence[Message]) -> int:
    """The number of the user's message with which what stays word for word begins; the last turn always stays."""
    tokens, first = 0, None
    for count, message in enumerate(reversed(newest), start=1):
        tokens += message_tokens(_whole(message))
        if first is not None and (count > KEPT_MESSAGES or tokens > share_of_input(KEPT_SHARE)):
            break
        if message.role == MessageRole.USER:
            first = message.seq
    return first or 0


def _batch(untold: QuerySet[Message]) -> list[Message]:
    """The oldest messages that one call can take in; where it cannot take all, they end before a user's message."""
    files = Prefetch("attachment_rows", MessageAttachment.objects.select_related("media").order_by("position"))
    rows = list(untold.prefetch_related(files).order_by("seq")[: HISTORY_MESSAGES + 1])
    fitting = _fitting(rows)
    ends = [place for place in range(1, fitting + 1) if place == len(rows) or rows[place].role == MessageRole.USER]
    return rows[: ends[-1]] if ends else rows[:fitting]


def _fitting(rows: Sequence[Message]) -> int:
    """How many of the first fit in one call; at least one."""
    tokens = 0
    for count, row in enumerate(rows[:HISTORY_MESSAGES]):
        tokens += message_tokens(_said(row))
        if count and tokens > share_of_input(DUE_SHARE):
            return count
    return len(rows[:HISTORY_MESSAGES])


def _whole(message: Message) -> ChatMessage:
    return ChatMessage(role_of(message), message.content)


def _said(message: Message) -> ChatMessage:
    """A message as a summary takes it in."""
    files = ", ".join(row.media.filename for row in message.attachment_rows.all())
    text = shorten(message.content, LONGEST_SAID)
    return ChatMessage(role_of(message), f"{text}\n[Attached: {files}]" if files else text)


def _write(turn: Turn, work: _Work, model: ChatModel) -> bool:
    """Have the claimed summary written and keep it; False where there is none, and the claim is given back."""
    claim = Summary.objects.filter(pk=work.claim.pk, text="")
    made: Summarised | None = None
    try:
        usage.reserve(turn=turn, user=turn.requested_by, project=turn.session.project)
        made = _written(model, work.passage)
        _enter(turn, made.calls)
    except AIError as error:
        _enter(turn, error.calls)
        logger.warning("No summary of session %s: %s %s", turn.session_id, error.code, error.detail)
    except DomainError as error:
        logger.info("No summary of session %s: %s", turn.session_id, error.message)
    finally:
        if made is None:
            claim.delete()
    return made is not None and bool(claim.update(text=made.text, model=made.model))


def _written(model: ChatModel, passage: Passage) -> Summarised:
    """Raises AIError. A pooled connection is given back meanwhile: it takes a while."""
    if connection.vendor != "sqlite" and not connection.in_atomic_block:
        connection.close()
    return submit(summarise(model, passage)).result()


def _enter(turn: Turn, calls: Sequence[ProviderCall]) -> None:
    usage.settle(turn, calls, follows=True)
    usage.release(turn)
