"""The editors' workflow."""

from django.apps import AppConfig


class WorkflowConfig(AppConfig):
    """Steps, their choices and the graph they make."""

    name = "content.workflow"
    label = "workflow"
