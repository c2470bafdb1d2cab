"""What is said."""

from django.apps import AppConfig


class ConversationConfig(AppConfig):
    """Sessions, messages, turns and their events."""

    name = "conversation"
    label = "conversation"

    def ready(self) -> None:
        from content.generation import hooks as generation_hooks
        from content.projects import hooks as project_hooks

        from .connections import session_connection
        from .events import task_updated
        from .policy import SessionPolicy

        project_hooks.session_connection = session_connection
        generation_hooks.register_change_hook(task_updated)
        generation_hooks.register_visible_sessions(lambda user: SessionPolicy(user).visible())
