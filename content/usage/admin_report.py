"""The report of what was used, by month, project, person and model."""

from collections.abc import Iterable
from typing import Any

import django_filters
from django.conf import settings
from django.db.models import F, QuerySet
from django.http import HttpRequest
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import Column
from wagtail.admin.views.reports.base import ReportView
from wagtail.permission_policies import ModelPermissionPolicy

from cms.accounts.models import User
from content.projects.models import Project

from .models import UsageEntry
from .policy import UsagePolicy
from .pricing import SMALLEST_COST
from .totals import SUMS, Spent

GROUPS = {
    "month": F("period"),
    "project_title": F("project__title"),
    "person": F("user__name"),
    "model_name": F("model"),
}
TOTALS = {f"sum_{name}": value for name, value in SUMS.items()}
HEADINGS = {
    "month": "Month",
    "project_title": "Project",
    "person": "User",
    "model_name": "Model",
    "sum_input_tokens": "Input tokens",
    "sum_output_tokens": "Output tokens",
    "sum_cost": f"Cost in {settings.USAGE_CURRENCY}",
    "sum_unpriced_tokens": "Tokens without a price",
}
# What a spreadsheet takes for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _entries(request: HttpRequest | None) -> QuerySet[UsageEntry]:
    user: Any = request.user if request else None
    return UsagePolicy(user).entries()


def _projects(request: HttpRequest | None) -> QuerySet[Project]:
    return Project.objects.filter(pk__in=_entries(request).values("project")).order_by("title")


def _people(request: HttpRequest | None) -> QuerySet[User]:
    return User.objects.filter(pk__in=_entries(request).values("user")).order_by("name")


class UsageFilterSet(WagtailFilterSet):
    """Filters of the report; what they offer comes from the entries that the person may see."""

    period = django_filters.ChoiceFilter(label="Month")
    project = django_filters.ModelChoiceFilter(queryset=_projects)
    user = django_filters.ModelChoiceFilter(queryset=_people)
    model = django_filters.ChoiceFilter(label="Model")

    class Meta:
        model = UsageEntry
        fields = ("period", "project", "user", "model")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        entries = _entries(self.request)
        months = entries.order_by("-period").values_list("period", flat=True).distinct()
        models = entries.order_by("model").values_list("model", flat=True).distinct()
        self.filters["period"].extra["choices"] = [(month.isoformat(), f"{month:%Y-%m}") for month in months]
        self.filters["model"].extra["choices"] = [(model, model) for model in models]


class UsageReportView(ReportView):
    """What was used of the entries that the person may see, and what it cost."""

    page_title = "Usage"
    header_icon = "tasks"
    index_url_name = "usage_report"
    index_results_url_name = "usage_report_results"
    permission_policy = ModelPermissionPolicy(Project)
    permission_required = "view"
    filterset_class = UsageFilterSet
    default_ordering = "-month"
    list_export = list(HEADINGS)
    export_headings = HEADINGS
    columns = [Column(name, label=label, sort_key=name) for name, label in HEADINGS.items()]

    def get_base_queryset(self) -> QuerySet[UsageEntry]:
        return _entries(self.request)

    def get_filtered_queryset(self) -> QuerySet[Any, Any]:
        entries: QuerySet[Any, Any] = self.filter_queryset(self.get_base_queryset()).order_by()
        rows = entries.values("project", "user", **GROUPS).annotate(**TOTALS)
        named = [F(name).asc(nulls_last=True) for name in ("project_title", "person")]
        order = (self.ordering, "-month", *named, "model_name", "project", "user")
        return rows.order_by(*order)  # type: ignore[no-any-return]  # the view has no types

    def decorate_paginated_queryset(self, object_list: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        return [self._shown(row) for row in object_list]

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        gone = {"project_title": "(deleted project)", "person": "(deleted user)"}
        shown = row | {name: row[name] or words for name, words in gone.items()} | {"month": f"{row['month']:%Y-%m}"}
        cost = shown["sum_cost"]
        shown["sum_cost"] = "no price" if cost is None else cost.quantize(SMALLEST_COST)
        if self.is_export:
            for name in ("project_title", "person", "model_name"):
                shown[name] = f"'{shown[name]}" if shown[name].startswith(FORMULA) else shown[name]
        return shown

    def get_page_subtitle(self) -> str:
        sums = self.filter_queryset(self.get_base_queryset()).order_by().aggregate(**TOTALS)
        spent = Spent(**{name: sums[f"sum_{name}"] or 0 for name in SUMS if name != "cost"}, cost=sums["sum_cost"])
        words = [f"{spent.input_tokens + spent.output_tokens:,} tokens"]
        if spent.cost is not None:
            words.append(f"{spent.cost:,.2f} {settings.USAGE_CURRENCY}")
        if spent.unpriced_tokens:
            words.append(f"without the cost of {spent.unpriced_tokens:,} tokens whose price nobody has entered")
        return ", ".join(words)
