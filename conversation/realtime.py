"""What a subscriber of a session sees: the stored log in order, and the growing reply.

Hints say "read the log" or carry a piece of the reply. They may be lost, doubled or late, so the stream trusts the
store alone: it passes a piece on only where it fits what was passed on before, reads the log again on every hint and
every few seconds anyway, and asks again for access each time.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from cms.accounts.models import User
from cms.api.threads import in_thread
from cms.realtime import Hints

from .choices import TurnStatus
from .models import SessionEvent, Turn
from .policy import SessionPolicy
from .runner import utf16_length

# Seconds: how often the log is read and access asked for without any hint.
POLL = 5.0
# Seconds: how soon the store is read again where a piece of the reply is missing.
GAP_POLL = 0.1
BATCH = 200


@dataclass(slots=True)
class TurnDelta:
    """Part of a reply. `offset` counts UTF-16 code units from the reply's beginning."""

    turn: int
    attempt: int
    offset: int
    text: str
    at: datetime = field(default_factory=timezone.now)
    seq: None = None


class AccessLostError(Exception):
    """The subscriber may no longer see the session."""


@dataclass(slots=True)
class _Growing:
    """The reply that this subscriber is shown: how much of which attempt has been passed on."""

    turn: int = 0
    attempt: int = 0
    offset: int = 0
    behind: bool = False
    closed: bool = False


class SessionStream:
    """One subscriber's view of a session."""

    def __init__(self, user_id: int, session_id: int, after: int | None) -> None:
        self._user_id = user_id
        self._session_id = session_id
        self._after = after
        self._reply = _Growing()

    async def events(self, hints: Hints) -> AsyncGenerator[SessionEvent | TurnDelta, None]:
        """Stored events after `after` once and in order, then live ones; a reply under way from its beginning.

        Raises AccessLostError within a moment of access being withdrawn.
        """
        hint: dict[str, Any] | None = None
        while True:
            if hint is not None and "turn" in hint:
                delta = self._fitting(hint)
                if delta is not None:
                    yield delta
            else:
                async for item in self._catch_up():
                    yield item
            hint = await hints.next(GAP_POLL if self._reply.behind else POLL)

    async def _catch_up(self) -> AsyncGenerator[SessionEvent | TurnDelta, None]:
        more = True
        while more:
            rows, turn = await in_thread(self._read)
            more = len(rows) == BATCH
            if turn is not None and turn.status != TurnStatus.RUNNING and not more:
                # What is left of a reply comes before the stored message, and nothing of it afterwards.
                tail = self._close(turn)
                if tail is not None:
                    yield tail
            for row in rows:
                self._after = row.seq
                yield row
        if turn is not None and turn.status == TurnStatus.RUNNING:
            delta = self._from_store(turn)
            if delta is not None:
                yield delta

    def _read(self) -> tuple[list[SessionEvent], Turn | None]:
        """The next stored events, and the session's latest turn as it was after them."""
        user = User.objects.filter(pk=self._user_id).first()
        if not SessionPolicy(user).sees(self._session_id):
            raise AccessLostError
        rows = SessionEvent.objects.filter(session=self._session_id, seq__gt=self._after).order_by("seq")
        found = list(rows[:BATCH])
        return found, Turn.objects.filter(session=self._session_id).order_by("-pk").first()

    def _from_store(self, turn: Turn) -> TurnDelta | None:
        reply = self._reply
        if (turn.pk, turn.attempts) != (reply.turn, reply.attempt):
            self._reply = reply = _Growing(turn.pk, turn.attempts)
        length = utf16_length(turn.text)
        if length <= reply.offset:
            return None
        delta = TurnDelta(turn.pk, turn.attempts, reply.offset, utf16_tail(turn.text, reply.offset))
        reply.offset, reply.behind = length, False
        return delta

    def _close(self, turn: Turn) -> TurnDelta | None:
        reply = self._reply
        was_shown = (turn.pk, turn.attempts) == (reply.turn, reply.attempt) and not reply.closed
        tail = self._from_store(turn) if was_shown else None
        self._reply = _Growing(turn.pk, turn.attempts, closed=True)
        return tail

    def _fitting(self, hint: dict[str, Any]) -> TurnDelta | None:
        reply = self._reply
        place = (hint["turn"], hint["attempt"])
        if place < (reply.turn, reply.attempt) or (reply.closed and place == (reply.turn, reply.attempt)):
            return None
        if place != (reply.turn, reply.attempt):
            self._reply = reply = _Growing(*place)
        if hint["offset"] > reply.offset:
            reply.behind = True
            return None
        end = hint["offset"] + utf16_length(hint["text"])
        if end <= reply.offset:
            return None
        text = utf16_tail(hint["text"], reply.offset - hint["offset"])
        delta = TurnDelta(*place, reply.offset, text)
        reply.offset = end
        return delta


def utf16_tail(text: str, offset: int) -> str:
    """`text` from a UTF-16 offset on."""
    return text.encode("utf-16-le")[2 * offset :].decode("utf-16-le")
