"""What the published workflow would be after a change, and whether it may be so."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from django.core.exceptions import ValidationError

from ai.graph import Graph, GraphChoice, GraphStep, Problem, find_problems

from .models import StepChoice, StepTransition, WorkflowStep


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step that knows its neighbours by key, so that a draft with another slug can stand in for one.

    `step` has no next steps yet. `leads_to` holds, for each choice, the key of the step it leads to.
    """

    pk: int | None
    step: GraphStep
    next_pks: tuple[int, ...]
    leads_to: tuple[int | None, ...]


def published_records() -> list[StepRecord]:
    """The published steps, in three queries of bare values: almost every request reads them."""
    next_pks: dict[int, list[int]] = {}
    for pk, to_pk in (
        StepTransition.objects.filter(step__live=True).order_by("sort_order", "pk").values_list("step_id", "to_step_id")
    ):
        next_pks.setdefault(pk, []).append(to_pk)
    choices: dict[int, list[tuple[GraphChoice, int | None]]] = {}
    for pk, slug, title, to_pk, to_slug, submits, finishes, recommended in (
        StepChoice.objects.filter(step__live=True)
        .order_by("sort_order", "pk")
        .values_list(
            "step_id",
            "slug",
            "title",
            "leads_to_id",
            "leads_to__slug",
            "submits",
            "finishes",
            "is_recommended",
        )
    ):
        choice = GraphChoice(slug, title, to_slug, submits or None, finishes, recommended)
        choices.setdefault(pk, []).append((choice, to_pk))
    return [
        StepRecord(
            pk,
            GraphStep(
                slug,
                title,
                phase,
                order,
                required,
                choices=tuple(choice for choice, _ in choices.get(pk, ())),
                task_types=tuple(task_types),
            ),
            tuple(next_pks.get(pk, ())),
            tuple(to_pk for _, to_pk in choices.get(pk, ())),
        )
        for pk, slug, title, phase, order, required, task_types in WorkflowStep.objects.filter(live=True)
        .order_by("order", "pk")
        .values_list("pk", "slug", "title", "phase", "order", "required", "task_types")
    ]


def record_of(step: WorkflowStep, transitions: Iterable[StepTransition], choices: Iterable[StepChoice]) -> StepRecord:
    """The record of a step with rows that need not be stored yet."""
    rows = list(choices)
    return StepRecord(
        step.pk,
        GraphStep(
            step.slug,
            step.title,
            step.phase,
            step.order,
            step.required,
            choices=tuple(
                GraphChoice(
                    row.slug,
                    row.title,
                    row.leads_to.slug if row.leads_to else None,
                    row.submits or None,
                    row.finishes,
                    row.is_recommended,
                )
                for row in rows
            ),
            task_types=tuple(step.task_types),
        ),
        tuple(transition.to_step_id for transition in transitions),
        tuple(row.leads_to_id for row in rows),
    )


def graph_of(records: Iterable[StepRecord]) -> Graph:
    """The graph of the records. A transition to a step outside them waits, and is left out."""
    records = list(records)
    slugs = {record.pk: record.step.slug for record in records if record.pk is not None}
    return Graph(tuple(_joined(record, slugs) for record in records))


def _joined(record: StepRecord, slugs: dict[int, str]) -> GraphStep:
    choices = tuple(
        replace(choice, leads_to=slugs[pk]) if pk in slugs else choice
        for choice, pk in zip(record.step.choices, record.leads_to, strict=True)
    )
    return replace(record.step, choices=choices, next_steps=tuple(slugs[pk] for pk in record.next_pks if pk in slugs))


def problems_with(record: StepRecord) -> list[Problem]:
    """What would be wrong with the published workflow if this step were published as it is in the record."""
    others = [other for other in published_records() if record.pk is None or other.pk != record.pk]
    return find_problems(graph_of([*others, record]))


def problems_without(pks: Collection[int]) -> list[Problem]:
    """What would be wrong with the published workflow without these steps; nothing if none is published."""
    published = published_records()
    remaining = [record for record in published if record.pk not in pks]
    return find_problems(graph_of(remaining)) if len(remaining) < len(published) else []


def require_sound_with(step: WorkflowStep) -> None:
    """Raise ValidationError where the step may not be published as it is. Call it in a transaction."""
    _lock()
    _refuse(problems_with(record_of(step, step.transitions.all(), step.choices.all())))


def require_sound_without(pks: Collection[int]) -> None:
    """Raise ValidationError where the steps have to stay published. Call it in a transaction."""
    _lock()
    _refuse(problems_without(pks))


def _lock() -> None:
    """Two editors whose changes are sound one by one must not break the workflow together."""
    list(WorkflowStep.objects.select_for_update().order_by("pk").values_list("pk"))


def _refuse(problems: Iterable[Problem]) -> None:
    reasons = reasons_for(problems)
    if reasons:
        raise ValidationError(reasons, code="broken_workflow")


def reasons_for(problems: Iterable[Problem]) -> list[str]:
    """The problems in words, each with the step it is about."""
    return [f"{problem.step_slug}: {problem.message}" if problem.step_slug else problem.message for problem in problems]
