"""How long an operation may take (settings.OPERATION_SECONDS).

A resolver is a function in a thread, which nothing can stop from outside. What takes long in it is the database, so
that is where the time is kept: no statement starts too late, and the database itself ends one that runs too long.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection

from cms.errors import DomainError, ErrorCode

# Instructions of SQLite's machine between two looks at the clock: about a thousandth of a second.
INSTRUCTIONS = 50_000


# What undoes a part of a transaction may run late: without it the rest could not even be read.
UNDO = ("ROLLBACK TO SAVEPOINT", "RELEASE SAVEPOINT")


class TimedOutError(Exception):
    """The operation's time is over. No DomainError: where one of those means null, this must not."""

    def refusal(self) -> DomainError:
        """What callers are told."""
        return DomainError(
            ErrorCode.TIMED_OUT,
            f"That took longer than {settings.OPERATION_SECONDS:g} seconds and was ended. Ask for less at once.",
        )


def check(deadline: float | None) -> None:
    """Raises TimedOutError when the time (of time.monotonic) has come."""
    if deadline is not None and time.monotonic() >= deadline:
        raise TimedOutError


@contextmanager
def enforced(deadline: float | None) -> Iterator[None]:
    """Let no statement of this thread's connection run beyond the time. It then raises TimedOutError."""
    if deadline is None:
        yield
        return
    guard = _Guard(deadline)
    with connection.execute_wrapper(guard):
        try:
            yield
        finally:
            guard.release()


class _Guard:
    """Goes around every statement. The first of them has the database told how long it may take."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.raw: Any = None

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if not sql.startswith(UNDO):
            check(self.deadline)
        if self.raw is None:
            self.raw = context["connection"].connection
            self._limit(self.raw)
        try:
            return execute(sql, params, many, context)
        except OperationalError:
            check(self.deadline)
            raise

    def _limit(self, raw: Any) -> None:
        if connection.vendor == "sqlite":
            raw.set_progress_handler(lambda: time.monotonic() >= self.deadline, INSTRUCTIONS)
        else:
            milliseconds = max(1, math.ceil(1000 * (self.deadline - time.monotonic())))
            raw.execute(f"SET statement_timeout = {milliseconds}")

    def release(self) -> None:
        """Let others use the connection for as long as they want."""
        if self.raw is None or connection.connection is not self.raw:
            return
        if connection.vendor == "sqlite":
            self.raw.set_progress_handler(None, 0)
        elif not self.raw.broken:
            self.raw.execute("SET statement_timeout = DEFAULT")
