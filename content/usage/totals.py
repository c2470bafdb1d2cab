"""Sums over the ledger, for many rows at once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import F, Q, QuerySet, Sum

from cms.accounts.models import User
from content.projects.models import Project

from .models import MonthlyUsage, ProjectUsage, UsageEntry

SUMS: dict[str, Any] = {
    "input_tokens": Sum("input_tokens"),
    "output_tokens": Sum("output_tokens"),
    "cost": Sum("cost"),
    "unpriced_tokens": Sum(F("input_tokens") + F("output_tokens"), filter=Q(cost=None), default=0),
}


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens and what they cost. `cost` leaves out `unpriced_tokens`, whose price nobody has said; it is None where
    nothing had a price.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal | None = None
    unpriced_tokens: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        known = [cost for cost in (self.cost, other.cost) if cost is not None]
        return Spent(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            sum(known, Decimal()) if known else None,
            self.unpriced_tokens + other.unpriced_tokens,
        )


Grouped = dict[int, dict[Any, Spent]]


def by_model(column: str, keys: Collection[int], entries: QuerySet[UsageEntry] | None = None) -> Grouped:
    """What was spent on each row that `column` names, by model; largest first."""
    return _grouped(column, "model", keys, entries)


def by_user(projects: Collection[int]) -> Grouped:
    """What was spent on each project, by the key of the person; None is someone who is gone."""
    return _grouped("project_id", "user_id", projects, None)


def _grouped(column: str, name: str, keys: Collection[int], entries: QuerySet[UsageEntry] | None) -> Grouped:
    rows = (UsageEntry.objects.all() if entries is None else entries).filter(**{f"{column}__in": keys}).order_by()
    found: Grouped = {key: {} for key in keys}
    sums = rows.values(column, name).annotate(**{f"sum_{key}": value for key, value in SUMS.items()})
    for row in sums.order_by("-sum_input_tokens", name):
        found[row[column]][row[name]] = Spent(**{key: row[f"sum_{key}"] for key in SUMS})
    return found


def total(groups: dict[Any, Spent]) -> Spent:
    """The sum of groups."""
    return sum(groups.values(), Spent())


def month_counts(people: Collection[User], period: date) -> dict[int, tuple[int, int]]:
    """Tokens that count towards each person's month: used and reserved, by the person's key."""
    return _counts(MonthlyUsage.objects.filter(user__in=people, period=period), "user_id", people)


def project_counts(projects: Collection[Project]) -> dict[int, tuple[int, int]]:
    """Tokens that count towards each project's budget: used and reserved, by the project's key."""
    return _counts(ProjectUsage.objects.filter(project__in=projects), "project_id", projects)


def _counts(counters: QuerySet[Any], column: str, rows: Collection[Any]) -> dict[int, tuple[int, int]]:
    found = {key: (used, reserved) for key, used, reserved in counters.values_list(column, "used", "reserved")}
    return {row.pk: found.get(row.pk, (0, 0)) for row in rows}
