"""What was used, in the API."""

import datetime
from decimal import Decimal
from typing import Any, cast

import strawberry
from django.conf import settings
from django.db.models import Model
from django.utils import timezone

from cms.accounts.models import User as UserRow
from cms.accounts.types import User
from cms.api.context import Context, viewer
from cms.api.loading import siblings, together
from cms.api.scalars import BigInt
from content.projects.models import Project

from . import budgets, totals
from .models import UsageEntry
from .policy import UsagePolicy
from .pricing import SMALLEST_COST
from .totals import Spent

Info = strawberry.Info[Context, Any]


def _money(cost: Decimal | None) -> str | None:
    # A sum is not exact on SQLite, which has no decimal numbers.
    return None if cost is None else f"{cost.quantize(SMALLEST_COST).normalize():f}"


@strawberry.type(description="Tokens, and what they cost.")
class SpentTokens:
    input_tokens: BigInt = strawberry.field(description="Tokens read by the model.")
    output_tokens: BigInt = strawberry.field(description="Tokens written by the model.")
    cost: str | None = strawberry.field(
        description="A decimal number in `currency` of the usage, at the prices of the time; without the unpriced "
        "tokens. Null where nothing had a price."
    )
    unpriced_tokens: BigInt = strawberry.field(description="Tokens whose price nobody had said.")


@strawberry.type(description="What was used of one model.")
class ModelUsage(SpentTokens):
    model: str = strawberry.field(description="As the provider named it; rehearsal is the offline director.")


@strawberry.type(description="What one person used.")
class UserUsage(SpentTokens):
    user: User | None = strawberry.field(description="Who; null for someone who is gone.")


@strawberry.type(
    description="Tokens of director models that were used, what they cost, and what is left of the budget. Entered "
    "call by call, failed attempts included, as the provider counted them or, where it did not, as estimated."
)
class Usage(SpentTokens):
    project: strawberry.Private[Project | None]
    currency: str = strawberry.field(description="Of every cost: an ISO 4217 code.")
    limit: BigInt | None = strawberry.field(description="The budget in tokens; null: none.")
    used: BigInt = strawberry.field(
        description="Tokens that count towards the budget: those of the offline rehearsal director do not."
    )
    reserved: BigInt = strawberry.field(description="Tokens set aside for answers under way.")
    left: BigInt | None = strawberry.field(description="What is left of the budget; null: it has no end.")
    period_start: datetime.datetime = strawberry.field(description="From when on all this is counted.")
    period_end: datetime.datetime | None = strawberry.field(
        description="When the budget begins anew: a person's every month; a project's never, which is null."
    )
    by_model: list[ModelUsage] = strawberry.field(description="The same, for each model.")

    @strawberry.field(
        description="The same, for each person, of a project; null except to its owner and admins, and of a person."
    )
    def by_user(self, info: Info) -> list[UserUsage] | None:
        return None if self.project is None else _by_user(self.project, info)


def usage_of_person(person: UserRow, info: Info) -> Usage | None:
    """What a person used this month; None for who may not know."""
    if not UsagePolicy(viewer(info)).may_see_person(person):
        return None
    period = budgets.month_of(timezone.now())
    people = siblings(person)
    entries = UsageEntry.objects.filter(period=period)
    models = _kept(person, "_usage_models", lambda keys: totals.by_model("user_id", keys, entries))
    counts = _kept(person, "_usage_counts", lambda keys: totals.month_counts(people, period))
    return _usage(models, counts, person.limits.max_tokens, _midnight(period), _midnight(budgets.next_month(period)))


def usage_of_project(project: Project, info: Info) -> Usage:
    """What was used for a project in all its time."""
    projects = siblings(project)
    models = _kept(project, "_usage_models", lambda keys: totals.by_model("project_id", keys))
    counts = _kept(project, "_usage_counts", lambda keys: totals.project_counts(projects))
    return _usage(models, counts, project.token_budget, project.created_at, None, project)


def spent_on(row: Model, column: str) -> SpentTokens:
    """What was spent on a session or turn, which `column` of the ledger names."""
    return SpentTokens(**_shown(totals.total(_kept(row, "_usage_models", lambda keys: totals.by_model(column, keys)))))


def _kept(row: Model, name: str, load: Any) -> Any:
    """What `load` finds for a row, loaded once for all rows that were loaded together."""
    if name not in row.__dict__:
        rows = siblings(row)
        found = load([each.pk for each in rows])
        for each in rows:
            each.__dict__[name] = found[each.pk]
    return row.__dict__[name]


def _usage(
    models: dict[str, Spent],
    counts: tuple[int, int],
    limit: int | None,
    start: datetime.datetime,
    end: datetime.datetime | None,
    project: Project | None = None,
) -> Usage:
    used, reserved = counts
    return Usage(
        **_shown(totals.total(models)),
        project=project,
        currency=settings.USAGE_CURRENCY,
        limit=None if limit is None else BigInt(limit),
        used=BigInt(used),
        reserved=BigInt(reserved),
        left=None if limit is None else BigInt(max(0, limit - used - reserved)),
        period_start=start,
        period_end=end,
        by_model=[ModelUsage(model=model, **_shown(spent)) for model, spent in models.items()],
    )


def _shown(spent: Spent) -> dict[str, Any]:
    return {
        "input_tokens": BigInt(spent.input_tokens),
        "output_tokens": BigInt(spent.output_tokens),
        "cost": _money(spent.cost),
        "unpriced_tokens": BigInt(spent.unpriced_tokens),
    }


def _midnight(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(), datetime.UTC)


def _by_user(project: Project, info: Info) -> list[UserUsage] | None:
    policy, projects = UsagePolicy(viewer(info)), siblings(project)
    may_know = _kept(project, "_usage_known", lambda keys: _membership(policy.with_spenders(projects), keys))
    if not may_know:
        return None
    users = _kept(project, "_usage_users", lambda keys: _with_people(totals.by_user(keys)))
    return [UserUsage(user=cast("User | None", person), **_shown(spent)) for person, spent in users]


def _membership(chosen: set[int], keys: list[int]) -> dict[int, bool]:
    return {key: key in chosen for key in keys}


def _with_people(groups: totals.Grouped) -> dict[int, list[tuple[UserRow | None, Spent]]]:
    people = {person.pk: person for person in together(UserRow.objects.filter(pk__in={*_keys(groups)}))}
    return {key: [(people.get(user), spent) for user, spent in users.items()] for key, users in groups.items()}


def _keys(groups: totals.Grouped) -> list[int]:
    return [user for users in groups.values() for user in users if user is not None]
