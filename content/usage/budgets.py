"""Budgets: how many tokens a person's month and a project have, and the counters that hold them.

A budget is held by one conditional UPDATE of its counter, so that however many ask at once, in however many processes,
used and reserved tokens together never pass it. Counters are always locked in the same order: the person's, then the
project's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings
from django.db.models import F, Value
from django.db.models.functions import Greatest

from ai.rehearsal import RehearsalDirector
from cms.accounts.models import User
from cms.errors import DomainError, ErrorCode
from content.projects.models import Project

from .models import Counter, MonthlyUsage, ProjectUsage


def month_of(moment: datetime) -> date:
    """The first day of the moment's month, in UTC."""
    return moment.astimezone(UTC).date().replace(day=1)


def next_month(period: date) -> date:
    """The first day of the month after."""
    return date(period.year + period.month // 12, period.month % 12 + 1, 1)


def largest_call() -> int:
    """The most tokens that one call of the provider may use."""
    return int(settings.MODEL_INPUT_TOKENS + settings.MODEL_OUTPUT_TOKENS)


def is_metered(model: str) -> bool:
    """Whether a model's tokens count towards budgets. Those of the rehearsal director cost nothing and do not."""
    return model != RehearsalDirector.name


def provider_is_metered() -> bool:
    """Whether the director that the environment names is one whose tokens count."""
    return bool(settings.QWEN3VL_BASE_URL)


@dataclass(frozen=True, slots=True)
class Budget:
    """A counter and its limit; None is no limit. `refusal` says it is spent, for what is left."""

    counter: type[Counter]
    key: dict[str, Any]
    limit: int | None
    refusal: Callable[[int, int], str]

    def take(self, tokens: int) -> None:
        """Reserve tokens. Raises LIMIT_EXCEEDED, saying what is left, whose it is and when there is more."""
        if self._taken(tokens):
            return
        self.counter._default_manager.bulk_create([self.counter(**self.key)], ignore_conflicts=True)
        if self._taken(tokens):
            return
        count = self.counter._default_manager.get(**self.key)
        left = max(0, (self.limit or 0) - count.used - count.reserved)
        raise DomainError(
            ErrorCode.LIMIT_EXCEEDED, self.refusal(self.limit or 0, left), limit=self.limit, remaining=left
        )

    def _taken(self, tokens: int) -> bool:
        fitting = self.counter._default_manager.filter(**self.key)
        if self.limit is not None:
            fitting = fitting.filter(used__lte=Value(self.limit - tokens) - F("reserved"))
        return bool(fitting.update(reserved=F("reserved") + tokens))


def budgets(user: User | None, project: Project | None, period: date) -> list[Budget]:
    """The budgets that a call counts towards, in the order in which they are locked."""
    found = []
    if user is not None:
        key: dict[str, Any] = {"user_id": user.pk, "period": period}
        found.append(Budget(MonthlyUsage, key, user.limits.max_tokens, _month_spent(user, period)))
    if project is not None:
        found.append(Budget(ProjectUsage, {"project_id": project.pk}, project.token_budget, _project_spent))
    return found


def _month_spent(user: User, period: date) -> Callable[[int, int], str]:
    begin = next_month(period)

    def told(limit: int, left: int) -> str:
        return (
            f"Your {user.get_tier_display()} plan has {limit:,} tokens a month; {left:,} are left, and an answer may "
            f"take up to {largest_call():,}. There are new ones on {begin.day} {begin:%B %Y} (UTC)."
        )

    return told


def _project_spent(limit: int, left: int) -> str:
    return (
        f"This project's owner has given it {limit:,} tokens; {left:,} are left, and an answer may take up to "
        f"{largest_call():,}. They do not renew by themselves: the owner or an admin can raise the project's budget."
    )


def change(user_id: int | None, project_id: int | None, period: date, *, used: int = 0, freed: int = 0) -> None:
    """Count used tokens, and free reserved ones."""
    if not used and not freed:
        return
    rows: list[tuple[type[Counter], dict[str, Any]]] = []
    if user_id is not None:
        rows.append((MonthlyUsage, {"user_id": user_id, "period": period}))
    if project_id is not None:
        rows.append((ProjectUsage, {"project_id": project_id}))
    for model, key in rows:
        counter = model._default_manager.filter(**key)
        # A counter that has gone wrong must not keep a turn from ending: `reconcile` puts it right.
        values = {"used": F("used") + used, "reserved": Greatest(F("reserved") - freed, 0)}
        if not counter.update(**values) and used:
            model._default_manager.bulk_create([model(**key)], ignore_conflicts=True)
            counter.update(**values)
