"""What outside systems are told."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Webhooks and their deliveries."""

    name = "webhooks"
    label = "webhooks"

    def ready(self) -> None:
        from content.projects.events import register_event_hook as register_project_event_hook
        from conversation.events import register_event_hook as register_session_event_hook

        from .events import project_event_stored, session_event_stored

        register_project_event_hook(project_event_stored)
        register_session_event_hook(session_event_stored)
