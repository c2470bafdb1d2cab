"""Files of a production."""

from django.apps import AppConfig


class MediaConfig(AppConfig):
    """Media with their taxonomy, uploads and private serving."""

    name = "content.media"
    label = "media"

    def ready(self) -> None:
        from content.projects import hooks

        from .schema import media_connection

        hooks.media_connection = media_connection
