"""Presence in a server's process: rows kept fresh for its open subscriptions, and changes passed on to them."""

import asyncio
import logging
import queue
import threading
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from django.conf import settings
from django.db import DatabaseError, IntegrityError
from django.utils import timezone

from cms.api.threads import in_thread, with_connections
from cms.realtime import Hints, listen

from .models import Presence
from .presence import Presences, hint_presence, presence_group, presences, present

logger = logging.getLogger(__name__)

# Seconds: how soon after a hint one looks, so that many who come at once are seen at once.
GATHER = 0.1
# Seconds: how often one looks without any hint.
POLL = 10.0
# Rows that one statement renews: databases limit its parameters.
BATCH = 500


class PresenceKeeper:
    """The presence rows of one process, written by one thread of its own: no subscription waits for the database."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[str, Presence | None]] = queue.SimpleQueue()
        self._open: dict[str, Presence] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def join(self, session_id: int, user_id: int) -> str:
        """A subscription has begun; answers what `leave` takes."""
        connection = uuid.uuid4().hex
        self._jobs.put((connection, Presence(session_id=session_id, user_id=user_id, connection=connection)))
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="presence", daemon=True)
                self._thread.start()
        return connection

    def leave(self, connection: str) -> None:
        """It has ended, in whatever way."""
        self._jobs.put((connection, None))

    def _run(self) -> None:
        beat = time.monotonic() + settings.PRESENCE_HEARTBEAT_SECONDS
        while True:
            try:
                connection, row = self._jobs.get(timeout=max(0.0, beat - time.monotonic()))
                self._attempt(self._come, row) if row is not None else self._attempt(self._go, connection)
            except queue.Empty:
                beat = time.monotonic() + settings.PRESENCE_HEARTBEAT_SECONDS
                self._attempt(self._renew)

    def _attempt(self, work: Callable[..., None], *arguments: object) -> None:
        try:
            with_connections(work, *arguments)
        except IntegrityError:
            # The session or the person is gone: so is the subscription, in a moment.
            logger.debug("A presence could not be kept.", exc_info=True)
        except Exception:
            # The next heartbeat writes what is missing.
            logger.warning("Presences could not be written.", exc_info=True)

    def _come(self, row: Presence) -> None:
        self._open[row.connection] = row
        row.seen_at = timezone.now()
        row.save(force_insert=True)
        hint_presence(row.session_id)

    def _go(self, connection: str) -> None:
        row = self._open.pop(connection, None)
        if row is not None and Presence.objects.filter(connection=connection).delete()[0]:
            hint_presence(row.session_id)

    def _renew(self) -> None:
        keys = list(self._open)
        for start in range(0, len(keys), BATCH):
            some = keys[start : start + BATCH]
            rows = Presence.objects.filter(connection__in=some)
            if rows.update(seen_at=timezone.now()) < len(some):
                self._write_again(set(some) - set(rows.values_list("connection", flat=True)))

    def _write_again(self, connections: set[str]) -> None:
        """Rows that were swept while this process was held up."""
        for connection in connections:
            row = self._open[connection]
            row.pk = None
            self._attempt(self._come, row)


_keeper = PresenceKeeper()


@asynccontextmanager
async def here(session_id: int, user_id: int, hints: Hints, *, is_watching: bool) -> AsyncGenerator[None, None]:
    """The person is in the session while the block runs; beginning and ending it never waits.

    Who `is_watching` gets among `hints` whoever is there as {"presences": …}, at first and on each change.
    """
    connection = _keeper.join(session_id, user_id)
    watch = asyncio.create_task(_watch(session_id, user_id, hints)) if is_watching else None
    try:
        yield
    finally:
        _keeper.leave(connection)
        if watch is not None:
            watch.cancel()


async def _watch(session_id: int, user_id: int, hints: Hints) -> None:
    known: list[tuple[int, bool]] | None = None
    async with listen(presence_group(session_id)) as changes:
        while True:
            found = await in_thread(_look, session_id)
            people = [(each.user.pk, each.typing) for each in found.people]
            # Oneself is among them once one's row is written, and as long as one sees the session.
            if people != known and any(pk == user_id for pk, _ in people):
                known = people
                hints.put({"presences": found})
            if await changes.next(_wait(found)) is not None:
                await asyncio.sleep(GATHER)
                changes.clear()


def _look(session_id: int) -> Presences:
    try:
        return presences(present().filter(session=session_id))
    except DatabaseError:
        # The subscription's own reading says what is wrong; one looks again in a while.
        logger.warning("Presences could not be read.", exc_info=True)
        return Presences([], None)


def _wait(found: Presences) -> float:
    """Seconds until the next look."""
    if found.until is None:
        return POLL
    return min(POLL, max(GATHER, (found.until - timezone.now()).total_seconds() + 0.01))
