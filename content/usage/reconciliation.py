"""The counters against the ledger and the reservations, of which they are the sums."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, Model, QuerySet, Sum

from .models import MonthlyUsage, ProjectUsage, Reservation, UsageEntry


@dataclass(frozen=True, slots=True)
class Correction:
    """A counter that was wrong: used and reserved tokens as they were, and as they are."""

    counter: str
    before: tuple[int, int]
    after: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Kind:
    model: Any
    # What tells one counter from another, by the same names in all three tables.
    keys: tuple[str, ...]


KINDS = (_Kind(MonthlyUsage, ("user_id", "period")), _Kind(ProjectUsage, ("project_id",)))


def reconcile() -> list[Correction]:
    """Set every counter that differs to the sum of its entries and reservations; answers what was wrong.

    It may run at any time: each counter is looked at again under its own lock, as who changes one holds that until
    the entries or reservations that belong to the change are stored.
    """
    corrections = []
    for kind in KINDS:
        for key in _differing(kind):
            correction = _correct(kind, dict(zip(kind.keys, key, strict=True)))
            if correction is not None:
                corrections.append(correction)
    return corrections


def _differing(kind: _Kind) -> list[tuple[Any, ...]]:
    counted = {
        tuple(row[:-2]): tuple(row[-2:])
        for row in kind.model.objects.order_by().values_list(*kind.keys, "used", "reserved")
    }
    used = _sums(_entries(), kind.keys, F("input_tokens") + F("output_tokens"))
    reserved = _sums(Reservation.objects.all(), kind.keys, F("tokens"))
    wanted = {key: (used.get(key, 0), reserved.get(key, 0)) for key in {*used, *reserved}}
    keys = {*counted, *wanted}
    return sorted(key for key in keys if counted.get(key, (0, 0)) != wanted.get(key, (0, 0)))


def _entries() -> QuerySet[UsageEntry]:
    return UsageEntry.objects.filter(is_metered=True)


def _sums(rows: QuerySet[Any], keys: Iterable[str], tokens: Any) -> dict[tuple[Any, ...], int]:
    found = rows.order_by().values_list(*keys).annotate(total=Sum(tokens, default=0))
    return {tuple(key): total for *key, total in found if None not in key}


@transaction.atomic
def _correct(kind: _Kind, key: dict[str, Any]) -> Correction | None:
    owner = kind.model._meta.get_field(kind.keys[0].removesuffix("_id")).related_model
    if not owner._default_manager.filter(pk=key[kind.keys[0]]).exists():
        return None
    kind.model.objects.bulk_create([kind.model(**key)], ignore_conflicts=True)
    counter: Any = kind.model.objects.select_for_update().get(**key)
    before = (counter.used, counter.reserved)
    after = (
        _total(_entries().filter(**key), F("input_tokens") + F("output_tokens")),
        _total(Reservation.objects.filter(**key), F("tokens")),
    )
    if before == after:
        return None
    counter.used, counter.reserved = after
    counter.save(update_fields=["used", "reserved"])
    return Correction(_name(counter), before, after)


def _total(rows: QuerySet[Any], tokens: Any) -> int:
    return int(rows.aggregate(total=Sum(tokens, default=0))["total"])


def _name(counter: Model) -> str:
    return f"{counter._meta.verbose_name} of {counter}"
