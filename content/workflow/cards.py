"""The choices that a step offers, in the form that is shown and stored."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import prefetch_related_objects

from ai.graph import MANUAL_OVERRIDE as MANUAL_OVERRIDE_SLUG
from ai.graph import MOST_CHOICES

if TYPE_CHECKING:
    from .models import StepChoice, WorkflowStep


@dataclass(frozen=True, slots=True)
class Card:
    """One choice of an offer. `leads_to` and `submits` are slugs, empty where it has no such effect."""

    slug: str
    title: str
    description: str
    icon: str = ""
    estimated_time: str = ""
    is_recommended: bool = False
    is_manual_override: bool = False
    leads_to: str = ""
    submits: str = ""
    finishes: bool = False


MANUAL_OVERRIDE = Card(
    slug=MANUAL_OVERRIDE_SLUG,
    title="Manual Override",
    description="I want to specify exactly what to do next",
    icon="✏️",
    is_manual_override=True,
)


def step_cards(step: "WorkflowStep") -> list[Card]:
    """At most four choices of the step, and then the manual override, which is always last."""
    rows: list[StepChoice] = list(step.choices.all())[:MOST_CHOICES]
    # One query for all of them, and none where they were loaded already.
    prefetch_related_objects(rows, "leads_to")
    return [*map(_card, rows), MANUAL_OVERRIDE]


def _card(row: "StepChoice") -> Card:
    return Card(
        slug=row.slug,
        title=row.title,
        description=row.description,
        icon=row.icon,
        estimated_time=row.estimated_time,
        is_recommended=row.is_recommended,
        leads_to=row.leads_to.slug if row.leads_to else "",
        submits=row.submits,
        finishes=row.finishes,
    )
