"""What a subscriber of a session sees: the stored log in order, and the growing reply.

Hints say "read the log" or carry a piece of the reply. They may be lost, doubled, late or out of order, so the stream
trusts the store alone: it passes a piece on only where it fits what was passed on before, keeps what came too early
until the store has what is missing, reads the log again on every other hint and every few seconds anyway, and asks
again for access each time.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from cms.accounts.callers import Caller
from cms.api.threads import in_thread
from cms.realtime import Hint, Hints

from .choices import TurnStatus
from .growing import utf16_length, utf16_tail
from .models import SessionEvent, Turn, TurnChunk
from .policy import SessionPolicy
from .presence import Presences

# Seconds: how often the log is read and access asked for without any hint.
POLL = 5.0
# Seconds: how soon the store is read again where a piece of the reply is missing.
GAP_POLL = 0.1
BATCH = 200
# Pieces that are kept until what goes before them is there; the store has the others too.
MOST_EARLY = 64


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


class SignedOutError(Exception):
    """The subscriber's token has ended, or they are no longer active."""


def joined(earlier: Hint, later: Hint) -> Hint | None:
    """Two hints as one that tells the same; None where there is no such. For a subscriber who is busy."""
    if earlier == later or ("presences" in earlier and "presences" in later):
        return later
    if "turn" not in earlier or "turn" not in later or _place(earlier) != _place(later):
        return None
    if earlier["offset"] + utf16_length(earlier["text"]) != later["offset"]:
        return None
    return {**earlier, "text": earlier["text"] + later["text"]}


def _place(hint: Hint) -> tuple[int, int]:
    return hint["turn"], hint["attempt"]


@dataclass(slots=True)
class _Shown:
    """The reply that this subscriber is shown: how much of which attempt has been passed on."""

    turn: int = 0
    attempt: int = 0
    offset: int = 0
    closed: bool = False

    @property
    def place(self) -> tuple[int, int]:
        return self.turn, self.attempt


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the store has of a turn's reply, from `offset` on."""

    turn: int
    attempt: int
    is_running: bool
    offset: int = 0
    text: str = ""


class SessionStream:
    """One subscriber's view of a session."""

    def __init__(self, caller: Caller, session_id: int, after: int) -> None:
        self.caller = caller
        self.session_id = session_id
        self._after = after
        self._shown = _Shown()
        self._has_looked = False
        self._early: list[Hint] = []

    async def events(self, hints: Hints) -> AsyncGenerator[SessionEvent | TurnDelta | Presences, None]:
        """Stored events after `after` once and in order, then live ones; a reply under way from its beginning.

        Who is here is passed on as it comes with a hint of this process's own.

        Raises AccessLostError, SignedOutError within a moment of access being withdrawn.
        """
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            if clock() >= due:
                async for item in self._catch_up():
                    yield item
                for delta in self._fitting():
                    yield delta
                due = clock() + min(GAP_POLL if self._early else POLL, self.caller.seconds_left)
            hint = await hints.next(due - clock())
            if hint is None:
                continue
            if "presences" in hint:
                yield hint["presences"]
            elif "turn" in hint:
                self._early.append(hint)
                for delta in self._fitting():
                    yield delta
                if self._early:
                    due = min(due, clock() + GAP_POLL)
            else:
                due = clock()

    async def _catch_up(self) -> AsyncGenerator[SessionEvent | TurnDelta, None]:
        is_last = False
        while not is_last:
            rows, replies = await in_thread(self._read)
            is_last = len(rows) < BATCH
            for stored in replies:
                # What is left of a reply comes before the stored message, and nothing of it afterwards.
                if is_last and not stored.is_running:
                    for delta in self._pass_on(stored):
                        yield delta
                    self._shown.closed = True
            for row in rows:
                self._after = row.seq
                yield row
        for stored in replies:
            if stored.is_running:
                for delta in self._pass_on(stored):
                    yield delta
        self._has_looked = True

    def _read(self) -> tuple[list[SessionEvent], list[_Stored]]:
        """The next stored events, and what replies hold beyond what was passed on."""
        user = self.caller.user()
        if user is None:
            raise SignedOutError
        if not SessionPolicy(user).sees(self.session_id):
            raise AccessLostError
        rows = SessionEvent.objects.filter(session=self.session_id, seq__gt=self._after).order_by("seq")
        found = list(rows[:BATCH])
        return found, [self._stored(turn) for turn in self._turns()]

    def _turns(self) -> list[Turn]:
        """The session's latest turn, after the one that is shown where that is another and not known to have ended."""
        shown = self._shown
        turns = Turn.objects.filter(session=self.session_id).order_by("-pk").defer("text")
        latest = list(turns[:1])
        if latest and shown.turn and not shown.closed and shown.turn != latest[0].pk:
            return [*turns.filter(pk=shown.turn), *latest]
        return latest

    def _stored(self, turn: Turn) -> _Stored:
        shown = self._shown
        if turn.status == TurnStatus.RUNNING:
            known = shown.offset if (turn.pk, turn.attempts) == shown.place else 0
            return _Stored(turn.pk, turn.attempts, True, *_chunks_from(turn, known))
        place = turn.pk, turn.attempts
        # Also what came and ended between two looks, and nothing that had ended before the first.
        is_open = self._has_looked and (place > shown.place or (place == shown.place and not shown.closed))
        return _Stored(*place, False, 0, turn.text if is_open else "")

    def _pass_on(self, stored: _Stored) -> Iterator[TurnDelta]:
        if (stored.turn, stored.attempt) != self._shown.place:
            self._shown = _Shown(stored.turn, stored.attempt)
        yield from self._new_part(stored.offset, stored.text)

    def _fitting(self) -> Iterator[TurnDelta]:
        """What came as hints and fits by now; what is still too early is kept, and what is old forgotten."""
        shown = self._shown
        early = sorted(self._early, key=lambda hint: (*_place(hint), hint["offset"]))
        self._early = []
        for hint in early:
            place = _place(hint)
            if place < shown.place or (place == shown.place and shown.closed):
                continue
            if place == shown.place and hint["offset"] <= shown.offset:
                yield from self._new_part(hint["offset"], hint["text"])
            elif len(self._early) < MOST_EARLY:
                self._early.append(hint)

    def _new_part(self, offset: int, text: str) -> Iterator[TurnDelta]:
        """What goes beyond what was passed on."""
        shown = self._shown
        end = offset + utf16_length(text)
        if offset <= shown.offset < end:
            start, shown.offset = shown.offset, end
            yield TurnDelta(shown.turn, shown.attempt, start, utf16_tail(text, start - offset))


def _chunks_from(turn: Turn, offset: int) -> tuple[int, str]:
    """What is saved from the chunk on that `offset` lies in or at the end of, and where that chunk begins."""
    chunks = TurnChunk.objects.filter(turn=turn, attempt=turn.attempts).order_by("offset")
    first = chunks.filter(offset__lte=offset).order_by("-offset").values("offset")[:1]
    rows = list(chunks.filter(offset__gte=first).values_list("offset", "text"))
    return (rows[0][0], "".join(text for _, text in rows)) if rows else (offset, "")
