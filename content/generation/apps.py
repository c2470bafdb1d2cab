"""Work that makes media."""

from django.apps import AppConfig


class GenerationConfig(AppConfig):
    """Generation tasks and the registry of their types."""

    name = "content.generation"
    label = "generation"

    def ready(self) -> None:
        from content.projects import hooks

        from . import types_shipped
        from .schema import task_connection

        types_shipped.register_all()
        hooks.task_connection = task_connection
