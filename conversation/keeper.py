"""What turns at work need from the database meanwhile, asked and written for all of a process's at once.

A few statements a few times a second, however many turns there are: who was stopped or taken over is noticed, leases
are renewed, and what replies have grown by is appended, so that saving costs the same however long a reply is.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from cms.api.threads import with_connections

from .choices import TurnStatus
from .growing import GrowingReply
from .models import Turn, TurnChunk
from .outcomes import lease_end

logger = logging.getLogger(__name__)

# Seconds between two looks. A person who stops a turn waits for the next one at most.
TICK = 0.25
STOPPING = threading.Event()
"""Set at shutdown: runners hand their turns back."""

Place = tuple[int, int]


@dataclass(eq=False, slots=True)
class Kept:
    """A turn at work. `stop` is called, from any thread, once it is no longer its runner's."""

    turn: Turn
    reply: GrowingReply
    stop: Callable[[], None]
    leased_at: float
    saved: int = 0

    @property
    def place(self) -> Place:
        return self.turn.pk, self.turn.attempts

    def is_due(self, now: float) -> bool:
        """Whether there is something to write."""
        return self.reply.count > self.saved or self.is_lease_due(now)

    def is_lease_due(self, now: float) -> bool:
        return bool(now - self.leased_at >= settings.TURN_LEASE_SECONDS / 3)


class Keeper:
    """Keeps turns; `tick` does it once. `start` has a thread of its own do it."""

    def __init__(self) -> None:
        self._kept: set[Kept] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def keeping(self, turn: Turn, reply: GrowingReply, stop: Callable[[], None]) -> Iterator[None]:
        """Keep a turn that has just been claimed, until the block ends."""
        kept = Kept(turn, reply, stop, time.monotonic())
        with self._changed:
            self._kept.add(kept)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._kept.discard(kept)
                self._changed.notify_all()

    def has(self, turn_id: int) -> bool:
        """Whether the turn is at work here: then its runner is alive, however late its lease is."""
        with self._changed:
            return any(each.turn.pk == turn_id for each in self._kept)

    def start(self) -> None:
        """Begin to keep, where that has not begun yet."""
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="turn-keeper", daemon=True)
                self._thread.start()

    def wait_until_idle(self, timeout: float) -> bool:
        """Whether no turn is at work any more, `timeout` seconds from now at the latest."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._kept, timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._kept)
            with_connections(self.tick)
            time.sleep(TICK)

    def tick(self) -> None:
        """Look after all turns once. What cannot be written now is written by the next."""
        kept = list(self._kept)
        if STOPPING.is_set():
            _stop(kept)
        try:
            mine = _still_mine(kept)
            _stop(each for each in kept if each.place not in mine)
            _write([each for each in kept if each.place in mine])
        except Exception:
            logger.warning("Turns at work could not be looked after.", exc_info=True)
            # Another runner may have them by now.
            over = time.monotonic() - settings.TURN_LEASE_SECONDS
            _stop(each for each in kept if each.leased_at < over)


def _stop(kept: Iterable[Kept]) -> None:
    for each in kept:
        each.stop()


def _still_mine(kept: list[Kept]) -> set[Place]:
    rows = Turn.objects.filter(pk__in=[each.turn.pk for each in kept], status=TurnStatus.RUNNING)
    return set(rows.filter(cancel_requested=False).values_list("pk", "attempts"))


def _write(kept: list[Kept]) -> None:
    """Append what replies have grown by and renew the leases that are a third over."""
    now = time.monotonic()
    due = {each: each.reply.count for each in kept if each.is_due(now)}
    if not due:
        return
    renewed: list[Kept] = []
    with transaction.atomic():
        # A row that somebody else holds is being ended, or waits for the next tick.
        rows = Turn.objects.select_for_update(skip_locked=True, no_key=True).order_by("pk")
        running = rows.filter(pk__in=[each.turn.pk for each in due], status=TurnStatus.RUNNING)
        mine = set(running.values_list("pk", "attempts"))
        held = [each for each in due if each.place in mine]
        renewed = [each for each in held if each.is_lease_due(now)]
        if renewed:
            Turn.objects.filter(pk__in=[each.turn.pk for each in renewed]).update(lease_expires_at=lease_end())
        grown = [each for each in held if due[each] > each.saved]
        # An earlier tick may have been committed without our hearing of it.
        TurnChunk.objects.bulk_create(
            [_chunk(each, due[each]) for each in grown],
            update_conflicts=True,
            unique_fields=["turn", "attempt", "offset"],
            update_fields=["text"],
        )
    for each in renewed:
        each.leased_at = now
    for each in grown:
        each.saved = due[each]


def _chunk(kept: Kept, count: int) -> TurnChunk:
    offset, text = kept.reply.joined(kept.saved, count)
    return TurnChunk(turn_id=kept.turn.pk, attempt=kept.turn.attempts, offset=offset, text=text)
