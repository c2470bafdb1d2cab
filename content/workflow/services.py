"""The published workflow, for those who read it."""

from collections.abc import Mapping

from django.db.models import Prefetch

from ai.graph import Graph

from .models import StepChoice, StepTransition, WorkflowStep
from .placeholders import render
from .publishing import graph_of, published_records


def published_steps() -> list[WorkflowStep]:
    """The published steps in order, with choices and transitions to published steps, in three queries."""
    transitions = StepTransition.objects.filter(to_step__live=True).select_related("to_step")
    choices = StepChoice.objects.select_related("leads_to")
    return list(
        WorkflowStep.objects.filter(live=True)
        .order_by("order", "pk")
        .prefetch_related(Prefetch("transitions", transitions), Prefetch("choices", choices))
    )


def published_graph() -> Graph:
    """The published workflow as a plain graph, in three queries of bare values, always as it is now."""
    return graph_of(published_records())


def render_instructions(step: WorkflowStep, facts: Mapping[str, str | int]) -> str:
    """The director's instructions with the project's facts put in (placeholders.PLACEHOLDERS names them).

    Facts that the instructions do not name are ignored. Raises placeholders.MissingFactError where one that
    they name is not given.
    """
    return render(step.instructions, facts)
