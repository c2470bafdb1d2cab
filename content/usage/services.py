"""What is done with budgets and the ledger: a turn's tokens are reserved, entered, and what is left of them freed.

A turn counts in the month in which it was queued, for the person who asked for it.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from ai.contract import ProviderCall
from cms.accounts.models import User
from cms.errors import DomainError
from content.projects.models import Project

from . import budgets
from .choices import Purpose
from .models import Reservation, UsageEntry
from .pricing import PriceList, cost

if TYPE_CHECKING:
    from conversation.models import Turn

# Seconds after a turn's end in which what its runner last asked for may still be entered.
GRACE = 60
# Seconds after which a call that follows a turn is taken for lost.
LONGEST_CALL = 900


@transaction.atomic
def reserve(*, turn: "Turn", user: User | None, project: Project) -> None:
    """Have the turn hold what one call may use at most, inside the transaction that queues or claims it.

    A turn that holds so much already gets no more. Raises LIMIT_EXCEEDED, and reserves nothing then.
    """
    if not budgets.provider_is_metered():
        return
    held = _held(turn)
    missing = budgets.largest_call() - (held.tokens if held else 0)
    if missing <= 0:
        return
    # Who holds the tokens pays for them: a person may retry another's turn.
    user, period = (held.user, held.period) if held else (user, budgets.month_of(turn.queued_at))
    for budget in budgets.budgets(user, project, period):
        budget.take(missing)
    if held is None:
        Reservation.objects.create(turn=turn, user=user, project=project, period=period, tokens=missing)
    else:
        _set(held, held.tokens + missing)


def extend(turn: "Turn") -> bool:
    """Reserve for one more call of a turn under way. False where a budget has no room for it, or the turn has ended."""
    if not budgets.provider_is_metered():
        return True
    try:
        with transaction.atomic():
            held = _held(turn)
            if held is None:
                return False
            for budget in budgets.budgets(held.user, held.project, held.period):
                budget.take(budgets.largest_call())
            _set(held, held.tokens + budgets.largest_call())
    except DomainError:
        return False
    return True


@transaction.atomic
def settle(turn: "Turn", calls: Sequence[ProviderCall], *, follows: bool = False) -> None:
    """Enter all calls of the turn's present attempt, in their order; what is entered already is not entered again.

    What they used is no longer reserved. Call it whatever became of the attempt. With `follows` they come after
    those that are entered (a summary after the turn), and are all new.
    """
    entered = set(
        UsageEntry.objects.filter(turn=turn.pk, attempt=turn.attempts).values_list("number", flat=True) if calls else ()
    )
    first = max(entered, default=0) + 1 if follows else 1
    new = [(number, call) for number, call in enumerate(calls, start=first) if number not in entered]
    if not new:
        return
    held = _held(turn)
    user_id, project_id = (held.user_id if held else turn.requested_by_id), turn.session.project_id
    period, now = (held.period if held else budgets.month_of(turn.queued_at)), timezone.now()
    prices = PriceList(now)
    entries = [
        UsageEntry(
            user_id=user_id,
            project_id=project_id,
            session_id=turn.session_id,
            turn_id=turn.pk,
            attempt=turn.attempts,
            number=number,
            purpose=Purpose(call.purpose),
            model=call.model,
            input_tokens=call.usage.input_tokens,
            output_tokens=call.usage.output_tokens,
            # The rehearsal director has no provider that counts.
            is_estimated=call.is_estimated or not budgets.is_metered(call.model),
            is_metered=budgets.is_metered(call.model),
            period=period,
            at=now,
            **_priced(call, prices),
        )
        for number, call in new
    ]
    UsageEntry.objects.bulk_create(entries)
    used = sum(entry.input_tokens + entry.output_tokens for entry in entries if entry.is_metered)
    freed = min(used, held.tokens) if held else 0
    if held is not None:
        _set(held, held.tokens - freed)
    budgets.change(user_id, project_id, period, used=used, freed=freed)


def _priced(call: ProviderCall, prices: PriceList) -> dict[str, object]:
    if not budgets.is_metered(call.model):
        return {"cost": 0, "input_price": 0, "output_price": 0}
    price = prices.of(call.model)
    if price is None:
        return {}
    return {
        "cost": cost(price, call.usage.input_tokens, call.usage.output_tokens),
        "input_price": price.input_price,
        "output_price": price.output_price,
    }


@transaction.atomic
def release(turn: "Turn") -> None:
    """Free what a turn that has ended still holds; calling it again changes nothing."""
    held = _held(turn)
    if held is not None:
        _free(held)


def sweep() -> int:
    """Free what turns hold that are gone, or ended a while ago; answers how many."""
    now = timezone.now()
    # What was reserved after the end is for a summary, which may be under way.
    over = Q(created_at__lte=F("turn__finished_at")) | Q(created_at__lt=now - timedelta(seconds=LONGEST_CALL))
    ended = Q(turn=None) | Q(turn__finished_at__lt=now - timedelta(seconds=GRACE)) & over
    swept = 0
    for pk in list(Reservation.objects.filter(ended).values_list("pk", flat=True)):
        with transaction.atomic():
            held = Reservation.objects.select_for_update(of=("self",)).filter(ended, pk=pk).first()
            if held is not None:
                _free(held)
                swept += 1
    return swept


def _held(turn: "Turn") -> Reservation | None:
    """What a turn holds, locked."""
    return Reservation.objects.select_for_update().filter(turn=turn.pk).first()


def _set(held: Reservation, tokens: int) -> None:
    Reservation.objects.filter(pk=held.pk).update(tokens=tokens)


def _free(held: Reservation) -> None:
    Reservation.objects.filter(pk=held.pk).delete()
    budgets.change(held.user_id, held.project_id, held.period, freed=held.tokens)
