"""How often one person may do something (settings.RATE_LIMITS), and how much a caller may spend (settings.COST_LIMITS).

What people do is counted in moving windows, what operations cost in sliding ones, which are as small for large costs:
in this process on the embedded default, by all processes together in Redis.
"""

import functools
import logging
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

# `limits` refuses a redis that another thread is still importing, as one of version 0.0.0: here it is waited for.
import redis  # noqa: F401
from django.conf import settings
from limits import RateLimitItem, parse_many
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

from .errors import DomainError, ErrorCode

logger = logging.getLogger(__name__)

# Seconds that a caller waits for Redis at most.
PATIENCE = 1.0


@functools.cache
def _limiter() -> MovingWindowRateLimiter:
    if not settings.REDIS_URL:
        return MovingWindowRateLimiter(storage_from_string("memory://"))
    return MovingWindowRateLimiter(
        storage_from_string(
            settings.REDIS_URL,
            wrap_exceptions=True,
            key_prefix="auto-movie:rate",
            socket_connect_timeout=PATIENCE,
            socket_timeout=PATIENCE,
        )
    )


def _budgets() -> SlidingWindowCounterRateLimiter:
    return SlidingWindowCounterRateLimiter(_limiter().storage)


@functools.lru_cache(maxsize=16)
def _limits(text: str) -> tuple[RateLimitItem, ...]:
    return tuple(parse_many(text))


def count(kind: str, person_id: int, *, what: str) -> None:
    """Count something that a person does; `what` names it in the plural, for people.

    Call it when nothing else can refuse any more: what is refused here is not counted, and neither is then what was
    refused before. Raises RATE_LIMITED with the seconds to wait.
    """
    limits, identity = _limits(settings.RATE_LIMITS[kind]), (kind, str(person_id))
    try:
        # Asked first, so that what one limit refuses is not counted by another.
        spent = [limit for limit in limits if not _limiter().test(limit, *identity)]
        spent = spent or [limit for limit in limits if not _limiter().hit(limit, *identity)]
        wait = max((_seconds_left(limit, identity) for limit in spent), default=0)
    except StorageError:
        # Redis is away for a moment: better too much than nothing at all.
        logger.warning("Rate limits are not counted now.", exc_info=True)
        return
    if spent:
        raise DomainError(
            ErrorCode.RATE_LIMITED, f"{_told(spent[0], what)} Try again in {_duration(wait)}.", retry_after=wait
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """What a caller may spend in a window, and what is left of it now."""

    limit: int
    remaining: int


def spend(cost: int, spenders: Iterable[tuple[str, str]]) -> Budget | None:
    """Take an operation's cost from what each spender may spend: a kind of COST_LIMITS, and whose it is.

    Answers what the first spender has left; None while Redis is away. What one of them refuses is not taken from those
    after it. Raises RATE_LIMITED with the seconds after which so much may be spent again.
    """
    counted = [(limit, spender) for spender in spenders for limit in _limits(settings.COST_LIMITS[spender[0]])]
    try:
        for limit, spender in counted:
            # Who may spend less in a whole window than this costs may spend all of it on this.
            affordable = min(cost, limit.amount)
            if not _budgets().hit(limit, "cost", *spender, cost=affordable):
                wait = _seconds_until(affordable, limit, "cost", *spender)
                raise DomainError(
                    ErrorCode.RATE_LIMITED,
                    f"That was too much at once: operations may cost {limit.amount:,} a {_period(limit)} together. "
                    f"Try again in {_duration(wait)}.",
                    retry_after=wait,
                )
        limit, spender = counted[0]
        return Budget(limit.amount, _budgets().get_window_stats(limit, "cost", *spender).remaining)
    except StorageError:
        logger.warning("What operations cost is not counted now.", exc_info=True)
        return None


def _seconds_until(cost: int, limit: RateLimitItem, *identity: str) -> int:
    """When a sliding window has room for a cost: it holds the current count and what it overlaps of the one before."""
    window, room = limit.get_expiry(), limit.amount - cost
    before, before_ends, current, current_ends = _budgets().storage.get_sliding_window(  # type: ignore[attr-defined]
        limit.key_for(*identity), window
    )
    # Redis keeps the current window's key until the end of the next.
    current_ends %= window
    if before and current <= room:
        wait = before_ends - (room - current) * window / before
    else:
        wait = current_ends + window * (1 - room / current) if current else 0
    return int(max(1, math.ceil(wait)))


def _seconds_left(limit: RateLimitItem, identity: tuple[str, ...]) -> int:
    reset, _ = _limiter().get_window_stats(limit, *identity)
    return max(1, math.ceil(reset - time.time()))


def _told(limit: RateLimitItem, what: str) -> str:
    return f"That were too many {what}: at most {limit.amount:,} a {_period(limit)}."


def _period(limit: RateLimitItem) -> str:
    name = limit.GRANULARITY.name
    return f"{limit.multiples} {name}s" if limit.multiples > 1 else name


def _duration(seconds: int) -> str:
    for size, name in ((3600, "hour"), (60, "minute")):
        if seconds > 2 * size:
            return f"{math.ceil(seconds / size)} {name}s"
    return f"{seconds} second{'s' if seconds != 1 else ''}"


def forget() -> None:
    """Forget all that was counted (tests)."""
    _limiter().storage.reset()
