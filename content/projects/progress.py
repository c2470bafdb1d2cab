"""Progress, which is derived from completed steps and the published workflow."""

from dataclasses import dataclass

from django.db.models import F, Prefetch

from ai.graph import Graph, current_phase, first_open_step, overall_progress
from cms.api.loading import related_list

from .models import Project, StepCompletion


@dataclass(frozen=True, slots=True)
class Progress:
    """`completed_steps` are slugs in the order of first completion; `overall_progress` is 0 to 100."""

    current_phase: str
    completed_steps: list[str]
    overall_progress: int


def completed_steps(project: Project) -> list[str]:
    """Slugs of the project's completed steps, each once: those that a reply on a session's active path completed."""
    rows = StepCompletion.objects.filter(turn__reply__on_active_path=True).annotate(slug=F("step__slug")).order_by("pk")
    completions = related_list(project, Prefetch("step_completions", rows, to_attr="_step_completions"))
    return list(dict.fromkeys(completion.slug for completion in completions))


def progress_of(project: Project, graph: Graph) -> Progress:
    """Where the project stands in the published workflow."""
    done = completed_steps(project)
    return Progress(
        current_phase=str(current_phase(set(done), graph)),
        completed_steps=done,
        overall_progress=overall_progress(set(done), graph),
    )


def open_step(project: Project, graph: Graph) -> str:
    """The slug of the step that a new session starts at."""
    return first_open_step(set(completed_steps(project)), graph).slug
