"""The workflow, whose published steps are everyone's who signs in; and one that is a draft."""

from content.workflow.models import StepChoice, StepTransition, WorkflowStep

from .subjects import Every, Subject
from .worlds import ADMIN, Rows


def add_draft(rows: Rows) -> WorkflowStep:
    """A step that editors work on."""
    return rows.add(
        WorkflowStep, frozenset({ADMIN}), phase="story_development", live=False, task_types=[], latest_revision=None
    )


SUBJECT = Subject(
    hidden={
        WorkflowStep: "instructions task_types first_published_at last_published_at go_live_at expire_at",
    },
    without_rows={
        StepTransition: "the published ones are shipped, and everyone's",
        StepChoice: "the same",
    },
    roots={"workflow": [{}], "node": [{"id": Every((WorkflowStep,))}]},
)
