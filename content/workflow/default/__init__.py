"""The shipped workflow: the whole way from idea to finished series, for editors to make their own."""

from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from .parts import DefaultStep
from .preparation import PREPARATION
from .production import PRODUCTION

__all__ = ["STEPS", "instructions_of", "load_default"]

STEPS = (*PREPARATION, *PRODUCTION)
_FOLDER = Path(__file__).parent
ORDER_GAP = 10


def instructions_of(slug: str) -> str:
    """The director's instructions of a shipped step."""
    return (_FOLDER / f"{slug}.md").read_text(encoding="utf-8").strip()


@transaction.atomic
def load_default(apps: Any) -> bool:
    """Publish the shipped workflow where there is no step at all, and say whether; nothing is overwritten.

    `apps` is a migration's app registry or `django.apps.apps`.
    """
    step_model = apps.get_model("workflow", "WorkflowStep")
    if step_model.objects.exists():
        return False
    rows = {step.slug: _create_step(step_model, step, index * ORDER_GAP) for index, step in enumerate(STEPS, start=1)}
    transition_model = apps.get_model("workflow", "StepTransition")
    choice_model = apps.get_model("workflow", "StepChoice")
    transition_model.objects.bulk_create(
        transition_model(step=rows[step.slug], to_step=rows[slug], sort_order=index)
        for step in STEPS
        for index, slug in enumerate(step.next_steps)
    )
    choice_model.objects.bulk_create(
        choice_model(
            step=rows[step.slug],
            sort_order=index,
            slug=choice.slug,
            title=choice.title,
            description=choice.description,
            icon=choice.icon,
            is_recommended=index == 0,
            leads_to=rows[choice.leads_to] if choice.leads_to else None,
            submits=choice.submits,
            finishes=choice.finishes,
        )
        for step in STEPS
        for index, choice in enumerate(step.choices)
    )
    return True


def _create_step(step_model: Any, step: DefaultStep, order: int) -> Any:
    now = timezone.now()
    return step_model.objects.create(
        slug=step.slug,
        title=step.title,
        description=step.description,
        phase=step.phase.value,
        order=order,
        required=step.required,
        instructions=instructions_of(step.slug),
        task_types=list(step.task_types),
        live=True,
        first_published_at=now,
        last_published_at=now,
    )
