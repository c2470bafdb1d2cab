"""The ledger, the counters that budgets are held by, reservations, and prices.

Foreign keys here have no constraint in the database: a constraint locks the row that it names when the transaction
ends, in an order that the transactions which hold sessions and projects do not keep, and an entry outlives what it
names. So in any transaction the rows of this subject are locked last: a reservation, its person's month, its project.
"""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from .choices import Purpose

COST_PLACES = 8


def _price(name: str | None = None, **options: Any) -> Any:
    return models.DecimalField(name, max_digits=14, decimal_places=6, **options)


def _loose(to: str, on_delete: Any, **options: Any) -> Any:
    return models.ForeignKey(to, on_delete=on_delete, db_constraint=False, **options)


class _AppendOnly(models.QuerySet):
    """Rows that are written once."""

    def update(self, **kwargs: Any) -> int:
        raise TypeError("The ledger is only added to.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError("The ledger is only added to.")


class UsageEntry(models.Model):
    """One call of a provider, with what it cost at the prices of that moment. Never changed afterwards.

    `number` counts the calls of an attempt from 1. `period` is the first day of the month that the call counts in:
    that in which its turn was queued. Null prices and cost: nobody has said what the model costs.
    """

    user = _loose(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="usage_entries")
    project = _loose("projects.Project", models.SET_NULL, null=True, related_name="usage_entries")
    session = _loose("conversation.Session", models.SET_NULL, null=True, related_name="usage_entries")
    turn = _loose("conversation.Turn", models.SET_NULL, null=True, related_name="usage_entries")
    attempt = models.PositiveIntegerField()
    number = models.PositiveIntegerField()
    purpose = models.CharField(max_length=20, choices=Purpose, default=Purpose.REPLY)
    model = models.CharField(max_length=200)
    input_tokens = models.PositiveBigIntegerField()
    output_tokens = models.PositiveBigIntegerField()
    is_estimated = models.BooleanField(default=False, help_text="The provider did not count: our own estimate.")
    is_metered = models.BooleanField(default=True, help_text="Counts towards budgets.")
    input_price = _price(null=True, help_text="Of a million tokens.")
    output_price = _price(null=True, help_text="Of a million tokens.")
    cost = models.DecimalField(max_digits=20, decimal_places=COST_PLACES, null=True)
    period = models.DateField()
    at = models.DateTimeField(default=timezone.now)

    objects = _AppendOnly.as_manager()

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "usage entries"
        indexes = [
            models.Index(fields=["project", "period"], name="usage_of_project"),
            models.Index(fields=["user", "period"], name="usage_of_user"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["turn", "attempt", "number"], name="usage_call_once"),
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.input_tokens:,} in, {self.output_tokens:,} out"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add the entry. Raises TypeError for one that is there already."""
        if not self._state.adding:
            raise TypeError("The ledger is only added to.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("The ledger is only added to.")


class Counter(models.Model):
    """Tokens that were used, and that are reserved for calls under way; together never above the budget."""

    used = models.PositiveBigIntegerField(default=0)
    reserved = models.PositiveBigIntegerField(default=0)

    class Meta:
        abstract = True


class MonthlyUsage(Counter):
    """What a person used in the month that begins with `period`."""

    user = _loose(settings.AUTH_USER_MODEL, models.CASCADE, related_name="monthly_usage")
    period = models.DateField()

    class Meta:
        verbose_name_plural = "monthly usage"
        constraints = [models.UniqueConstraint(fields=["user", "period"], name="one_count_per_month")]

    def __str__(self) -> str:
        return f"{self.user}, {self.period:%B %Y}"


class ProjectUsage(Counter):
    """What was used for a project in all its time."""

    project = models.OneToOneField(
        "projects.Project", on_delete=models.CASCADE, db_constraint=False, related_name="token_count"
    )

    class Meta:
        verbose_name_plural = "project usage"

    def __str__(self) -> str:
        return str(self.project)


class Reservation(models.Model):
    """What the calls of a turn under way may use at most. Gone when the turn has ended."""

    turn = models.OneToOneField(
        "conversation.Turn", null=True, on_delete=models.SET_NULL, db_constraint=False, related_name="reservation"
    )
    user = _loose(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    project = _loose("projects.Project", models.SET_NULL, null=True, related_name="+")
    period = models.DateField()
    tokens = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.tokens:,} tokens for turn {self.turn_id}"


class ModelPrice(models.Model):
    """What a model costs from a moment on. Costs that were entered before stay as they are."""

    model = models.CharField(
        max_length=200,
        help_text="As the provider names it. A * at the end stands for anything: qwen3-vl-plus* is also "
        "qwen3-vl-plus-2025-12-19. The longest name that fits counts.",
    )
    input_price = _price(
        "price of a million input tokens", validators=[MinValueValidator(0)], help_text="What the model reads."
    )
    output_price = _price(
        "price of a million output tokens", validators=[MinValueValidator(0)], help_text="What the model writes."
    )
    valid_from = models.DateTimeField(default=timezone.now, help_text="Until another price of the same name begins.")

    class Meta:
        ordering = ["model", "-valid_from"]
        verbose_name = "model price"
        constraints = [
            models.UniqueConstraint(
                fields=["model", "valid_from"],
                name="one_price_at_a_time",
                violation_error_message="There is a price of this model from that moment on.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.model} from {self.valid_from:%Y-%m-%d}"

    def clean(self) -> None:
        super().clean()
        self.model = self.model.strip()
        if "*" in self.model[:-1]:
            raise ValidationError({"model": "A * may stand at the end only."})

    def fits(self, model: str) -> bool:
        """Whether this is a price of the model."""
        return model.startswith(self.model[:-1]) if self.model.endswith("*") else model == self.model
