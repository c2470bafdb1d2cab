"""The API's door to the workflow."""

from typing import TYPE_CHECKING

import strawberry

from cms.api.context import require_user
from cms.api.node import register_node
from cms.errors import not_found

from .models import WorkflowStep
from .policy import WorkflowPolicy
from .types import Info, Workflow, api_workflow

if TYPE_CHECKING:
    from cms.accounts.models import User


def _visible_step(user: "User | None", pk: int) -> WorkflowStep | None:
    return WorkflowPolicy(user).visible().filter(pk=pk).first()


register_node("WorkflowStep", _visible_step)


@strawberry.type
class WorkflowQuery:
    @strawberry.field(description="The published workflow: every step from the start to the last.")
    def workflow(self, info: Info) -> Workflow:
        steps = list(WorkflowPolicy(require_user(info)).visible().filter(live=True))
        if not steps:
            raise not_found("A published workflow", field=None)
        return api_workflow(steps)
